using HangAnalysis.Esxi;

namespace HangAnalysis.Tests.Esxi;

/// <summary>The screens by which the reader and the verdicts are tested.</summary>
internal static class PublishedScreens
{
    private const string Registers = """
        cr0=0x8001003d cr2=0x2d04bf8000 cr3=0x14d7a5000 cr4=0x142768
        frame=0x4390c0e1bbd0 ip=0x41800a0f1c2e err=0 rflags=0x10206
        rax=0x0 rbx=0x4305e5c3b0d0 rcx=0x8c
        rdx=0x4180421003c0 rbp=0x4390c0e1bd70 rsi=0x4305e5c3b0d0
        rdi=0x0 r8=0x0 r9=0x1
        r10=0x4390c0e1bf00 r11=0x0 r12=0x4305e5c3b000
        r13=0x0 r14=0x4180421003c0 r15=0x1
        """;

    /// <summary>vSphere Replication holds the lock: KB 67774 (Broadcom 318955).</summary>
    public static PublishedScreen Replication { get; } = new("replication filter", $"""
        VMware ESXi 6.5.0 [Releasebuild-8294253 x86_64]
        Spin count exceeded (hbrGroupLock) - possible deadlock with PCPU 20
        {Registers}
        *PCPU12:33445/vmnic0-pollWorld-0
        PCPU  0: SVSUSVVHUVUSISSSVVUSV
        Code start: 0x41800a000000 VMK uptime: 75:06:20:17.553
        Saved backtrace from: pcpu 20 SpinLock spin out NMI
        0x4390d421b9a0:[0x41800a0a5f10]NMI_Interrupt@vmkernel#nover+0x1f4 stack: 0x0, 0x41800a0c2e31
        0x4390d421ba00:[0x41800a0c2e31]IDTNMIWork@vmkernel#nover+0x99 stack: 0x0, 0x0
        0x4390d421ba80:[0x41800a0c4011]Int2_NMI@vmkernel#nover+0x19 stack: 0x0, 0xfc8
        0x4390d421baa0:[0x41800a0e0066]gate_entry@vmkernel#nover+0x67 stack: 0x0, 0x0
        0x4390d421bb60:[0x41800a8d9c41]HBR_LookupExtent@(hbr_filter)#<None>+0xb2 stack: 0x4305e5c3, 0x10
        0x4390d421bbd0:[0x41800a8da880]HBR_TransferDone@(hbr_filter)#<None>+0x140 stack: 0x1, 0x0
        0x4390d421bc40:[0x41800a2c0175]VSCSI_FilterIODone@vmkernel#nover+0x75 stack: 0x0, 0x2
        0x4390d421bcc0:[0x41800a0b1f22]CpuSched_StartWorld@vmkernel#nover+0xa2 stack: 0x0, 0x0
        0x4390c0e1bb20:[0x41800a0f1a10]PanicvPanicInt@vmkernel#nover+0x37e stack: 0x4390c0e1bbb8, 0x0
        0x4390c0e1bbb0:[0x41800a0f1c2e]Panic_NoSave@vmkernel#nover+0x4d stack: 0x4390c0e1bc10, 0x20
        0x4390c0e1bc10:[0x41800a0f4462]LockCheckSpinCountInt@vmkernel#nover+0x222 stack: 0x430, 0x14
        0x4390c0e1bc60:[0x41800a0f58a0]SP_WaitLockIRQ@vmkernel#nover+0x1a0 stack: 0x0, 0x1
        0x4390c0e1bca0:[0x41800a8d9b02]HBR_Write@(hbr_filter)#<None>+0x62 stack: 0x4305e5c3b0d0, 0x2
        0x4390c0e1bd10:[0x41800a2c0f31]VSCSI_IssueCommand@vmkernel#nover+0x2d1 stack: 0x1, 0x1
        0x4390c0e1bd70:[0x41800a0b1f22]CpuSched_StartWorld@vmkernel#nover+0xa2 stack: 0x0, 0x0
        base fs=0x0 gs=0x418043000000 Kgs=0x0
        vmkernel             0x0 .data 0x0 .bss 0x0
        hbr_filter           0x41800a8d8000 .data 0x417fc0400000 .bss 0x417fc0400460
        Coredump to disk. Slot 1 of 1 on device naa.600508b1001c4d1b:9.
        Finalized dump header (14/14) DiskDump: Successful.
        Debugger waiting(world 33445) -- no port for remote debugger. "Escape" for local debugger.
        """)
    {
        Kind = PanicKind.SpinCount, Panicking = 12, Other = 20, Lock = "hbrGroupLock", Culprit = "hbr_filter",
        Function = "HBR_LookupExtent", Frames = 7, OtherFrames = 8, World = 33445, Build = "8294253",
        Uptime = new TimeSpan(75, 6, 20, 17, 553), CoreDump = CoreDumpState.Written, Article = "67774",
    };

