using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>A contended ERESOURCE.</summary>
/// <param name="Address">Address of the ERESOURCE.</param>
/// <param name="IsExclusive">Whether it is owned exclusively.</param>
/// <param name="Owners">Owner values as recorded, low bits cleared; not always threads.</param>
/// <param name="SharedWaiters">Threads that wait for shared access.</param>
/// <param name="ExclusiveWaiters">Threads that wait for exclusive access.</param>
/// <param name="RecordedWaiters">Waiters that the ERESOURCE itself counts.</param>
internal sealed record Resource(
    ulong Address, bool IsExclusive, IReadOnlyList<ulong> Owners, IReadOnlyList<ulong> SharedWaiters,
    IReadOnlyList<ulong> ExclusiveWaiters, int RecordedWaiters);

/// <summary>Reads the ERESOURCEs of the system and who waits for them.</summary>
/// <remarks>
/// Who waits is kept in three ways, told apart by what the symbols have. Up to 9600: a semaphore and an event with their
/// wait lists. 14393: shared waiters in a chain of events (_KWAIT_CHAIN_ENTRY without a Thread). From 17763 on: two rings
/// of _KWAIT_CHAIN_ENTRYs that name their threads. Tools that take the newest for the oldest print an event's header
/// (60001) as a thread.
/// </remarks>
internal sealed class ResourceReader
{
    private const ulong OwnedExclusive = 0x80;
    private const int MostOwners = 4096;

    private readonly KernelSession _session;
    private readonly DispatcherWaiters _waiters;
    private readonly byte[] _buffer;
    private readonly FieldSlot _list, _ownerTable, _flag, _sharedWaiters, _exclusiveWaiters, _owner, _owners, _shared, _exclusive;
    private readonly FieldSlot _ownerThread, _tableSize, _chainThread, _chainEvent;
    private readonly int _ownerSize;
    private readonly bool _hasChain;

    public ResourceReader(KernelSession session, DispatcherWaiters waiters)
    {
        _session = session;
        _waiters = waiters;
        StructLayout resource = session.Types.Get("_ERESOURCE");
        _buffer = new byte[resource.Size];
        _list = resource.Required("SystemResourcesList");
        _ownerTable = resource.Required("OwnerTable");
        _flag = resource.Required("Flag");
        _sharedWaiters = resource.Required("SharedWaiters");
        _exclusiveWaiters = resource.Required("ExclusiveWaiters");
        // XP and 2003: an array of two, the first for the exclusive owner and the second for one that shares.
        _owners = resource.Optional("OwnerThreads");
        _owner = _owners.IsPresent ? _owners : resource.Required("OwnerEntry");
        _shared = resource.Required("NumberOfSharedWaiters");
        _exclusive = resource.Required("NumberOfExclusiveWaiters");
        StructLayout owner = session.Types.Get("_OWNER_ENTRY");
        _ownerSize = owner.Size;
        _ownerThread = owner.Required("OwnerThread");
        _tableSize = owner.Required("TableSize");
        StructLayout chain = session.Types.Get("_KWAIT_CHAIN_ENTRY");
        _hasChain = chain.Exists;
        _chainThread = chain.Optional("Thread");
        _chainEvent = chain.Optional("Event");
    }

    /// <summary>Reads the system's list: how many there are, and those with waiters. Null where there is no list to read.</summary>
    public (int Total, List<Resource> Contended)? ReadAll()
    {
        if (_buffer.Length == 0 || !_session.TryGetAddress("ExpSystemResourcesList", out ulong head))
            return null;
        List<ulong> entries = [];
        string? problem = LinkedList.Collect(_session.Memory, head, Limits.Resources, entries);
        if (problem is not null)
        {
            _session.AddUnknown("some ERESOURCEs", $"the list of ERESOURCEs is damaged: {problem}");
            if (entries.Count == 0)
                return null;
        }
        List<Resource> contended = [];
        foreach (ulong entry in entries)
        {
            ulong address = entry - (ulong)_list.Offset;
            if (!_session.Memory.TryRead(address, _buffer))
                continue;
            int recorded = CountRecorded();
            if (recorded != 0)
                contended.Add(ReadContended(address, recorded));
        }
        return (entries.Count, contended);
    }

