using HangAnalysis.Analysis;
using HangAnalysis.Model;
using static HangAnalysis.Tests.Analysis.Rules.CaseBuilder;

namespace HangAnalysis.Tests.Analysis.Rules;

/// <summary>What a dump of a known issue has.</summary>
/// <param name="Id">The rule that finds it.</param>
/// <param name="By">What has to stand in what it says it was found by.</param>
/// <param name="Shows">What the reference describes.</param>
/// <param name="NearMiss">What looks like it and is not: the module is only loaded, the frame or the code is another.</param>
internal sealed record KnownIssueCase(string Id, string By, CaseBuilder Shows, CaseBuilder NearMiss);

/// <summary>The known issues as their references describe them.</summary>
internal static class KnownIssueCases
{
    private const ulong IllegalInstruction = 0xffffffff_c000001d, AccessViolation = 0xffffffff_c0000005;

    public static IEnumerable<string> Ids() => All().Select(c => c.Id).Distinct();

    public static IEnumerable<KnownIssueCase> Of(string id) => All().Where(c => c.Id == id);

    private static IEnumerable<KnownIssueCase> All() => [.. Attacks(), .. Guards(), .. Tools(), .. Network(), .. Guests(), .. Old(),
        .. FileSystems(), .. System()];

    private static IEnumerable<KnownIssueCase> Attacks() =>
    [
        // The stacks of an article on an attacked file server (2016).
        new("ms17-010", "srv!SrvOs2FeaToNt+0x48",
            Crash(0x3b, AccessViolation).Build(9600).Stack("crash", "srv!SrvOs2FeaToNt+0x48", "srv!SrvOs2FeaListToNt+0x125",
                "srv!SrvSmbOpen2+0xc3", "srv!ExecuteTransaction+0x2ca", "srv!SrvSmbTransactionSecondary+0x40b", "srv!WorkerThread+0x5248"),
            Crash(0x3b, AccessViolation).Build(9600).Stack("crash", "srv!SrvSmbRead+0x48", "srv!WorkerThread+0x5248")),
        new("ms17-010", "srv!SrvOs2FeaListSizeToNt",
            Crash(0x1e, IllegalInstruction).Build(7601).Stack("crash", "srv!SrvOs2FeaListSizeToNt+0x1f"),
            Crash(0x1e, IllegalInstruction).Build(19045).Stack("crash", "srv!SrvOs2FeaListSizeToNt+0x1f")),
        // The stack of an article on a server of 2003 x64.
        new("ms17-010-transaction", "srv!SrvSmbNtTransactionSecondary+0x3e9",
            Crash(0x7e, AccessViolation).Build(3790).Stack("crash", "srv!memmove+0x64", "srv!SrvSmbNtTransactionSecondary+0x3e9",
                "srv!SrvProcessSmb+0x19f", "srv!SrvRestartReceive+0xca", "srv!WorkerThread+0x144"),
            Crash(0x7e, AccessViolation).Build(3790).Stack("crash", "srv!memmove+0x64", "srv!SrvProcessSmb+0x19f")),
        new("crowdstrike-channel-file-291", "csagent+0xe14ed",
            Crash(0x50, 0xffff9c8e_0000008a, 0, 0xfffff807_1a2b14ed, 2).Of(2024, 7, 19).Fault("csagent+0xe14ed"),
            Crash(0x50, 0xffff9c8e_0000008a, 0, 0xfffff807_1a2b14ed, 2).Of(2025, 7, 19).Fault("csagent+0xe14ed")),
        new("crowdstrike-7-35-citrix-2016", "version 7.35.20403.0",
            Crash(0x3b, AccessViolation).Build(14393).Fault("csagent+0x2d1f0", "7.35.20403.0").Loaded("csagent", "picadm"),
            Crash(0x3b, AccessViolation).Build(14393).Fault("csagent+0x2d1f0", "7.36.20600.0").Loaded("csagent", "picadm")),
    ];

