using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>A critical section as recorded.</summary>
/// <param name="Address">Where it lies in its process.</param>
/// <param name="Owner">Identifier of the thread that owns it.</param>
/// <param name="Waiters">How many threads wait for it.</param>
internal readonly record struct CriticalSection(ulong Address, ulong Owner, int Waiters);

/// <summary>Recognises critical sections in a process's memory.</summary>
/// <remarks>
/// RTL_CRITICAL_SECTION: OwningThread is a thread identifier and RecursionCount is positive while it is owned. LockCount
/// since Server 2003 SP1 (documentation "Displaying a critical section"): bit 0 clear is locked, and from bit 2 on stands
/// the ones' complement of the number of waiters. DebugInfo is -1, or a record that points back. Nothing else in memory
/// passes all of these.
/// </remarks>
internal sealed class CriticalSectionReader
{
    private const ulong LowestUserAddress = 0x10000, HighestUserAddress = 0x7fff_ffff_ffff;
    private const int MostWaiters = 1 << 20, MostRecursion = 1 << 20;
    private readonly FieldSlot _debugInfo, _lockCount, _recursionCount, _owningThread, _backPointer;
    private readonly byte[] _buffer;

    public CriticalSectionReader(KernelTypes types)
    {
        StructLayout section = types.Get("_RTL_CRITICAL_SECTION");
        _buffer = new byte[section.Size];
        _debugInfo = section.Optional("DebugInfo");
        _lockCount = section.Optional("LockCount");
        _recursionCount = section.Optional("RecursionCount");
        _owningThread = section.Optional("OwningThread");
        _backPointer = types.Get("_RTL_CRITICAL_SECTION_DEBUG").Optional("CriticalSection");
    }

    /// <summary>Whether the symbols describe critical sections.</summary>
    public bool IsKnown => _debugInfo.IsPresent && _lockCount.IsPresent && _recursionCount.IsPresent
        && _owningThread.IsPresent && _backPointer.IsPresent;

    /// <summary>The critical section at an address if one is there that is owned and that threads wait for; null otherwise.</summary>
    public CriticalSection? ReadContended(IMemory memory, ulong address)
    {
        if (!IsUserPointer(memory, address) || !memory.TryRead(address, _buffer))
            return null;
        ReadOnlySpan<byte> b = _buffer;
        int lockCount = (int)_lockCount.Read(b), recursion = (int)_recursionCount.Read(b);
        int waiters = ~(lockCount >> 2);
        ulong owner = _owningThread.Read(b), debugInfo = _debugInfo.Read(b);
        // Thread identifiers are multiples of 4, as handles are.
        bool isOwned = (lockCount & 1) == 0 && recursion is > 0 and < MostRecursion && owner is > 0 and <= uint.MaxValue
            && (owner & 3) == 0;
        if (!isOwned || waiters is < 1 or > MostWaiters)
            return null;
        if (debugInfo != NoDebugInfo(memory)
            && (!IsUserPointer(memory, debugInfo)
                || !memory.TryReadPointer(debugInfo + (ulong)_backPointer.Offset, out ulong back) || back != address))
            return null;
        return new CriticalSection(address, owner, waiters);
    }

    /// <summary>-1 as a pointer.</summary>
    private static ulong NoDebugInfo(IMemory memory) => memory.PointerSize == sizeof(uint) ? uint.MaxValue : ulong.MaxValue;

    private static bool IsUserPointer(IMemory memory, ulong address) =>
        address is >= LowestUserAddress and <= HighestUserAddress && (address & (ulong)(memory.PointerSize - 1)) == 0;
}
