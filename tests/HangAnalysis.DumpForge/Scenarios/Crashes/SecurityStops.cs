using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops by checks that are built into code, and of full stacks: 0x139, 0xF7, 0x7F.</summary>
internal static class SecurityStops
{
    private const uint StackBufferOverrun = 0xc0000409;

    /// <summary>A list whose fourth entry points back to somewhere else.</summary>
    public static ForgedStop List(KernelLayout layout) => List(layout, "stop-139-list", 0x7000);

    /// <summary>The same by one flipped bit.</summary>
    public static ForgedStop ListBit(KernelLayout layout)
    {
        static int Bit(KernelLayout layout) => layout.Architecture == Architecture.X86 ? 25 : 41;
        ForgedStop stop = List(layout, "stop-139-bit", 1ul << Bit(layout));
        return stop with { Truth = stop.Truth with { Cause = "Hardware", Figures = [$"bit {Bit(layout)}"] } };
    }

    /// <summary>A driver's own function has overrun its buffer.</summary>
    public static ForgedStop Cookie(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-139-cookie", 0x139);
        ForgedModule driver = scene.Driver("parser.sys", "Wingtip Imaging", "4.4.0.2");
        FastFail(scene, 2, "parser+0x1514\nparser+0x2468\nNtfs!NtfsCommonRead+0x111", _ => { });
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, "buffer on the stack", "parser+0x2468"), driver);
    }

    /// <summary>The kernel drops a reference that a driver must not have dropped: who took it is not known.</summary>
    public static ForgedStop References(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-139-references", 0x139);
        ForgedModule driver = scene.Driver();
        FastFail(scene, 0xe, "nt!ObfDereferenceObjectWithTag+0x77\nbadflt+0x1514", _ => { });
        return scene.Complete(new StopTruth("Module", "Candidate", driver.FileName, "count of references", "badflt+0x1514"), driver);
    }

    /// <summary>A driver's function returns, and its cookie is gone.</summary>
    public static ForgedStop Overrun(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-f7", 0xf7);
        ForgedModule driver = scene.Driver("parser.sys", "Wingtip Imaging", "4.4.0.2");
        ulong expected = Expected(layout);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (0xf7a1, expected, Complement(layout));
        scene.Stops("parser+0x1514\nparser+0x2468\nnt!IofCallDriver+0x59");
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, "parser+0x2468", "overran"), driver);
    }

    /// <summary>A part of Windows with symbols: the function that reports is not the one that failed.</summary>
    public static ForgedStop OverrunSystem(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-f7-system", 0xf7);
        ForgedModule driver = scene.System.Modules.AddDriver("Ntfs.sys");
        ulong expected = Expected(layout);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (scene.IsNarrow ? 0x41414141ul : 0x4141414141414141, expected, Complement(layout));
        scene.Stops("Ntfs!__report_gsfailure+0x26\nNtfs!NtfsQueryEaInformation+0x333\nnt!IofCallDriver+0x59");
        return scene.Complete(new StopTruth("Module", "Candidate", driver.FileName, "in NtfsQueryEaInformation"), driver);
    }

    /// <summary>The cookie differs by one bit.</summary>
    public static ForgedStop CookieBit(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-f7-bit", 0xf7);
        scene.Driver("parser.sys", "Wingtip Imaging", "4.4.0.2");
        ulong expected = Expected(layout);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (expected ^ 1ul << 22, expected, Complement(layout));
        scene.Stops("parser+0x1514\nparser+0x2468\nnt!IofCallDriver+0x59");
        return scene.Complete(new StopTruth("Hardware", "Inferred", null, "bit 22"));
    }

    /// <summary>A full stack: a filter that uses most of it. The parameters are those of newer builds.</summary>
    public static ForgedStop FullStack(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-7f", 0x7f);
        ForgedModule driver = scene.Driver("deepflt.sys", "Woodgrove Encryption", "6.2.1.0");
        (ThreadBuilder thread, int trap) = Full(scene, "deepflt");
        ulong task = scene.IsNarrow ? scene.Place(new byte[0x68]) : 0;
        scene.Later(() =>
        {
            if (scene.IsNarrow)
            {
                WriteTask(scene, task, thread, trap + 1);
                (scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) = (task, 0, 0);
                return;
            }
            scene.Parameters[1] = thread.StackPointers[trap];
            scene.Parameters[2] = thread.StackPointers[trap + 1];
            scene.Parameters[3] = thread.Frames!.Frames[trap + 1].Address;
        });
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, "64 bytes below", "entered again and again, 20 times", "double fault"), driver);
    }

    /// <summary>The same as older builds say it: control registers and the instruction.</summary>
    public static ForgedStop FullStackOld(KernelLayout layout)
    {
        if (layout.Architecture == Architecture.X86)
            throw new ArgumentException("the parameters are those of x64: x86 names the task that the double fault interrupted");
        StopScene scene = new(layout, "stop-7f-old", 0x7f);
        ForgedModule driver = scene.Driver("deepflt.sys", "Woodgrove Encryption", "6.2.1.0");
        (ThreadBuilder thread, int trap) = Full(scene, "deepflt");
        scene.Later(() => (scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) =
            (0x80050031, 0x6f8, thread.Frames!.Frames[trap + 1].Address));
        return scene.Complete(new StopTruth("Module", "Inferred", driver.FileName, "64 bytes below", "20 times"), driver);
    }

    /// <summary>A double fault with room on the stack: no driver may be named.</summary>
    public static ForgedStop RoomLeft(KernelLayout layout)
    {
        StopScene scene = new(layout, "stop-7f-room", 0x7f);
        scene.Driver("innocent.sys", "Contoso", "1.0.0.1");
        scene.Parameters[0] = 8;
        ThreadBuilder thread = scene.Stops("nt!KiBugCheckDispatch+0x69\nnt!KiDoubleFaultAbort+0xb2\ninnocent+0x1514\ninnocent+0x2468");
        scene.Later(() => (scene.Parameters[1], scene.Parameters[2], scene.Parameters[3]) =
            (thread.StackPointers[2], thread.StackPointers[3], thread.Frames!.Frames[3].Address));
        return scene.Complete(new StopTruth("Unknown", "Inferred", null, "not full", "leaves"));
    }

    /// <summary>What a task gate saves of the task that it leaves (Intel SDM volume 3, "Task-State Segment").</summary>
    private static void WriteTask(StopScene scene, ulong task, ThreadBuilder thread, int frame)
    {
        foreach ((ulong offset, ulong value) in ((ulong, ulong)[])
            [(0x20, thread.Frames!.Frames[frame].Address), (0x24, 0x10246), (0x38, thread.StackPointers[frame]), (0x3c, thread.FramePointers[frame])])
            scene.System.Kernel.WriteUInt32(task + offset, (uint)value);
    }

    /// <summary>A cookie of x64 has 48 bits, its upper ones are zero; x86 has one of 32.</summary>
    private static ulong Expected(KernelLayout layout) => layout.Architecture == Architecture.X86 ? 0x2ddf_a232ul : 0x2b99_2ddf_a232;

    private static ulong Complement(KernelLayout layout) =>
        layout.Architecture == Architecture.X86 ? ~Expected(layout) & uint.MaxValue : ~Expected(layout);

    private static (ThreadBuilder Thread, int Trap) Full(StopScene scene, string module)
    {
        scene.Parameters[0] = 8;
        string frames = string.Concat(Enumerable.Repeat($"{module}+0x1514\n{module}+0x2468\nnt!IofCallDriver+0x59\n", 20));
        ThreadBuilder thread = scene.Stops((scene.IsNarrow ? "nt!KeBugCheck2+0x1f\nnt!KiTrap08+0x75\n"
            : "nt!KiBugCheckDispatch+0x69\nnt!KiDoubleFaultAbort+0xb2\n") + frames);
        const int Trap = 2;
        // The stack ends where the thread has come to.
        scene.Later(() => thread.Struct.Set("Tcb.StackLimit", thread.StackPointers[Trap + 1] + 0x40));
        return (thread, Trap);
    }

    private static ForgedStop List(KernelLayout layout, string name, ulong damage)
    {
        StopScene scene = new(layout, name, 0x139);
        scene.Driver("innocent.sys", "Contoso", "1.0.0.1");
        const int Count = 7;
        ulong list = scene.Place(new byte[0x20 * Count]), pointer = (ulong)layout.PointerSize;
        ulong at(int i) => list + 0x20ul * (ulong)((i + Count) % Count);
        for (int i = 0; i < Count; i++)
        {
            scene.System.Kernel.WritePointer(at(i), at(i + 1));
            scene.System.Kernel.WritePointer(at(i) + pointer, at(i - 1));
        }
        // The entry after the one that is removed points back elsewhere.
        scene.System.Kernel.WritePointer(at(4) + pointer, at(3) ^ damage);
        FastFail(scene, 3, "nt!KiInsertTimerTable+0x211\ninnocent+0x1514", trap => trap.Set(scene.IsNarrow ? "Eax" : "Rax", at(3)));
        return scene.Complete(new StopTruth("Corruption", "Inferred", null, $"entry {at(3):x16}", $"{at(4):x16}", $"{at(3) ^ damage:x16}",
            "backwards 6 entries are whole", "nothing else is"));
    }

    /// <summary>A fail fast in the first of these frames, as the kernel reports it: trap frame and exception record.</summary>
    private static void FastFail(StopScene scene, ulong code, string frames, Action<KernelStruct> registers)
    {
        const int Trap = 3;
        if (scene.System.Layout.Architecture == Architecture.Arm64)
            throw new ArgumentException("trap frames of ARM64 are not forged: no layout of one is at hand");
        if (frames.Contains("Ntfs!", StringComparison.Ordinal))
            scene.System.Modules.AddDriver("Ntfs.sys");
        ThreadBuilder thread = scene.Stops("nt!KiBugCheckDispatch+0x69\nnt!KiFastFailDispatch+0xd0\nnt!KiRaiseSecurityCheckFailure+0x30a\n" + frames);
        ulong record = scene.Place(new byte[0x98]);
        scene.Parameters[0] = code;
        scene.Parameters[2] = record;
        scene.Later(() =>
        {
            KernelStruct trap = scene.System.Struct("_KTRAP_FRAME", thread.StackPointers[Trap]);
            registers(trap.Set(scene.IsNarrow ? "Ecx" : "Rcx", code));
            scene.Parameters[1] = trap.Address;
            scene.System.Struct("_EXCEPTION_RECORD", record).Set("ExceptionCode", StackBufferOverrun)
                .Set("ExceptionAddress", thread.Frames!.Frames[Trap + 1].Address).Set("NumberParameters", 1)
                .Set("ExceptionInformation[0]", code);
        });
    }
}
