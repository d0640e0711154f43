using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// One hang, a lock whose owner is stuck in a third company's driver, of which the dump was forced in every way: the verdict is
/// always that hang.
/// </summary>
internal static class ForcedScenarios
{
    private const string Interrupted = """
        nt!KiCallInterruptServiceRoutine+0xa5
        nt!KiInterruptSubDispatchNoLockNoEtw+0xfa
        nt!KiInterruptDispatchNoLockNoEtw+0x37
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>Right Ctrl and twice ScrollLock on a PS/2 keyboard.</summary>
    public static SystemBuilder Keyboard(KernelLayout layout) => Create(layout, "forced-keyboard", 0xe2, [0, 0, 0, 0], "i8042prt.sys", """
        nt!KeBugCheckEx+0x20
        i8042prt!I8xProcessCrashDump+0x7e
        i8042prt!I8042KeyboardInterruptService+0x2f4

        """ + Interrupted);

    /// <summary>An NMI. The stack is a published one of 9600.</summary>
    public static SystemBuilder Nmi(KernelLayout layout) => Create(layout, "forced-nmi", 0x80, [0x4f4454, 0, 0, 0], null, """
        nt!KeBugCheckEx+0x20
        hal!HalBugCheckSystem+0xcf
        nt!WheaReportHwError+0x22d
        hal!HalHandleNMI+0x150
        nt!KiProcessNMI+0x150
        nt!KxNmiInterrupt+0x82
        nt!KiNmiInterrupt+0x212
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """);

    /// <summary>The power button, held for seven seconds.</summary>
    public static SystemBuilder PowerButton(KernelLayout layout) => Create(layout, "forced-power-button", 0x1c8, [7000, 0, 0, 0], null, """
        nt!KeBugCheckEx+0x20
        nt!PopPowerButtonBugcheckCallback+0x32
        nt!KiProcessExpiredTimerList+0x172
        nt!KiRetireDpcList+0x4d8
        nt!KiDpcInterrupt+0x2ee
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """);

    /// <summary>The same without a stop: a live dump.</summary>
    public static SystemBuilder PowerButtonLive(KernelLayout layout) =>
        Create(layout, "forced-power-button-live", 0x11c8, [7000, 0, 0, 0], null, null);

    /// <summary>A debugger's .crash after it broke in.</summary>
    public static SystemBuilder Debugger(KernelLayout layout) => Create(layout, "forced-debugger", 0xe2, [0, 0, 0, 0], null, """
        nt!KeBugCheckEx+0x20
        nt!KdpSendWaitContinue+0x3a1
        nt!KdpReportExceptionStateChange+0xbc
        nt!KdpReport+0xc4
        nt!KdTrap+0x22
        nt!KiDispatchException+0x1cd
        nt!KiExceptionDispatch+0xc2
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """);

    /// <summary>The tool's driver reads freed memory at a raised IRQL; its name is longer than what the kernel keeps of it.</summary>
    public static SystemBuilder NotMyFault(KernelLayout layout) => CreateNotMyFault(layout, "forced-notmyfault", "notmyfault64.exe");

    /// <summary>The same under another name of the program: the driver on the stack shows it.</summary>
    public static SystemBuilder NotMyFaultDriver(KernelLayout layout) =>
        CreateNotMyFault(layout, "forced-notmyfault-driver", "crashtest.exe");

    /// <summary>A live dump by a tool.</summary>
    public static SystemBuilder Live(KernelLayout layout) => Create(layout, "forced-live", 0x161, [0, 0, 0, 0], null, null);

    /// <summary>A driver that stops the system on purpose.</summary>
    public static SystemBuilder DeadDead(KernelLayout layout) => Create(layout, "forced-deaddead", 0xdeaddead, [0, 0, 0, 0], "vioscsi.sys", """
        nt!KeBugCheckEx+0x20
        vioscsi!VioScsiHwResetBus+0x4c

