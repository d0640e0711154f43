namespace HangAnalysis.Targets.Dumps;

/// <summary>
/// What only the file of a small dump tells: a debugger that has the dump open gives memory at addresses, and not which memory
/// there is, nor the raw blocks that no address leads to.
/// </summary>
/// <param name="Blocks">The blocks of memory.</param>
/// <param name="Memory">The memory manager's counters; null where the system did not fill them in.</param>
/// <param name="Processor">The raw KPRCB's CpuType and what follows, and its VendorString; empty where absent.</param>
internal sealed record SmallDumpParts(
    IReadOnlyList<(ulong Address, uint Size)> Blocks, SmallDumpMemory? Memory, (byte[] Type, byte[] Vendor) Processor)
{
    /// <summary>Dumps of other kinds have none.</summary>
    public static SmallDumpParts None { get; } = new([], null, ([], []));

    /// <summary>Reads them.</summary>
    /// <param name="file">The file.</param>
    /// <param name="header">Its header.</param>
    /// <param name="triage">Its tables.</param>
    /// <param name="data">The kernel's debugger data, which tell where the processor is named; null where absent.</param>
    public static SmallDumpParts Read(DumpFile file, DumpHeader header, TriageDump triage, DebuggerData? data)
    {
        (byte[], byte[]) processor = ([], []);
        if (data is { OffsetPrcbCpuType: not 0 } && triage.ProcessorBlockOffset != 0)
            processor = (file.ReadBytes((long)triage.ProcessorBlockOffset + data.OffsetPrcbCpuType, ProcessorIdentity.TypeLength).ToArray(),
                file.ReadBytes((long)triage.ProcessorBlockOffset + data.OffsetPrcbVendorString, ProcessorIdentity.VendorLength).ToArray());
        return new SmallDumpParts([.. triage.Blocks.Select(b => (b.Address, b.Size))], TriageDump.ReadMemory(file, header), processor);
    }

    /// <summary>Which processor wrote the dump: that of the raw KPRCB, else the first of the kernel's; null where neither is there.</summary>
    public ProcessorIdentity? ReadIdentity(IMemory memory, DebuggerData? data)
    {
        if (Processor.Type.Length > 0)
            return ProcessorIdentity.FromBlock(Processor.Type, Processor.Vendor);
        if (data is not { OffsetPrcbCpuType: not 0 })
            return null;
        Span<byte> type = stackalloc byte[ProcessorIdentity.TypeLength];
        Span<byte> vendor = stackalloc byte[ProcessorIdentity.VendorLength];
        if (!memory.TryReadPointer(data.KiProcessorBlock, out ulong block)
            || !memory.TryRead(block + data.OffsetPrcbCpuType, type))
            return null;
        return ProcessorIdentity.FromBlock(type, memory.TryRead(block + data.OffsetPrcbVendorString, vendor) ? vendor : default);
    }
}
