using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>One AutoBoost lock entry in use: a lock that a thread holds, or waits for.</summary>
/// <param name="Address">Address of the entry (KLOCK_ENTRY).</param>
/// <param name="Thread">The thread.</param>
/// <param name="Lock">Address of the lock.</param>
internal readonly record struct LockEntry(ulong Address, ThreadFacts Thread, ulong Lock);

/// <summary>What the AutoBoost lock entries of all threads tell: which locks each holds and waits for.</summary>
/// <remarks>
/// From 9600 on a thread has six entries (KLOCK_ENTRY), one for each push lock, fast mutex or ERESOURCE that it holds or
/// waits for. They are the only record of who owns a push lock. Where they lie is told by the symbols alone: an array in the
/// KTHREAD (9600 to 18362), in the ETHREAD (19041 on), or behind a pointer in the KTHREAD. The entry was laid out anew
/// in 14393 and in 22000. A kernel whose symbols have no entries tells no owners.
/// </remarks>
internal sealed class LockEntries
{
    /// <summary>The low bits of KLOCK_ENTRY_LOCK_STATE are flags (Busy; Waiting in 9600, CrossThreadReleasable since).</summary>
    private const ulong StateFlags = 3;

    /// <summary>Its highest bit is InTree, in the place of an address bit that every kernel address has set.</summary>
    private readonly ulong _inTree;

    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly FieldSlot _entries, _exhausted, _state, _waiting, _acquired, _waitObject;
    private readonly int _size;
    private readonly bool _isPointer, _acquiredIsTopBit;
    private readonly byte[] _buffer;
    private bool _isRead;
    private int _unreadThreads;
    private readonly Dictionary<ulong, List<LockEntry>> _owners = [];
    private readonly Dictionary<ulong, List<LockEntry>> _waits = [];
    private readonly List<ThreadFacts> _exhaustedThreads = [];
    private readonly HashSet<ulong> _exhaustedAddresses = [];

    /// <summary>Prepares; the entries of all threads are read when somebody asks for any.</summary>
    public LockEntries(WindowsSystem system)
    {
        _system = system;
        _session = system.Session;
        StructLayout entry = _session.Types.Get("_KLOCK_ENTRY");
        StructLayout thread = _session.Types.Get("_ETHREAD");
        _size = entry.Size;
        _state = entry.Optional("LockState.LockState");
        _acquired = entry.Optional("AcquiredByte");
        _waiting = FirstPresent(entry, "WaitingByte", "WaitingBit", "LockState.Waiting");
        // In 9600 the byte is the highest of ThreadUnsafe, a pointer whose address bits must survive: only bit 7 is free.
        FieldSlot pointer = entry.Optional("ThreadUnsafe");
        _acquiredIsTopBit = pointer.IsPresent && _acquired.Offset == pointer.Offset + pointer.Size - 1;
        _entries = thread.Optional("LockEntries");
        if (!_entries.IsPresent)
            _entries = thread.Optional("Tcb.LockEntries");
        _inTree = 1UL << (_session.PointerSize * 8 - 1);
        _isPointer = _entries.Size == _session.PointerSize;
        _exhausted = thread.Optional("Tcb.AutoBoostEntriesExhausted");
        _waitObject = thread.Optional("Tcb.AbWaitObject");
        Exist = _entries.IsPresent && _state.IsPresent && _acquired.IsPresent && _waiting.IsPresent && _size > 0;
        int bytes = _isPointer ? _size * Limits.LockEntriesPerThread : Math.Min(_entries.Size, _size * Limits.LockEntriesPerThread);
        _buffer = new byte[Exist ? bytes : 0];
    }

    /// <summary>Whether the symbols have lock entries.</summary>
    public bool Exist { get; }

    /// <summary>
    /// How sure ownership by an entry is: in 9600 its mark shares a byte with a pointer, and what that byte means is known by
    /// the later layouts only.
    /// </summary>
    public Certainty OwnershipCertainty => _acquiredIsTopBit ? Certainty.Inferred : Certainty.Proven;

