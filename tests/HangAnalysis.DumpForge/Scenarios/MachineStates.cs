using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Systems in which no thread waits for another: healthy, out of memory, crashed.</summary>
internal static class MachineStates
{
    private const int ExceptionRecordSize = 0x98;

    public static SystemBuilder Idle(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "idle", new SystemOptions(layout) { Processors = 4 });
        Population population = setup.Population;
        // A thread whose kernel stack is in the page file, and a process that has exited, which a handle keeps.
        ProcessBuilder sleeper = population.New("OneDrive.exe", 0xc60, 1, 0xc1c);
        population.Fill(sleeper, workers: 2);
        population.Add(sleeper, "UserRequest", StandardMachine.WaitForObject + StandardMachine.UserStart,
            setup.System.Objects.Event()).PagedOut();
        population.New("setup.exe", 0xc64, 1, 0xc1c).IsExited = true;
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>All commit is used up, nearly no page is available, and threads wait for pages.</summary>
    public static SystemBuilder MemoryExhausted(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "memory-exhausted", new SystemOptions(layout)
        {
            Processors = 2,
            Memory = new MemoryCounters(4194156, 212, 4456298, 4456300),
        });
        Population population = setup.Population;
        ProcessBuilder process = population.New("leaky.exe", 0xc40, 1, 0xc1c);
        process.Memory = new ProcessMemory(0x203_c000_0000, 0x203_c000_0000, 3_800_000, 3_800_000, 3_900_000, 0x24000, 0x4800);
        ulong pages = setup.System.Objects.Event(isNotification: true);
        process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!MiWaitForFreePage+0x1c4
            nt!MiResolveDemandZeroFault+0x38a
            nt!MiDispatchFault+0x1d9
            nt!MmAccessFault+0x8b3
            nt!MmProbeAndLockPages+0x6d1
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14
            KERNELBASE!ReadFile+0x74

            """ + StandardMachine.UserStart).Waiting("WrFreePage", userMode: false, Setup.Seconds(41), pages);
        process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!MiIssuePageExtendRequest+0x118
            nt!MiChargeCommit+0x2e0
            nt!MiAllocateVirtualMemory+0x9ce
            nt!NtAllocateVirtualMemory+0x44
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtAllocateVirtualMemory+0x14
            KERNELBASE!VirtualAlloc+0x4b

            """ + StandardMachine.UserStart).Waiting("WrVirtualMemory", userMode: false, Setup.Seconds(39),
                setup.System.Objects.Event(isNotification: true));
        return setup.Complete(new Truth("memory-exhausted", null, []));
    }

    /// <summary>A system thread's exception in a third company's driver (0x1000007E), as a small dump.</summary>
    public static SystemBuilder CrashTriage(KernelLayout layout)
    {
        const ulong BadAddress = 0x100089458;
        ulong[] parameters = [0xffffffffc0000005, 0, 0, 0];
        Setup setup = Setup.Create(layout, "crash-triage", new SystemOptions(layout)
        {
            IsMinimal = true,
            BugCheckCode = 0x1000007e,
            BugCheckParameters = parameters,
        });
        SystemBuilder system = setup.System;
        ForgedModule driver = system.Modules.AddThirdParty("badflt.sys", "Fabrikam Software", "3.1.0.22");
        driver.MinimumSize = 0x8000;
        ThreadBuilder thread = setup.Population.System.AddThread(0x1a4).Stack("""
            nt!KeBugCheckEx+0x20
            nt!PspSystemThreadStartup$filt$0+0x44
            nt!_C_specific_handler+0xa0
            nt!RtlpExecuteHandlerForException+0xd
            nt!RtlDispatchException+0x404
            nt!KiDispatchException+0x1cd
            nt!KiExceptionDispatch+0xc2
            nt!KiPageFault+0x3fa
            badflt+0x1514
            badflt+0x2210
            nt!ExpWorkerThread+0xdd
            nt!PspSystemThreadStartup+0x41
            nt!KiStartSystemThread+0x16
            """).RunsOn(0).Priority(12);
        ulong instruction = driver.Base + 0x1514;
        ulong record = system.Pool.Take(ExceptionRecordSize), context = system.Pool.Take(0x4d0);
        (parameters[1], parameters[2], parameters[3]) = (instruction, record, context);
        const uint AccessViolation = 0xc0000005;
        // mov dword ptr [100089458h],eax
        driver.Code[0x1514] = [0xa3, 0x58, 0x94, 0x08, 0x00, 0x01, 0x00, 0x00, 0x00];
        system.Struct("_EXCEPTION_RECORD", record).Set("ExceptionCode", AccessViolation)
            .Set("ExceptionAddress", instruction).Set("NumberParameters", 2)
            .Set("ExceptionInformation[0]", 1).Set("ExceptionInformation[1]", BadAddress);
        system.Crash = new CrashState(thread, AccessViolation, instruction, [1, BadAddress]);
        system.ContextRecords.Add((context, thread, 8));
        system.TriageMemory.Add((record, ExceptionRecordSize));
        system.TriageMemory.Add((context, 0x4d0));
        system.Variables.Unloaded.Add(("dump_storport.sys", driver.Base + 0x200000, driver.Base + 0x210000));
        system.PreferredKind = DumpKind.Triage;
        system.Truth = new Truth("crash", driver, []);
        return system;
    }
}
