using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// The log-off hang with its actors alone and short user stacks: small enough to be damaged and read often.
/// </summary>
internal static class SmallHang
{
    public static SystemBuilder Build(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "small", new SystemOptions(layout) { IsMinimal = true });
        SystemBuilder system = setup.System;
        ForgedModule filter = system.Modules.AddThirdParty("TmXPFlt.sys", "Trend Micro Inc.", "12.0.0.1033");
        filter.MinimumSize = 0x8000;
        ProcessBuilder explorer = system.AddProcess("explorer.exe", 0xc1c, session: 1);
        ProcessBuilder client = setup.Population.Svchost(0x3a4, "LocalService");
        ulong gate = system.Objects.Event(address: filter.Variable("WaitEvent", 0x18, filter.Base + 0x7440));
        ThreadBuilder main = explorer.AddThread(0xc20).Stack(StandardMachine.WaitSingle + """
            TmXPFlt+0x1ce3
            TmXPFlt+0x1884
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            ntdll!RtlUserThreadStart+0x21
            """).Waiting("Executive", userMode: false, Setup.Seconds(84.9), gate);
        ThreadBuilder waiter = client.AddThread(0x11f8).Stack(StandardMachine.WaitSingle + """
            nt!AlpcpSignalAndWait+0x1d6
            nt!NtAlpcSendWaitReceivePort+0x1f9
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtAlpcSendWaitReceivePort+0x14
            ntdll!RtlUserThreadStart+0x21
            """);
        KernelStruct port = system.Alpc.ConnectionPort(explorer, @"\RPC Control\OLE3BDB2AE0B2A8");
        AlpcConnection connection = system.Alpc.Connect(client, explorer, port);
        ulong message = system.Alpc.Request(connection, waiter, null, Setup.Seconds(85.4));
        system.Resources.AddUncontended(3);
        system.Truth = new Truth("stuck-in-driver", filter,
        [
            TruthLink.Of(waiter), TruthLink.Message(message), TruthLink.Of(explorer), TruthLink.Of(main),
            TruthLink.Driver(filter),
        ]);
        return system;
    }
}