    /// <summary>A writer of the TCP/IP stack's list of connections holds it: Broadcom 385615 and 392817.</summary>
    public static PublishedScreen Connections { get; } = new("TCP/IP connections", $"""
        VMware ESXi 7.0.3 [Releasebuild-20328353 x86_64]
        Spin count exceeded (tcbinfo) - possible deadlock with PCPU 41
        {Registers}
        *PCPU7:2098163/tcpip-worldlet-2
        Code start: 0x420012800000 VMK uptime: 12:00:41:05.010
        Saved backtrace from: pcpu 41 SpinLock spin out NMI
        0x451a2039b8f0:[0x4200128f58a0]Timer_GetCycles@vmkernel#nover+0x11 stack: 0x0, 0x0
        0x451a2039b900:[0x4200128f6001]SP_WaitReadLock@vmkernel#nover+0x131 stack: 0x0, 0x0
        0x451a2039b940:[0x4200128f62aa]SPAcqWriteLockWork@vmkernel#nover+0xba stack: 0x0, 0x1
        0x451a2039b970:[0x420013210444]rw_wlock@(tcpip4)#<None>+0x44 stack: 0x0, 0x1
        0x451a2039b9a0:[0x4200132218ce]tcp_usr_attach@(tcpip4)#<None>+0x8e stack: 0x0, 0x1
        0x451a2039bee0:[0x420012a014b2]User_Socket@vmkernel#nover+0x32 stack: 0x0, 0x0
        0x451a1b61b7a0:[0x4200128f1a10]PanicvPanicInt@vmkernel#nover+0x327 stack: 0x451a1b61b870, 0x0
        0x451a1b61b870:[0x4200128f1c2e]Panic_WithBacktrace@vmkernel#nover+0x56 stack: 0x451a1b61b8e0, 0x0
        0x451a1b61b8e0:[0x4200128f4462]Lock_CheckSpinCount@vmkernel#nover+0x2d7 stack: 0x0, 0x29
        0x451a1b61b930:[0x4200128f6c04]SP_WaitReadLock@vmkernel#nover+0x234 stack: 0x0, 0x1
        0x451a1b61b980:[0x420013224aa0]tcp_input@(tcpip4)#<None>+0x2a0 stack: 0x0, 0x1
        0x451a1b61bfe0:[0x420012a00a41]vmkWorldFunc@vmkernel#nover+0x31 stack: 0x0, 0x0
        Coredump to file: /vmfs/volumes/5f0c2a61/vmkdump/4C4C4544.dumpfile
        """)
    {
        Kind = PanicKind.SpinCount, Panicking = 7, Other = 41, Lock = "tcbinfo", Culprit = "tcpip4", Function = "rw_wlock",
        Frames = 6,
        OtherFrames = 6, World = 2098163, Build = "20328353", Uptime = new TimeSpan(12, 0, 41, 5, 10),
        CoreDump = CoreDumpState.Begun,
        Article = "385615",
    };

