using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Waits for replies that do not come.</summary>
internal static class AlpcScenarios
{
    private const string ClientStack = StandardMachine.AlpcWait + """
        RPCRT4!NdrClientCall3+0xf2
        KERNELBASE!LookupAccountSidInternal+0x12a

        """ + StandardMachine.UserStart;

    /// <summary>
    /// A service waits for lsass, which waits for a third company's service, whose thread is in that company's driver.
    /// </summary>
    public static SystemBuilder Received(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "alpc-received");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("acmeflt.sys", "Acme Security GmbH", "4.2.1.7");
        driver.MinimumSize = 0x30000;
        ProcessBuilder client = population.Svchost(0x3a4, "LocalService");
        ProcessBuilder lsass = system.Processes.First(process => process.Name == "lsass.exe");
        ProcessBuilder service = population.New("acmesvc.exe", 0x6f4, 0, 0x240,
            @"\Device\HarddiskVolume1\Program Files\Acme\acmesvc.exe");
        population.Fill(client, workers: 2);
        population.Fill(service, workers: 2, objects: 1);

        ThreadBuilder suffers = client.AddThread(population.TakeTid()).Stack(ClientStack);
        ThreadBuilder middle = lsass.AddThread(population.TakeTid()).Stack(StandardMachine.AlpcWait + """
            RPCRT4!NdrClientCall3+0xf2

            """ + StandardMachine.RpcServer);
        ulong gate = system.Objects.Event();
        ThreadBuilder stuck = service.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            acmeflt+0x1a37
            acmeflt+0x3c10
            acmeflt+0x52ee
            nt!IopXxxControlFile+0x8d4
            nt!NtDeviceIoControlFile+0x56
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtDeviceIoControlFile+0x14
            KERNELBASE!DeviceIoControl+0x68

            """ + StandardMachine.RpcServer).Waiting("Executive", userMode: false, Setup.Seconds(301.5), gate);
        KernelStruct lsaPort = system.Alpc.ConnectionPort(lsass, @"\RPC Control\lsapolicylookup");
        KernelStruct servicePort = system.Alpc.ConnectionPort(service, @"\RPC Control\acmesvc");
        ulong second = system.Alpc.Request(system.Alpc.Connect(lsass, service, servicePort), middle, stuck,
            Setup.Seconds(302));
        ulong first = system.Alpc.Request(system.Alpc.Connect(client, lsass, lsaPort), suffers, middle,
            Setup.Seconds(302.5));
        return setup.Complete(new Truth("stuck-in-driver", driver,
        [
            TruthLink.Of(suffers), TruthLink.Message(first), TruthLink.Of(middle), TruthLink.Message(second),
            TruthLink.Of(stuck), TruthLink.Driver(driver),
        ]));
    }

    /// <summary>A message lies in the queue of a port whose process has only idle workers.</summary>
    public static SystemBuilder Silent(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "server-silent");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ProcessBuilder client = population.New("notes.exe", 0xc90, 1, 0xc1c);
        ProcessBuilder server = population.New("quietsvc.exe", 0x714, 0, 0x240);
        population.Fill(server, workers: 5);
        ThreadBuilder waiter = client.AddThread(population.TakeTid()).Stack(ClientStack);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\quietsvc");
        port.TrySet("CompletionPort", server.Queue);
        ulong message = system.Alpc.Request(
            system.Alpc.Connect(client, server, port), waiter, null, Setup.Seconds(190));
        return setup.Complete(new Truth("server-not-answering", null,
            [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(server)]));
    }
}
