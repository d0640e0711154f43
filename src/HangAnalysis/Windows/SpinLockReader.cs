using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Finds the locks for which processors spin.</summary>
/// <remarks>
/// A KSPIN_LOCK is 0 when free and 1 when held, and names no owner. A queued spin lock points at the last entry of a queue
/// whose entries (_KSPIN_LOCK_QUEUE: Next, Lock) belong to processors or lie on their stacks; the low bits of Lock say
/// whether the entry's processor waits (1, LOCK_QUEUE_WAIT) or owns the lock (2, LOCK_QUEUE_OWNER of the public headers).
/// </remarks>
internal sealed class SpinLockReader
{
    /// <summary>LOCK_QUEUE_WAIT.</summary>
    public const ulong Waits = 1;

    /// <summary>LOCK_QUEUE_OWNER.</summary>
    public const ulong Owns = 2;

    private const int LargestEntry = 2 * sizeof(ulong);

    private const ulong Flags = Waits | Owns;

    /// <summary>The registers that a function has to keep for its caller, in the order of unwind codes: rbx rbp rsi rdi r12 to r15.</summary>
    private static readonly int[] s_nonVolatile = [3, 5, 6, 7, 12, 13, 14, 15];

    /// <summary>Bytes of a stack above the spinning function in which the handle of an in-stack lock is looked for.</summary>
    private const int HandleSearchBytes = 0x1000;

    private readonly KernelSession _session;
    private readonly FieldSlot _queues, _next, _lock;
    private readonly int _entrySize;
    private int _searches;

    public SpinLockReader(KernelSession session)
    {
        _session = session;
        _queues = session.Types.Get("_KPRCB").Optional("LockQueue");
        StructLayout entry = session.Types.Get("_KSPIN_LOCK_QUEUE");
        _next = entry.Optional("Next");
        _lock = entry.Optional("Lock");
        // Two pointers, or the symbols are damaged.
        int size = 2 * session.PointerSize;
        bool isSound = entry.Size == size && _next.IsPresent && _lock.IsPresent
            && Math.Max(_next.Offset, _lock.Offset) <= size - session.PointerSize;
        _entrySize = isSound ? size : 0;
    }

    /// <summary>An entry of a queue.</summary>
    /// <param name="Address">Where it lies.</param>
    /// <param name="Next">The entry after it; 0 where none.</param>
    /// <param name="Lock">The lock, without flags.</param>
    /// <param name="State">The flags.</param>
    internal readonly record struct Entry(ulong Address, ulong Next, ulong Lock, ulong State);

    /// <summary>
    /// The KSPIN_LOCK of <see cref="FrameKnowledge.PlainSpin"/>, which keeps nothing but the lock's address over its calls:
    /// the one address among the registers kept for callers whose value is that of a held lock. 0 where there is none, or
    /// more than one.
    /// </summary>
    public ulong FindPlain(in CpuContext context)
    {
        ulong found = 0;
        foreach (int register in s_nonVolatile)
        {
            ulong address = context.Registers[register];
            if (address == found || !_session.IsObject(address)
                || !_session.Memory.TryReadPointer(address, out ulong value) || value != 1)
                continue;
            if (found != 0)
                return 0;
            found = address;
        }
        return found;
    }

    /// <summary>
    /// The lock of a handle on the stack above the function that waits for it: an entry marked as waiting, from which the
    /// queue leads to its end as the lock knows it. 0 where there is none.
    /// </summary>
    public ulong FindQueued(in CpuContext context) =>
        FindOnStack(context.StackPointer, HandleSearchBytes, lockAddress: 0, Waits, out Entry entry) ? entry.Lock : 0;

    /// <summary>The entries of a processor's own queue locks that are in use.</summary>
    public List<Entry> ReadOwn(ulong prcb)
    {
        List<Entry> entries = [];
        if (!_queues.IsPresent || _entrySize == 0)
            return entries;
        byte[] bytes = new byte[_queues.Size];
        if (!_session.Memory.TryRead(prcb + (ulong)_queues.Offset, bytes))
            return entries;
        for (int at = 0; at + _entrySize <= bytes.Length; at += _entrySize)
            if (Parse(bytes.AsSpan(at, _entrySize), prcb + (ulong)(_queues.Offset + at)) is { State: not 0 } entry)
                entries.Add(entry);
        return entries;
    }

    /// <summary>
    /// Looks on a stack for the entry of a lock: one that waits and leads to the queue's end, or one that does not wait and
    /// leads to <paramref name="waiter"/>.
    /// </summary>
    public bool FindOwnerOnStack(ulong stack, int bytes, Entry waiter, out Entry owner) =>
        FindOnStack(stack, bytes, waiter.Lock, state: 0, out owner, waiter.Address);

    /// <summary>The waiting entry on a stack of a lock that is known.</summary>
    public bool FindWaiterOnStack(ulong stack, ulong lockAddress, out Entry waiter) =>
        FindOnStack(stack, HandleSearchBytes, lockAddress, Waits, out waiter);

    /// <summary>Whether a queue leads from one entry to another.</summary>
    public bool Leads(Entry from, ulong to)
    {
        Entry at = from;
        for (int i = 0; i < Limits.Processors; i++)
        {
            if (at.Address == to)
                return true;
            if (!TryRead(at.Next, out Entry next) || next.Lock != from.Lock)
                return false;
            at = next;
        }
        return false;
    }

    private bool FindOnStack(ulong stack, int length, ulong lockAddress, ulong state, out Entry found, ulong leadsTo = 0)
    {
        found = default;
        if (_entrySize == 0 || !_session.IsObject(stack))
            return false;
        if (++_searches > Limits.LockQueueSearches)
        {
            _session.AddUnknown("further queued spin locks", $"{Limits.LockQueueSearches} stacks have been searched for them");
            return false;
        }
        byte[] bytes = new byte[Math.Min(length, Limits.StackBytes)];
        int read = _session.Memory.Read(stack, bytes);
        for (int at = 0; at + _entrySize <= read; at += _session.PointerSize)
        {
            Entry entry = Parse(bytes.AsSpan(at, _entrySize), stack + (ulong)at);
            // An owner that found the lock free is marked, one that was handed it is not.
            if ((entry.State & Waits) != state || (lockAddress != 0 && entry.Lock != lockAddress)
                || !_session.IsObject(entry.Lock))
                continue;
            ulong end = leadsTo;
            if (end == 0 && (!_session.Memory.TryReadPointer(entry.Lock, out end) || !_session.IsObject(end)))
                continue;
            if (!Leads(entry, end))
                continue;
            found = entry;
            return true;
        }
        return false;
    }

    private bool TryRead(ulong address, out Entry entry)
    {
        entry = default;
        Span<byte> bytes = stackalloc byte[LargestEntry];
        bytes = bytes[.._entrySize];
        if (_entrySize == 0 || !_session.IsObject(address) || !_session.Memory.TryRead(address, bytes))
            return false;
        entry = Parse(bytes, address);
        return true;
    }

    private Entry Parse(ReadOnlySpan<byte> bytes, ulong address)
    {
        ulong word = _session.ReadPointer(bytes[_lock.Offset..]);
        return new Entry(address, _session.ReadPointer(bytes[_next.Offset..]), word & ~Flags, word & Flags);
    }
}
