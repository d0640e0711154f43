using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// Two crashes of x86 systems with the addresses, stacks and registers of published debugger transcripts. What the transcripts do
/// not show is made up.
/// </summary>
public static class ArticlesOfX86
{
    public const uint Tid = 0x538;

    /// <summary>The trap frames of the transcripts: that of the system call, and that of the fault.</summary>
    public const ulong CriticalTrap = 0xb1a16d64, FaultTrap = 0xf3c2db7c;

    /// <summary>Somebody has ended csrss.exe (0xF4, XP).</summary>
    public static SystemBuilder CriticalProcess(KernelLayout layout)
    {
        const ulong Process = 0x82103020, Thread = 0x81c10da8, ImageName = 0x82103194, Text = 0x8060777e;
        SystemBuilder system = Begin(layout, "critical-process", 0x804d7000, 0xf4, 3, Process, ImageName, Text);
        ProcessBuilder csrss = system.AddProcess("csrss.exe", 0x258, Process);
        ThreadBuilder thread = csrss.AddThread(Tid, Thread).RunsOn(0).Priority(13);
        thread.Stack(FrameList.ParseListing(system, """
            b1a16d00 80637e9d nt!KeBugCheckEx+0x1b
            b1a16d24 8060773c nt!PspCatchCriticalBreak+0x75
            b1a16d54 804df99f nt!NtTerminateProcess+0x7d
            b1a16d54 7c93e514 nt!KiFastCallEntry+0xfc
            0012f3e4 00000000 0x7c93e514
            """, stackPointer: 0xb1a16ce8, CriticalTrap, instruction: 0x805396ba));
        Put(thread.Registers, (X64Register.Rax, 0xffdff13cul), (X64Register.Rbx, Process), (X64Register.Rdx, 0x34ul),
            (X64Register.Rsi, Process), (X64Register.Rdi, Thread));
        Put(thread.UserRegisters, ("Eax", 0x12f3b0ul), ("Ebx", 0x160050ul), ("Ecx", 1ul), ("Edx", 0x1771b0ul), ("Esi", 0x12f428ul),
            ("Edi", 0x12f688ul), ("Ebp", 0x12f3e4ul), ("HardwareEsp", 0x12f3d4ul), ("EFlags", 0x206ul), ("DbgEbp", 0x12f3e4ul),
            ("DbgArgPointer", 0x12f3dcul));
        thread.Flags = 0x286;
        // pop ebp, behind the call.
        system.Nt.WithCode(0x805396ba - 0x804d7000, 0x5d);
        // Parameters: those that KeBugCheckEx has pushed again, its own, and those of its caller.
        Words(system, 0xb1a16ce8, 0xf4, 3, Process, ImageName, Text, 0);
        Words(system, 0xb1a16d08, 0xf4, 3, Process, ImageName, Text, Process, Process);
        Words(system, 0xb1a16d2c, Text, Process, ImageName);
        Words(system, 0xb1a16d5c, 0x82103268, 0xffffffff);
        // PspCatchCriticalBreak is called for what is marked, and for nothing else (ReactOS ntoskrnl/ps/kill.c).
        system.ProcessorDetails.Add((0, _ => csrss.Struct.Set("BreakOnTermination", 1)));
        system.Truth = new Truth("crash", null, []);
        return system;
    }

