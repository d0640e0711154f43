using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Windows;

/// <summary>What is known of each module: version, company, and whether it is a part of Windows.</summary>
/// <remarks>
/// The company of the version resource decides; the tables speak only where the dump does not hold the resource, or where a
/// part of Windows is one that everything passes through. A name alone never clears a module whose company says otherwise.
/// </remarks>
internal sealed class ModuleCatalog(ITarget target)
{
    /// <summary>Parts of Windows that every call passes through: being on a stack says nothing about them.</summary>
    private static readonly HashSet<string> s_core = new(StringComparer.OrdinalIgnoreCase)
    {
        "nt", "hal", "ntdll", "kernelbase", "kernel32", "user32", "gdi32", "gdi32full", "win32u", "win32k", "win32kbase",
        "win32kfull", "combase", "ole32", "oleaut32", "rpcrt4", "sechost", "advapi32", "ucrtbase", "msvcrt", "fltmgr", "ci",
        "shcore", "shell32", "wow64", "wow64win", "wow64cpu", "kd", "kdcom", "mssmbios", "securekernel", "wdf01000", "wdfldr",
    };

    /// <summary>Drivers and programs that come with Windows: used only where no version resource can be read.</summary>
    private static readonly HashSet<string> s_windows = new(StringComparer.OrdinalIgnoreCase)
    {
        "acpi", "afd", "agilevpn", "ahcache", "amdk8", "amdppm", "applockerfltr", "asyncmac", "atapi", "ataport", "bam",
        "basicdisplay", "basicrender", "battc", "beep", "bfs", "bindflt", "bootvid", "bowser", "bthport", "bthusb", "cdfs",
        "cdrom", "cimfs", "classpnp", "cldflt", "clfs", "clipsp", "cmbatt", "cmimcext", "cng", "compositebus", "condrv",
        "crashdmp", "csc", "csvfs", "dam", "dfs", "dfsc", "disk", "drmk", "dump_diskdump", "dxgkrnl", "dxgmms1", "dxgmms2",
        "exfat", "explorer", "fastfat", "fileinfo", "filecrypt", "fileinfo", "fs_rec", "fvevol", "fwpkclnt", "hdaudbus",
        "hdaudio", "hidclass", "hidparse", "hidusb", "http", "hvsocket", "i8042prt", "indirectkmd", "intelide", "intelppm",
        "iorate", "ipnat", "iscsiprt", "kbdclass", "kbdhid", "ks", "ksecdd", "ksecpkg", "lltdio", "lsasrv", "luafv",
        "mcupdate", "mmcss", "monitor", "mouclass", "mouhid", "mountmgr", "mpsdrv", "mrxdav", "mrxsmb", "mrxsmb10", "mrxsmb20",
        "msfs", "msgpiowin32", "mslldp", "msrpc", "msisadrv", "mup", "ndis", "ndistapi", "ndisuio", "ndiswan", "ndproxy",
        "netbios", "netbt", "netio", "netprofmsvc", "npfs", "npsvctrig", "nsiproxy", "ntfs", "null", "nvme", "ohci", "pacer",
        "partmgr", "pci", "pciide", "pciidex", "pcw", "pdc", "peauth", "portcls", "processr", "qwavedrv", "rasacd", "rasl2tp",
        "raspppoe", "raspptp", "rassstp", "rdbss", "rdpbus", "rdpdr", "rdpvideominiport", "rdyboost", "refs", "refsv1",
        "registry", "rfcomm", "rspndr", "scsiport", "serenum", "serial", "sgrmagent", "sleepstudyhelper", "spaceport",
        "spbcx", "srv", "srv2", "srvnet", "storahci", "storport", "stornvme", "storqosflt", "storvsc", "svchost", "swenum",
        "tbs", "tcpip", "tcpipreg", "tdi", "tdx", "terminpt", "tm", "tpm", "tsusbhub", "tunnel", "uaspstor", "ucx01000",
        "udfs", "umbus", "usbaudio", "usbccgp", "usbd", "usbehci", "usbhub", "usbhub3", "usbport", "usbstor", "usbuhci",
        "usbxhci", "vdrvroot", "verifierext", "vhdmp", "vid", "vmbkmcl", "vmbus", "vmbusr", "vmsproxy", "vmstorfl", "vmswitch",
        "volmgr", "volmgrx", "volsnap", "volume", "wanarp", "watchdog", "wcifs", "wcnfs", "wdboot", "wdfilter", "wdnisdrv",
        "werkernel", "wfplwfs", "winhvr", "winlogon", "winnat", "winusb", "wmilib", "wof", "wpprecorder", "ws2ifsl",
        "wtsapi32", "wudfpf", "wudfrd", "xboxgip",
    };

    private readonly Dictionary<ModuleKey, (ModuleOrigin Origin, ImageVersion? Version)> _known = [];
    private readonly Dictionary<TargetModule, ModuleFacts> _facts = [];

    /// <summary>What is known of a module.</summary>
    public ModuleFacts Describe(TargetModule module)
    {
        if (_facts.TryGetValue(module, out ModuleFacts? facts))
            return facts;
        if (!_known.TryGetValue(module.Key, out (ModuleOrigin Origin, ImageVersion? Version) known))
        {
            ImageVersion? version = target.GetVersion(module);
            known = (OriginOf(module.Name, version?.CompanyName), version);
            _known.Add(module.Key, known);
        }
        facts = new ModuleFacts(module.Name, module.FileName, module.BaseAddress, module.IsUserMode)
        {
            Origin = known.Origin,
            Company = known.Version?.CompanyName,
            Version = known.Version?.FileVersion,
            LinkDate = ToLinkDate(module.TimeDateStamp),
        };
        _facts.Add(module, facts);
        return facts;
    }

    private static ModuleOrigin OriginOf(string name, string? company)
    {
        bool isMicrosoft = company is not null && company.StartsWith("Microsoft", StringComparison.OrdinalIgnoreCase);
        if (!string.IsNullOrWhiteSpace(company) && !isMicrosoft)
            return ModuleOrigin.ThirdParty;
        if (s_core.Contains(name))
            return ModuleOrigin.Core;
        return isMicrosoft || s_windows.Contains(name) ? ModuleOrigin.System : ModuleOrigin.Unknown;
    }

    /// <summary>
    /// The link date, unless it cannot be one: reproducible builds put a hash of the image into the time stamp, which often
    /// lies before any driver that still runs was linked, or after the dump.
    /// </summary>
    private DateTime? ToLinkDate(uint stamp)
    {
        const int FirstYear = 1996;
        DateTime date = DateTime.UnixEpoch.AddSeconds(stamp);
        DateTime latest = target.Description.Time?.UtcDateTime ?? DateTime.UtcNow;
        return date.Year >= FirstYear && date <= latest ? date : null;
    }
}
