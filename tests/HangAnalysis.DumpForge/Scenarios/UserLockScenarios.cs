using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Locks that programs keep in their own memory, and window messages.</summary>
internal static class UserLockScenarios
{
    private const string Callers = """
        ledger!CBook::Post+0x5e
        ledger!CBook::Worker+0x88

        """ + StandardMachine.UserStart;

    /// <summary>
    /// Two threads of one program own a critical section each and wait for the other's. The frames that call also keep
    /// pointers to the section that their thread owns, and to one that nobody owns.
    /// </summary>
    public static SystemBuilder Deadlock(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "critsec-deadlock");
        (ProcessBuilder process, UserLocks locks, Population population) = Ledger(setup);
        ThreadBuilder first = process.AddThread(population.TakeTid()), second = process.AddThread(population.TakeTid());
        ulong ofFirst = locks.CriticalSection(process, first.Tid, waiters: 1, hasDebugInfo: true);
        ulong ofSecond = locks.CriticalSection(process, second.Tid, waiters: 1, hasDebugInfo: false);
        ulong free = locks.CriticalSection(process, 0, waiters: 0, hasDebugInfo: true);
        locks.WaitFor(first, ofSecond, Callers, Setup.Seconds(88)).Local(locks.CallerFrame, ofFirst);
        locks.WaitFor(second, ofFirst, Callers, Setup.Seconds(87)).Local(locks.CallerFrame, free);
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(first), TruthLink.Lock(ofSecond), TruthLink.Of(second), TruthLink.Lock(ofFirst), TruthLink.Of(first),
        ]));
    }

    /// <summary>The owner of a critical section has ended without leaving it.</summary>
    public static SystemBuilder Orphan(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "critsec-orphan");
        (ProcessBuilder process, UserLocks locks, Population population) = Ledger(setup);
        ulong section = locks.CriticalSection(process, population.TakeTid(), waiters: 3, hasDebugInfo: true);
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = locks.WaitFor(process.AddThread(population.TakeTid()), section, Callers, Setup.Seconds(200 - i));
        return setup.Complete(new Truth("orphaned-lock", null, [TruthLink.Of(waiters[0]), TruthLink.Lock(section)]));
    }

    /// <summary>
    /// After a published case (Raymond Chen, 2014): threads wait for the loader lock, its owner for a critical section of
    /// the program, and the owner of that one is stuck. Another process has a lock at the same address.
    /// </summary>
    public static SystemBuilder LoaderLock(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "loader-lock");
        ForgedModule driver = setup.System.Modules.AddThirdParty("bookflt.sys", "Fourth Coffee Books", "6.0.2.1");
        driver.MinimumSize = 0x20000;
        (ProcessBuilder process, UserLocks locks, Population population) = Ledger(setup);
        ThreadBuilder loading = process.AddThread(population.TakeTid()), stuck = process.AddThread(population.TakeTid());
        ulong loader = locks.CriticalSection(process, loading.Tid, waiters: 2, hasDebugInfo: true);
        locks.MakeLoaderLock(process, loader);
        ulong section = locks.CriticalSection(process, stuck.Tid, waiters: 1, hasDebugInfo: false);
        locks.WaitFor(loading, section, Callers, Setup.Seconds(300));
        stuck.Stack(AlpcStates.StuckClose("bookflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(310), setup.System.Objects.Event());
        ThreadBuilder[] waiters = new ThreadBuilder[2];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = locks.WaitFor(process.AddThread(population.TakeTid()), loader, """
                ntdll!LdrpAcquireLoaderLock+0x3c
                ntdll!LdrShutdownThread+0x5d
                ntdll!RtlExitUserThread+0x44

                """ + StandardMachine.UserStart, Setup.Seconds(290 - 10 * i));
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(waiters[0]), TruthLink.Lock(loader, "loader lock"), TruthLink.Of(loading), TruthLink.Lock(section),
            TruthLink.Of(stuck), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>
    /// A mutant's owner waits for a lock of its own program, and the pages of that program are not in the dump.
    /// </summary>
    public static SystemBuilder PagesAbsent(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "user-pages-absent");
        (ProcessBuilder process, UserLocks locks, Population population) = Ledger(setup);
        process.IsUserModeAbsent = true;
        ThreadBuilder owner = process.AddThread(population.TakeTid()), other = process.AddThread(population.TakeTid());
        locks.WaitFor(owner, locks.CriticalSection(process, other.Tid, waiters: 1, hasDebugInfo: true), Callers,
            Setup.Seconds(160));
        other.Stack(StandardMachine.WaitForObject + StandardMachine.UserStart)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(165), setup.System.Objects.Event());
        ulong mutant = setup.System.Objects.Mutant(owner, @"\Sessions\BaseNamedObjects\LedgerFile");
        ThreadBuilder waiter = population.New("reports.exe", 0xc80, 1, 0xc1c).AddThread(population.TakeTid())
            .Stack(StandardMachine.WaitForObject + StandardMachine.UserStart)
            .Waiting("UserRequest", userMode: true, Setup.Seconds(150), mutant);
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Lock(mutant, "LedgerFile"), TruthLink.Of(owner)]));
    }

    /// <summary>
    /// The frames that wait for a critical section name two that other threads own: neither is believed. Nothing else shows
    /// who the thread waits for.
    /// </summary>
    public static SystemBuilder Ambiguous(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "critsec-ambiguous");
        (ProcessBuilder process, UserLocks locks, Population population) = Ledger(setup);
        ulong[] sections = new ulong[2];
        for (int i = 0; i < sections.Length; i++)
        {
            ThreadBuilder owner = process.AddThread(population.TakeTid())
                .Stack(population.Parse(StandardMachine.WaitForObject + StandardMachine.UserStart))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(300), setup.System.Objects.Event());
            sections[i] = locks.CriticalSection(process, owner.Tid, waiters: 1, hasDebugInfo: true);
        }
        locks.WaitFor(process.AddThread(population.TakeTid()), sections[0], Callers, Setup.Seconds(100))
            .Local(locks.CallerFrame, sections[1]);
        return setup.Complete(Truth.NoHang);
    }

    /// <summary>A thread has sent a window message; the one other thread with windows that is stuck is in a driver.</summary>
    public static SystemBuilder WindowMessage(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "window-message");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("penflt.sys", "Woodgrove Tablets", "1.1.4.0");
        driver.MinimumSize = 0x20000;
        ProcessBuilder sender = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder receiver = population.New("pentray.exe", 0xca0, 1, 0xc1c);
        ThreadBuilder waiter = sender.AddThread(population.TakeTid());
        ulong reply = system.Objects.Event();
        Send(waiter, Setup.Seconds(64), reply);
        ThreadBuilder stuck = receiver.AddThread(population.TakeTid()).Stack(AlpcStates.StuckClose("penflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(65), system.Objects.Event());
        stuck.Struct.Set("Tcb.Win32Thread", system.Pool.Take(0x40));
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(waiter), new TruthLink("lock", reply, ""), TruthLink.Of(stuck), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>Puts a thread into the wait for the receiver of a window message.</summary>
    internal static void Send(ThreadBuilder thread, TimeSpan age, ulong reply) =>
        thread.Stack(StandardMachine.WaitSingle + """
            win32kfull!xxxRealSleepThread+0x2d8
            win32kfull!xxxSleepThread2+0x97
            win32kfull!xxxInterSendMsgEx+0xc8e
            win32kfull!xxxSendTransformableMessageTimeout+0x341
            win32kfull!xxxWrapSendMessage+0x2e
            win32kfull!NtUserMessageCall+0x19b
            nt!KiSystemServiceCopyEnd+0x13
            win32u!NtUserMessageCall+0x14
            USER32!SendMessageWorker+0x1ac
            USER32!SendMessageW+0xf6

            """ + StandardMachine.UserStart).Waiting("WrUserRequest", userMode: true, age, reply);

    private static (ProcessBuilder Process, UserLocks Locks, Population Population) Ledger(Setup setup)
    {
        ForgedModule program = setup.System.Modules.AddUser("ledger.exe");
        ProcessBuilder process = setup.Population.New("ledger.exe", 0xc40, 1, 0xc1c);
        process.Executable = program;
        setup.Population.Fill(process, workers: 2, objects: 1);
        return (process, new UserLocks(setup.System), setup.Population);
    }
}
