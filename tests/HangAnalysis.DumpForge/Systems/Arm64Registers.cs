using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Registers of ARM64: a CONTEXT and what a processor has of its own state.</summary>
internal sealed class Arm64Registers(SystemBuilder system) : RegisterSet(system)
{
    private const uint Flags = 0x400007, KernelCpsr = 0x60000144;

    public override void WriteKpcr(ulong kpcr, ulong kprcb, ulong gdt) =>
        System.Struct("_KPCR", kpcr).Set("Self", kpcr).Set("CurrentPrcb", kprcb);

    public override void WriteSpecial(KernelStruct prcb, ulong gdt)
    {
        // TTBR0 and TTBR1: the two halves of one root. TCR: pages of 4 KB, 47 bits in both halves (seen in a real dump).
        ulong root = System.Kernel.DirectoryTableBase;
        System.Struct("_KARM64_ARCH_STATE", prcb.At("ProcessorState.ArchState")).Set("Midr_El1", 0x51df805e)
            .Set("Sctlr_El1", 0x100030d0591d).Set("Cpacr_El1", 0x300000).Set("Tcr_El1", 0x95b5513511)
            .Set("Ttbr0_El1", root | 1ul << 54).Set("Ttbr1_El1", root + 0x800 | 1ul << 54);
        prcb.Set("MaxBreakpoints", 8).Set("MaxWatchpoints", 2);
    }

    public override byte[] Context(ThreadBuilder thread)
    {
        if (thread.Registers.Count > 0)
            throw new ArgumentException("the scenario gives registers of x64");
        return thread.StackPointers.Count == 0 ? Context(0, 0, 0)
            : Context(thread.Frames!.Frames[0].Address, thread.StackPointers[0], thread.FramePointer);
    }

    public override byte[] Context(ulong instruction, ulong stack, ulong frame)
    {
        byte[] context = new byte[System.Layout.Size("_CONTEXT")];
        Span<byte> at(string field) => context.AsSpan(System.Layout.Offset("_CONTEXT", field));
        BinaryPrimitives.WriteUInt32LittleEndian(at("ContextFlags"), Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(at("Cpsr"), KernelCpsr);
        BinaryPrimitives.WriteUInt64LittleEndian(at("Fp"), frame);
        BinaryPrimitives.WriteUInt64LittleEndian(at("Sp"), stack);
        BinaryPrimitives.WriteUInt64LittleEndian(at("Pc"), instruction);
        return context;
    }

    public override ulong StackPointerOf(byte[] context) =>
        BinaryPrimitives.ReadUInt64LittleEndian(context.AsSpan(System.Layout.Offset("_CONTEXT", "Sp")));

    // CurrentPrcb is 0 in real dumps, and there are no selectors.
    public override int[] KpcrOffsets() =>
    [
        System.Layout.Size("_KPCR"), System.Layout.Offset("_KPCR", "Self"), 0, System.Layout.Offset("_KPCR", "Prcb"),
        0, 0, 0, 0, 0, System.Layout.Offset("_KPRCB", "ProcessorState.SpecialRegisters"), .. new int[10],
    ];
}