    private static IEnumerable<KnownIssueCase> Guards() =>
    [
        new("symantec-symevnt-process-exit", "SymEvnt+0x3310",
            Crash(0x3b, AccessViolation).Stack("crash", "SymEvnt+0x3310", "nt!PspCallProcessNotifyRoutines+0x213", "nt!PspExitProcess+0x6c",
                "nt!PspExitThread+0x4fb"),
            Crash(0x3b, AccessViolation).Loaded("SymEvnt").Stack("crash", "nt!PspExitProcess+0x6c", "nt!PspExitThread+0x4fb")),
        new("symantec-stack-overflow", "parameter 1 0x8",
            Crash(0x7f, 8, 0xfffff800_01234000).Stack("crash", "nt!KiDoubleFaultAbort", "SRTSP64+0x4312", "SYMEVENT64x86+0x1000",
                "fltmgr!FltpPerformPreCallbacks+0x50b"),
            Crash(0x7f, 0, 0xfffff800_01234000).Stack("crash", "SRTSP64+0x4312")),
        new("trend-user-mode-hook-smss", "process smss.exe",
            Crash(0xf4, 3).Process("smss.exe").Stack("crash", "nt!KeBugCheckEx", "TmUmEvt64+0x1a210"),
            Crash(0xf4, 3).Process("csrss.exe").Stack("crash", "nt!KeBugCheckEx", "TmUmEvt64+0x1a210")),
        new("trend-real-time-scan", "held by TmXPFlt.sys",
            Hang().Owner("TmXPFlt"),
            Hang().Owner("fltmgr").Loaded("TmXPFlt", "TmPreFlt", "VSApiNt").Waiter("TmXPFlt")),
        new("trend-real-time-scan", "request at TmPreFlt.sys",
            Hang(VerdictClass.StuckIo).RequestAt("TmPreFlt"),
            Hang(VerdictClass.StuckIo).RequestAt("disk").Loaded("TmPreFlt")),
        new("avast-sandbox-user-file-system", "aswSnx+0x2f10c",
            Crash(0x50, 0xffffa000_00000000).Fault("aswSnx+0x2f10c").Loaded("aswSnx", "winfsp_x64"),
            Crash(0x50, 0xffffa000_00000000).Fault("aswSnx+0x2f10c").Loaded("aswSnx")),
        new("sandboxie-avast", "SbieDrv+0x1a2b0",
            Crash(0x3b, AccessViolation).Stack("crash", "SbieDrv+0x1a2b0").Loaded("SbieDrv", "aswSnx"),
            Crash(0x3b, AccessViolation).Stack("crash", "nt!ObpCreateHandle+0x10").Loaded("SbieDrv", "aswSnx")),
        new("sandboxie-avast", "aswSnx+0x100",
            Crash(0x3b, AccessViolation).Stack("crash", "aswSnx+0x100").Loaded("SbieDrv", "aswSnx"),
            Crash(0x3b, AccessViolation).Stack("crash", "aswSnx+0x100").Loaded("aswSnx")),
        new("mcafee-winfsp", "mfehidk+0x5a1c0",
            Crash(0x1e, AccessViolation, 0xfffff802_11112222, 0, 0x20).Stack("crash", "mfehidk+0x5a1c0").Loaded("winfsp_x64", "mfehidk"),
            Crash(0x1e, AccessViolation, 0xfffff802_11112222, 0, 0x20).Stack("crash", "nt!x").Loaded("winfsp_x64", "mfehidk")),
        new("sophos-wsl", "SophosED.sys",
            Crash(0x3b, AccessViolation).Culprit("SophosED").Stack("crash", "SophosED+0x100", "lxcore!LxpSyscall_OPENAT+0x81"),
            Crash(0x3b, AccessViolation).Culprit("lxcore").Stack("crash", "lxcore!LxpSyscall_OPENAT+0x81").Loaded("SophosED")),
        new("sysmon-9-unload", "version 9.20",
            Crash(0xd1).Fault("SysmonDrv+0x6b60", "9.20").Stack("crash", "SysmonDrv+0x6b60", "nt!IopLoadUnloadDriver+0x4e"),
            Crash(0xd1).Fault("SysmonDrv+0x6b60", "10.42").Stack("crash", "SysmonDrv+0x6b60", "nt!IopLoadUnloadDriver+0x4e")),
        new("kaspersky-adguard-wfp", "klwtp+0x7a10",
            Crash(0x3b, AccessViolation).Fault("klwtp+0x7a10").Loaded("klwtp", "adgnetworkwfpdrv"),
            Crash(0x3b, AccessViolation).Fault("tcpip!WfpStreamInspect+0x1").Loaded("klwtp", "adgnetworkwfpdrv")),
    ];

