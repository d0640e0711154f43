using System.Text;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>The variables of nt that readers of dumps look for.</summary>
public sealed class KernelVariables
{
    private readonly SystemBuilder _system;
    private readonly MemoryDetailsWriter? _memoryDetails;

    internal KernelVariables(SystemBuilder system)
    {
        _system = system;
        foreach ((string name, int size) in ((string, int)[])
        [
            ("KdDebuggerDataBlock", 0x3a8), ("PsLoadedModuleList", 16), ("PsActiveProcessHead", 16),
            ("KiProcessorBlock", system.Options.IsMinimal ? 0x40 : 0x2000),
            ("ExpSystemResourcesList", 16), ("PsInitialSystemProcess", 8), ("PsIdleProcess", 8), ("PspCidTable", 8), ("KiBugCheckData", 40), ("MmUnloadedDrivers", 8),
            ("MmLastUnloadedDriver", 8), ("KeNumberProcessors", 8), ("ObpRootDirectoryObject", 8),
            ("ObTypeIndexTable", 0x800), ("MmHighestUserAddress", 8), ("MmSystemRangeStart", 8),
            ("MmUserProbeAddress", 8), ("MmPfnDatabase", 8), ("KeTimeIncrement", 4), ("KeMaximumIncrement", 4),
            ("NtBuildLab", 64), ("AlpcpPortList", 16),
        ])
            _system.Nt.Variable(name, size);
        if (HasCookie)
            _system.Nt.Variable("ObHeaderCookie", 1);
        if (HasPartition)
            _system.Nt.Variable("MiSystemPartition", _system.Layout.Size("_MI_PARTITION"));
        else
            foreach (string name in s_memoryCounters)
                _system.Nt.Variable(name, 8);
        if (system.Options.Memory.Details is not null)
            _memoryDetails = new MemoryDetailsWriter(system, HasPartition);
        foreach (string list in (string[])["PsLoadedModuleList", "PsActiveProcessHead", "ExpSystemResourcesList",
            "AlpcpPortList"])
            system.Kernel.InitializeList(this[list]);
    }

    // The counters that later builds keep in a partition, in the order of MemoryCounters.
    private static readonly string[] s_memoryCounters =
        ["MmNumberOfPhysicalPages", "MmAvailablePages", "MmTotalCommittedPages", "MmTotalCommitLimit"];

    /// <summary>Builds before 10.0 hold an object's type index in the clear.</summary>
    public bool HasCookie => _system.Layout.Symbols.Count > 0
        ? _system.Layout.Symbols.ContainsKey("ObHeaderCookie") : _system.Layout.Build >= 10240;

    /// <summary>Whether the memory manager's counters are those of a partition.</summary>
    public bool HasPartition => _system.Layout.Has("_MI_PARTITION", "Vp")
        && _system.Layout.Types.ContainsKey("_MI_VISIBLE_PARTITION");

    /// <summary>Address of a variable that exists.</summary>
    public ulong this[string name] => _system.Nt.Variable(name, 0);

    /// <summary>Drivers that were unloaded, oldest first.</summary>
    public IList<(string Name, ulong Start, ulong End)> Unloaded { get; } = [];

    internal void Write()
    {
        Memory.AddressSpace kernel = _system.Kernel;
        SystemOptions options = _system.Options;
        kernel.WriteUInt32(this["KeTimeIncrement"], SystemOptions.TickLength);
        kernel.WriteUInt32(this["KeMaximumIncrement"], SystemOptions.TickLength);
        kernel.WriteUInt32(this["KeNumberProcessors"], (uint)options.Processors);
        kernel.WritePointer(this["MmHighestUserAddress"], _system.Addresses.HighestUserAddress);
        kernel.WritePointer(this["MmSystemRangeStart"], _system.Addresses.SystemRangeStart);
        kernel.WritePointer(this["MmUserProbeAddress"], _system.Addresses.UserProbeAddress);
        kernel.WritePointer(this["MmPfnDatabase"], _system.Addresses.PfnDatabase);
        string machine = _system.Layout.Architecture switch
        {
            Layouts.Architecture.X86 => "x86",
            Layouts.Architecture.Arm64 => "arm64",
            _ => "amd64",
        };
        kernel.Write(this["NtBuildLab"], Encoding.ASCII.GetBytes($"{_system.Layout.Build}.1.{machine}fre.forged\0"));
        kernel.WritePointer(this["KiBugCheckData"], options.BugCheckCode);
        for (int i = 0; i < 4; i++)
            kernel.WritePointer(
                this["KiBugCheckData"] + (ulong)((i + 1) * kernel.PointerSize), options.BugCheckParameters[i]);
        if (_system.Processes.FirstOrDefault(process => process.Pid == 4) is { } first)
            kernel.WritePointer(this["PsInitialSystemProcess"], first.Address);
        WriteMemoryCounters(options.Memory);
        if ((_system.MemoryDetails ?? options.Memory.Details) is { } details)
            _memoryDetails!.Write(options.Memory, details);
        WriteUnloaded(kernel);
    }

    private void WriteMemoryCounters(MemoryCounters memory)
    {
        if (HasPartition)
        {
            KernelStruct partition = _system.Struct("_MI_PARTITION", this["MiSystemPartition"]);
            // The symbols of the layout files lack the type of Vp, which is written through its own name.
            KernelStruct visible = _system.Struct("_MI_VISIBLE_PARTITION", partition.At("Vp"));
            visible.Set("NumberOfPhysicalPages", memory.Physical).Set("AvailablePages", memory.Available)
                .Set("ResidentAvailablePages", memory.ResidentAvailable)
                .Set("TotalCommittedPages", memory.Committed).Set("TotalCommitLimit", memory.CommitLimit);
            return;
        }
        ulong[] values = [memory.Physical, memory.Available, memory.Committed, memory.CommitLimit];
        for (int i = 0; i < values.Length; i++)
            _system.Kernel.WritePointer(this[s_memoryCounters[i]], values[i]);
    }

    // MmUnloadedDrivers points at 50 entries {UNICODE_STRING Name; start; end; LARGE_INTEGER time}, a ring of which
    // MmLastUnloadedDriver is the next place (the debugger's `lm` shows them).
    private void WriteUnloaded(Memory.AddressSpace kernel)
    {
        if (Unloaded.Count == 0)
            return;
        ulong pointer = (ulong)kernel.PointerSize, text = 2 * pointer, entry = text + 2 * pointer + 8;
        ulong table = _system.Pool.Take(50 * (int)entry);
        kernel.Write(table, new byte[50 * (int)entry]);
        kernel.WritePointer(this["MmUnloadedDrivers"], table);
        kernel.WriteUInt32(this["MmLastUnloadedDriver"], (uint)Unloaded.Count);
        foreach ((string name, ulong start, ulong end) in Unloaded)
        {
            _system.WriteText(table, name);
            kernel.WritePointer(table + text, start);
            kernel.WritePointer(table + text + pointer, end);
            kernel.WriteUInt64(table + text + 2 * pointer, _system.Options.FileTime - 36_000_000_000);
            table += entry;
        }
    }
}
