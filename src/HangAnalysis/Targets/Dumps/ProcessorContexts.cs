namespace HangAnalysis.Targets.Dumps;

/// <summary>Finds the registers that the kernel saved of each processor when it stopped, in the processors' KPRCBs.</summary>
/// <param name="memory">Kernel memory.</param>
/// <param name="architecture">Whose processors they are.</param>
/// <param name="data">The kernel's debugger data; null where absent: then symbols tell where the registers are.</param>
/// <param name="modules">The kernel's images.</param>
/// <param name="symbols">Their symbols.</param>
internal sealed class ProcessorContexts(
    IMemory memory, Architecture architecture, DebuggerData? data, IReadOnlyList<TargetModule> modules, ISymbolSource symbols)
{
    /// <summary>The registers of one processor.</summary>
    public bool TryGet(int processor, out CpuContext context)
    {
        context = default;
        TargetModule? kernel = modules.FirstOrDefault(m => m.Name == "nt");
        ISymbolFile? file = kernel is null ? null : symbols.GetSymbols(kernel);
        ulong blocks = data?.KiProcessorBlock ?? 0;
        if (blocks == 0 && file is not null && file.TryFindSymbol("KiProcessorBlock", out uint rva))
            blocks = kernel!.BaseAddress + rva;
        int offset = data?.OffsetPrcbProcStateContext ?? 0;
        if (offset == 0 && file?.FindType("_KPRCB")?.FindField("ProcessorState") is { } state
            && file.FindType(state.Type.Name)?.FindField("ContextFrame") is { } frame)
            offset = state.Offset + frame.Offset;
        byte[] record = new byte[CpuContext.RecordSize(architecture)];
        if (blocks == 0 || offset == 0 || record.Length == 0
            || !memory.TryReadPointer(blocks + (ulong)(processor * memory.PointerSize), out ulong prcb)
            || !memory.TryRead(prcb + (ulong)offset, record))
            return false;
        context = CpuContext.FromContextRecord(record, architecture);
        return context.InstructionPointer != 0;
    }
}