    private static IEnumerable<KnownIssueCase> Tools() =>
    [
        new("comodo-system-informer", "cmdguard+0x2b3c4",
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "nt!PspInsertThread+0x400", "nt!PsCreateSystemThreadEx+0x210",
                "nt!PsCreateSystemThread+0x2f", "cmdguard+0x2b3c4", "FLTMGR!FltpPerformPostCallbacks+0x32a").Loaded("SystemInformer"),
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "cmdguard+0x2b3c4", "FLTMGR!FltpPerformPostCallbacks+0x32a")
                .Loaded("SystemInformer")),
        new("minifilter-unregister-rundown", "FLTMGR!FltpObjectRundownWait+0x80",
            Hang().Stack("root thread", "nt!KeWaitForSingleObject+0x256", "FLTMGR!FltpObjectRundownWait+0x80",
                "FLTMGR!FltUnregisterFilter+0x1a3", "KSystemInformer+0x1040"),
            Hang().Stack("root thread", "nt!KeWaitForSingleObject+0x256", "FLTMGR!FltpPerformPreCallbacks+0x1a3")),
        new("minifilter-unregister-rundown", "FLTMGR!FltUnregisterFilter",
            Hang().Stack("root thread", "nt!ExWaitForRundownProtectionReleaseCacheAware+0x1f", "FLTMGR!FltUnregisterFilter+0x1a3"),
            Hang().Stack("root thread", "nt!ExWaitForRundownProtectionReleaseCacheAware+0x1f", "nt!CmUnRegisterCallback+0x1a3")),
        new("system-informer-old-windows", "KSystemInformer+0x9a8",
            Crash(0x7e, AccessViolation).Build(18363).Fault("KSystemInformer+0x9a8"),
            Crash(0x7e, AccessViolation).Build(19045).Fault("KSystemInformer+0x9a8")),
        new("vanguard-1-19", "vgk+0x4c1a2",
            Crash(0x50, 0xffffb000_00000000, 0, 0, 2).Fault("vgk+0x4c1a2"),
            Crash(0x50, 0xffffb000_00000000, 0, 0, 2).Fault("nt!memcpy+0x1").Loaded("vgk")),
        new("nvidia-popcnt", "instruction popcnt ebx,eax",
            Crash(0x7e, IllegalInstruction).Fault("nvlddmkm+0x12634e", instruction: "popcnt ebx,eax"),
            Crash(0x7e, IllegalInstruction).Fault("nvlddmkm+0x12634e", instruction: "ud2")),
        new("nvidia-popcnt", "cause processor-feature",
            Crash(0x7e, IllegalInstruction).Fault("nvlddmkm+0x12634e").Cause(CrashCause.ProcessorFeature),
            Crash(0x7e, AccessViolation).Fault("nvlddmkm+0x12634e").Cause(CrashCause.Module)),
        new("display-driver-timeout", "in nvlddmkm.sys",
            Crash(0x116, 0xffffe001_00000000, 0xfffff803_01700a40, 0xc000009a).AddressIn(0xfffff803_01700a40, "nvlddmkm"),
            Crash(0x119, 0xffffe001_00000000, 0xfffff803_01700a40).AddressIn(0xfffff803_01700a40, "nvlddmkm")),
    ];

    private static IEnumerable<KnownIssueCase> Network() =>
    [
        new("npcap-before-0-9997", "linked 2019-09-09",
            Crash(0xd1, 0x10, 2, 0).Fault("npcap+0x1a2c", linked: new DateTime(2019, 9, 9)),
            Crash(0xd1, 0x10, 2, 0).Fault("npcap+0x1a2c", linked: new DateTime(2023, 4, 1))),
        new("npcap-wireguard-receive", "tcpip!UdpDeliverDatagrams",
            Crash(0xd1, 0x10, 2, 0).Fault("npcap+0x5a10").Stack("crash", "npcap+0x5a10", "tcpip!UdpDeliverDatagrams+0x10").Loaded("wireguard"),
            Crash(0xd1, 0x10, 2, 0).Fault("tcpip!UdpDeliverDatagrams+0x10").Loaded("npcap", "wireguard")),
        new("npcap-send-path", "vmxnet3",
            Crash(0xd1, 0x10, 2, 0).Fault("npcap+0x5a10").Stack("crash", "npcap+0x5a10", "vmxnet3+0x4c10"),
            Crash(0xd1, 0x10, 2, 0).Fault("vmxnet3+0x4c10").Loaded("npcap", "vmxnet3")),
        new("npcap-send-path", "npcap!NPF_SendEx",
            Crash(0xd1, 0x10, 2, 0).Fault("npcap!NPF_SendEx+0x20"),
            Crash(0xd1, 0x10, 2, 0).Fault("npcap!NPF_TapEx+0x20")),
        new("agnitum-windivert", "afwcore+0x7e51",
            Crash(0x133, 1, 0x1e00).Stack("watchdog sample 1 of 8", "afwcore+0x7e51", "NETIO!KfdClassify+0x1").Loaded("afwcore", "WinDivert64"),
            Crash(0x133, 0, 0x501).Stack("watchdog sample 1 of 8", "afwcore+0x7e51").Loaded("afwcore", "WinDivert64")),
        new("win10pcap", "Win10Pcap+0x1f40",
            Crash(0xd1, 0x10, 2, 0).Fault("Win10Pcap+0x1f40"),
            Crash(0xd1, 0x10, 2, 0).Fault("ndis!x+0x1f40").Loaded("Win10Pcap")),
        new("npcap-globalprotect-zscaler", "frame npcap+0x11",
            Crash(0x133, 0, 0x501, 0x500).Stack("crash", "npcap+0x11").Loaded("npcap", "pangpd", "zapprd"),
            Crash(0x133, 0, 0x501, 0x500).Stack("crash", "npcap+0x11").Loaded("npcap", "pangpd")),
        new("npcap-audit-2012r2", "nt!SeAuditingFileEvents",
            Crash(0x133, 0, 0x501, 0x500).Build(9600).Stack("crash", "nt!SeAuditingFileEvents+0x1").Loaded("npcap"),
            Crash(0x133, 0, 0x501, 0x500).Build(9600).Stack("crash", "nt!KiTimerExpiration+0x1").Loaded("npcap")),
        new("network-file-server-not-answering", "rdbss!RxpWaitForStableCondition",
            Hang().Waits(300).Stack("root thread", "nt!KeWaitForSingleObject+0x1", "rdbss!RxpWaitForStableCondition+0x4e",
                "rdbss!RxWaitForStableCondition+0x9", "rdbss!RxConstructSrvCall+0x1f9"),
            Hang().Waits(20).Stack("root thread", "rdbss!RxpWaitForStableCondition+0x4e")),
    ];

    private static IEnumerable<KnownIssueCase> Guests() =>
    [
        new("virtio-storage-no-answer", "request at vioscsi.sys",
            Hang(VerdictClass.StuckIo).RequestAt("vioscsi").Waits(90),
            Hang(VerdictClass.StuckIo).RequestAt("storahci").Waits(90).Loaded("vioscsi")),
        new("viostor-reset-shutdown", "viostor!VirtIoHwResetBus",
            Hang().Stack("root thread", "viostor!VirtIoHwResetBus+0x20", "storport!RaidAdapterResetBus+0x40"),
            Hang().Stack("root thread", "storport!RaidAdapterResetBus+0x40").Loaded("viostor")),
        new("viostor-cpu-hotplug", "nt!PnpRebalance",
            Hang(VerdictClass.StuckIo).RequestAt("viostor").Stack("root thread", "nt!PnpRebalance+0x1f4"),
            Hang(VerdictClass.StuckIo).RequestAt("pci").Stack("root thread", "nt!PnpRebalance+0x1f4").Loaded("viostor")),
        new("netkvm-transmit-lock-order", "netkvm!CParaNdisTX::DoPendingTasks",
            Hang(VerdictClass.Spinning).Build(17763).Stack("root thread", "nt!KeAcquireSpinLockAtDpcLevel+0x2f",
                "netkvm!CParaNdisTX::DoPendingTasks+0x10"),
            Hang(VerdictClass.Spinning).Build(17763).Stack("root thread", "nt!KeAcquireSpinLockAtDpcLevel+0x2f",
                "netkvm!ParaNdis_IndicateReceivedBatch+0x10")),
        new("netkvm-spin-2008r2", "nt!KxWaitForSpinLockAndAcquire",
            Hang(VerdictClass.Spinning).Build(7601).Stack("root thread", "nt!KxWaitForSpinLockAndAcquire+0x1c", "netkvm+0xa1c0"),
            Hang(VerdictClass.Spinning).Build(9600).Stack("root thread", "nt!KxWaitForSpinLockAndAcquire+0x1c", "netkvm+0xa1c0")),
        new("sriov-2012-guest", "netvsc",
            Crash(0xd1, 0x10, 2, 0).Build(9200).Fault("netvsc63+0x7c10"),
            Crash(0xd1, 0x10, 2, 0).Build(9600).Fault("netvsc63+0x7c10")),
        new("nehalem-hyper-v-2008r2", "hvboot is loaded",
            Crash(0x101, 0x19).Build(7601).Loaded("hvboot"),
            Crash(0x101, 0x19).Build(7601)),
        new("wcifs-context-leak", "under tag WCsc",
            Hang(VerdictClass.NoHang).Tag("WCsc", 900),
            Hang(VerdictClass.NoHang).Tag("WCsc", 20).Loaded("wcifs")),
        new("ndu-nonpaged-pool", "under tag Ndu",
            Hang(VerdictClass.NoHang).Tag("Ndu ", 2200),
            Hang(VerdictClass.NoHang).Tag("Ndu ", 2200, isPaged: true).Loaded("Ndu")),
        new("vmswitch-hibernate", "vmswitch!VmsOmSwitchWaitForPendingData",
            Crash(0x9f, 4, 0x12c).Stack("thread that holds the lock", "vmswitch!VmsOmSwitchWaitForPendingData+0x8e"),
            Crash(0x9f, 4, 0x12c).Stack("thread that holds the lock", "vmswitch!VmsPtNicPnPEvent+0x8e")),
    ];

    private static IEnumerable<KnownIssueCase> Old() =>
    [
        new("dfs-first-access-2003", "rdbss!RxConstructVirtualNetRoot",
            Hang().Build(3790).Process("System").Stack("root thread", "rdbss!RxConstructVirtualNetRoot+0x1", "mup!DfsReplay+0x20"),
            Hang().Build(9600).Process("System").Stack("root thread", "rdbss!RxConstructVirtualNetRoot+0x1", "mup!DfsReplay+0x20")),
        new("dfs-cyclic-link", "mup!DfsFindLink",
            Hang(VerdictClass.OwnerRunning).Build(3790).Stack("root thread", "mup!DfsFindLink+0x40"),
            Hang(VerdictClass.OwnerRunning).Build(3790).Stack("root thread", "mup!MupCreate+0x40")),
        new("nfs-gateway-share-refresh", "mup!MupFsControl",
            Crash(0x7e, AccessViolation).Build(6002).Stack("crash", "mup!MupFsControl+0x1", "srv!SrvShareRefresh+0x33"),
            Crash(0x7e, AccessViolation).Build(6002).Stack("crash", "srv!SrvShareRefresh+0x33").Loaded("mup")),
        new("tcpip-multicast-forwarding", "tcpip!IppMcastForwardTimer",
            Crash(0xd1, 8, 2, 0).Build(6002).Fault("tcpip!IppMcastForwardTimer+0x20"),
            Crash(0xd1, 8, 2, 0).Build(6002).Fault("tcpip!TcpTcbReceive+0x20")),
        new("dfs-service-not-answering", "dfs!",
            Hang().Build(3790).Stack("root thread", "dfs!DfsFilterUserCall+0x1", "srv!SrvFsdGetDfsReferral+0x22"),
            Hang().Build(3790).Stack("root thread", "srv!SrvFsdGetDfsReferral+0x22").Loaded("dfs")),
        new("citrix-orphan-sessions", "process winlogon.exe",
            Hang(VerdictClass.ServerNotAnswering).Process("winlogon.exe").Process("csrss.exe").Loaded("picadm"),
            Hang(VerdictClass.ServerNotAnswering).Process("winlogon.exe").Process("csrss.exe")),
        new("health-monitor-work-queue", "nt!ExpWorkerThread",
            Crash(0x9e, 0xfffffa80_01234560, 0x4b0).Stack("crash", "mydrv+0x1200", "nt!ExpWorkerThread+0x111"),
            Crash(0x9e, 0xfffffa80_01234560, 0x4b0).Stack("crash", "netft!NetftWatchdogTimerDpc+0xb9")),
    ];

    private static IEnumerable<KnownIssueCase> FileSystems() =>
    [
        new("winfsp-cache-deadlock", "nt!CcCanIWriteStream",
            Hang().Stack("root thread", "nt!KeWaitForSingleObject+0x1", "nt!CcCanIWriteStream+0x2d7", "winfsp_x64!FspFsvolWriteCached+0x14a"),
            Hang().Stack("root thread", "nt!CcCanIWriteStream+0x2d7", "Ntfs!NtfsCopyWriteA+0x14a").Loaded("winfsp_x64")),
        new("winfsp-volume-delete", "winfsp_x64!FspVolumeDelete",
            Hang().Stack("root thread", "winfsp_x64!FspVolumeDelete+0x9c"),
            Hang().Stack("root thread", "winfsp_x64!FspVolumeCreate+0x9c")),
        new("winfsp-oplock", "nt!FsRtlCheckOplockEx2",
            Crash(0x3b, AccessViolation).Stack("crash", "nt!FsRtlCheckOplockEx2+0x6a", "winfsp_x64!FspFileNodeOplockCheckEx+0x1"),
            Crash(0x3b, AccessViolation).Stack("crash", "nt!FsRtlCheckOplockEx2+0x6a", "Ntfs!NtfsCommonCreate+0x1").Loaded("winfsp_x64")),
        new("winfsp-oplock", "Ntfs!NtfsCommonCreate",
            Crash(0x0a, 0x20, 2).Fault("Ntfs!NtfsCommonCreate+0x40").Stack("crash", "Ntfs!NtfsCommonCreate+0x40", "winfsp_x64+0x1"),
            Crash(0x0a, 0x20, 2).Fault("Ntfs!NtfsCommonCreate+0x40").Loaded("winfsp_x64")),
        new("dokan-cleanup-flush", "dokan1!DokanDispatchCleanup",
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "nt!ExAcquireResourceExclusiveLite+0xf7", "nt!CcFlushCache+0x2b0",
                "dokan1!DokanDispatchCleanup+0x1f0"),
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "nt!ExAcquireResourceExclusiveLite+0xf7", "nt!CcFlushCache+0x2b0",
                "Ntfs!NtfsCommonCleanup+0x1f0").Loaded("dokan1")),
        new("dokan-section-waits-for-program", "CreateSection+0x1",
            Hang().Stack("root thread", "dokan1!DokanDispatchRead+0x2c0", "nt!MiCreateImageFileMap+0x1", "nt!MmCreateSection+0x1",
                "nt!NtCreateSection+0x1"),
            Hang().Stack("root thread", "dokan1!DokanDispatchRead+0x2c0", "nt!NtReadFile+0x1")),
        new("openzfs-resource-order", "zfs_AcquireForLazyWrite",
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "OpenZFS!zfs_AcquireForLazyWrite+0x33", "nt!CcWriteBehindInternal+0x1a2"),
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "Ntfs!NtfsAcquireForLazyWrite+0x33").Loaded("OpenZFS")),
        new("openzfs-resource-order", "rw_tryupgrade",
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "ZFSin!spl_rw_tryupgrade+0x33"),
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "ZFSin!spl_mutex_enter+0x33")),
        new("winbtrfs-flush", "btrfs!flush_thread",
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "btrfs!flush_thread+0xd1"),
            Hang(VerdictClass.Deadlock).Stack("thread in the circle", "nt!CcWriteBehind+0xd1").Loaded("btrfs")),
    ];

    private static IEnumerable<KnownIssueCase> System() =>
    [
        new("intel-rst-power", "request at iaStorAC.sys",
            Crash(0x9f, 3).RequestAt("iaStorAC"),
            Crash(0x9f, 3).RequestAt("disk").Loaded("iaStorAC")),
        new("intel-rst-power", "fault at iaStorAVC+0x51d0",
            Crash(0xd1, 0, 2, 0).Fault("iaStorAVC+0x51d0"),
            Crash(0xd1, 0, 2, 0).Fault("storport!RaidAdapterRequestComplete+0x5").Loaded("iaStorAVC")),
        new("interrupt-steering-a0", "parameter 1 0x4001",
            Crash(0xa0, 0x4001, 0x102).Stack("crash", "nt!KiIntSteerSetDestination+0x1e6"),
            Crash(0xa0, 0x4001, 0x103).Stack("crash", "nt!KiIntSteerSetDestination+0x1e6")),
        new("page-in-disk-error", "parameter 2 0xffffffffc000009d",
            Crash(0x7a, 0xfffff6fb_40001234, 0xffffffff_c000009d),
            Crash(0x7a, 1, 0xffffffff_c0000005)),
        // Seen in two dumps of one machine: bit 37 alone in an entry that is otherwise empty.
        new("page-table-one-bit", "bit 37 alone",
            Crash(0x1a, 0x41792, 0xfffff980_00001000, 0x2000000000, 0),
            Crash(0x1a, 0x41792, 0xfffff980_00001000, 0x2000000068, 0)),
        new("page-table-one-bit", "bit 5 other than in parameter 4",
            Crash(0x1a, 0x403, 0xfffff680_00001000, 0x8000_0000_1234_5867, 0x8000_0000_1234_5847),
            Crash(0x1a, 0x403, 0xfffff680_00001000, 0x8000_0000_1234_5867, 0x8000_0000_1234_5844)),
        new("unloaded-driver-called", "fault in the place of myfault.sys",
            Crash(0xce, 0xfffff800_07000123, 8, 0xfffff800_07000123).FaultInUnloaded("myfault.sys"),
            Crash(0xd1, 0xfffff800_07000123, 2, 0, 0xfffff800_06000123).Unloaded("myfault.sys")),
    ];
}
