namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// ERESOURCEs with owners and waiters, in the three forms that builds have: waiters on a semaphore and an event
/// (before 14393), shared waiters on a chain of events (14393), and chains that name their threads (17763 on). Which
/// one follows from the types that the layout has.
/// </summary>
public sealed class ResourceObjects
{
    private const ushort OwnedExclusive = 0x80;
    private readonly SystemBuilder _system;

    internal ResourceObjects(SystemBuilder system) => _system = system;

    /// <summary>Resources that nobody waits for.</summary>
    public void AddUncontended(int count)
    {
        for (int i = 0; i < count; i++)
            Add();
    }

    /// <summary>A resource; inside a driver's structure it may have an address.</summary>
    public KernelStruct Add(ThreadBuilder? exclusiveOwner = null, params ThreadBuilder[] sharedOwners)
    {
        KernelStruct resource = _system.NewStruct("_ERESOURCE");
        _system.Kernel.AppendToList(_system.Variables["ExpSystemResourcesList"], resource.At("SystemResourcesList"));
        if (exclusiveOwner is not null)
        {
            resource.Set("Flag", OwnedExclusive).Set("ActiveCount", 1).TrySet("ActiveEntries", 1);
            SetFirstOwner(resource, exclusiveOwner.Address);
        }
        if (sharedOwners.Length > 0)
            WriteSharedOwners(resource, sharedOwners);
        return resource;
    }

    /// <summary>Gives a resource an owner that is no thread, as ExSetResourceOwnerPointer does: marked in the low bits.</summary>
    public void SetOwnerPointer(KernelStruct resource, ulong pointer)
    {
        resource.Set("Flag", OwnedExclusive).Set("ActiveCount", 1);
        SetFirstOwner(resource, pointer | 3);
    }

    // Before Vista a resource has two places of its own: the first for the exclusive owner, the second for a shared one.
    private static void SetFirstOwner(KernelStruct resource, ulong owner)
    {
        string first = resource.Has("OwnerEntry") ? "OwnerEntry" : "OwnerThreads[0]";
        resource.Set(first + ".OwnerThread", owner).Set(first + ".OwnerCount", 1);
    }

    /// <summary>Makes threads wait for a resource; they become waiting threads with reason WrResource.</summary>
    public void AddWaiters(
        KernelStruct resource, IReadOnlyList<ThreadBuilder> exclusive, IReadOnlyList<ThreadBuilder> shared,
        Func<int, TimeSpan> age)
    {
        resource.Set("NumberOfExclusiveWaiters", (ulong)exclusive.Count)
            .Set("NumberOfSharedWaiters", (ulong)shared.Count);
        bool namesThreads = _system.Layout.Has("_KWAIT_CHAIN_ENTRY", "Thread");
        bool hasChain = _system.Layout.Types.ContainsKey("_KWAIT_CHAIN_ENTRY");
        if (namesThreads)
        {
            AddChain(resource, "ExclusiveWaiters", exclusive, age);
            AddChain(resource, "SharedWaiters", shared, age);
            return;
        }
        if (exclusive.Count > 0)
        {
            ulong gate = _system.NewStruct("_KEVENT").Address;
            _system.Objects.WriteDispatcher(gate, "EventSynchronizationObject", 6, 0);
            resource.Set("ExclusiveWaiters", gate);
            for (int i = 0; i < exclusive.Count; i++)
                exclusive[i].Waiting("WrResource", userMode: false, age(i), gate);
        }
        if (shared.Count == 0)
            return;
        if (hasChain)
        {
            AddEventChain(resource, shared, age);
            return;
        }
        ulong semaphore = _system.NewStruct("_KSEMAPHORE").Set("Limit", 0x7fffffff).Address;
        _system.Objects.WriteDispatcher(semaphore, "SemaphoreObject", 8, 0);
        resource.Set("SharedWaiters", semaphore);
        for (int i = 0; i < shared.Count; i++)
            shared[i].Waiting("WrResource", userMode: false, age(i), semaphore);
    }

    // 17763 on: a ring of entries, which lie on the waiters' stacks; the resource points at the first.
    private void AddChain(
        KernelStruct resource, string field, IReadOnlyList<ThreadBuilder> waiters, Func<int, TimeSpan> age)
    {
        ulong first = 0;
        for (int i = 0; i < waiters.Count; i++)
        {
            KernelStruct entry = _system.NewStruct("_KWAIT_CHAIN_ENTRY").Set("Thread", waiters[i].Address);
            _system.Objects.WriteDispatcher(entry.At("Event"), "EventSynchronizationObject", 6, 0);
            if (first == 0)
            {
                first = entry.Address;
                _system.Kernel.InitializeList(first);
                resource.Set(field, first);
            }
            else
                _system.Kernel.AppendToList(first, entry.Address);
            waiters[i].Waiting("WrResource", userMode: false, age(i), entry.At("Event"));
        }
    }

    // 14393: a singly linked chain of events for shared waiters only.
    private void AddEventChain(KernelStruct resource, IReadOnlyList<ThreadBuilder> waiters, Func<int, TimeSpan> age)
    {
        ulong next = resource.At("SharedWaiters");
        for (int i = 0; i < waiters.Count; i++)
        {
            KernelStruct entry = _system.NewStruct("_KWAIT_CHAIN_ENTRY");
            _system.Objects.WriteDispatcher(entry.At("Event"), "EventSynchronizationObject", 6, 0);
            _system.Kernel.WritePointer(next, entry.Address);
            next = entry.At("ListEntry");
            waiters[i].Waiting("WrResource", userMode: false, age(i), entry.At("Event"));
        }
    }

    // Entry 0 of the table holds its size; owners follow.
    private void WriteSharedOwners(KernelStruct resource, ThreadBuilder[] owners)
    {
        int size = _system.Layout.Size("_OWNER_ENTRY"), count = owners.Length + 3;
        ulong table = _system.Pool.Take(size * count);
        _system.Kernel.Write(table, new byte[size * count]);
        _system.Struct("_OWNER_ENTRY", table).Set("TableSize", (ulong)count);
        for (int i = 0; i < owners.Length; i++)
            _system.Struct("_OWNER_ENTRY", table + (ulong)(size * (i + 1))).Set("OwnerThread", owners[i].Address)
                .Set("OwnerCount", 1);
        resource.Set("OwnerTable", table).Set("ActiveCount", 1).TrySet("ActiveEntries", (ulong)owners.Length);
    }
}
