using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Registers and descriptor tables of x64.</summary>
internal sealed class X64Registers(SystemBuilder system) : RegisterSet(system)
{
    // CONTEXT of x64 (winnt.h): flags, MXCSR, selectors, EFLAGS, Rsp, Rip.
    private const int ContextSize = 0x4d0, ContextFlags = 0x30, MxCsr = 0x34, SegCs = 0x38, EFlags = 0x44;
    private const int FirstRegister = 0x78, Rsp = 0x98, Rbp = 0xa0, Rip = 0xf8;

    // Selectors and descriptors: kernel code and data, 32-bit user code, user data, user code, user TEB.
    private static readonly (uint Selector, ulong Descriptor)[] s_descriptors =
    [
        (0x10, 0x00209b0000000000), (0x18, 0x0040930000000000), (0x20, 0x00cffb000000ffff),
        (0x28, 0x00cff3000000ffff), (0x30, 0x0020fb0000000000), (0x50, 0x0040f30000003c00),
    ];

    public override void WriteKpcr(ulong kpcr, ulong kprcb, ulong gdt)
    {
        foreach ((uint selector, ulong descriptor) in s_descriptors)
            System.Kernel.WriteUInt64(gdt + selector, descriptor);
        System.Struct("_KPCR", kpcr).Set("Self", kpcr).Set("CurrentPrcb", kprcb).TrySet("GdtBase", gdt)
            .TrySet("IdtBase", gdt).TrySet("MajorVersion", 1).TrySet("MinorVersion", 1);
    }

    public override void WriteSpecial(KernelStruct prcb, ulong gdt)
    {
        const string Type = "_KSPECIAL_REGISTERS";
        KernelStruct registers = System.Struct(Type, prcb.At("ProcessorState.SpecialRegisters"));
        registers.Set("Cr0", 0x80050033).Set("Cr3", System.Kernel.DirectoryTableBase).Set("Cr4", 0x1506f8);
        // KDESCRIPTOR: three words of padding, the limit, the base.
        foreach ((string table, ushort limit) in ((string, ushort)[])[("Gdtr", 0x57), ("Idtr", 0xfff)])
        {
            ulong at = registers.At(table);
            System.Kernel.WriteUInt16(at + 6, limit);
            System.Kernel.WriteUInt64(at + 8, gdt);
        }
    }

    public override byte[] Context(ThreadBuilder thread)
    {
        byte[] context = EmptyContext();
        if (thread.StackPointers.Count > 0)
            PutRegisters(context, thread.Frames!.Frames[0].Address, thread.StackPointers[0], thread.FramePointer);
        foreach ((Images.X64Register register, ulong value) in thread.Registers)
            BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(FirstRegister + 8 * (int)register), value);
        return context;
    }

    public override byte[] Context(ulong instruction, ulong stack, ulong frame)
    {
        byte[] context = EmptyContext();
        PutRegisters(context, instruction, stack, frame);
        return context;
    }

    private static void PutRegisters(byte[] context, ulong instruction, ulong stack, ulong frame)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(Rip), instruction);
        BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(Rsp), stack);
        BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(Rbp), frame);
    }

    private static byte[] EmptyContext()
    {
        byte[] context = new byte[ContextSize];
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(ContextFlags), 0x10001f);
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(MxCsr), 0x1f80);
        ushort[] selectors = [0x10, 0x2b, 0x2b, 0x53, 0x2b, 0x18];
        for (int i = 0; i < selectors.Length; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(context.AsSpan(SegCs + 2 * i), selectors[i]);
        BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(EFlags), 0x246);
        return context;
    }

    public override ulong StackPointerOf(byte[] context) => BinaryPrimitives.ReadUInt64LittleEndian(context.AsSpan(Rsp));

    public override int[] KpcrOffsets() =>
    [
        System.Layout.Size("_KPCR"), System.Layout.Offset("_KPCR", "Self"), System.Layout.Offset("_KPCR", "CurrentPrcb"),
        System.Layout.Offset("_KPCR", "Prcb"), 0, 0, 0, 0, 0,
        System.Layout.Offset("_KPRCB", "ProcessorState.SpecialRegisters"), 0x10, 0x18, 0x18, 0x33, 0x2b, 0x53, 0, 0x40,
        0x20, 0x50,
    ];
}
