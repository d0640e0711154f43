namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes KDDEBUGGER_DATA64 (wdbgexts.h), which leads a debugger to everything else.</summary>
internal static class DebuggerData
{
    public const int Size = 0x3a8;
    private const int FirstOffsets = 0x298, SecondOffsets = 0x2e0;

    // Before Vista the block ended behind the selectors.
    public static int SizeOf(Layouts.KernelLayout layout) => layout.Build < 6000 ? 0x318
        : layout.Architecture == Layouts.Architecture.Arm64 ? 0x380 : Size;

    // Places of pointers to variables.
    private static readonly (int At, string Variable)[] s_variables =
    [
        (0x48, "PsLoadedModuleList"), (0x50, "PsActiveProcessHead"), (0x58, "PspCidTable"),
        (0x60, "ExpSystemResourcesList"), (0x78, "KeTimeIncrement"), (0x88, "KiBugCheckData"),
        (0xa0, "ObpRootDirectoryObject"), (0xc0, "MmPfnDatabase"), (0x1c8, "MmHighestUserAddress"),
        (0x1d0, "MmSystemRangeStart"), (0x1d8, "MmUserProbeAddress"), (0x1f8, "MmLastUnloadedDriver"),
        (0x200, "MmUnloadedDrivers"), (0x208, "NtBuildLab"), (0x218, "KiProcessorBlock"),
    ];

    public static void Write(SystemBuilder system)
    {
        ulong at = system.Variables["KdDebuggerDataBlock"];
        Memory.AddressSpace kernel = system.Kernel;
        kernel.InitializeList(at);
        kernel.Write(at + 0x10, "KDBG"u8);
        kernel.WriteUInt32(at + 0x14, (uint)SizeOf(system.Layout));
        kernel.WriteUInt64(at + 0x18, Wide(system, system.Nt.Base));
        WritePaging(system, at + 0x36);
        foreach ((int place, string variable) in s_variables)
            kernel.WriteUInt64(at + (ulong)place, Wide(system, system.Variables[variable]));
        kernel.WriteUInt64(at + 0x138, Memory.PhysicalMemory.PageSize);
        int thread(string path) => system.Layout.Offset("_KTHREAD", path);
        int process(string path) => system.Layout.Offset("_EPROCESS", path);
        int prcb(string path) => system.Layout.Offset("_KPRCB", path);
        int[] first =
        [
            system.Layout.Has("_KTHREAD", "NextProcessor") ? thread("NextProcessor") : 0, thread("Teb"),
            thread("KernelStack"), thread("InitialStack"), thread("ApcState.Process"), thread("State"), 0, 0,
            system.Layout.Size("_EPROCESS"), process("Peb"), process("InheritedFromUniqueProcessId"),
            system.Layout.Offset("_KPROCESS", "DirectoryTableBase"), system.Layout.Size("_KPRCB"),
            system.Layout.Has("_KPRCB", "DpcRoutineActive") ? prcb("DpcRoutineActive") : 0,
            prcb("CurrentThread"), prcb("MHz"), prcb("CpuType"), prcb("VendorString"),
            prcb("ProcessorState.ContextFrame"), prcb("Number"), system.Layout.Size("_ETHREAD"),
        ];
        WriteOffsets(kernel, at + FirstOffsets, first);
        WriteOffsets(kernel, at + SecondOffsets, Processors.Registers(system).KpcrOffsets());
        if (SizeOf(system.Layout) <= 0x338)
            return;
        kernel.WriteUInt16(at + 0x338, (ushort)(system.Layout.Has("_KPRCB", "Context") ? prcb("Context") : 0));
        if (system.Layout.Architecture == Layouts.Architecture.Arm64)
        {
            kernel.WriteUInt16(at + 0x33a, (ushort)prcb("MaxBreakpoints"));
            kernel.WriteUInt16(at + 0x33c, (ushort)prcb("MaxWatchpoints"));
            kernel.WriteUInt32(at + 0x348, (uint)thread("QueueListEntry"));
            kernel.WriteUInt32(at + 0x34c, (uint)system.Layout.Offset("_ETHREAD", "IrpList"));
        }
        kernel.WriteUInt32(at + 0x340, (uint)thread("StackLimit"));
        kernel.WriteUInt32(at + 0x344, (uint)thread("StackBase"));
        kernel.WriteUInt16(at + 0x350, (ushort)prcb("IdleThread"));
        kernel.WriteUInt16(at + 0x35c, (ushort)thread("WaitReason"));
    }

    // Three bit fields in one word: PaeEnabled:1, KiBugCheckRecoveryActive:1, PagingLevels:4. On x86 only the first is there.
    private static void WritePaging(SystemBuilder system, ulong at) => system.Kernel.WriteUInt16(at,
        (ushort)(system.Layout.Architecture switch
        {
            Layouts.Architecture.X86 => system.Options.HasPae ? 1 : 0,
            Layouts.Architecture.Arm64 => system.Kernel.Levels << 2,
            _ => system.Kernel.Levels << 2 | 1,
        }));

    // All pointers have 64 bits. Those of 32 are sign-extended, but before Vista here zero-extended: readers meet both.
    private static ulong Wide(SystemBuilder system, ulong address) =>
        system.Layout.PointerSize == 8 || system.Layout.Build < 6000 ? address : (ulong)(int)address;

    private static void WriteOffsets(Memory.AddressSpace kernel, ulong at, int[] offsets)
    {
        for (int i = 0; i < offsets.Length; i++)
            kernel.WriteUInt16(at + 2 * (ulong)i, (ushort)offsets[i]);
    }
}