    /// <summary>Threads that held or waited for more locks than they have entries: what they hold may be hidden.</summary>
    public IReadOnlyList<ThreadFacts> ExhaustedThreads
    {
        get
        {
            ReadAll();
            return _exhaustedThreads;
        }
    }

    /// <summary>Threads whose entries are not in the dump.</summary>
    public int UnreadThreads
    {
        get
        {
            ReadAll();
            return _unreadThreads;
        }
    }

    /// <summary>The entries by which threads hold a lock.</summary>
    public IReadOnlyList<LockEntry> OwnersOf(ulong address)
    {
        ReadAll();
        return _owners.TryGetValue(address, out List<LockEntry>? list) ? list : [];
    }

    /// <summary>The entries by which a thread waits.</summary>
    public IReadOnlyList<LockEntry> WaitsOf(ThreadFacts thread)
    {
        ReadAll();
        return _waits.TryGetValue(thread.Address.Value, out List<LockEntry>? list) ? list : [];
    }

    /// <summary>Whether a thread may hold locks that its entries do not show.</summary>
    public bool IsExhausted(ThreadFacts thread)
    {
        ReadAll();
        return _exhaustedAddresses.Contains(thread.Address.Value);
    }

    /// <summary>KTHREAD.AbWaitObject (18362 on): by its name the lock that is waited for, to be checked; 0 where absent.</summary>
    public ulong WaitObject(ThreadFacts thread) =>
        _waitObject.IsPresent && _session.Memory.TryReadPointer(thread.Address.Value + (ulong)_waitObject.Offset, out ulong value)
            ? value
            : 0;

    private static FieldSlot FirstPresent(StructLayout layout, params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
            if (layout.Optional(path) is { IsPresent: true } slot)
                return slot;
        return default;
    }

    private void ReadAll()
    {
        if (_isRead || !Exist)
            return;
        _isRead = true;
        foreach (ThreadFacts thread in _system.Threads)
        {
            if (_session.Cancellation.IsCancellationRequested)
                break;
            Read(thread);
        }
    }

    private void Read(ThreadFacts thread)
    {
        ulong address = thread.Address.Value + (ulong)_entries.Offset;
        if ((_isPointer && (!_session.Memory.TryReadPointer(address, out address) || !_session.IsObject(address)))
            || !_session.Memory.TryRead(address, _buffer))
        {
            _unreadThreads++;
            return;
        }
        int used = 0;
        int count = _buffer.Length / _size;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = _buffer.AsSpan(i * _size, _size);
            ulong state = _state.Read(entry);
            if (state == 0)
                continue;
            ulong target = (state & ~StateFlags) | _inTree;
            bool waits = _waiting.IsSet(entry);
            ulong acquired = _acquired.Read(entry);
            bool owns = _acquiredIsTopBit ? acquired >> 7 != 0 : acquired != 0;
            // A free entry may keep its last lock: a mark makes it count. With both it is torn, but where the pointer's own
            // bit may stand for the second.
            if (!(waits || owns) || !_session.IsObject(target))
                continue;
            used++;
            if (waits && owns && !_acquiredIsTopBit)
                continue;
            Add(waits ? _waits : _owners, waits ? thread.Address.Value : target,
                new LockEntry(address + (ulong)(i * _size), thread, target));
        }
        if ((used == count || IsMarkedExhausted(thread)) && _exhaustedAddresses.Add(thread.Address.Value))
            _exhaustedThreads.Add(thread);
    }

    private bool IsMarkedExhausted(ThreadFacts thread)
    {
        Span<byte> flags = stackalloc byte[sizeof(uint)];
        if (!_exhausted.IsPresent || _exhausted.Size != sizeof(uint)
            || !_session.Memory.TryRead(thread.Address.Value + (ulong)_exhausted.Offset, flags))
            return false;
        return new FieldSlot(0, _exhausted.Size, _exhausted.BitPosition, _exhausted.BitLength).IsSet(flags);
    }

    private static void Add(Dictionary<ulong, List<LockEntry>> index, ulong key, in LockEntry entry)
    {
        if (!index.TryGetValue(key, out List<LockEntry>? list))
            index.Add(key, list = []);
        list.Add(entry);
    }
}
