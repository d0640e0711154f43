namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes KDDEBUGGER_DATA64 (wdbgexts.h), which leads a debugger to everything else.</summary>
internal static class DebuggerData
{
    public const int Size = 0x3a8;
    private const int FirstOffsets = 0x298, SecondOffsets = 0x2e0;

    // Places of pointers to variables.
    private static readonly (int At, string Variable)[] s_variables =
    [
        (0x48, "PsLoadedModuleList"), (0x50, "PsActiveProcessHead"), (0x58, "PspCidTable"),
        (0x60, "ExpSystemResourcesList"), (0x78, "KeTimeIncrement"), (0x88, "KiBugCheckData"),
        (0xa0, "ObpRootDirectoryObject"), (0xc0, "MmPfnDatabase"), (0x1c8, "MmHighestUserAddress"),
        (0x1d0, "MmSystemRangeStart"), (0x1d8, "MmUserProbeAddress"), (0x208, "NtBuildLab"),
        (0x218, "KiProcessorBlock"), (0x220, "MmUnloadedDrivers"), (0x228, "MmLastUnloadedDriver"),
    ];

    public static void Write(SystemBuilder system)
    {
        ulong at = system.Variables["KdDebuggerDataBlock"];
        Memory.AddressSpace kernel = system.Kernel;
        kernel.InitializeList(at);
        kernel.Write(at + 0x10, "KDBG"u8);
        kernel.WriteUInt32(at + 0x14, Size);
        kernel.WriteUInt64(at + 0x18, system.Nt.Base);
        // Three bit fields in one word: PaeEnabled:1, KiBugCheckRecoveryActive:1, PagingLevels:4.
        kernel.WriteUInt16(at + 0x36, (ushort)(system.Kernel.Levels << 2 | 1));
        foreach ((int place, string variable) in s_variables)
            kernel.WriteUInt64(at + (ulong)place, system.Variables[variable]);
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
        int[] second =
        [
            system.Layout.Size("_KPCR"), system.Layout.Offset("_KPCR", "Self"),
            system.Layout.Offset("_KPCR", "CurrentPrcb"), system.Layout.Offset("_KPCR", "Prcb"), 0, 0, 0, 0, 0,
            prcb("ProcessorState.SpecialRegisters"), 0x10, 0x18, 0x18, 0x33, 0x2b, 0x53, 0, 0x40, 0x20, 0x50,
        ];
        WriteOffsets(kernel, at + SecondOffsets, second);
        kernel.WriteUInt16(at + 0x338, (ushort)prcb("Context"));
        kernel.WriteUInt32(at + 0x340, (uint)thread("StackLimit"));
        kernel.WriteUInt32(at + 0x344, (uint)thread("StackBase"));
        kernel.WriteUInt16(at + 0x350, (ushort)prcb("IdleThread"));
        kernel.WriteUInt16(at + 0x35c, (ushort)thread("WaitReason"));
    }

    private static void WriteOffsets(Memory.AddressSpace kernel, ulong at, int[] offsets)
    {
        for (int i = 0; i < offsets.Length; i++)
            kernel.WriteUInt16(at + 2 * (ulong)i, (ushort)offsets[i]);
    }
}
