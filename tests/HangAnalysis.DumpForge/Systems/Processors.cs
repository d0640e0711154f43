using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>A processor as it was written.</summary>
public sealed record ProcessorState(
    int Number, ulong Kpcr, ulong Kprcb, ThreadBuilder Current, ThreadBuilder Idle, byte[] Context);

/// <summary>Writes KPCRs with their KPRCBs, descriptor tables and contexts.</summary>
internal static class Processors
{
    /// <summary>The registers of a system's processors.</summary>
    public static RegisterSet Registers(SystemBuilder system) => system.Layout.Architecture switch
    {
        Architecture.X86 => new X86Registers(system),
        Architecture.Arm64 => new Arm64Registers(system),
        _ => new X64Registers(system),
    };

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
        RegisterSet registers = Registers(system);
        int size = system.Layout.Offset("_KPCR", registers.EmbeddedPrcb) + system.Layout.Size("_KPRCB");
        ulong block = system.Stacks.Take(size + 0x3000, 0x1000), gdt = block;
        ulong kpcr = registers.FixedKpcr(number) ?? block + 0x2000;
        system.Kernel.Write(gdt, new byte[0x1000]);
        system.Kernel.Write(kpcr, new byte[size]);
        ulong kprcb = kpcr + (ulong)system.Layout.Offset("_KPCR", registers.EmbeddedPrcb);
        registers.WriteKpcr(kpcr, kprcb, gdt);
        KernelStruct prcb = system.Struct("_KPRCB", kprcb).Set("CurrentThread", current.Address)
            .Set("IdleThread", idle.Address).Set("Number", (ulong)number).TrySet("LegacyNumber", (ulong)number)
            .TrySet("MajorVersion", 1).TrySet("MinorVersion", 1).TrySet("GroupIndex", (ulong)number)
            .TrySet("GroupSetMember", 1ul << number % 64).TrySet("MHz", 2295)
            .TrySet("KernelTime", (uint)system.Options.TickCount).TrySet("CpuType", 6).TrySet("CpuID", 1);
        system.Kernel.Write(prcb.At("VendorString"), "GenuineIntel\0"u8);
        prcb.EmptyLists("WaitListHead");
        ReadyQueues.Write(system, prcb, number);
        registers.WriteSpecial(prcb, gdt);
        byte[] context = registers.Context(current);
        ulong frame = prcb.At("ProcessorState.ContextFrame");
        system.Kernel.Write(frame, context);
        // Debuggers take the context through this pointer.
        prcb.TrySet("Context", frame);
        system.Kernel.WritePointer(
            system.Variables["KiProcessorBlock"] + (ulong)(number * system.Layout.PointerSize), kprcb);
        if (number == 0)
            system.Kernel.WritePointer(system.Variables["PsIdleProcess"], idle.Process.Address);
        foreach ((int processor, Action<KernelStruct> write) in system.ProcessorDetails)
            if (processor == number)
                write(prcb);
        return new ProcessorState(number, kpcr, kprcb, current, idle, context);
    }
}
