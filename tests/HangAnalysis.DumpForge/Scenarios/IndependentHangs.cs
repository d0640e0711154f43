using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>A hang that has nothing to do with any other in the system: who suffers, and the chain to the end.</summary>
/// <param name="Kind">What is waited for: <c>message</c>, <c>resource</c>, <c>mutant</c>, <c>request</c>.</param>
/// <param name="Waiter">The thread at the start of the chain.</param>
/// <param name="Links">The chain; it ends with the thread or the driver that keeps everybody waiting.</param>
public sealed record IndependentHang(string Kind, ThreadBuilder Waiter, IReadOnlyList<TruthLink> Links);

/// <summary>
/// Four hangs side by side, one of each kind of wait, that share no thread, lock or message. Added to a scenario they are
/// what has to stay right whatever happens to the rest.
/// </summary>
public static class IndependentHangs
{
    private const string Stuck = StandardMachine.WaitSingle + """
        witness+0x1c40
        witness+0x2044
        nt!IopCloseFile+0x150

        """;

    private const string Caller = """
        nt!NtClose+0xcb
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtClose+0x14
        ntdll!RtlUserThreadStart+0x21
        """;

    /// <summary>The four hangs alone, on a system without idle threads; the message's has lasted longest.</summary>
    internal static SystemBuilder Build(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "four-hangs", new SystemOptions(layout) { IsMinimal = true });
        IReadOnlyList<IndependentHang> hangs = AddTo(setup.System);
        setup.System.Resources.AddUncontended(3);
        ForgedModule witness = setup.System.Modules.ByName("witness");
        setup.System.Truth = new Truth("stuck-in-driver", witness, [.. hangs[0].Links, TruthLink.Driver(witness)]);
        return setup.System;
    }

    /// <summary>Adds the four hangs to a system that is not finished.</summary>
    public static IReadOnlyList<IndependentHang> AddTo(SystemBuilder system)
    {
        ForgedModule module = system.Modules.AddThirdParty("witness.sys", "Wide World Importers", "1.2.3.4");
        module.MinimumSize = 0x8000;
        ProcessBuilder client = system.AddProcess("witness.exe", 0x3f00, session: 1);
        ProcessBuilder server = system.AddProcess("witnesssvc.exe", 0x3f40);
        return [Message(system, client, server), Resource(system, client), Mutant(system, client), Request(system, client, module)];
    }

    private static IndependentHang Message(SystemBuilder system, ProcessBuilder client, ProcessBuilder server)
    {
        ThreadBuilder waiter = client.AddThread(0x3f04).Stack(StandardMachine.WaitSingle + """
            nt!AlpcpSignalAndWait+0x1d6
            nt!NtAlpcSendWaitReceivePort+0x1f9
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtAlpcSendWaitReceivePort+0x14
            ntdll!RtlUserThreadStart+0x21
            """);
        ThreadBuilder stuck = StuckThread(system, server, 0x3f44, 99);
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\witness");
        ulong message = system.Alpc.Request(system.Alpc.Connect(client, server, port), waiter, stuck, Setup.Seconds(98));
        return new IndependentHang("message", waiter, [TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(stuck)]);
    }

    private static IndependentHang Resource(SystemBuilder system, ProcessBuilder process)
    {
        ThreadBuilder owner = StuckThread(system, process, 0x3f08, 89);
        ThreadBuilder waiter = process.AddThread(0x3f0c).Stack(StandardMachine.WaitSingle + """
            nt!ExpWaitForResource+0x6b
            nt!ExAcquireResourceExclusiveLite+0x1d3

            """ + Caller);
        KernelStruct resource = system.Resources.Add(owner);
        system.Resources.AddWaiters(resource, [waiter], [], _ => Setup.Seconds(88));
        return new IndependentHang("resource", waiter,
            [TruthLink.Of(waiter), TruthLink.Lock(resource.Address), TruthLink.Of(owner)]);
    }

    private static IndependentHang Mutant(SystemBuilder system, ProcessBuilder process)
    {
        ThreadBuilder owner = StuckThread(system, process, 0x3f10, 79);
        ulong mutant = system.Objects.Mutant(owner, @"\Sessions\1\BaseNamedObjects\Witness");
        ThreadBuilder waiter = process.AddThread(0x3f14).Stack(StandardMachine.WaitSingle + """
            nt!ObWaitForSingleObject+0xbd
            nt!NtWaitForSingleObject+0x6a
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtWaitForSingleObject+0x14
            ntdll!RtlUserThreadStart+0x21
            """).Waiting("UserRequest", userMode: true, Setup.Seconds(78), mutant);
        return new IndependentHang("mutant", waiter,
            [TruthLink.Of(waiter), TruthLink.Lock(mutant, "Witness"), TruthLink.Of(owner)]);
    }

    private static IndependentHang Request(SystemBuilder system, ProcessBuilder process, ForgedModule module)
    {
        KernelStruct disk = system.Requests.Device(system.Requests.Driver(module), @"\Device\Witness0");
        KernelStruct file = system.Requests.File(disk, @"\witness.db");
        system.Objects.WriteDispatcher(file.At("Event"), "EventNotificationObject", 6, 0);
        ThreadBuilder waiter = process.AddThread(0x3f18).Stack(StandardMachine.WaitSingle + """
            nt!IopSynchronousServiceTail+0x275
            nt!NtReadFile+0x671
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtReadFile+0x14
            ntdll!RtlUserThreadStart+0x21
            """).Waiting("Executive", userMode: false, Setup.Seconds(68), file.At("Event"));
        const byte Read = 3;
        KernelStruct irp = system.Requests.Request(waiter, file, Read, disk);
        return new IndependentHang("request", waiter,
            [TruthLink.Of(waiter), TruthLink.Request(irp.Address), TruthLink.Driver(module)]);
    }

    private static ThreadBuilder StuckThread(SystemBuilder system, ProcessBuilder process, uint tid, double seconds) =>
        process.AddThread(tid).Stack(Stuck + Caller)
            .Waiting("Executive", userMode: false, Setup.Seconds(seconds), system.Objects.Event());
}