    /// <summary>A driver keeps a processor; the heartbeat's NMI shows where.</summary>
    public static PublishedScreen Heartbeat { get; } = new("no heartbeat", $"""
        VMware ESXi 6.7.0 [Releasebuild-14320388 x86_64]
        PCPU 118: no heartbeat (3/3 IPIs received)
        {Registers}
        *PCPU3:2097221/HELPER_MISC_QUEUE-1-1
        PCPU  0: IIISVVVVIIIISIIIVVVVVVVVIIIIIIIIVVVVVVVVSSSSIIIIVVVVVVVVIIIIIIII
        PCPU 64: IIIIVVVVIIIISIIIVVVVVVVVIIIIIIIIVVVVVVVVSSSSIIIIVVVVVVSV
        Code start: 0x418019000000 VMK uptime: 3:11:29:54.123 TSC: 812345678901234
        Saved backtrace from: pcpu 118 Heartbeat NMI
        0x451a8a51b9e8:[0x418019f0a7c1]lpfc_sli4_process_eq@(lpfc)#12.0.257.5-1OEM+0x1b1 stack: 0x4308, 0x0
        0x451a8a51ba40:[0x418019f0b3d2]lpfc_sli4_intr_bh@(lpfc)#12.0.257.5-1OEM+0x92 stack: 0x0, 0x0
        0x451a8a51ba90:[0x4180190d2b11]IRQBH@vmkernel#nover+0x2e1 stack: 0x0, 0x0
        0x451a8a51bb00:[0x418019105f13]BH_DrainAndDisableInterrupts@vmkernel#nover+0x83 stack: 0x0, 0x0
        0x451a0391bd50:[0x4180190f1a10]PanicvPanicInt@vmkernel#nover+0x439 stack: 0x44, 0x0
        0x451a0391bdf0:[0x4180190f1c2e]Panic_WithBacktrace@vmkernel#nover+0x56 stack: 0x451a0391be60, 0x76
        0x451a0391be60:[0x418019113e4c]Heartbeat_DetectCPULockups@vmkernel#nover+0x3fc stack: 0x0, 0x76
        0x451a0391bee0:[0x41801914b9aa]HelperQueueFunc@vmkernel#nover+0x30a stack: 0x0, 0x0
        0x451a0391bfe0:[0x418019311bb5]CpuSched_StartWorld@vmkernel#nover+0x77 stack: 0x0, 0x0
        No file configured to dump data.
        """)
    {
        Kind = PanicKind.NoHeartbeat, Panicking = 3, Other = 118, Culprit = "lpfc", Function = "lpfc_sli4_process_eq",
        Frames = 5,
        OtherFrames = 4, World = 2097221, Build = "14320388", Uptime = new TimeSpan(3, 11, 29, 54, 123),
        CoreDump = CoreDumpState.NotConfigured,
    };

    /// <summary>A network driver reads through a null pointer.</summary>
    public static PublishedScreen PageFault { get; } = new("page fault of a driver", """
        VMware ESXi 6.5.0 [Releasebuild-4887370 x86_64]
        #PF Exception 14 in world 65952:vmnic4-pollWorld-1 IP 0x41801f2c3a5e addr 0x18
        PTEs:0x0;
        cr0=0x8001003d cr2=0x18 cr3=0x12a8f000 cr4=0x42768
        frame=0x439142a1bd70 ip=0x41801f2c3a5e err=2 rflags=0x10206
        rax=0x0 rbx=0x430b1c2d3e40 rcx=0x1
        *PCPU5:65952/vmnic4-pollWorld-1
        PCPU  0: SSSUISVS
        Code start: 0x41801e800000 VMK uptime: 0:00:12:09.771
        0x439142a1be30:[0x41801f2c3a5e]qfle3_rx_cqe@(qfle3)#1.0.77.2+0x5e stack: 0x0, 0x430b1c2d3e40
        0x439142a1bea0:[0x41801f2c4410]qfle3_poll@(qfle3)#1.0.77.2+0x1d0 stack: 0x0, 0x0
        0x439142a1bf10:[0x41801eb10c01]NetPollWorldCallback@vmkernel#nover+0x161 stack: 0x0, 0x0
        0x439142a1bfe0:[0x41801ea17b75]CpuSched_StartWorld@vmkernel#nover+0x77 stack: 0x0, 0x0
        Coredump to disk. Slot 1 of 1 on device naa.600508b1001c4d1b:9.
        DiskDump: FAILED: Timeout
        """)
    {
        Kind = PanicKind.Exception, Panicking = 5, Culprit = "qfle3", Function = "qfle3_rx_cqe", Frames = 4, World = 65952,
        Build = "4887370", Uptime = new TimeSpan(0, 0, 12, 9, 771), CoreDump = CoreDumpState.Failed,
    };

