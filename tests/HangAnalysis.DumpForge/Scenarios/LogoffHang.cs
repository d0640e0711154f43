using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A published case: a log-off waits for Explorer, whose main thread closes a file and is stuck in a virus scanner's
/// filter driver. Addresses, names and figures are those of the article "System Hang"; what it does not print is
/// chosen here. The short form has only the actors.
/// </summary>
internal static class LogoffHang
{
    private const ulong Explorer = 0xffffab06b8137800, ExplorerThread = 0xffffab06b8121080;
    private const ulong ServiceThread = 0xffffab06b1b28800, Port = 0xffffab06b853c540, Message = 0xffffce0e5b04dcf0;

    private const string IdleStack = """
        fffff8035d223ff1 nt!PpmIdleGuestExecute+0x15
        fffff8035d109eac nt!PpmIdleExecuteTransition+0xcbc
        fffff8035d10903a nt!PoIdle+0x33a
        fffff8035d17afac nt!KiIdleLoop+0x2c
        """;

    private const string ExplorerStack = """
        fffff8035d17e576 nt!KiSwapContext+0x76
        fffff8035d0d74fd nt!KiSwapThread+0x17d
        fffff8035d0d6f9f nt!KiCommitThreadWait+0x14f
        fffff8035d0d8d77 nt!KeWaitForSingleObject+0x377
        fffff8022e82bce3 TmXPFlt+0x1bce3
        fffff8022e814884 TmXPFlt+0x4884
        fffff8022e814d65 TmXPFlt+0x4d65
        fffff8022e814f65 TmXPFlt+0x4f65
        fffff8022e4b3f8d TmPreFlt!TmpQueryFullName+0x1e85
        fffff8022e4b40d8 TmPreFlt!TmpQueryFullName+0x1fd0
        fffff8022c603d15 FLTMGR!FltpPerformPostCallbacks+0x2a5
        fffff8022c603756 FLTMGR!FltpPassThroughCompletionWorker+0x76
        fffff8022c605299 FLTMGR!FltpLegacyProcessingAfterPreCallbacksCompleted+0x239
        fffff8022c603146 FLTMGR!FltpDispatch+0xb6
        fffff8035d4e75a0 nt!IopCloseFile+0x150
        fffff8035d5142c5 nt!ObCloseHandleTableEntry+0x245
        fffff8035d43098b nt!NtClose+0xcb
        fffff8035d187503 nt!KiSystemServiceCopyEnd+0x13
        00007ffe863c5ce4 ntdll!NtClose+0x14
        00007ffe83335aa2 KERNELBASE!CloseHandle+0x62
        00007ffe82f02560 SHCORE!CGenericFileHandle::Release+0x160
        00007ffe82f02082 SHCORE!CFileStream::~CFileStream+0xd2
        00007ffe82f00d35 SHCORE!CFileStream::Release+0x35
        00007ffe84b0d273 SHELL32!IconCacheSave+0x18965b
        00007ffe84983a05 SHELL32!SHDesktopMessageLoop+0x45
        00007ff694781468 Explorer!wWinMain+0x714
        00007ff694810727 Explorer!__wmainCRTStartup+0x1c7
        00007ffe83ce8364 KERNEL32!BaseThreadInitThunk+0x14
        00007ffe8638e851 ntdll!RtlUserThreadStart+0x21
        """;

