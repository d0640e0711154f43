namespace HangAnalysis.DumpForge.Systems;

/// <summary>Fast mutexes, and guarded ones, which are a type of their own with a gate up to 7601 and fast mutexes since.</summary>
public sealed class FastMutexObjects
{
    private readonly SystemBuilder _system;

    internal FastMutexObjects(SystemBuilder system) => _system = system;

    /// <summary>Whether a guarded mutex is a type of its own.</summary>
    public bool HasGuarded => _system.Layout.Types.ContainsKey("_KGUARDED_MUTEX");

    /// <summary>A fast mutex; inside a driver it may have an address.</summary>
    public KernelStruct Fast(ThreadBuilder owner, ulong? address = null)
    {
        KernelStruct mutex = _system.NewStruct("_FAST_MUTEX", address).Set("Owner", owner.Address);
        _system.Objects.WriteDispatcher(mutex.At("Event"), "EventSynchronizationObject", 6, 0);
        return mutex;
    }

    /// <summary>A guarded mutex in the form of the build.</summary>
    public KernelStruct Guarded(ThreadBuilder owner, ulong? address = null)
    {
        if (!HasGuarded)
            return Fast(owner, address);
        KernelStruct mutex = _system.NewStruct("_KGUARDED_MUTEX", address).Set("Owner", owner.Address);
        _system.Objects.WriteDispatcher(mutex.At("Gate"), "GateObject", 6, 0);
        return mutex;
    }

    /// <summary>Makes a thread wait for a mutex of either kind.</summary>
    public void AddWaiter(KernelStruct mutex, ThreadBuilder waiter, TimeSpan age, string? reason = null)
    {
        bool isGuarded = mutex.Type == "_KGUARDED_MUTEX";
        waiter.Waiting(reason ?? (isGuarded ? "WrGuardedMutex" : "WrFastMutex"), userMode: false, age,
            mutex.At(isGuarded ? "Gate" : "Event"));
        // Up to 7601 a thread that waits for a gate has a state of its own.
        if (isGuarded)
            waiter.State("GateWait", age);
        mutex.Set("Contention", mutex.Get("Contention") + 1);
    }
}