    /// <summary>A general protection fault in the kernel's own code.</summary>
    public static PublishedScreen ProtectionFault { get; } = new("general protection fault", $"""
        VMware ESXi 8.0.1 [Releasebuild-21495797 x86_64]
        #GP Exception 13 in world 2099817:vmm0:db-server 02 IP 0x420005d0a1b2 addr 0x0
        {Registers}
        *PCPU22:2099817/vmm0:db-server 02
        Code start: 0x420005c00000 VMK uptime: 33:23:59:59.999
        0x453a1c41bd00:[0x420005d0a1b2]List_Remove@vmkernel#nover+0x12 stack: 0x0, 0x0
        0x453a1c41bd10:[0x420005d0b7a4]PShare_RemoveHint@vmkernel#nover+0x1f4 stack: 0x0, 0x0
        0x453a1c41bdb0:[0x420005e3120c]VmMemCow_Check@vmkernel#nover+0x22c stack: 0x0, 0x0
        0x453a1c41bf40:[0x420005c9d0f0]VMMVMKCall_Call@vmkernel#nover+0xf5 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.Exception, Panicking = 22, Frames = 4, World = 2099817, Build = "21495797",
        Uptime = new TimeSpan(33, 23, 59, 59, 999),
    };

    /// <summary>The memory controller reports an error that nothing corrects.</summary>
    public static PublishedScreen MachineCheck { get; } = new("machine check", """
        VMware ESXi 6.0.0 [Releasebuild-5050593 x86_64]
        Machine Check Exception on PCPU2 in world 33002:idle2
        System has encountered a Hardware Error - Please contact the hardware vendor
        MCE: 190: cpu2: bank7: status=0xbe00000000800091: (VAL=1, OVFLW=0, UC=1, EN=1, PCC=1, S=0, AR=0), Addr:0x1f3c4d5e80 (valid), Misc:0x0 (invalid)
        cr0=0x8001003d cr2=0x0 cr3=0x3f000 cr4=0x2768
        *PCPU2:33002/idle2
        Code start: 0x418001c00000 VMK uptime: 201:14:00:00.250
        0x412e40087d60:[0x418001c8a5b1]PanicvPanicInt@vmkernel#nover+0x37e stack: 0x0, 0x0
        0x412e40087e00:[0x418001ce2c11]MCE_HandleException@vmkernel#nover+0x2b1 stack: 0x0, 0x0
        0x412e40087e60:[0x418001cc9031]IDT_HandleException@vmkernel#nover+0x171 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.MachineCheck, Panicking = 2, Frames = 3, World = 33002, Build = "5050593",
        Uptime = new TimeSpan(201, 14, 0, 0, 250),
    };

    /// <summary>The board's hardware interrupts: KB 1804.</summary>
    public static PublishedScreen BoardNmi { get; } = new("LINT1", """
        VMware ESXi 5.5.0 [Releasebuild-3248547 x86_64]
        LINT1/NMI (motherboard nonmaskable interrupt), undiagnosed. This may be a hardware problem; please contact your hardware vendor.
        cr0=0x8001003d cr2=0x0 cr3=0x3f000 cr4=0x2768
        *PCPU0:32785/idle0
        PCPU  0: SIIIIISV
        Code start: 0x41801f600000 VMK uptime: 9:08:15:44.001
        0x41228010fc60:[0x41801f67cdb9]PanicvPanicInt@vmkernel#nover+0x61 stack: 0x3000000010, 0x0
        0x41228010fd40:[0x41801f67d30e]Panic_NoSave@vmkernel#nover+0x56 stack: 0x0, 0x0
        0x41228010fde0:[0x41801f6a2f01]NMICheckLint1Bottom@vmkernel#nover+0x51 stack: 0x0, 0x0
        0x41228010fe80:[0x41801f61a9d1]BH_Check@vmkernel#nover+0x1c1 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.BoardNmi, Panicking = 0, Frames = 4, World = 32785, Build = "3248547",
        Uptime = new TimeSpan(9, 8, 15, 44, 1),
        Article = "1804",
    };

    /// <summary>Somebody let the host crash.</summary>
    public static PublishedScreen Forced { get; } = new("CrashMe", """
        VMware ESXi 6.5.0 [Releasebuild-5969303 x86_64]
        CrashMe
        cr0=0x80010031 cr2=0x1f8d000 cr3=0x103b1d000 cr4=0x42768
        *PCPU9:68411/vsish
        Code start: 0x41802a800000 VMK uptime: 1:02:03:04.005
        0x43912f59bc60:[0x41802a8f1a10]PanicvPanicInt@vmkernel#nover+0x439 stack: 0x0, 0x0
        0x43912f59bd00:[0x41802a8f1c2e]Panic_Panic@vmkernel#nover+0x56 stack: 0x0, 0x0
        0x43912f59bd60:[0x41802a905a41]CrashMePanic@vmkernel#nover+0x31 stack: 0x0, 0x0
        0x43912f59bd80:[0x41802ac0b1c2]VSI_SetInfo@vmkernel#nover+0x2e2 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.Forced, Panicking = 9, Frames = 4, World = 68411, Build = "5969303",
        Uptime = new TimeSpan(1, 2, 3, 4, 5),
    };

