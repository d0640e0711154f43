using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Messages in every state in which nobody answers: unreceived, cancelled, called back, without an owner.</summary>
internal static class AlpcStates
{
    private const string ClientStack = StandardMachine.AlpcWait + """
        RPCRT4!NdrClientCall3+0xf2

        """ + StandardMachine.UserStart;

    private const string ServerStack = StandardMachine.AlpcWait + """
        RPCRT4!NdrClientCall3+0xf2

        """ + StandardMachine.RpcServer;

    /// <summary>
    /// After a published case: a chain over four processes. Winlogon waits for a service, that for another, that for lsass,
    /// whose thread waits in the redirector for a server that does not answer. All of it is Windows: nobody is accused.
    /// </summary>
    public static SystemBuilder FourProcesses(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-four-processes");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule redirector = system.Modules.AddDriver("rdbss.sys");
        system.Modules.AddDriver("mrxsmb.sys");
        system.Modules.AddDriver("mup.sys");
        ProcessBuilder winlogon = system.Processes.First(process => process.Name == "winlogon.exe");
        ProcessBuilder profiles = population.Svchost(0x3a4, "netsvcs"), policies = population.Svchost(0x3f0, "GPSvcGroup");
        ProcessBuilder lsass = system.Processes.First(process => process.Name == "lsass.exe");
        population.Fill(profiles, workers: 3, objects: 1);
        population.Fill(policies, workers: 2);
        ThreadBuilder suffers = winlogon.AddThread(population.TakeTid()).Stack(ClientStack);
        ThreadBuilder second = profiles.AddThread(population.TakeTid()).Stack(ServerStack);
        ThreadBuilder third = policies.AddThread(population.TakeTid()).Stack(ServerStack);
        ThreadBuilder last = lsass.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            rdbss!RxWaitSync+0x4c
            rdbss!RxSubmitAsynchronousRequest+0x96
            mrxsmb!SmbCeReferenceServerEntry+0x1d2
            mrxsmb!MRxSmbCreate+0x35e
            rdbss!RxCollapseOrCreateSrvOpen+0x2fd
            rdbss!RxCommonCreate+0x21a
            rdbss!RxFsdCommonDispatch+0x562
            mrxsmb!MRxSmbFsdDispatch+0xe9
            mup!MupiCallUncProvider+0xb9
            mup!MupCreate+0x2a8
            nt!IopParseDevice+0x778
            nt!NtCreateFile+0x79
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtCreateFile+0x14
            KERNELBASE!CreateFileInternal+0x2f3

            """ + StandardMachine.RpcServer)
            .Waiting("Executive", userMode: false, Setup.Seconds(95), system.Objects.Event());
        AlpcObjects alpc = system.Alpc;
        ulong toLsass = alpc.Request(alpc.Connect(policies, lsass, alpc.ConnectionPort(lsass, @"\RPC Control\lsasspirpc")),
            third, last, Setup.Seconds(95.5));
        ulong toPolicies = alpc.Request(
            alpc.Connect(profiles, policies, alpc.ConnectionPort(policies, @"\RPC Control\gpsvc")), second, third,
            Setup.Seconds(96));
        ulong toProfiles = alpc.Request(
            alpc.Connect(winlogon, profiles, alpc.ConnectionPort(profiles, @"\RPC Control\IUserProfile2")), suffers, second,
            Setup.Seconds(96.5));
        return setup.Complete(new Truth("stuck-io", null,
        [
            TruthLink.Of(suffers), TruthLink.Message(toProfiles), TruthLink.Of(second), TruthLink.Message(toPolicies),
            TruthLink.Of(third), TruthLink.Message(toLsass), TruthLink.Of(last), TruthLink.Driver(redirector),
        ]));
    }

    /// <summary>
    /// After a published case (Raymond Chen, 2013): a message in explorer's queue that no thread receives; eight threads
    /// are registered with the port's completion object, and each is at work of its own.
    /// </summary>
    public static SystemBuilder NotListening(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-not-listening");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder explorer = population.New("explorer.exe", 0xc1c, 1, 0xbfc);
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        population.Fill(explorer, workers: 2, gui: 1);
        ulong queue = system.Objects.Queue(maximum: 8);
        for (int i = 0; i < 8; i++)
        {
            ThreadBuilder thread = explorer.AddThread(population.TakeTid()).Stack(population.Parse(
                StandardMachine.WaitForObject + StandardMachine.RpcServer))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(400 + 3 * i), system.Objects.Event());
            system.Alpc.Serve(queue, thread);
        }
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(ClientStack);
        ulong message = Send(setup, client, explorer, waiter, queue);
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(explorer)]));
    }

    /// <summary>All threads of a server's pool wait for the same mutant, whose owner is in a third company's driver.</summary>
    public static SystemBuilder PoolOnMutant(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-pool-on-mutant");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("vaultflt.sys", "Contoso Vaults Inc.", "1.9.0.4");
        driver.MinimumSize = 0x20000;
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder server = population.New("vaultsvc.exe", 0x714, 0, 0x240);
        population.Fill(server, workers: 2, objects: 1);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(ClientStack);
        ThreadBuilder owner = server.AddThread(population.TakeTid()).Stack(StuckClose("vaultflt"))
            .Waiting("Executive", userMode: false, Setup.Seconds(260), system.Objects.Event());
        ulong mutant = system.Objects.Mutant(owner, @"\BaseNamedObjects\VaultIndex");
        ulong queue = system.Objects.Queue();
        ThreadBuilder[] pool = new ThreadBuilder[4];
        for (int i = 0; i < pool.Length; i++)
        {
            pool[i] = server.AddThread(population.TakeTid()).Stack(population.Parse(
                StandardMachine.WaitForObject + StandardMachine.RpcServer))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(250 - i), mutant);
            system.Alpc.Serve(queue, pool[i]);
        }
        ulong message = Send(setup, client, server, waiter, queue);
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server), TruthLink.Of(pool[0]),
            TruthLink.Lock(mutant, "VaultIndex"), TruthLink.Of(owner), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A message is too large for every receiver's buffer.</summary>
    public static SystemBuilder LargeMessage(KernelLayout layout) => Quiet(layout, "alpc-large-message", "LargeMessageQueue");

    /// <summary>A message was cancelled, but its sender waits on.</summary>
    public static SystemBuilder Cancelled(KernelLayout layout) => Quiet(layout, "alpc-cancelled", "CanceledQueue");

    /// <summary>
    /// A client waits for its server and holds a mutant; the server calls the client back, and the thread that received the
    /// call waits for the mutant.
    /// </summary>
    public static SystemBuilder CallbackCycle(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-callback-cycle");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder client = population.New("designer.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder server = population.New("modelsrv.exe", 0xc80, 1, 0xc1c);
        population.Fill(client, workers: 2, gui: 1);
        population.Fill(server, workers: 2);
        ThreadBuilder caller = client.AddThread(population.TakeTid()).Stack(ClientStack);
        ThreadBuilder called = client.AddThread(population.TakeTid()).Stack(population.Parse(
            StandardMachine.WaitForObject + StandardMachine.RpcServer));
        ThreadBuilder serving = server.AddThread(population.TakeTid()).Stack(ServerStack);
        ulong mutant = system.Objects.Mutant(caller, @"\Sessions\1\BaseNamedObjects\DesignerDocument");
        called.Waiting("UserRequest", userMode: true, Setup.Seconds(71), mutant);
        AlpcConnection connection = system.Alpc.Connect(
            client, server, system.Alpc.ConnectionPort(server, @"\RPC Control\modelsrv"));
        ulong request = system.Alpc.Request(connection, caller, serving, Setup.Seconds(72));
        ulong callback = system.Alpc.Callback(connection, serving, called, Setup.Seconds(71.5));
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(caller), TruthLink.Message(request), TruthLink.Of(serving), TruthLink.Message(callback),
            TruthLink.Of(called), TruthLink.Lock(mutant, "DesignerDocument"), TruthLink.Of(caller),
        ]));
    }

    /// <summary>The process at whose port a message lies has exited; a handle keeps it.</summary>
    public static SystemBuilder OwnerExited(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-owner-exited");
        (ThreadBuilder waiter, ulong message, ProcessBuilder server, _) = Actors(setup, "MainQueue", workers: 0);
        server.IsExited = true;
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server)]));
    }

    /// <summary>The ports of a connection have been closed by their owner, who is recorded no longer.</summary>
    public static SystemBuilder PortClosed(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-port-closed");
        (ThreadBuilder waiter, ulong message, ProcessBuilder server, AlpcConnection connection) =
            Actors(setup, "MainQueue", workers: 3);
        foreach (KernelStruct port in (KernelStruct[])[connection.ConnectionPort, connection.ServerPort])
            // Bit 0 says that the rest of the field is not valid.
            port.Set("OwnerProcess", server.Address | 1).TrySet("u1.s1.Closed", 1);
        return setup.Complete(new Truth("server-not-answering", null, [TruthLink.Of(waiter), TruthLink.Message(message)]));
    }

    /// <summary>A client asks for a connection that nobody accepts.</summary>
    public static SystemBuilder ConnectionPending(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-connection-pending");
        (ThreadBuilder waiter, ulong message, ProcessBuilder server, AlpcConnection connection) =
            Actors(setup, "MainQueue", workers: 3);
        const uint ConnectionRequest = 10;
        setup.System.Struct("_KALPC_MESSAGE", message).TrySet("PortMessage.u2.s2.Type", ConnectionRequest);
        connection.Info.Set("ServerCommunicationPort", 0);
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server)]));
    }

    /// <summary>Frames of a thread that closes a file and is stuck in a filter driver.</summary>
    internal static string StuckClose(string driver) => StandardMachine.WaitSingle + $"""
        {driver}+0x1d44
        {driver}+0x2a18
        FLTMGR!FltpDispatch+0xb6
        nt!IopCloseFile+0x150
        nt!NtClose+0xcb
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtClose+0x14
        KERNELBASE!CloseHandle+0x62

        """ + StandardMachine.UserStart;

    private static SystemBuilder Quiet(KernelLayout layout, string name, string queue)
    {
        Setup setup = Setup.Create(layout, name);
        (ThreadBuilder waiter, ulong message, ProcessBuilder server, _) = Actors(setup, queue, workers: 4);
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server)]));
    }

    private static (ThreadBuilder Waiter, ulong Message, ProcessBuilder Server, AlpcConnection Connection) Actors(
        Setup setup, string queue, int workers)
    {
        Population population = setup.Population;
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder server = population.New("quietsvc.exe", 0x714, 0, 0x240);
        population.Fill(server, workers: workers);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(ClientStack);
        AlpcObjects alpc = setup.System.Alpc;
        AlpcConnection connection = alpc.Connect(client, server, alpc.ConnectionPort(server, @"\RPC Control\quietsvc"));
        ulong message = alpc.Request(connection, waiter, null, Setup.Seconds(190), queue: queue);
        return (waiter, message, server, connection);
    }

    private static ulong Send(Setup setup, ProcessBuilder client, ProcessBuilder server, ThreadBuilder waiter, ulong queue)
    {
        AlpcObjects alpc = setup.System.Alpc;
        KernelStruct port = alpc.ConnectionPort(server, $@"\RPC Control\{server.Name[..^4]}").Set("CompletionPort", queue);
        return alpc.Request(alpc.Connect(client, server, port), waiter, null, Setup.Seconds(245));
    }
}