    // Of this stack the article has the names only. A backslash joins two lines to one.
    private const string ServiceStack = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForSingleObject+0x377
        nt!AlpcpSignalAndWait+0x1d6
        nt!AlpcpReceiveSynchronousReply+0x56
        nt!AlpcpProcessSynchronousRequest+0x337
        nt!NtAlpcSendWaitReceivePort+0x1f9
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtAlpcSendWaitReceivePort+0x14
        RPCRT4!LRPC_BASE_CCALL::DoSendReceive
        RPCRT4!I_RpcSendReceive
        combase!CMessageCall::CallI_RpcSendReceive
        combase!ThreadSendReceive
        combase!CSyncClientCall::SwitchAptAndDispatchCall
        combase!CSyncClientCall::SendReceive2
        combase!SyncClientCallRetryContext::SendReceiveWithRetry
        combase!CSyncClientCall::SendReceiveInRetryContext
        combase!DefaultSendReceive
        combase!CSyncClientCall::SendReceive
        combase!CClientChannel::SendReceive
        combase!NdrExtpProxySendReceive
        RPCRT4!NdrpClientCall3
        combase!ObjectStublessClient
        combase!ObjectStubless
        combase!RemoteReleaseRifRefHelper
        combase!RemoteReleaseRifRef
        combase!CStdMarshal::DisconnectCliIPIDs
        combase!CStdMarshal::Disconnect
        combase!CStdIdentity::{dtor}
        combase!CStdIdentity::CInternalUnk::Release
        netprofmsvc!ATL::IConnectionPointImpl<CImplINetworkListManager,&IID_INotifyNetworkGlobalCostEvents,\
        ATL::CComDynamicUnkArray>::Unadvise
        netprofmsvc!CImplINetworkListManager::UnadviseAndRemoveSessionCookie<&IID_INotifyNetworkGlobalCostEvents>
        netprofmsvc!CImplINetworkListManager::PurgeClients
        netprofmsvc!EnterPurgeClientsCallback
        combase!EnterForCallback
        combase!SwitchForCallback
        combase!PerformCallback
        combase!CObjectContext::InternalContextCallback
        combase!CObjectContext::ContextCallback
        combase!CContextSwitcher::ContextCallback
        netprofmsvc!NetProfileManUserLogOff
        ntdll!TppSimplepExecuteCallback
        ntdll!TppWorkerThread
        KERNEL32!BaseThreadInitThunk+0x14
        ntdll!RtlUserThreadStart+0x21
        """;

    public static SystemBuilder Build(KernelLayout layout) => Build(layout, "logoff-hang", isSmall: false, null);

    /// <summary>The short form with texts that try to do harm where they are printed.</summary>
    public static SystemBuilder Hostile(KernelLayout layout) => Build(layout, "hostile-names", isSmall: true, new Names(
        "\u001b[2Jex\r\n\u0007<&>",
        @"\Device\HarddiskVolume1\" + "\u202egnp.exe\n<exec cmd=\"!quit\">evil</exec>\u001b]0;owned\u0007",
        "Evil\u2028Corp\u202e <exec cmd=\".shell calc\">Microsoft</exec>\u001b[31m\r\n",
        @"\??\C:\a" + "\u009b31m\u2066\nTmXPFlt.sys\" onclick=\"x"));

    /// <summary>Texts of the dump that an attacker may choose.</summary>
    public sealed record Names(string Process, string Path, string Company, string DriverPath);

    public static SystemBuilder Build(KernelLayout layout, string identity, bool isSmall, Names? names)
    {
        SystemBuilder system = new(new SystemOptions(layout)
        {
            Identity = identity,
            KernelBase = 0xfffff8035d012000,
            Processors = isSmall ? 1 : 4,
        });
        StandardMachine machine = new(system);
        ForgedModule filter = AddModules(system, names);
        // Frames with given addresses claim their places before others are chosen.
        FrameList stuck = system.Frames(ExplorerStack), service = system.Frames(ServiceStack);
        AddIdle(system, isSmall ? 1 : 4);
        Population population = new(system, machine);
        if (!isSmall)
            population.AddBefore();
        ProcessBuilder client = population.Svchost(0x3a4, "LocalService");
        ProcessBuilder explorer = system.AddProcess(
            names?.Process ?? "explorer.exe", 0xc1c, Explorer, 1, 0xbfc,
            names?.Path ?? @"\Device\HarddiskVolume1\Windows\explorer.exe");
        explorer.Executable = system.Modules.ByName("Explorer");

        ulong gate = filter.Variable("WaitEvent", 0x18, filter.Base + 0x2f440);
        system.Objects.Event(address: gate);
        ThreadBuilder main = explorer.AddThread(0xc20, ExplorerThread).Stack(stuck)
            .Waiting("Executive", userMode: false, Ticks(5434), gate);
        ThreadBuilder waiter = client.AddThread(0x11f8, ServiceThread).Stack(service);
        KernelStruct port = system.Alpc.ConnectionPort(explorer, @"\RPC Control\OLE3BDB2AE0B2A8", Port);
        AlpcConnection connection = system.Alpc.Connect(client, explorer, port);
        system.Alpc.Request(connection, waiter, null, Ticks(5466), Message);
        if (!isSmall)
        {
            population.AddAfter();
            system.Resources.AddUncontended(600);
        }
        else
            system.Resources.AddUncontended(3);
        system.Truth = new Truth("stuck-in-driver", filter,
        [
            TruthLink.Of(waiter), TruthLink.Message(Message), TruthLink.Of(explorer), TruthLink.Of(main),
            TruthLink.Driver(filter),
        ]);
        return system;
    }

    private static TimeSpan Ticks(int count) => TimeSpan.FromTicks(count * (long)SystemOptions.TickLength);

    private static ForgedModule AddModules(SystemBuilder system, Names? names)
    {
        ModuleSet modules = system.Modules;
        string company = names?.Company ?? "Trend Micro Inc.";
        modules.AddThirdParty("TmPreFlt.sys", company, "12.0.0.1033", 0xfffff8022e4a0000)
            .Export("TmpQueryFullName").MinimumSize = 0x20000;
        ForgedModule filter = modules.AddThirdParty("TmXPFlt.sys", company, "12.0.0.1033", 0xfffff8022e810000);
        // 2018-03-07
        (filter.MinimumSize, filter.TimeDateStamp) = (0x5c000, 0x5a9f2d80);
        filter.FullPath = names?.DriverPath ?? @"\??\C:\Program Files (x86)\Trend Micro\OfficeScan Client\TmXPFlt.sys";
        modules.AddUser("SHCORE.dll", 0x7ffe82ef0000).MinimumSize = 0xa9000;
        modules.AddUser("SHELL32.dll", 0x7ffe84810000).MinimumSize = 0x1509000;
        modules.AddUser("netprofmsvc.dll", 0x7ffe83ba0000).MinimumSize = 0x8c000;
        ForgedModule explorer = modules.AddUser("Explorer.EXE", 0x7ff694770000);
        (explorer.MinimumSize, explorer.FullPath) = (0x4e6000, @"C:\Windows\Explorer.EXE");
        return filter;
    }

    private static void AddIdle(SystemBuilder system, int processors)
    {
        int size = system.Layout.Size("_ETHREAD");
        system.Nt.Variable("KiInitialThread", size, 0xfffff8035d3d5940);
        ulong[] threads = [0xfffff8035d3d5940, 0xffffdf005f631000, 0xffffdf005f6b9000, 0xffffdf005f741000];
        uint[] switches = [24448367, 20088217, 18610602, 25365439];
        TimeSpan[] times =
            [new(0, 23, 56, 6, 250), new(0, 23, 48, 42, 703), new(0, 23, 58, 19, 172), new(1, 0, 0, 3, 219)];
        ProcessBuilder idle = system.AddProcess("Idle", 0);
        FrameList stack = system.Frames(IdleStack);
        for (int i = 0; i < processors; i++)
            idle.AddThread(0, threads[i]).Stack(stack).RunsOn(i, isIdle: true)
                .State("Running", i == 1 ? Ticks(255) : system.Options.Uptime, i == 1 ? "WrCalloutStack" : "Executive")
                .Ran(switches[i], SystemOptions.TicksOf(times[i]));
    }
}
