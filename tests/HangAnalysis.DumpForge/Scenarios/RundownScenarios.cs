using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Waits whose owner no structure names: rundown protection and keyed events.</summary>
internal static class RundownScenarios
{
    /// <summary>A registry callback unregisters itself: it waits until it has returned.</summary>
    public static SystemBuilder RegistryCallback(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "rundown-registry");
        SystemBuilder system = setup.System;
        ForgedModule driver = Driver(system, "regwatch.sys", "Litware Security");
        ProcessBuilder process = setup.Population.New("setup.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder thread = process.AddThread(setup.Population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!ExWaitForRundownProtectionRelease+0x3e
            nt!CmUnRegisterCallback+0x14a
            regwatch+0x1370
            regwatch+0x1508
            nt!CmpCallCallBacksEx+0x2c4
            nt!CmpParseKey+0x1d1
            nt!ObpLookupObjectName+0x78b
            nt!ObOpenObjectByName+0x1ec
            nt!CmOpenKey+0x29d
            nt!NtOpenKeyEx+0xf
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtOpenKeyEx+0x14

            """ + StandardMachine.UserStart);
        ulong wait = WaitEvent(system, thread);
        thread.Waiting("WrRundown", userMode: false, Setup.Seconds(48), wait);
        return setup.Complete(new Truth("deadlock", driver,
            [TruthLink.Of(thread), TruthLink.Lock(wait), TruthLink.Of(thread)]));
    }

    /// <summary>A driver's entry unregisters its filter and waits for its users; another load waits for the first to end.</summary>
    public static SystemBuilder Filter(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "rundown-filter");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = Driver(system, "snapflt.sys", "Fabrikam Backup");
        ThreadBuilder loader = population.System.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!ExWaitForRundownProtectionReleaseCacheAware+0x7d
            FLTMGR!FltpObjectRundownWait+0x3a
            FLTMGR!FltUnregisterFilter+0x1c2
            snapflt+0x1090
            snapflt+0x6044
            nt!PnpCallDriverEntry+0x4c
            nt!IopLoadDriver+0x4e3
            nt!IopLoadUnloadDriver+0x57
            nt!ExpWorkerThread+0xdd

            """ + StandardMachine.SystemStart);
        ulong wait = WaitEvent(system, loader);
        loader.Waiting("Executive", userMode: false, Setup.Seconds(400), wait);
        ProcessBuilder services = system.Processes.First(process => process.Name == "services.exe");
        ThreadBuilder second = services.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            nt!ExpWaitForResource+0x6b
            nt!ExAcquireResourceExclusiveLite+0x1d3
            nt!IopLoadUnloadDriver+0x2e
            nt!NtLoadDriver+0x19a
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtLoadDriver+0x14

            """ + StandardMachine.UserStart);
        KernelStruct resource = system.Resources.Add(loader);
        system.Resources.AddWaiters(resource, [second], [], _ => Setup.Seconds(380));
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(second), TruthLink.Lock(resource.Address), TruthLink.Of(loader), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A server's thread waits for a lock of its program by a keyed event; who owns that the kernel does not know.</summary>
    public static SystemBuilder KeyedEvent(KernelLayout layout)
    {
        const ulong Key = 0x000000d1c2f8a940;
        Setup setup = Setup.Create(layout, "keyed-event");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder server = population.New("syncsvc.exe", 0x714, 0, 0x240);
        population.Fill(server, workers: 3);
        const string KeyedWait = StandardMachine.WaitSingle + """
            nt!ExpWaitForKeyedEvent+0x1b7
            nt!NtWaitForKeyedEvent+0x1a6
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtWaitForKeyedEvent+0x14
            ntdll!RtlAcquireSRWLockExclusive+0x165

            """;
        // An idle thread that sleeps the same way with another key holds up nobody.
        Keyed(population.New("player.exe", 0xca0, 1, 0xc1c), KeyedWait + StandardMachine.UserStart, Key + 0x40, 5000);
        ThreadBuilder serving = Keyed(server, KeyedWait + StandardMachine.RpcServer, Key, 170);
        Keyed(server, KeyedWait + StandardMachine.UserStart, Key, 165);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(StandardMachine.AlpcWait + """
            RPCRT4!NdrClientCall3+0xf2

            """ + StandardMachine.UserStart);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\syncsvc");
        ulong message = system.Alpc.Request(
            system.Alpc.Connect(client, server, port), waiter, serving, Setup.Seconds(171));
        return setup.Complete(new Truth("owner-unknown", null,
        [
            TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(serving), TruthLink.Lock(serving.AlpcSemaphore),
        ]));

        ThreadBuilder Keyed(ProcessBuilder process, string stack, ulong key, double age)
        {
            ThreadBuilder thread = process.AddThread(population.TakeTid()).Stack(population.Parse(stack));
            thread.Struct.Set("KeyedWaitValue", key);
            return thread.Waiting("WrKeyedEvent", userMode: true, Setup.Seconds(age), thread.AlpcSemaphore);
        }
    }

    private static ForgedModule Driver(SystemBuilder system, string name, string company)
    {
        ForgedModule driver = system.Modules.AddThirdParty(name, company, "2.6.0.31");
        driver.MinimumSize = 0x8000;
        return driver;
    }

    /// <summary>The event of a rundown wait, on the waiter's stack.</summary>
    private static ulong WaitEvent(SystemBuilder system, ThreadBuilder thread) =>
        system.Objects.Event(address: thread.PlaceOnStack(system.Layout.Size("_KEVENT")));
}