    /// <summary>NotMyfault's driver reads pageable memory at a high IRQL (0xD1, Server 2003 SP2).</summary>
    public static SystemBuilder NotMyfault(KernelLayout layout)
    {
        const ulong Read = 0xe14c0008, Instruction = 0xf799f579;
        SystemBuilder system = Begin(layout, "notmyfault", 0x80800000, 0xd1, Read, 2, 0, Instruction);
        ModuleSet modules = system.Modules;
        ForgedModule driver = modules.AddThirdParty("myfault.sys", "Sysinternals", "3.0.0.0", 0xf799f000);
        modules.AddUser("ntdll.dll", 0x7c940000).MinimumSize = 0xc2000;
        modules.AddUser("kernel32.dll", 0x7c800000).MinimumSize = 0x130000;
        modules.AddUser("USER32.dll", 0x77dd0000).MinimumSize = 0x90000;
        ForgedModule program = modules.AddUser("NotMyfault.exe", 0x400000).WithVersion("Sysinternals - www.sysinternals.com", "3.0.0.0");
        (program.PdbName, program.MinimumSize, program.TimeDateStamp) = (null, 0x12000, 0x49b31481);
        ProcessBuilder process = system.AddProcess("NotMyfault.exe", 0xc40, session: 1);
        process.Executable = program;
        ThreadBuilder thread = process.AddThread(Tid).RunsOn(0).Priority(12);
        thread.Stack(FrameList.ParseListing(system, """
            f3c2db60 8088c963 nt!KeBugCheckEx+0x1b
            f3c2db7c f799f579 nt!KiTrap0E+0x2a7
            f3c2dbf8 f799f770 myfault+0x579
            f3c2dc04 f799f7fc myfault+0x770
            f3c2dc3c 8081d5a3 myfault+0x7fc
            f3c2dc50 808ed3e1 nt!IofCallDriver+0x45
            f3c2dc64 808ee169 nt!IopSynchronousServiceTail+0x10b
            f3c2dd00 808e6cca nt!IopXxxControlFile+0x5e5
            f3c2dd34 80883908 nt!NtDeviceIoControlFile+0x2a
            f3c2dd34 7c9685ec nt!KiFastCallEntry+0xf8
            0012f9bc 7c966fcb ntdll!KiFastSystemCallRet+0x0
            0012f9c0 7c8016f5 ntdll!NtDeviceIoControlFile+0xc
            0012fa24 00401a5b kernel32!DeviceIoControl+0x137
            0012fa68 77dea24c NotMyfault+0x1a5b
            0012faf4 77dea304 USER32!ClientFrame+0xe0
            0012fb18 77e0d3e2 USER32!DrawFocusRect+0x40
            0012fb84 00000000 USER32!xxxBNDrawText+0x3e9
            """, stackPointer: 0xf3c2db48, trap: 0xf3c2dd64, instruction: 0x80827c83));
        Put(thread.TrapRegisters, ("Eax", Read), ("Ebx", 0x85ec7b88ul), ("Ecx", 0x3e7f8123ul), ("Edx", 0xe14a6008ul),
            ("Esi", 0xe14a6008ul), ("Edi", 0ul), ("EFlags", 0x10282ul));
        // mov ecx, [eax]
        driver.WithCode(0x579, 0x8b, 0x08);
        Words(system, 0xf3c2db68, 0xa, Read, 2, 0, Instruction);
        Words(system, 0xf3c2dc00, 0x85ec7b70, 0xf3c2dc3c);
        system.Truth = new Truth("crash", driver, []);
        return system;
    }

    private static SystemBuilder Begin(KernelLayout layout, string identity, ulong kernel, uint code, params ulong[] parameters)
    {
        if (layout.Architecture != Architecture.X86)
            throw new ArgumentException("the transcript is of an x86 system");
        SystemBuilder system = new(new SystemOptions(layout)
        {
            Identity = identity, KernelBase = kernel, BugCheckCode = code, BugCheckParameters = parameters,
        });
        new StandardMachine(system, hasModules: false).AddIdle();
        system.AddProcess("System", 4);
        return system;
    }

    private static void Put<TKey>(IDictionary<TKey, ulong> registers, params ReadOnlySpan<(TKey Register, ulong Value)> values)
    {
        foreach ((TKey register, ulong value) in values)
            registers[register] = value;
    }

    private static void Words(SystemBuilder system, ulong address, params ReadOnlySpan<ulong> values)
    {
        for (int i = 0; i < values.Length; i++)
            system.Words.Add((address + 4 * (ulong)i, values[i]));
    }
}
