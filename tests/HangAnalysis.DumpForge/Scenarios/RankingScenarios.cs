using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Several waits at once: which of them is the answer, and what is one story.</summary>
internal static class RankingScenarios
{
    private const string MutantWait = StandardMachine.WaitForObject + StandardMachine.UserStart;

    private const string ResourceWait = StandardMachine.WaitSingle + """
        nt!ExpWaitForResource+0x6b
        nt!ExAcquireResourceExclusiveLite+0x1d3
        Ntfs!NtfsCommonWrite+0x4ae
        Ntfs!NtfsFsdWrite+0x206
        FLTMGR!FltpDispatch+0x9e
        nt!IopSynchronousServiceTail+0x1a0
        nt!NtWriteFile+0x676
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWriteFile+0x14
        KERNELBASE!WriteFile+0x76

        """ + StandardMachine.UserStart;

    /// <summary>
    /// Two drivers each hold somebody up, and the waits have nothing to do with each other: twelve threads behind one, two
    /// behind the other, which have waited longer.
    /// </summary>
    public static SystemBuilder TwoRoots(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "two-roots");
        Population population = setup.Population;
        ForgedModule big = AddFilter(setup, "scanflt.sys", "Fabrikam Scan Ltd.", "3.4.0.2");
        ForgedModule small = AddFilter(setup, "quotaflt.sys", "Litware Quota AG", "1.0.7.0");
        ProcessBuilder editors = population.New("editor.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder mailer = population.New("mailer.exe", 0xc80, 1, 0xc1c);
        (_, KernelStruct _, _) = LockBehind(setup, mailer, "quotaflt", 2, 900);
        (ThreadBuilder owner, KernelStruct resource, List<ThreadBuilder> waiters) = LockBehind(setup, editors, "scanflt", 12, 300);
        _ = small;
        return setup.Complete(new Truth("stuck-in-driver", big,
            [TruthLink.Of(waiters[0]), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Driver(big)]));
    }

