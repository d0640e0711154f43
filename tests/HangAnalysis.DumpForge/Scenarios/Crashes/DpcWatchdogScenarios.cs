using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Stops 0x133: a processor that stayed at DISPATCH_LEVEL, with the stacks that its watchdog sampled.</summary>
internal static class DpcWatchdogScenarios
{
    /// <summary>How the clock interrupt's watchdog stops the system.</summary>
    private const string Watchdog = """
        nt!KeBugCheckEx+0x20
        nt!KeAccumulateTicks+0x1c8b42
        nt!KeClockInterruptNotify+0x453
        nt!HalpTimerClockInterrupt+0xe2
        nt!KiCallInterruptServiceRoutine+0xa5
        nt!KiInterruptSubDispatchNoLockNoEtw+0xfa
        nt!KiInterruptDispatchNoLockNoEtw+0x37

        """;

    private const string Dpcs = """
        nt!KiExecuteAllDpcs+0x2e7
        nt!KiRetireDpcList+0x1f4
        nt!KiDpcInterrupt+0x2ee
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    private const string Sampler = "nt!KeAccumulateTicks+0x2d7 nt!KeClockInterruptNotify+0x9c nt!HalpTimerClockInterrupt+0xe2 " +
        "nt!KiCallInterruptServiceRoutine+0xa5 nt!KiInterruptSubDispatchNoLockNoEtw+0xfa nt!KiInterruptDispatchNoLockNoEtw+0x37 ";

    private const uint Signature = 0xaebecede;
    private const int ProfileSize = 0x8200;

    /// <summary>A third company's deferred procedure call has run for 20 s when the clock's watchdog comes.</summary>
    public static SystemBuilder Single(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "dpc-watchdog-single", [0, 0x501, 0x500, 0]);
        SystemBuilder system = setup.System;
        ForgedModule driver = system.Modules.AddThirdParty("acmewifi.sys", "Acme Wireless Inc.", "22.80.1.1");
        driver.MinimumSize = 0x30000;
        ThreadBuilder thread = setup.Population.System.AddThread(setup.Population.TakeTid())
            .Stack(Watchdog + "acmewifi+0x6d12\nacmewifi+0x71a0\n" + Dpcs);
        ProcessorScenarios.OnProcessor(system, thread, 0, Setup.Seconds(21));
        system.ProcessorDetails.Add((0, prcb => prcb.Set("DpcRoutineActive", 1).TrySet("CurrentDpcRoutine", driver.Base + 0x7180)
            .Set("DpcTimeCount", 0x501)));
        parameters[3] = WriteBlock(system);
        return setup.Complete(new Truth("crash", driver, []));
    }

    /// <summary>
    /// Many short procedure calls in all. The stack of the stop shows a disk filter that happened to run; a firewall is in ten of
    /// the twelve stacks that were sampled before. Builds without samples give no culprit.
    /// </summary>
    public static SystemBuilder Samples(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "dpc-watchdog-samples", [1, 0x1e00, 0, 0]);
        SystemBuilder system = setup.System;
        ForgedModule innocent = system.Modules.AddThirdParty("fastdisk.sys", "Litware Storage", "7.1.0.2");
        innocent.MinimumSize = 0x20000;
        ForgedModule firewall = system.Modules.AddThirdParty("acmefw.sys", "Acme Security GmbH", "4.2.1.7");
        firewall.MinimumSize = 0x20000;
        ThreadBuilder thread = setup.Population.System.AddThread(setup.Population.TakeTid())
            .Stack(Watchdog + "fastdisk+0x1d12\n" + Dpcs);
        ProcessorScenarios.OnProcessor(system, thread, 0, Setup.Seconds(120));
        bool hasSamples = layout.Has("_KPRCB", "DpcWatchdogProfile");
        if (hasSamples)
        {
            List<string> stacks = [];
            for (int i = 0; i < 10; i++)
                stacks.Add("acmefw+0x2f10 acmefw+0x3a44 tcpip!IppReceiveHeaderBatch+0x2f2 tcpip!IppFlcReceivePacketsCore+0x315 " +
                    "nt!KiExecuteAllDpcs+0x2e7 nt!KiRetireDpcList+0x1f4");
            stacks.Insert(3, "fastdisk+0x1d12 storport!RaidpAdapterDpcRoutine+0x72 nt!KiExecuteAllDpcs+0x2e7 nt!KiRetireDpcList+0x1f4");
            stacks.Insert(7, "nt!KiTimerExpiration+0x1b2 nt!KiRetireDpcList+0x1f4");
            WriteSamples(system, 0, stacks, firstPart: 5);
        }
        parameters[2] = WriteBlock(system);
        return setup.Complete(new Truth("crash", hasSamples ? firewall : null, []));
    }

    /// <summary>
    /// The processor that stopped spins, in a network driver, for a lock that a storage driver on another processor does not
    /// release: the only one that is at DISPATCH_LEVEL beside it.
    /// </summary>
    public static SystemBuilder Spin(KernelLayout layout)
    {
        (Setup setup, ulong[] parameters) = Create(layout, "dpc-watchdog-spin", [1, 0x1e00, 0, 0]);
        SystemBuilder system = setup.System;
        ForgedModule waits = system.Modules.AddThirdParty("acmenic.sys", "Acme Networks Ltd.", "1.9.2.0");
        ForgedModule holds = system.Modules.AddThirdParty("acmeraid.sys", "Acme Storage AG", "5.4.0.77");
        waits.MinimumSize = holds.MinimumSize = 0x30000;
        ulong spinLock = ProcessorScenarios.HeldLock(system);
        ThreadBuilder holder = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(ProcessorScenarios.Frozen +
            "acmeraid+0x2190\nacmeraid+0x47c4\n" + Dpcs);
        ThreadBuilder waiter = setup.Population.System.AddThread(setup.Population.TakeTid()).Stack(Watchdog +
            "nt!KxWaitForSpinLockAndAcquire+0x2f\nnt!KeAcquireSpinLockRaiseToDpc+0x87\nacmenic+0x1f08\nacmenic+0x47c4\n" + Dpcs);
        ProcessorScenarios.OnProcessor(system, holder, 2, Setup.Seconds(130));
        ProcessorScenarios.OnProcessor(system, waiter, 0, Setup.Seconds(121), X64Register.Rsi, spinLock);
        parameters[2] = WriteBlock(system);
        return setup.Complete(new Truth("crash", holds, []));
    }

    private static (Setup Setup, ulong[] Parameters) Create(KernelLayout layout, string identity, ulong[] parameters)
    {
        const int Vista = 6000;
        if (layout.Build < Vista)
            throw new ArgumentException("KPRCB.DpcTimeCount, which the watchdog compares, came with Vista");
        Setup setup = Setup.Create(layout, identity, new SystemOptions(layout)
        {
            Processors = 4,
            BugCheckCode = 0x133,
            BugCheckParameters = parameters,
        });
        return (setup, parameters);
    }

    /// <summary>The block that the stop names since 14393; 0 where the build has none.</summary>
    private static ulong WriteBlock(SystemBuilder system)
    {
        if (!system.Layout.TryOffset("_KPRCB", "DpcWatchdogProfile", out int offset))
            return 0;
        ulong block = system.Nt.Variable("KeDpcWatchdogProfileGlobalTriageBlock", 16);
        system.Kernel.WriteUInt32(block, Signature);
        system.Kernel.WriteUInt16(block + 4, 1);
        system.Kernel.WriteUInt16(block + 6, 16);
        system.Kernel.WriteUInt16(block + 8, (ushort)offset);
        system.Kernel.WriteUInt32(block + 12, ProfileSize);
        return block;
    }

    /// <summary>
    /// The sampled stacks, oldest first: as many as <paramref name="firstPart"/> lie behind the place of the next one, the others
    /// from the start on. Half of them are parted by zeros, half by nothing but the clock interrupt that begins each.
    /// </summary>
    private static void WriteSamples(SystemBuilder system, int processor, List<string> stacks, int firstPart)
    {
        ulong array = system.Pool.Take(ProfileSize);
        system.Kernel.Write(array, new byte[ProfileSize]);
        List<FrameList> older = [], newer = [];
        for (int i = 0; i < stacks.Count; i++)
            (i < firstPart ? older : newer).Add(system.Frames((Sampler + stacks[i]).Replace(' ', '\n')));
        system.ProcessorDetails.Add((processor, prcb =>
        {
            ulong at = Append(system, array, newer, hasZeros: true);
            prcb.Set("DpcWatchdogProfile", array).Set("DpcWatchdogProfileCurrentEmptyCapture", at);
            Append(system, at + 8, older, hasZeros: false);
        }));
    }

    private static ulong Append(SystemBuilder system, ulong at, List<FrameList> stacks, bool hasZeros)
    {
        foreach (FrameList stack in stacks)
        {
            foreach (StackFrame frame in stack.Frames)
            {
                system.Kernel.WriteUInt64(at, frame.Address);
                at += 8;
            }
            if (hasZeros)
                at += 8;
        }
        return at;
    }
}
