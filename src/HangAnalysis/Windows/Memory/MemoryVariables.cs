using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Where the memory manager keeps a counter, in the ways of all systems; null for ways that do not have it.</summary>
/// <param name="Partition">Path from MiSystemPartition (14393 on).</param>
/// <param name="State">Path from MiState (14393 on).</param>
/// <param name="Variable">Name of a variable of its own (up to 9600).</param>
/// <param name="DebuggerData">Place in KDDEBUGGER_DATA64 of a pointer to that variable; 0 for none.</param>
internal readonly record struct MemoryPlace(string? Partition, string? State, string? Variable, int DebuggerData = 0);

/// <summary>Reads counters of the memory manager by what a system has.</summary>
/// <remarks>
/// crash-triage.md 2.1 to 2.3 [S]: up to 9600 each counter is a variable; from 14393 on they are fields of MiSystemPartition
/// and MiState. The presence of these variables and fields decides. Without symbols KDDEBUGGER_DATA64 leads to the
/// variables of old systems; on new ones its pointers are 0 [DUMP].
/// </remarks>
internal sealed class MemoryVariables
{
    private readonly KernelSession _session;
    private readonly ulong _partition, _state;
    private readonly StructLayout _partitionType, _stateType;

    public MemoryVariables(KernelSession session)
    {
        _session = session;
        _partitionType = session.Types.Get("_MI_PARTITION");
        _stateType = session.Types.Get("_MI_SYSTEM_INFORMATION");
        session.TryGetAddress("MiSystemPartition", out _partition);
        session.TryGetAddress("MiState", out _state);
    }

    /// <summary>From what is read, in words.</summary>
    public string Source => _partition != 0 ? _state != 0 ? "MiSystemPartition and MiState" : "MiSystemPartition"
        : _session.Symbols is not null ? "variables of the memory manager" : "the debugger data block";

    /// <summary>
    /// Where a field or variable is, and its size in bytes by the symbols (0 where they do not say); false, with the reason, where
    /// this system does not have it.
    /// </summary>
    public bool TryLocate(MemoryPlace place, out ulong address, out int size, out string why)
    {
        (address, size, why) = (0, 0, "");
        foreach ((ulong start, StructLayout type, string? path, string variable) in
            ((ulong, StructLayout, string?, string)[])[(_partition, _partitionType, place.Partition, "MiSystemPartition"),
                (_state, _stateType, place.State, "MiState")])
        {
            if (start == 0 || path is null)
                continue;
            if (type.Optional(path) is { IsPresent: true } slot)
            {
                (address, size) = (start + (ulong)slot.Offset, slot.Size);
                return true;
            }
            why = $"the symbols have no {variable}.{path}";
        }
        if (place.Variable is { } name && _session.TryGetAddress(name, out address))
            return true;
        if (place.DebuggerData != 0 && TryReadDebuggerPointer(place.DebuggerData, out address))
            return true;
        if (why.Length == 0)
            why = _session.Symbols is null ? "needs the kernel's symbols" : "the symbols of this system do not have it";
        return false;
    }

    /// <summary>A counter; null, with the reason, where it cannot be had.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="width">Its bytes where it is a variable of its own; 0 for those of a pointer.</param>
    /// <param name="why">The reason.</param>
    public ulong? Read(MemoryPlace place, int width, out string why)
    {
        if (!TryLocate(place, out ulong address, out int size, out why))
            return null;
        if (size == 0)
            size = width == 0 ? _session.Memory.PointerSize : width;
        ulong value;
        bool isRead;
        if (size == sizeof(uint))
        {
            isRead = _session.Memory.TryReadUInt32(address, out uint narrow);
            value = narrow;
        }
        else
            isRead = _session.Memory.TryReadUInt64(address, out value);
        why = isRead ? "" : "not in the dump";
        return isRead ? value : null;
    }

    /// <summary>A pointer of KDDEBUGGER_DATA64, whose slots have eight bytes on all systems.</summary>
    private bool TryReadDebuggerPointer(int offset, out ulong value)
    {
        value = 0;
        ulong block = _session.Target.Description.DebuggerDataBlock;
        if (block == 0 && !_session.TryGetAddress("KdDebuggerDataBlock", out block))
            return false;
        if (!_session.Memory.TryReadUInt64(block + (ulong)offset, out value) || value == 0)
            return false;
        // On 32-bit systems the slots are sign-extended or not: addresses are kept without.
        if (_session.Memory.PointerSize == sizeof(uint))
            value &= uint.MaxValue;
        return _session.IsKernel(value);
    }
}