    /// <summary>
    /// The session's csrss waits behind one driver, nine threads of a program behind another for longer: who waits decides
    /// before how many.
    /// </summary>
    public static SystemBuilder VitalVictim(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "vital-victim");
        Population population = setup.Population;
        ForgedModule vital = AddFilter(setup, "fontflt.sys", "Proseware Fonts Inc.", "5.1.0.9");
        AddFilter(setup, "quotaflt.sys", "Litware Quota AG", "1.0.7.0");
        ProcessBuilder program = population.New("editor.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder fonts = population.New("fontsvc.exe", 0xc80, 0, 0x240);
        ProcessBuilder csrss = setup.System.Processes.Last(process => process.Name == "csrss.exe");
        LockBehind(setup, program, "quotaflt", 9, 900);
        ThreadBuilder owner = Stuck(setup, fonts, "fontflt", 120);
        ulong mutant = setup.System.Objects.Mutant(owner, @"\BaseNamedObjects\FontTable");
        ThreadBuilder victim = csrss.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(110), mutant);
        return setup.Complete(new Truth("stuck-in-driver", vital,
            [TruthLink.Of(victim), TruthLink.Lock(mutant, "FontTable"), TruthLink.Of(owner), TruthLink.Driver(vital)]));
    }

    /// <summary>
    /// Two chains merge: two owners of two locks both wait for a third lock, whose owner is in a driver. One root, one chain.
    /// </summary>
    public static SystemBuilder Diamond(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "diamond");
        Population population = setup.Population;
        ForgedModule filter = AddFilter(setup, "scanflt.sys", "Fabrikam Scan Ltd.", "3.4.0.2");
        ProcessBuilder process = population.New("archive.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder stuck = Stuck(setup, process, "scanflt", 400);
        KernelStruct last = setup.System.Resources.Add(stuck);
        ThreadBuilder[] middle = [Waiter(setup, process), Waiter(setup, process)];
        setup.System.Resources.AddWaiters(last, middle, [], i => Setup.Seconds(390 - 10 * i));
        KernelStruct[] locks = [setup.System.Resources.Add(middle[0]), setup.System.Resources.Add(middle[1])];
        ThreadBuilder[] left = [Waiter(setup, process), Waiter(setup, process)];
        ThreadBuilder[] right = [Waiter(setup, process)];
        setup.System.Resources.AddWaiters(locks[0], left, [], i => Setup.Seconds(350 - 10 * i));
        setup.System.Resources.AddWaiters(locks[1], right, [], _ => Setup.Seconds(360));
        return setup.Complete(new Truth("stuck-in-driver", filter,
        [
            TruthLink.Of(right[0]), TruthLink.Lock(locks[1].Address), TruthLink.Of(middle[1]), TruthLink.Lock(last.Address),
            TruthLink.Of(stuck), TruthLink.Driver(filter),
        ]));
    }

    /// <summary>Three threads wait for each other's mutants in a circle; twenty threads wait for one of the three.</summary>
    public static SystemBuilder CircleWithVictims(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "circle-victims");
        Population population = setup.Population;
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder[] circle = new ThreadBuilder[3];
        ulong[] mutants = new ulong[circle.Length];
        for (int i = 0; i < circle.Length; i++)
        {
            circle[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait));
            mutants[i] = setup.System.Objects.Mutant(circle[i], $@"\Sessions\1\BaseNamedObjects\Step{i}");
        }
        for (int i = 0; i < circle.Length; i++)
            circle[i].Waiting("UserRequest", userMode: true, Setup.Seconds(500 - i), mutants[(i + 1) % circle.Length]);
        ThreadBuilder[] victims = new ThreadBuilder[20];
        for (int i = 0; i < victims.Length; i++)
            victims[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(MutantWait))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(450 - i), mutants[0]);
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(victims[0]), TruthLink.Lock(mutants[0], "Step0"), TruthLink.Of(circle[0]),
            TruthLink.Lock(mutants[1], "Step1"), TruthLink.Of(circle[1]), TruthLink.Lock(mutants[2], "Step2"),
            TruthLink.Of(circle[2]), TruthLink.Lock(mutants[0], "Step0"),
        ]));
    }

    /// <summary>
    /// A thread owns a resource shared, alone, and asks for it exclusively: it waits for itself. Case: shared-to-exclusive
    /// upgrades of one thread, which ExAcquireResourceExclusiveLite documents as a deadlock.
    /// </summary>
    public static SystemBuilder SelfDeadlock(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "self-deadlock");
        Population population = setup.Population;
        ProcessBuilder process = population.New("archive.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder self = Waiter(setup, process);
        KernelStruct resource = setup.System.Resources.Add(null, self);
        setup.System.Resources.AddWaiters(resource, [self], [], _ => Setup.Seconds(77));
        return setup.Complete(new Truth("deadlock", null,
            [TruthLink.Of(self), TruthLink.Lock(resource.Address), TruthLink.Of(self)]));
    }

    private static ForgedModule AddFilter(Setup setup, string name, string company, string version)
    {
        ForgedModule filter = setup.System.Modules.AddThirdParty(name, company, version);
        filter.MinimumSize = 0x10000;
        return filter;
    }

    private static ThreadBuilder Waiter(Setup setup, ProcessBuilder process) =>
        process.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(ResourceWait));

    /// <summary>A thread that closes a file and does not come out of a filter.</summary>
    private static ThreadBuilder Stuck(Setup setup, ProcessBuilder process, string filter, double seconds) =>
        process.AddThread(setup.Population.TakeTid()).Stack(setup.Population.Parse(StandardMachine.WaitSingle + $"""
            {filter}+0x2044
            {filter}+0x3a18
            FLTMGR!FltpDispatch+0xb6
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            KERNELBASE!CloseHandle+0x62

            """ + StandardMachine.UserStart))
            .Waiting("Executive", userMode: false, Setup.Seconds(seconds), setup.System.Objects.Event());

    /// <summary>A resource whose owner is stuck in a filter, with waiters of the owner's process.</summary>
    private static (ThreadBuilder Owner, KernelStruct Resource, List<ThreadBuilder> Waiters) LockBehind(
        Setup setup, ProcessBuilder process, string filter, int count, double seconds)
    {
        ThreadBuilder owner = Stuck(setup, process, filter, seconds);
        KernelStruct resource = setup.System.Resources.Add(owner);
        List<ThreadBuilder> waiters = [];
        for (int i = 0; i < count; i++)
            waiters.Add(Waiter(setup, process));
        setup.System.Resources.AddWaiters(resource, waiters, [], i => Setup.Seconds(seconds - 5 - i));
        return (owner, resource, waiters);
    }
}
