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

    private const string UniqueStacks = """
        1 thread [stats]: ffffad8ad0528080
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
            fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
            fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
            fffffbb43e6e4242 win32kfull!NtUserWaitMessage+0x42
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc14211204 0x7ffc14211204

        1 thread [stats]: ffffad8ad22ac080
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b56b7 nt!KeWaitForMultipleObjects+0x217
            fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
            fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
            fffffbb43e6509c9 win32kfull!xxxRealInternalGetMessage+0x919
            fffffbb43e64df5c win32kfull!NtUserGetMessage+0x8c
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc14211144 0x7ffc14211144

        4 threads [stats]: ffffad8ad0677080 ffffad8ad0a8d080 ffffad8ad0a8e080 ffffad8ad0a95700
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
            fffff801f7d0cdb8 nt!NtWaitForSingleObject+0xf8
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc177b5424 0x7ffc177b5424

        5 threads [stats]: ffffad8ad0688080 ffffad8acdfe3080 ffffad8ad09f3080 ffffad8ad1b0a700 ffffad8ad061f080
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
            fffff801f7d0c7d1 nt!ObWaitForMultipleObjects+0x2c1
            fffff801f7d0c4d9 nt!NtWaitForMultipleObjects+0xf9
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc177b5ef4 0x7ffc177b5ef4

        7 threads [stats]: ffffad8ad1de1080 ffffad8ad0aa6080 ffffad8ad05dd080 ffffad8acdfcd080 ffffad8acce87080
                            ffffad8ad08a3080 ffffad8acd0b8700
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
            fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
            fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
            fffffbb43e6509c9 win32kfull!xxxRealInternalGetMessage+0x919
            fffffbb43e64df5c win32kfull!NtUserGetMessage+0x8c
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc14211144 0x7ffc14211144

        10 threads [stats]: ffffad8acccfa700 ffffad8ad06fc080 ffffad8ac8ed1700 ffffad8ad15f0080 ffffad8ad0365080
                            ffffad8ad085c700 ffffad8ad0a63080 ffffad8ad0354080 ffffad8ace0ee080 ffffad8ad2736080
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
            fffff801f789f104 nt!KiSchedulerApc+0x304
            fffff801f78b94fe nt!KiDeliverApc+0x23e
            fffff801f79f39a3 nt!KiApcInterrupt+0xc3
            fffff801f7cc0405 nt!PspUserThreadStartup+0x35
            fffff801f79f5a86 nt!KiStartUserThread+0x16
            fffff801f79f5a00 nt!KiStartUserThreadReturn
            00007ffc17780d30 0x7ffc17780d30

        22 threads [stats]: ffffad8ad4141080 ffffad8ad412d040 ffffad8acba56080 ffffad8ad06a5080 ffffad8ad249b080
                            ffffad8ad09f6700 ffffad8ad1b8c700 ffffad8ace697080 ffffad8acba54080 ffffad8ad40a1080 ...
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b62e8 nt!KeRemoveQueueEx+0x238
            fffff801f78b5dfd nt!IoRemoveIoCompletion+0x8d
            fffff801f78b4beb nt!NtWaitForWorkViaWorkerFactory+0x30b
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc177b8c34 0x7ffc177b8c34

        30 threads [stats]: ffffad8ad06a1080 ffffad8ad08bc280 ffffad8ad09f4080 ffffad8ad06a6080 ffffad8acd02c080
                            ffffad8acba60080 ffffad8ad02b1080 ffffad8acba68080 ffffad8ad11c5700 ffffad8ad06643c0 ...
            fffff801f79f52f6 nt!KiSwapContext+0x76
            fffff801f78b7a9a nt!KiSwapThread+0x16a
            fffff801f78b7461 nt!KiCommitThreadWait+0x101
            fffff801f78b56b7 nt!KeWaitForMultipleObjects+0x217
            fffff801f7d0c7d1 nt!ObWaitForMultipleObjects+0x2c1
            fffff801f7d0c4d9 nt!NtWaitForMultipleObjects+0xf9
            fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
            00007ffc177b5ef4 0x7ffc177b5ef4

        8 stack(s) with 80 threads displayed (100 Total threads)
        11 stack(s) were not displayed because the kernel stack is paged out
        5 stack(s) were not displayed because the thread has ended
        4 stack(s) were not displayed because the thread has not started

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

    /// <summary>
    /// The published process of 100 threads: every address and frame, in order. The published reason for the 20 that were not
    /// displayed names what may have been; here each has its own line.
    /// </summary>
    [TestCase("10.0.14393")]
    [TestCase("10.0.17763")]
    [TestCase("10.0.19041")]
    [TestCase("10.0.22000")]
    public void The_process_of_a_hundred_threads_has_the_published_eight_stacks(string layout)
    {
        using ForgedFolder forged = new("unique-stacks", layout);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!us -p ffffad8ad052a080");

        string notes = "    (the process's module list is not in the dump)\n";
        Assert.That(text.Split(notes), Has.Length.EqualTo(9), "user mode is not in that dump: each stack ends there");
        Assert.That(Unwrapped(text.Replace(notes, "", StringComparison.Ordinal)), Is.EqualTo(Unwrapped(UniqueStacks)));
    }

    /// <summary>The text with headers on one line: the debugger's window had no margin.</summary>
    private static string Unwrapped(string text) =>
        System.Text.RegularExpressions.Regex.Replace(text, "\n {5,}", " ");

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
