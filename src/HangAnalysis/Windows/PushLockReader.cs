using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The value of a push lock.</summary>
/// <param name="Value">The eight bytes.</param>
internal readonly record struct PushLockValue(ulong Value)
{
    /// <summary>Whether somebody holds it.</summary>
    public bool IsLocked => (Value & 1) != 0;

    /// <summary>Whether somebody waits: then the value points to the youngest waiter's wait block.</summary>
    public bool HasWaiters => (Value & 2) != 0;

    /// <summary>Whether several readers hold it while others wait.</summary>
    public bool IsMultipleShared => HasWaiters && (Value & 8) != 0;

    /// <summary>The youngest waiter's wait block; 0 where nobody waits.</summary>
    public ulong TopBlock => HasWaiters ? Value & ~0xfUL : 0;

    /// <summary>Readers that hold it, as the value counts them while nobody waits; 0 otherwise.</summary>
    public ulong ShareCount => HasWaiters ? 0 : Value >> 4;
}

/// <summary>Reads push locks and the chains of their waiters.</summary>
/// <remarks>
/// The value's bits (Locked, Waiting, Waking, MultipleShared) are the same in all PDBs from 7601 to 22000. A wait block lies
/// on its waiter's stack and begins with the event that the waiter waits for (its WakeEvent, by 7601's PDB; in later dumps by
/// values that equal the waiters' events). The links of the chain are in 7601's PDB only.
/// </remarks>
internal sealed class PushLockReader
{
    private readonly KernelSession _session;
    private readonly FieldSlot _next, _shareCount;
    private readonly bool _isUnderstood;

    public PushLockReader(KernelSession session)
    {
        _session = session;
        StructLayout block = session.Types.Get("_EX_PUSH_LOCK_WAIT_BLOCK");
        // The bits of XP's push locks mean something else (Waiting, Exclusive, a count), and so do its wait blocks.
        _isUnderstood = !block.Optional("Exclusive").IsPresent;
        _next = _isUnderstood ? block.Optional("Next") : default;
        _shareCount = block.Optional("ShareCount");
    }

    /// <summary>Whether the symbols tell how wait blocks are chained.</summary>
    public bool KnowsChain => _next.IsPresent;

    /// <summary>The value of the push lock at an address; null where it is not in the dump.</summary>
    public PushLockValue? Read(ulong address) =>
        _isUnderstood && _session.IsObject(address) && _session.Memory.TryReadPointer(address, out ulong value)
            ? new PushLockValue(value)
            : null;

    /// <summary>
    /// Appends the wait blocks of a push lock from the youngest to the oldest, and returns how many readers the oldest found
    /// holding the lock; null where the chain does not end as it should.
    /// </summary>
    /// <param name="top">The youngest waiter's wait block.</param>
    /// <param name="limit">Blocks to read at most: no chain is longer than there are waiting threads.</param>
    /// <param name="blocks">Receives the addresses.</param>
    public int? CollectBlocks(ulong top, int limit, List<ulong> blocks)
    {
        ulong block = top;
        for (int i = 0; _next.IsPresent && i < limit && _session.IsObject(block); i++)
        {
            if (!_session.Memory.TryReadPointer(block + (ulong)_next.Offset, out ulong next))
                return null;
            blocks.Add(block);
            if (next == 0)
                return _shareCount.IsPresent
                    && _session.Memory.TryReadUInt32(block + (ulong)_shareCount.Offset, out uint count) && count < int.MaxValue
                        ? (int)count
                        : null;
            block = next;
        }
        return null;
    }
}