        """ + Interrupted);

    /// <summary>A snapshot of a virtual machine that a tool has made a dump of: there is no bug check.</summary>
    public static SystemBuilder Snapshot(KernelLayout layout) => Create(layout, "forced-snapshot", 0, [0, 0, 0, 0], null, null);

    private static SystemBuilder CreateNotMyFault(KernelLayout layout, string identity, string program)
    {
        ulong[] parameters = [0xffffce0e40010800, 2, 0, 0];
        Setup setup = Start(layout, identity, 0xd1, parameters);
        ForgedModule driver = setup.System.Modules.AddThirdParty("myfault.sys", "Sysinternals", "4.30.0.0");
        driver.MinimumSize = 0x8000;
        // mov eax,dword ptr [the address], which no register has a part in.
        driver.Code[0x1981] = [0xa1, .. BitConverter.GetBytes(parameters[0])[..layout.PointerSize]];
        ThreadBuilder thread = setup.Population.New(program, 0xd04, 1, 0xc1c).AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse("""
            nt!KeBugCheckEx+0x20
            nt!KiBugCheckDispatch+0x69
            nt!KiPageFault+0x3fa
            myfault+0x1981
            myfault+0x1d3d
            myfault+0x1ea1
            nt!IopXxxControlFile+0x8d4
            nt!NtDeviceIoControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtDeviceIoControlFile+0x14
            KERNELBASE!DeviceIoControl+0x68

            """ + StandardMachine.UserStart)).RunsOn(0).Priority(9);
        parameters[3] = driver.Base + 0x1981;
        // Of x86 the trap frame does not hold it.
        if (layout.Has("_KTRAP_FRAME", "FaultAddress"))
            setup.System.Finishing.Add(() =>
            {
                if (thread.Frames!.Frames[2].Symbol == "KiPageFault")
                    setup.System.Struct("_KTRAP_FRAME", thread.StackPointers[2]).Set("FaultAddress", parameters[0]);
            });
        return Finish(setup);
    }

    private static SystemBuilder Create(
        KernelLayout layout, string identity, uint code, ulong[] parameters, string? driver, string? stack)
    {
        Setup setup = Start(layout, identity, code, parameters);
        if (driver is not null)
            setup.System.Modules.AddDriver(driver);
        if (stack is not null)
            setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(stack)).RunsOn(0).Priority(12);
        return Finish(setup);
    }

    private static Setup Start(KernelLayout layout, string identity, uint code, ulong[] parameters) =>
        Setup.Create(layout, identity, new SystemOptions(layout) { Processors = 2, BugCheckCode = code, BugCheckParameters = parameters });

    private static SystemBuilder Finish(Setup setup)
    {
        Hang hang = Hang.Add(setup);
        return setup.Complete(new Truth("stuck-in-driver", hang.Culprit, hang.Links));
    }
}

/// <summary>A program's mutant whose owner is stuck in a third company's driver; three threads wait for it.</summary>
internal sealed record Hang(
    ProcessBuilder Process, ThreadBuilder[] Waiters, ulong Mutant, ThreadBuilder Owner, ForgedModule Culprit)
{
    public TruthLink[] Links => [TruthLink.Of(Waiters[0]), TruthLink.Lock(Mutant), TruthLink.Of(Owner), TruthLink.Driver(Culprit)];

    /// <summary>Adds it to a system.</summary>
    public static Hang Add(Setup setup)
    {
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule culprit = system.Modules.AddThirdParty("acmescan.sys", "Acme Imaging", "2.0.1.4");
        culprit.MinimumSize = 0x20000;
        ProcessBuilder process = population.New("portal.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder owner = process.AddThread(population.TakeTid()).Stack(population.Parse(StandardMachine.WaitSingle + """
            acmescan+0x31c8
            acmescan+0x1f02
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14

            """ + StandardMachine.UserStart)).Waiting("Executive", userMode: false, Setup.Seconds(640), system.Objects.Event());
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\PortalState");
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid())
                .Stack(population.Parse(StandardMachine.WaitForObject + StandardMachine.UserStart))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(600 - i), mutant);
        return new Hang(process, waiters, mutant, owner, culprit);
    }
}
