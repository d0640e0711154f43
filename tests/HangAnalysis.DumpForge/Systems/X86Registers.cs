using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Registers and descriptor tables of x86.</summary>
internal sealed class X86Registers(SystemBuilder system) : RegisterSet(system)
{
    private const int ContextSize = 0x2cc, Vista = 6000;
    private const uint FpuOfSystem = 0x10017;

    // The first processor's KPCR before Vista (KIP0PCRADDRESS of ntddk.h).
    private const ulong FirstKpcr = 0xffdff000;

    // Selectors and descriptors: kernel code and data, user code and data.
    private static readonly (uint Selector, ulong Descriptor)[] s_descriptors =
    [
        (8, 0x00cf9b000000ffff), (0x10, 0x00cf93000000ffff), (0x18, 0x00cffb000000ffff), (0x20, 0x00cff3000000ffff),
    ];

    private static readonly string[] s_registers = ["Eax", "Ecx", "Edx", "Ebx", "Esp", "Ebp", "Esi", "Edi"];

    public override string EmbeddedPrcb => "PrcbData";

    public override ulong? FixedKpcr(int processor) =>
        processor == 0 && System.Layout.Build < Vista ? FirstKpcr : null;

    public override void WriteKpcr(ulong kpcr, ulong kprcb, ulong gdt)
    {
        foreach ((uint selector, ulong descriptor) in s_descriptors)
            System.Kernel.WriteUInt64(gdt + selector, descriptor);
        // FS in the kernel: its base is the KPCR; limit 1FFF. FS of user mode: the environment block of a thread.
        System.Kernel.WriteUInt64(gdt + 0x30, Segment(kpcr, 0x1fff, 0x93));
        System.Kernel.WriteUInt64(gdt + 0x38, Segment(0x7ffde000, 0xfff, 0xf3));
        System.Struct("_KPCR", kpcr).Set("SelfPcr", kpcr).Set("Prcb", kprcb).Set("GDT", gdt).Set("IDT", gdt + 0x400)
            .TrySet("MajorVersion", 1).TrySet("MinorVersion", 1);
    }

    public override void WriteSpecial(KernelStruct prcb, ulong gdt)
    {
        KernelStruct registers = System.Struct("_KSPECIAL_REGISTERS", prcb.At("ProcessorState.SpecialRegisters"));
        registers.Set("Cr0", 0x8001003b).Set("Cr3", System.Kernel.DirectoryTableBase)
            // Bit 5: physical address extension.
            .Set("Cr4", System.Options.HasPae ? 0x6f9u : 0x6d9u)
            .Set("Gdtr.Limit", 0x3ff).Set("Gdtr.Base", gdt).Set("Idtr.Limit", 0x7ff).Set("Idtr.Base", gdt + 0x400);
    }

    public override byte[] Context(ThreadBuilder thread)
    {
        ulong pointer = thread.StackPointers.Count > 0 ? thread.StackPointers[0] : 0;
        byte[] context = Context(pointer == 0 ? 0 : thread.Frames!.Frames[0].Address, pointer, thread.FramePointer);
        if (thread.Flags is { } flags)
            Put(context, "EFlags", flags);
        // The numbers of the first eight registers are the same as on x64; there are no others.
        foreach ((Images.X64Register register, ulong value) in thread.Registers)
            if ((int)register < s_registers.Length)
                Put(context, s_registers[(int)register], value);
        return context;
    }

    public override byte[] Context(ulong instruction, ulong stack, ulong frame)
    {
        byte[] context = new byte[ContextSize];
        foreach ((string field, ulong value) in ((string, ulong)[])
        [
            ("ContextFlags", FpuOfSystem), ("SegFs", 0x30), ("SegEs", 0x23), ("SegDs", 0x23), ("SegCs", 8), ("SegSs", 0x10),
            ("EFlags", 0x246), ("Eip", instruction), ("Esp", stack), ("Ebp", frame),
        ])
            Put(context, field, value);
        return context;
    }

    public override ulong StackPointerOf(byte[] context) =>
        BinaryPrimitives.ReadUInt32LittleEndian(context.AsSpan(System.Layout.Offset("_CONTEXT", "Esp")));

    public override int[] KpcrOffsets() =>
    [
        System.Layout.Size("_KPCR"), System.Layout.Offset("_KPCR", "SelfPcr"), System.Layout.Offset("_KPCR", "Prcb"),
        System.Layout.Offset("_KPCR", "PrcbData"), 0, 0, 0, 0, 0,
        System.Layout.Offset("_KPRCB", "ProcessorState.SpecialRegisters"), 8, 0x10, 0x30, 0x1b, 0x23, 0x3b, 0x48, 0x28, 0, 0,
    ];

    // A descriptor of bytes (Intel SDM volume 3, "Segment descriptors"), for 32-bit data.
    private static ulong Segment(ulong start, ulong limit, ulong access) =>
        limit & 0xffff | (start & 0xffffff) << 16 | access << 40 | (limit >> 16 & 0xf | 0x4) << 48 | (start >> 24) << 56;

    private void Put(byte[] context, string field, ulong value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(System.Layout.Offset("_CONTEXT", field)), (uint)value);
}
