using HangAnalysis.Commands;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>
/// The published case of a log-off that hangs: what the debugger printed then is what is printed now, to the digit.
/// </summary>
public class TranscriptTests
{
    private const string ExplorerStack = """
        1 thread [stats]: ffffab06b8121080
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

        1 stack(s) with 1 threads displayed (1 Total threads)

        """;

    private const string IdleProcessors = """
        4 threads: ffffdf005f6b9000 ffffdf005f741000 fffff8035d3d5940 ffffdf005f631000
            fffff8035d223ff1 nt!PpmIdleGuestExecute+0x15
            fffff8035d109eac nt!PpmIdleExecuteTransition+0xcbc
            fffff8035d10903a nt!PoIdle+0x33a
            fffff8035d17afac nt!KiIdleLoop+0x2c

        1 stack(s) with 4 threads displayed (4 Total threads)

        """;

    /// <summary>Functions of <c>kc</c> for the svchost.exe thread, innermost first; offsets were not printed.</summary>
    private static readonly string[] s_svchostStack =
    [
        "nt!KiSwapContext", "nt!KiSwapThread", "nt!KiCommitThreadWait", "nt!KeWaitForSingleObject", "nt!AlpcpSignalAndWait",
        "nt!AlpcpReceiveSynchronousReply", "nt!AlpcpProcessSynchronousRequest", "nt!NtAlpcSendWaitReceivePort",
        "nt!KiSystemServiceCopyEnd", "ntdll!NtAlpcSendWaitReceivePort", "RPCRT4!LRPC_BASE_CCALL::DoSendReceive",
        "RPCRT4!I_RpcSendReceive", "combase!CMessageCall::CallI_RpcSendReceive", "combase!ThreadSendReceive",
        "combase!CSyncClientCall::SwitchAptAndDispatchCall", "combase!CSyncClientCall::SendReceive2",
        "combase!SyncClientCallRetryContext::SendReceiveWithRetry", "combase!CSyncClientCall::SendReceiveInRetryContext",
        "combase!DefaultSendReceive", "combase!CSyncClientCall::SendReceive", "combase!CClientChannel::SendReceive",
        "combase!NdrExtpProxySendReceive", "RPCRT4!NdrpClientCall3", "combase!ObjectStublessClient", "combase!ObjectStubless",
        "combase!RemoteReleaseRifRefHelper", "combase!RemoteReleaseRifRef", "combase!CStdMarshal::DisconnectCliIPIDs",
        "combase!CStdMarshal::Disconnect", "combase!CStdIdentity::{dtor}", "combase!CStdIdentity::CInternalUnk::Release",
        "netprofmsvc!ATL::IConnectionPointImpl<CImplINetworkListManager,&IID_INotifyNetworkGlobalCostEvents,ATL::CComDynamicUnkArray>::Unadvise",
        "netprofmsvc!CImplINetworkListManager::UnadviseAndRemoveSessionCookie<&IID_INotifyNetworkGlobalCostEvents>",
        "netprofmsvc!CImplINetworkListManager::PurgeClients", "netprofmsvc!EnterPurgeClientsCallback",
        "combase!EnterForCallback", "combase!SwitchForCallback", "combase!PerformCallback",
        "combase!CObjectContext::InternalContextCallback", "combase!CObjectContext::ContextCallback",
        "combase!CContextSwitcher::ContextCallback", "netprofmsvc!NetProfileManUserLogOff", "ntdll!TppSimplepExecuteCallback",
        "ntdll!TppWorkerThread", "KERNEL32!BaseThreadInitThunk", "ntdll!RtlUserThreadStart",
    ];

    [Test]
    public void The_explorer_stack_is_the_published_one()
    {
        using CommandSession session = OpenSample();

        Assert.That(ForgedFolder.Run(session, "!us -p ffffab06b8137800"), Is.EqualTo(ExplorerStack));
    }

    [Test]
    public void The_processors_idle_as_published()
    {
        using CommandSession session = OpenSample();

        Assert.That(ForgedFolder.Run(session, "!us -cpu"), Is.EqualTo(IdleProcessors));
    }

    [Test]
    public void The_svchost_stack_has_the_published_functions()
    {
        using CommandSession session = OpenSample();

        Assert.That(session.System.GetStack(session.System.FindThread(0xffffab06b1b28800)!).Frames.Select(f => f.Function),
            Is.EqualTo(s_svchostStack));
    }

    [Test]
    public void The_verdict_fits_one_screen_and_says_what_the_engineer_found_out()
    {
        using CommandSession session = OpenSample();

        string[] lines = ForgedFolder.Run(session, "!hangwhy").Split('\n');

        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.Length.LessThanOrEqualTo(30));
            Assert.That(lines, Has.All.Property("Length").LessThanOrEqualTo(120));
            Assert.That(lines[0], Is.EqualTo(
                "HANG  log-off cannot finish: explorer.exe is stuck in TmXPFlt.sys (Trend Micro Inc.) while it closes a file"));
            Assert.That(lines[1], Is.EqualTo(
                "stuck-in-driver · confidence high · 2 threads cannot go on · longest wait 1m:25.406"));
            string all = string.Join('\n', lines);
            Assert.That(all, Does.Contain("ALPC message ffffce0e5b04dcf0, queued at port ffffab06b853c540"));
            Assert.That(all, Does.Contain("memory  13.3 GB of 16.0 GB available, commit 3.0 GB of 17.0 GB"));
            Assert.That(all, Does.Match(@"locks\s+0 of \d+ ERESOURCEs contended"));
            Assert.That(all, Does.Match(@"CPU\s+4 of 4 idle"));
        });
    }

    [Test]
    public void The_sample_is_what_the_scenario_forges()
    {
        using ForgedFolder forged = new("logoff-hang", "10.0.14393");
        string sample = Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang");

        foreach (string file in Directory.EnumerateFiles(forged.Folder))
            Assert.That(File.ReadAllBytes(Path.Combine(sample, Path.GetFileName(file))), Is.EqualTo(File.ReadAllBytes(file)),
                $"{Path.GetFileName(file)}: forge the sample anew (docs/forge.md)");
        Assert.That(Directory.EnumerateFiles(sample).Sum(f => new FileInfo(f).Length), Is.LessThan(6 * 1024 * 1024));
    }

    private static CommandSession OpenSample() => new(HangAnalysis.Targets.Dumps.KernelDumpTarget.Open(
        Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang", "memory.dmp")));
}
