using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>The modules that every Windows has, and the stacks that healthy threads have.</summary>
internal sealed class StandardMachine
{
    public const string WaitSingle = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForSingleObject+0x377

        """;

    public const string WaitMultiple = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeWaitForMultipleObjects+0x217

        """;

    public const string WaitQueue = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x17d
        nt!KiCommitThreadWait+0x14f
        nt!KeRemoveQueueEx+0x238

        """;

    public const string AlpcWait = WaitSingle + """
        nt!AlpcpSignalAndWait+0x1d6
        nt!AlpcpReceiveSynchronousReply+0x56
        nt!AlpcpProcessSynchronousRequest+0x337
        nt!NtAlpcSendWaitReceivePort+0x1f9
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtAlpcSendWaitReceivePort+0x14
        RPCRT4!LRPC_BASE_CCALL::DoSendReceive
        RPCRT4!I_RpcSendReceive

        """;

    public const string WaitForObject = WaitSingle + """
        nt!ObWaitForSingleObject+0xbd
        nt!NtWaitForSingleObject+0x6a
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForSingleObject+0x14
        KERNELBASE!WaitForSingleObjectEx+0x8f

        """;

    public const string UserStart = """
        KERNEL32!BaseThreadInitThunk+0x14
        ntdll!RtlUserThreadStart+0x21
        """;

    public const string SystemStart = """
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    public const string RpcServer = """
        RPCRT4!Invoke+0x73
        RPCRT4!Ndr64StubWorker+0xb3a
        RPCRT4!NdrServerCallAll+0x3c
        RPCRT4!DispatchToStubInCNoAvrf+0x18
        RPCRT4!RPC_INTERFACE::DispatchToStubWorker+0x1a1
        RPCRT4!LRPC_SCALL::DispatchRequest+0x16a
        RPCRT4!LRPC_ADDRESS::ProcessIO+0x789
        ntdll!TppAlpcpExecuteCallback+0x210
        ntdll!TppWorkerThread

        """ + UserStart;

    private readonly SystemBuilder _system;

    /// <summary>Adds the modules of Windows 10 unless the scenario has its own.</summary>
    public StandardMachine(SystemBuilder system, bool hasModules = true)
    {
        _system = system;
        if (!hasModules)
            return;
        ModuleSet modules = system.Modules;
        modules.AddUser("ntdll.dll", 0x7ffe86320000).MinimumSize = 0x1d1000;
        if (system.Options.IsMinimal)
            return;
        modules.AddDriver("FLTMGR.SYS", (system.Options.KernelBase & ~0xfffffffful) - 0x100000000 + 0x2c600000)
            .MinimumSize = 0x5e000;
        modules.AddDriver("Ntfs.sys").MinimumSize = 0xe0000;
        modules.AddDriver("win32kfull.sys").FullPath = @"\SystemRoot\System32\win32kfull.sys";
        modules.AddDriver("storport.sys");
        modules.AddDriver("tcpip.sys");
        modules.AddUser("KERNEL32.DLL", 0x7ffe83ce0000).MinimumSize = 0xac000;
        modules.AddUser("KERNELBASE.dll", 0x7ffe83310000).MinimumSize = 0x21d000;
        modules.AddUser("RPCRT4.dll", 0x7ffe86040000).MinimumSize = 0x121000;
        modules.AddUser("combase.dll", 0x7ffe83830000).MinimumSize = 0x2c8000;
        modules.AddUser("win32u.dll", 0x7ffe86180000).MinimumSize = 0x1e000;
        modules.AddUser("USER32.dll", 0x7ffe861a0000).MinimumSize = 0x165000;
    }

    /// <summary>An idle thread on each processor, for systems where no article gives the addresses.</summary>
    public void AddIdle()
    {
        ProcessBuilder idle = _system.AddProcess("Idle", 0);
        ulong first = _system.Nt.Variable("KiInitialThread", 0x1000, _system.Nt.Base + 0x3c3940);
        FrameList stack = _system.Frames("""
            nt!HalProcessorIdle+0xf
            nt!PpmIdleExecuteTransition+0xcbc
            nt!PoIdle+0x33a
            nt!KiIdleLoop+0x2c
            """);
        for (int i = 0; i < _system.Options.Processors; i++)
            idle.AddThread(0, i == 0 ? first : null).Stack(stack).RunsOn(i, isIdle: true)
                .State("Running", _system.Options.Uptime);
    }
}