    /// <summary>The screen of a processor that was stopped for another one's panic: KB 2149704.</summary>
    public static PublishedScreen OtherPcpu { get; } = new("NMI IPI", """
        VMware ESXi 6.0.0 [Releasebuild-6921384 x86_64]
        NMI IPI: Panic requested by another PCPU. RIPOFF(base):RBP:CS [0xc42ce(0x418002400000):0x43190b62a500:0xfc8] (Src 0x4, CPU0)
        cr0=0x80010031 cr2=0x0 cr3=0x103b1d000 cr4=0x42768
        *PCPU0:32818/idle0
        Code start: 0x418002400000 VMK uptime: 18:00:10:20.300
        0x43190b62a4a0:[0x4180024c42ce]Power_ArchSetCState@vmkernel#nover+0x10a stack: 0x0, 0x0
        0x43190b62a500:[0x4180026c6d51]CpuSchedIdleLoopInt@vmkernel#nover+0x371 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.OtherPcpu, Panicking = 0, Frames = 2, World = 32818, Build = "6921384",
        Uptime = new TimeSpan(18, 0, 10, 20, 300),
        Article = "2149704",
    };

    /// <summary>The kernel finds a list broken.</summary>
    public static PublishedScreen Assertion { get; } = new("assertion", """
        VMware ESXi 7.0.1 [Releasebuild-17325551 x86_64]
        PANIC bora/vmkernel/main/dlmalloc.c:4944 - Corruption in dlmalloc
        cr0=0x80010031 cr2=0x0 cr3=0x103b1d000 cr4=0x42768
        *PCPU31:2100112/nfsRemountHandler
        Code start: 0x42000ec00000 VMK uptime: 5:12:13:21.123
        0x451a0991bb90:[0x42000ecf1a10]PanicvPanicInt@vmkernel#nover+0x327 stack: 0x0, 0x0
        0x451a0991bc60:[0x42000ecf2c52]Panic_vPanic@vmkernel#nover+0x23 stack: 0x0, 0x0
        0x451a0991bc80:[0x42000ed20c80]vmk_PanicWithModuleID@vmkernel#nover+0x41 stack: 0x0, 0x0
        0x451a0991bd00:[0x42000ed3aa03]DLM_free@vmkernel#nover+0x3b3 stack: 0x0, 0x0
        0x451a0991bd20:[0x42000fb8c910]NFSClose@(nfsclient)#<None>+0x70 stack: 0x0, 0x0
        0x451a0991bfe0:[0x42000ef17b75]CpuSched_StartWorld@vmkernel#nover+0x77 stack: 0x0, 0x0
        """)
    {
        Kind = PanicKind.Assertion, Panicking = 31, Culprit = "nfsclient", Function = "NFSClose", Frames = 6,
        World = 2100112,
        Build = "17325551", Uptime = new TimeSpan(5, 12, 13, 21, 123),
    };

    /// <summary>A release of 32 bits, which prints no modules: a processor does not forget address translations.</summary>
    public static PublishedScreen Translations { get; } = new("TLB invalidate", """
        VMware ESX Server [Releasebuild-98103]
        PCPU 1 locked up. Failed to ack TLB invalidate.
        frame=0x3a37d98 ip=0x625e94 cr2=0x0 cr3=0x40c66000 cr4=0x16c
        es=0xffffffff ds=0xffffffff fs=0xffffffff gs=0xffffffff
        eax=0xffffffff ebx=0xffffffff ecx=0xffffffff edx=0xffffffff
        ebp=0x3a37ef4 esi=0xffffffff edi=0xffffffff err=-1 eflags=0xffffffff
        *0:1037/helper1-4 1:1107/vmm0:Mail 2:1121/vmware-vm 3:1122/mks:Mail
        0x3a37ef4:[0x625e94]Panic+0x17 stack: 0x833ab4, 0x3a37f10, 0x3a37f48
        0x3a37f48:[0x64bfa4]TLBDoInvalidate+0x38f stack: 0x3a37f54, 0x40, 0x2
        0x3a37f70:[0x66da4d]XMap_ForceFlush+0x64 stack: 0x0, 0x4d3a, 0x0
        0x3a37fac:[0x652b8b]helpFunc+0x2d2 stack: 0x1, 0x14a4580, 0x0
        0x3a37ffc:[0x750902]CpuSched_StartWorld+0x109 stack: 0x0, 0x0, 0x0
        VMK uptime: 7:05:43:45.014 TSC: 1751259712918392
        Starting coredump to disk Dumping using slot 1 of 1... using slot 1 of 1... log
        """)
    {
        Kind = PanicKind.TlbLockup, Panicking = 0, Other = 1, Frames = 5, World = 1037, Build = "98103",
        Uptime = new TimeSpan(7, 5, 43, 45, 14), CoreDump = CoreDumpState.Begun, Article = "395129",
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyList<PublishedScreen> All { get; } =
    [
        Replication, Connections, Heartbeat, PageFault, ProtectionFault, MachineCheck, BoardNmi, Forced, OtherPcpu,
            Assertion, Translations,
    ];
}
