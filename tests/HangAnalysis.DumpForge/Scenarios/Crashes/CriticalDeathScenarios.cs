using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops 0xEF and 0xF4: processes that the system cannot do without, and how they ended.</summary>
internal static class CriticalDeathScenarios
{
    private const uint FailFast = 0xc0000409, AccessViolation = 0xc0000005, InPageError = 0xc0000006;

    private const string Terminate = """
        nt!KeBugCheckEx+0x20
        nt!PspCatchCriticalBreak+0xa8
        nt!PspTerminateAllThreads+0x19e
        nt!PspTerminateProcess+0xe5
        nt!NtTerminateProcess+0xa9
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtTerminateProcess+0x14

        """;

    /// <summary>A service host fails fast: the current thread is its own. After a real case.</summary>
    public static SystemBuilder OwnFault(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "critical-own-fault", 0xef);
        ProcessBuilder victim = setup.Population.New("svchost.exe", 0xe48, 0, 0x240);
        Run(setup, victim, Terminate + "KERNELBASE!UnhandledExceptionFilter+0x1e5\n" + StandardMachine.UserStart);
        End(setup, victim, FailFast);
        parameters[0] = victim.Address;
        return setup.Complete(new Truth("crash", null, []));
    }

    /// <summary>Somebody ended csrss.exe with a tool: the current thread is the tool's.</summary>
    public static SystemBuilder Killed(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "critical-killed", 0xef);
        ProcessBuilder victim = setup.Population.New("csrss.exe", 0x1f8, 2, 0x1f0);
        ProcessBuilder tool = setup.Population.New("prockill.exe", 0xd04, 1, 0xc1c);
        Run(setup, tool, Terminate + "KERNELBASE!TerminateProcess+0x30\n" + StandardMachine.UserStart);
        End(setup, victim, 1);
        parameters[0] = victim.Address;
        return setup.Complete(new Truth("crash", null, []));
    }

    /// <summary>A third company's driver ends a process from a thread of the system.</summary>
    public static SystemBuilder KilledByDriver(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "critical-driver", 0xef);
        ForgedModule driver = setup.System.Modules.AddThirdParty("acmeguard.sys", "Acme Security GmbH", "4.2.1.7");
        driver.MinimumSize = 0x20000;
        ProcessBuilder victim = setup.Population.New("wininit.exe", 0x1f8, 0, 0x1f0);
        Run(setup, setup.Population.System, """
            nt!KeBugCheckEx+0x20
            nt!PspCatchCriticalBreak+0xa8
            nt!PspTerminateAllThreads+0x19e
            nt!PspTerminateProcess+0xe5
            nt!NtTerminateProcess+0xa9
            acmeguard+0x2c40
            acmeguard+0x1190

            """ + StandardMachine.SystemStart);
        End(setup, victim, 0);
        parameters[0] = victim.Address;
        return setup.Complete(new Truth("crash", driver, []));
    }

    /// <summary>csrss.exe could not read a page of its own from disk (0xF4, with the name and the message).</summary>
    public static SystemBuilder InPage(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "critical-inpage", 0xf4);
        ProcessBuilder victim = setup.Population.New("csrss.exe", 0x1f8, 2, 0x1f0);
        Run(setup, victim, Terminate + StandardMachine.UserStart);
        End(setup, victim, InPageError);
        parameters[0] = 3;
        parameters[1] = victim.Address;
        parameters[2] = Text(setup.System, "csrss.exe");
        parameters[3] = Text(setup.System, "Terminating critical process 0x%p (%s)\n");
        return setup.Complete(new Truth("crash", null, []));
    }

    /// <summary>A thread that the system cannot do without came to grief.</summary>
    public static SystemBuilder CriticalThread(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "critical-thread", 0xf4);
        ProcessBuilder process = setup.Population.New("services.exe", 0x1f8, 0, 0x1f0);
        ThreadBuilder thread = Run(setup, process, """
            nt!KeBugCheckEx+0x20
            nt!PspCatchCriticalBreak+0xa8
            nt!PspExitThread+0x2f1
            nt!NtTerminateThread+0x9c
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtTerminateThread+0x14

            """ + StandardMachine.UserStart);
        setup.System.ProcessorDetails.Add((0, _ => thread.Struct.Set("ExitStatus", AccessViolation).Set("BreakOnTermination", 1)));
        parameters[0] = 6;
        parameters[1] = thread.Address;
        return setup.Complete(new Truth("crash", null, []));
    }

    private static (Setup Setup, ulong[] Parameters) Create(KernelLayout layout, string identity, uint code)
    {
        ulong[] parameters = [0, 0, 0, 0];
        return (Setup.Create(layout, identity, new SystemOptions(layout)
        {
            Processors = 2,
            BugCheckCode = code,
            BugCheckParameters = parameters,
        }), parameters);
    }

    private static ThreadBuilder Run(Setup setup, ProcessBuilder process, string stack) =>
        process.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(stack)).RunsOn(0).Priority(12);

    /// <summary>What is written last, so that the process's own values do not come after it.</summary>
    private static void End(Setup setup, ProcessBuilder victim, uint status)
    {
        setup.System.ProcessorDetails.Add((0, _ => victim.Struct.Set("ExitStatus", status).Set("BreakOnTermination", 1)));
        setup.System.TriageMemory.Add((victim.Address, setup.System.Layout.Size("_EPROCESS")));
    }

    private static ulong Text(SystemBuilder system, string text)
    {
        ulong at = system.Pool.Take(text.Length + 1);
        system.Kernel.Write(at, Encoding.ASCII.GetBytes(text + "\0"));
        return at;
    }
}
