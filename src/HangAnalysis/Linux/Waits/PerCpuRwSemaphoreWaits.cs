using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a percpu_rw_semaphore: readers behind a writer, a writer behind readers.</summary>
/// <remarks>
/// It counts its readers on each processor and records nobody by name, but for the writer that waits for them
/// (kernel/locking/percpu-rwsem.c): a writer that has it already is unknown since 5.7, where the lock it was made of went.
/// Who comes later waits for that writer, and the writer for its readers: these are an object of their own, or the writer would
/// seem to wait for itself.
/// </remarks>
internal sealed class PerCpuRwSemaphoreWaits : IQueueOwner
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "percpu_rw_semaphore";

    private readonly WaitContext _context;
    private readonly FieldSlot _queueHead, _waiters, _writer, _block, _readCount;
    private readonly LockWaiterCount _count = new(TypeName);
    private readonly HashSet<ulong> _known = [];

    public PerCpuRwSemaphoreWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _queueHead = session.Field("wait_queue_head", "head");
        _waiters = session.Field("percpu_rw_semaphore", "waiters");
        _writer = session.Field("percpu_rw_semaphore", "writer.task");
        _block = session.Field("percpu_rw_semaphore", "block");
        _readCount = session.Field("percpu_rw_semaphore", "read_count");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _count.ToLockCount();

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        if (waiter.Waker != "percpu_rwsem_wake_function" || waiter.Head == 0 || !_waiters.IsPresent)
            return false;
        Add(thread, waiter.Head - (ulong)_queueHead.Offset - (ulong)_waiters.Offset,
            CrashCommands.Structure("wait_queue_entry", waiter.Entry));
        return true;
    }

    /// <summary>Adds the steps of a writer that waits for the readers to leave: it is in no queue, but the lock names it.</summary>
    public bool TryAddWriter(ThreadFacts thread, KernelStack stack)
    {
        if (!_writer.IsPresent || _context.Stacks.FindFunction(stack, f => f == "percpu_down_write") is null)
            return false;
        ulong semaphore = _context.Stacks.FindPointer(stack, _writer, value => value == thread.Address.Value);
        if (semaphore == 0)
            return false;
        _count.Add(thread, semaphore);
        ObjectReference readers = new(ObjectKind.Event, semaphore + (ulong)_writer.Offset);
        string? name = _context.VariableAt(semaphore);
        _context.AddWait(thread, readers, Phrase.Of($"readers of {TypeName}{(name is null ? "" : $" {name}")} {semaphore:x16}"),
            Certainty.Proven, CrashCommands.Field(TypeName, "writer", semaphore));
        _context.Graph.Describe(new ObjectFacts(readers, $"readers of a {TypeName}", name,
            Phrase.Of($"{ReadersOf(semaphore)}; which tasks they are is not recorded")));
        return true;
    }

    private void Add(ThreadFacts thread, ulong address, string evidence)
    {
        _count.Add(thread, address);
        ObjectReference semaphore = new(ObjectKind.Lock, address);
        string? name = _context.VariableAt(address);
        _context.AddWait(thread, semaphore, WaitContext.Name(TypeName, name, semaphore), Certainty.Proven, evidence);
        if (!_known.Add(address))
            return;
        Phrase state;
        if (_context.System.FindThread(_context.Session.Read(address, _writer)) is { } writer)
        {
            _context.AddOwner(semaphore, writer, Certainty.Proven, CrashCommands.Field(TypeName, "writer", address), "blocked");
            state = Phrase.Of(ReadersOf(address));
        }
        else
            state = Phrase.Of(_context.Session.Read(address, _block) != 0
                ? "a writer has it; which task that is is not recorded"
                : "no writer has it");
        _context.Graph.Describe(new ObjectFacts(semaphore, TypeName, name, state));
    }

    /// <summary>How many readers it has: the sum of what each processor counted.</summary>
    private string ReadersOf(ulong address)
    {
        ulong counter = _context.Session.Read(address, _readCount);
        if (counter == 0)
            return "a writer waits for its readers to leave";
        int readers = 0;
        for (int cpu = 0; cpu < _context.System.PerCpu.Count; cpu++)
            if (_context.System.PerCpu.AddressOf(counter, cpu) is { } own && _context.Session.Memory.TryReadUInt32(own, out uint count))
                readers = unchecked(readers + (int)count);
        return readers <= 0
            ? "a writer waits for its readers to leave"
            : $"a writer waits for {readers:N0} reader{(readers == 1 ? "" : "s")} to leave";
    }
}
