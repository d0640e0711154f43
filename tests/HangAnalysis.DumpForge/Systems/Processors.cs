using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>A processor as it was written.</summary>
public sealed record ProcessorState(
    int Number, ulong Kpcr, ulong Kprcb, ThreadBuilder Current, ThreadBuilder Idle, byte[] Context);

/// <summary>Writes KPCRs with their KPRCBs, descriptor tables and contexts.</summary>
internal static class Processors
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

    public static IReadOnlyList<ProcessorState> Write(SystemBuilder system)
    {
        List<ProcessorState> written = [];
        for (int i = 0; i < system.Options.Processors; i++)
        {
            ThreadBuilder idle = system.Threads.FirstOrDefault(thread => thread.IsIdle && thread.Processor == i)
                ?? throw new InvalidOperationException($"processor {i} has no idle thread");
            ThreadBuilder current = system.Threads.FirstOrDefault(thread => !thread.IsIdle && thread.Processor == i)
                ?? idle;
            written.Add(WriteOne(system, i, current, idle));
        }
        return written;
    }

    private static ProcessorState WriteOne(SystemBuilder system, int number, ThreadBuilder current, ThreadBuilder idle)
    {
        int size = system.Layout.Offset("_KPCR", "Prcb") + system.Layout.Size("_KPRCB");
        ulong block = system.Stacks.Take(size + 0x3000, 0x1000), gdt = block, kpcr = block + 0x2000;
        system.Kernel.Write(gdt, new byte[0x1000]);
        system.Kernel.Write(kpcr, new byte[size]);
        foreach ((uint selector, ulong descriptor) in s_descriptors)
            system.Kernel.WriteUInt64(gdt + selector, descriptor);
        ulong kprcb = kpcr + (ulong)system.Layout.Offset("_KPCR", "Prcb");
        system.Struct("_KPCR", kpcr).Set("Self", kpcr).Set("CurrentPrcb", kprcb).TrySet("GdtBase", gdt)
            .TrySet("IdtBase", gdt).TrySet("MajorVersion", 1).TrySet("MinorVersion", 1);
        KernelStruct prcb = system.Struct("_KPRCB", kprcb).Set("CurrentThread", current.Address)
            .Set("IdleThread", idle.Address).Set("Number", (ulong)number).TrySet("LegacyNumber", (ulong)number)
            .TrySet("MajorVersion", 1).TrySet("MinorVersion", 1).TrySet("GroupIndex", (ulong)number)
            .TrySet("GroupSetMember", 1ul << number % 64).TrySet("MHz", 2295)
            .TrySet("KernelTime", (uint)system.Options.TickCount).TrySet("CpuType", 6).TrySet("CpuID", 1);
        system.Kernel.Write(prcb.At("VendorString"), "GenuineIntel\0"u8);
        prcb.EmptyLists("WaitListHead");
        ReadyQueues.Write(system, prcb, number);
        WriteSpecialRegisters(system, prcb, gdt);
        byte[] context = Context(current);
        ulong frame = prcb.At("ProcessorState.ContextFrame");
        system.Kernel.Write(frame, context);
        // Debuggers take the context through this pointer.
        prcb.TrySet("Context", frame);
        system.Kernel.WriteUInt64(system.Variables["KiProcessorBlock"] + 8 * (ulong)number, kprcb);
        if (number == 0)
            system.Kernel.WriteUInt64(system.Variables["PsIdleProcess"], idle.Process.Address);
        foreach ((int processor, Action<KernelStruct> write) in system.ProcessorDetails)
            if (processor == number)
                write(prcb);
        return new ProcessorState(number, kpcr, kprcb, current, idle, context);
    }

    private static void WriteSpecialRegisters(SystemBuilder system, KernelStruct prcb, ulong gdt)
    {
        const string Type = "_KSPECIAL_REGISTERS";
        KernelStruct registers = system.Struct(Type, prcb.At("ProcessorState.SpecialRegisters"));
        registers.Set("Cr0", 0x80050033).Set("Cr3", system.Kernel.DirectoryTableBase).Set("Cr4", 0x1506f8);
        // KDESCRIPTOR: three words of padding, the limit, the base.
        foreach ((string table, ushort limit) in ((string, ushort)[])[("Gdtr", 0x57), ("Idtr", 0xfff)])
        {
            ulong at = registers.At(table);
            system.Kernel.WriteUInt16(at + 6, limit);
            system.Kernel.WriteUInt64(at + 8, gdt);
        }
    }

    private static byte[] Context(ThreadBuilder thread)
    {
        byte[] context = EmptyContext();
        if (thread.StackPointers.Count > 0)
            PutRegisters(context, thread.Frames!.Frames[0].Address, thread.StackPointers[0], thread.FramePointer);
        foreach ((Images.X64Register register, ulong value) in thread.Registers)
            BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(FirstRegister + 8 * (int)register), value);
        return context;
    }

    /// <summary>A CONTEXT in the kernel with these registers.</summary>
    public static byte[] Context(ulong instruction, ulong stack, ulong frame)
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
}