    /// <summary>Reads the ERESOURCE at an address, contended or not; null where it is not in the dump.</summary>
    public Resource? Read(ulong address) => _buffer.Length == 0 || !_session.Memory.TryRead(address, _buffer)
        ? null
        : ReadContended(address, CountRecorded());

    /// <summary>Whether the symbols tell where owners are recorded.</summary>
    public bool KnowsOwners => _ownerThread.IsPresent;

    private int CountRecorded() => (int)Math.Min(_shared.Read(_buffer) + _exclusive.Read(_buffer), int.MaxValue);

    private Resource ReadContended(ulong address, int recorded)
    {
        bool isExclusive = (_flag.Read(_buffer) & OwnedExclusive) != 0;
        List<ulong> shared = [];
        List<ulong> exclusive = [];
        CollectWaiters(_sharedWaiters.Read(_buffer), isShared: true, shared);
        CollectWaiters(_exclusiveWaiters.Read(_buffer), isShared: false, exclusive);
        if (shared.Count + exclusive.Count != recorded)
            _session.AddUnknown($"some waiters of ERESOURCE {address:x16}",
                $"it counts {recorded:N0} waiters, its lists show {shared.Count + exclusive.Count:N0}");
        return new Resource(address, isExclusive, ReadOwners(isExclusive), shared, exclusive, recorded);
    }

    private List<ulong> ReadOwners(bool isExclusive)
    {
        List<ulong> owners = [];
        ReadOnlySpan<byte> own = _owner.Slice(_buffer);
        AddOwner(own, owners);
        if (_owners.IsPresent && _ownerSize > 0 && own.Length >= 2 * _ownerSize)
            AddOwner(own[_ownerSize..], owners);
        ulong table = _ownerTable.Read(_buffer);
        if (isExclusive || _ownerSize == 0 || !_session.IsObject(table))
            return owners;
        // The first entry of the table holds no owner, only the table's size.
        byte[] entry = new byte[_ownerSize];
        if (!_session.Memory.TryRead(table, entry))
            return owners;
        int count = (int)Math.Min(_tableSize.Read(entry), MostOwners);
        for (int i = 1; i < count && _session.Memory.TryRead(table + (ulong)(i * _ownerSize), entry); i++)
            AddOwner(entry, owners);
        return owners;
    }

    /// <summary>ExSetResourceOwnerPointer marks its owners in the two low bits (documented): they are no part of an address.</summary>
    private void AddOwner(ReadOnlySpan<byte> entry, List<ulong> owners)
    {
        ulong owner = _ownerThread.Read(entry) & ~3UL;
        if (owner != 0)
            owners.Add(owner);
    }

    private void CollectWaiters(ulong list, bool isShared, List<ulong> threads)
    {
        if (list == 0)
            return;
        if (_chainThread.IsPresent)
            CollectRing(list & ~7UL, threads);
        else if (_hasChain && isShared)
            CollectChain(list & ~7UL, threads);
        else if (_hasChain || IsEventOrSemaphore(list))
            _waiters.Collect(list, threads);
        else
            _session.Types.Get("_KWAIT_CHAIN_ENTRY").Required("ListEntry");
    }

    /// <summary>
    /// Whether a list is of the oldest form: symbols that lack _KWAIT_CHAIN_ENTRY are those of 9600 or before, or not whole. A
    /// chain's entry begins with a pointer, whose lowest byte is a multiple of 8.
    /// </summary>
    private bool IsEventOrSemaphore(ulong list) =>
        _session.Memory.TryReadByte(list, out byte type) && (type & 0x7f) is 1 or 5;

    private void CollectRing(ulong first, List<ulong> threads)
    {
        ulong entry = first;
        for (int i = 0; i < Limits.ThreadsPerProcess && _session.IsObject(entry); i++)
        {
            if (!_session.Memory.TryReadPointer(entry + (ulong)_chainThread.Offset, out ulong thread)
                || !_session.Memory.TryReadPointer(entry, out ulong next))
                break;
            threads.Add(thread);
            entry = next;
            if (entry == first)
                break;
        }
    }

    private void CollectChain(ulong first, List<ulong> threads)
    {
        ulong entry = first;
        for (int i = 0; i < Limits.ThreadsPerProcess && _session.IsObject(entry); i++)
        {
            _waiters.Collect(entry + (ulong)_chainEvent.Offset, threads);
            if (!_session.Memory.TryReadPointer(entry, out entry))
                break;
        }
    }
}
