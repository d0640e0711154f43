using System.Collections.Frozen;
using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>Whose a module of the vmkernel is. The text holds names only, so that names have to do.</summary>
internal static class EsxiModules
{
    /// <summary>The kernel itself.</summary>
    public const string Kernel = "vmkernel";

    /// <summary>
    /// Modules that VMware writes and ships with every ESXi, by the names that the kernel's module table and published
    /// screens print. Drivers of devices are not among them, also where they are delivered with ESXi: their vendors write
    /// most of them.
    /// </summary>
    private static readonly FrozenDictionary<string, string> s_own = new Dictionary<string, string>
    {
        ["tcpip"] = "TCP/IP stack", ["tcpip2"] = "TCP/IP stack", ["tcpip3"] = "TCP/IP stack", ["tcpip4"] = "TCP/IP stack",
        ["vmfs2"] = "VMFS file system", ["vmfs3"] = "VMFS file system", ["vmfs6"] = "VMFS file system",
        ["vfat"] = "FAT file system",
        ["nfsclient"] = "NFS client", ["nfs41client"] = "NFS 4.1 client", ["vmkapi_socket"] = "sockets of drivers",
        ["vmkapi_mgmt"] = "management of drivers", ["vmkapi"] = "interface of drivers",
        ["hbr_filter"] = "vSphere Replication", ["vscsi"] = "virtual disks", ["filtmod"] = "filters of virtual disks",
        ["svmmirror"] = "Storage vMotion", ["migrate"] = "vMotion", ["cbt"] = "changed block tracking",
        ["iodm"] = "I/O diagnosis",
        ["deltadisk"] = "snapshot disks", ["multiextent"] = "virtual disks", ["libfc"] = "Fibre Channel over Ethernet",
        ["lvmdriver"] = "volume manager", ["swapobj"] = "swap files", ["vflash"] = "flash read cache",
        ["dm"] = "device mapper",
        ["nmp"] = "multipathing", ["vmw_satp_local"] = "multipathing", ["vmw_satp_alua"] = "multipathing",
        ["vmw_satp_lib_cx"] = "multipathing", ["vmw_psp_lib"] = "multipathing", ["vmw_psp_rr"] = "multipathing",
        ["vmw_psp_fixed"] = "multipathing", ["vmw_psp_mru"] = "multipathing", ["vmw_satp_default_aa"] = "multipathing",
        ["hpp"] = "multipathing", ["vaai_filter"] = "storage offload", ["vmw_vaaip_cx"] = "storage offload",
        ["vmw_vaaip_symm"] = "storage offload", ["vmw_vaaip_netapp"] = "storage offload",
        ["iscsi_trans"] = "iSCSI", ["iscsi_vmk"] = "software iSCSI", ["iscsi_linux"] = "iSCSI",
        ["etherswitch"] = "virtual switch",
        ["portset"] = "virtual switch", ["cswitch"] = "virtual switch", ["netioc"] = "network resource control",
        ["netflow"] = "network flows", ["dvfilter"] = "network filters", ["dvfilter-generic-fastpath"] = "network filters",
        ["esxfw"] = "firewall", ["dvsdev"] = "virtual switch", ["netqueuebal"] = "network queues",
        ["netsched_fifo"] = "network queues",
        ["netsched_hclk"] = "network queues", ["lb_netqueue_bal"] = "network queues", ["healthchk"] = "switch health check",
        ["ipfix"] = "network flows", ["vxlan"] = "VXLAN", ["nsxt-vsip"] = "NSX firewall", ["nsxt-vdl2"] = "NSX overlay",
        ["vsip"] = "NSX firewall", ["vdl2"] = "NSX overlay", ["vdrb"] = "NSX router", ["vmkstatelogger"] = "fault tolerance",
        ["ftcpt"] = "fault tolerance", ["vsan"] = "vSAN", ["vsanutil"] = "vSAN", ["vsanbase"] = "vSAN",
        ["lsomcommon"] = "vSAN",
        ["lsom"] = "vSAN", ["plog"] = "vSAN", ["virsto"] = "vSAN", ["dom"] = "vSAN", ["cmmds"] = "vSAN",
        ["cmmds_resolver"] = "vSAN",
        ["rdt"] = "vSAN", ["vdfs"] = "vSAN", ["vmkibft"] = "iSCSI start-up", ["vmkfbft"] = "FCoE start-up",
        ["vmklinux"] = "Linux drivers' layer", ["vmklinux_9"] = "Linux drivers' layer",
        ["vmklinux_9_2_0_0"] = "Linux drivers' layer",
        ["vmklinux_9_2_1_0"] = "Linux drivers' layer", ["vmklinux_9_2_2_0"] = "Linux drivers' layer",
        ["vmklinux_9_2_3_0"] = "Linux drivers' layer", ["user"] = "programs of the host", ["procfs"] = "proc file system",
        ["vprobe"] = "probes", ["ipmi"] = "IPMI", ["ipmi_msghandler"] = "IPMI", ["ipmi_si_drv"] = "IPMI",
        ["ipmi_devintf"] = "IPMI",
        ["chardevs"] = "character devices", ["random"] = "random numbers", ["hyperclock"] = "clock",
        ["shaper"] = "network shaping",
        ["vmkbsd"] = "BSD drivers' layer", ["vmkusb"] = "USB", ["vmkata"] = "ATA disks", ["vmw_ahci"] = "AHCI disks",
        ["pvscsi"] = "virtual SCSI adapter", ["vmxnet3"] = "virtual network adapter",
        ["nvmxnet3"] = "virtual network adapter",
        ["vmkernel"] = "kernel", ["crypto"] = "encryption", ["crypto_fips"] = "encryption", ["vmcrypt"] = "encryption",
        ["vrdma"] = "virtual RDMA", ["vmkdevmgr"] = "devices", ["dlm"] = "distributed locks", ["gss"] = "NFS security",
        ["balloon"] = "memory", ["vmmon"] = "virtual machines", ["vmci"] = "host to guest communication",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Modules of device vendors and of other companies, by name or by how the name begins. Known from their drivers for
    /// ESXi.
    /// </summary>
    private static readonly (string Start, string Company)[] s_foreign =
    [
        ("lpfc", "Emulex / Broadcom"), ("elxnet", "Emulex / Broadcom"), ("elxiscsi", "Emulex / Broadcom"),
        ("be2", "Emulex / Broadcom"),
        ("brcm", "Broadcom"), ("bnxt", "Broadcom"), ("lsi_", "LSI / Broadcom"), ("megaraid", "LSI / Broadcom"),
        ("mpt2sas", "LSI / Broadcom"), ("mpt3sas", "LSI / Broadcom"), ("mptsas", "LSI / Broadcom"),
        ("mptspi", "LSI / Broadcom"),
        ("tg3", "Broadcom"), ("ntg3", "Broadcom"), ("bnx2", "QLogic / Marvell"), ("qfle3", "QLogic / Marvell"),
        ("qedentv", "QLogic / Marvell"), ("qedf", "QLogic / Marvell"), ("qedrntv", "QLogic / Marvell"),
        ("qlnativefc", "QLogic / Marvell"),
        ("qla", "QLogic / Marvell"), ("qlcnic", "QLogic / Marvell"), ("netxen", "QLogic / Marvell"),
        ("nhpsa", "HPE / Microsemi"),
        ("hpsa", "HPE / Microsemi"), ("hpvsa", "HPE"), ("hpilo", "HPE"), ("hp_", "HPE"), ("ilo", "HPE"),
        ("smartpqi", "Microsemi"),
        ("aacraid", "Adaptec / Microsemi"), ("igb", "Intel"), ("ixgbe", "Intel"), ("i40e", "Intel"), ("icen", "Intel"),
        ("e1000", "Intel"),
        ("ne1000", "Intel"), ("irdman", "Intel"), ("isci", "Intel"), ("intel-nvme", "Intel"), ("enic", "Cisco"),
        ("nenic", "Cisco"),
        ("fnic", "Cisco"), ("nfnic", "Cisco"), ("nmlx", "Mellanox / NVIDIA"), ("mlx", "Mellanox / NVIDIA"),
        ("nvidia", "NVIDIA"),
        ("bfa", "Brocade"), ("bna", "Brocade"), ("cxgb", "Chelsio"), ("powerpath", "Dell EMC"), ("emcp", "Dell EMC"),
        ("dell", "Dell"), ("dcism", "Dell"), ("fio-", "SanDisk"), ("iomemory", "SanDisk"), ("sfvmk", "Solarflare"),
        ("forcedeth", "NVIDIA"),
        ("zerto", "Zerto"), ("dsafilter", "Trend Micro"), ("dvfilter-dsa", "Trend Micro"), ("vem-v", "Cisco"),
    ];

    /// <summary>Where a module comes from, by its name.</summary>
    public static ModuleOrigin OriginOf(string name)
    {
        if (name == Kernel)
            return ModuleOrigin.Core;
        if (s_own.ContainsKey(name))
            return ModuleOrigin.System;
        return CompanyOf(name) is null ? ModuleOrigin.Unknown : ModuleOrigin.ThirdParty;
    }

    /// <summary>Whose a module is that is not VMware's; null where the name does not tell.</summary>
    public static string? CompanyOf(string name)
    {
        foreach ((string start, string company) in s_foreign)
            if (name.StartsWith(start, StringComparison.OrdinalIgnoreCase))
                return company;
        return null;
    }

    /// <summary>What a module of VMware's does; null for others.</summary>
    public static string? PurposeOf(string name) => s_own.GetValueOrDefault(name);

    /// <summary>
    /// The name of a module as it must have been: <c>vmkerne1</c> and <c>vmkemel</c> are the kernel, and the names of
    /// VMware's modules are found also with letters and digits mixed up.
    /// </summary>
    public static string Normalize(string name, out bool isGuess)
    {
        isGuess = false;
        if (name == Kernel || s_own.ContainsKey(name))
            return name;
        isGuess = true;
        string plain = name.Replace("rn", "m", StringComparison.OrdinalIgnoreCase);
        if (EsxiGlyphs.AreAlike(plain, "vmkemel"))
            return Kernel;
        foreach (string known in s_own.Keys)
            if (EsxiGlyphs.AreAlike(name, known))
                return known;
        isGuess = false;
        return name;
    }
}
