using System.Collections.Frozen;
using HangAnalysis.Model;

namespace HangAnalysis.Windows.Memory;

/// <summary>What is known of single tags: whose they are, and which name nobody.</summary>
/// <remarks>
/// The components are facts from Microsoft's documentation and articles, and from the sources of ReactOS and of the driver
/// samples, in words of our own; the list of the debugger may not be shipped (crash-triage.md 3.6) and is read from the
/// user's machine where it is (<see cref="PoolTagFile"/>).
/// </remarks>
internal static class PoolTagKnowledge
{
    /// <summary>Tags of code that is linked into drivers, with the library (crash-triage.md 3.5: seen in several drivers).</summary>
    private static readonly FrozenDictionary<string, string> s_libraries = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["SeAl"] = "wdmsec", ["SeTs"] = "wdmsec", ["SeSd"] = "wdmsec", ["PpRb"] = "wdmsec", ["PpUc"] = "wdmsec",
        ["AuxK"] = "aux_klib",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Tags that are given where a driver gives none, or that many copy from samples.</summary>
    private static readonly FrozenDictionary<string, string> s_shared = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["Ddk "] = "what the documentation's examples and drivers without a tag have", ["None"] = "calls without a tag",
        ["Wdm "] = "calls without a tag in drivers built with wdm.h", ["Fat "] = "many file systems that come from the FAT sample",
        ["Ovfl"] = "the tags that the tracker has no room for", ["    "] = "an empty tag", ["tseT"] = "many tests and samples",
        ["1234"] = "many tests and samples", ["Tag1"] = "many samples", ["IoNm"] = "names of files and devices of all drivers",
        ["Io  "] = "requests and buffers that the I/O manager makes for all drivers", ["Irp "] = "requests of all drivers",
        ["Mdl "] = "memory descriptions of all drivers", ["File"] = "open files of all programs",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> s_components = Parse("""
        AfdB afd.sys: data buffers of sockets
        AfdC afd.sys: connections of sockets
        AfdE afd.sys: endpoints of sockets
        AfdX afd.sys: remote addresses
        Afd? afd.sys: sockets
        AlIn nt: ALPC
        AlMs nt: ALPC messages
        ArbA nt: arbiters of hardware resources
        AtmA nt: table of atoms
        CcBc nt: cache manager, bitmaps
        CcPL nt: cache manager, prefetching
        CcSc nt: cache manager, shared cache maps
        CcVa nt: cache manager, views
        CcVp nt: cache manager, lists of views
        Cc?? nt: cache manager
        CMkb nt: registry, key control blocks
        CM?? nt: registry
        Cngb cng.sys: cryptography
        DOPE nt: power extensions of device objects
        Devi nt: device objects
        Dire nt: object manager, directory objects
        Driv nt: driver objects
        DxgK dxgkrnl.sys: graphics
        EtwB nt: event tracing, buffers
        EtwG nt: event tracing, providers
        EtwR nt: event tracing, registrations of kernel providers
        Etw? nt: event tracing
        Even nt: event objects
        FIcs fileinfo.sys: contexts of streams
        FMfn fltmgr.sys: cache of file names
        FMic fltmgr.sys: requests
        FMis fltmgr.sys: contexts
        FMsl fltmgr.sys: lists of streams
        FM?? fltmgr.sys: filter manager
        FSfm nt: file system run-time library, fast mutexes
        FSro nt: file system run-time library, oplocks
        FSrt nt: file system run-time library
        FSun nt: file system run-time library
        FVE? fvevol.sys: BitLocker
        Gcac win32k: cache of fonts
        Gh05 win32k: bitmaps
        Gla5 win32k: bitmaps, from a lookaside list
        GTmp win32k: temporary graphics objects
        IoCc nt: completion contexts
        IoSB nt: system buffers of requests
        IoUs nt: completion contexts
        Job  nt: job objects
        KAPC nt: asynchronous procedure calls
        Key  nt: registry key objects
        LSwi srv.sys: initial work contexts
        LSwn srv.sys: normal work contexts
        LS?? srv.sys: file server
        MmAc nt: memory manager, access log
        MmCa nt: memory manager, control areas of mapped files
        MmCi nt: memory manager, control areas of images
        MmCm nt: memory manager, contiguous memory
        MmIn nt: memory manager, page reads that are under way
        MmLd nt: memory manager, loaded images
        MmPb nt: memory manager, bitmaps of page files
        MmSm nt: memory manager, segments of mapped files
        MmSt nt: memory manager, prototype page table entries of mapped files
        Mm?? nt: memory manager
        Muta nt: mutant objects
        Nb?? netbt.sys: NetBIOS over TCP
        NDpp ndis.sys: pools of packets
        ND?? ndis.sys: network drivers' interface
        NtF? ntfs.sys: file system
        Ntf? ntfs.sys: file system
        ObDi nt: object manager, directories
        ObHd nt: object manager, counts of handles
        ObNm nt: object manager, names
        ObSq nt: object manager, security descriptors
        ObSt nt: object manager, temporary storage
        Obtb nt: object manager, tables of handles
        Ob?? nt: object manager
        Pgm? rmcast.sys: reliable multicast
        Proc nt: process objects
        Ra?? storport.sys: storage adapters
        ReTa nt: owner tables of ERESOURCEs
        Rx?? rdbss.sys: network redirection
        SeAc nt: security, lists of access control
        SeLs nt: security, logon sessions
        SeTd nt: security, dynamic part of tokens
        Se?? nt: security
        Sect nt: section objects
        Sema nt: semaphore objects
        sm?? nt: store manager (ReadyBoost, compressed memory)
        Symb nt: symbolic link objects
        SymL nt: symbolic link objects
        Tcp? tcpip.sys: TCP
        TCP? tcpip.sys: TCP
        Thre nt: thread objects
        Time nt: timer objects
        Toke nt: token objects
        TunL nt: tunnel cache of file names
        Type nt: object manager, types
        UdpA tcpip.sys: UDP endpoints
        Udp? tcpip.sys: UDP
        Ul?? http.sys: web requests
        Us?? win32k: windows, menus, messages
        Vad  nt: memory manager, address ranges of processes
        Vadl nt: memory manager, address ranges of processes
        VadS nt: memory manager, address ranges of processes
        Vi12 dxgmms1.sys: video memory
        Vi54 dxgmms2.sys: video memory
        VoS? volsnap.sys: shadow copies
        Wfp? netio.sys: filter engine
        Wmi? nt: WMI
        Wnf  nt: notification facility
        Acp? acpi.sys: ACPI
        Mup? mup.sys: redirection of network paths
        Pcic pci.sys: PCI bus
        Pci? pci.sys: PCI bus
        ScC? classpnp.sys: disk and other storage classes
        ScD? disk.sys: disks
        ScP? SCSI port drivers
        Smb? mrxsmb.sys: SMB client
        """);

    /// <summary>The static library whose tag it is, which every driver has that links it; null for other tags.</summary>
    public static string? LibraryOf(uint tag) => s_libraries.GetValueOrDefault(PoolTagUse.Format(tag));

    /// <summary>What a tag stands for that says nothing of who allocated; null for other tags.</summary>
    public static string? SharedBy(uint tag) => s_shared.GetValueOrDefault(PoolTagUse.Format(tag));

    /// <summary>What a tag is known for; null where it is not known.</summary>
    public static string? ComponentOf(uint tag)
    {
        if (LibraryOf(tag) is { } library)
            return $"{library}, which drivers link";
        if (SharedBy(tag) is { } shared)
            return $"shared: {shared}";
        string name = PoolTagUse.Format(tag);
        return s_components.GetValueOrDefault(name)
            ?? s_components.GetValueOrDefault(name[..3] + "?") ?? s_components.GetValueOrDefault(name[..2] + "??");
    }

    private static FrozenDictionary<string, string> Parse(string table)
    {
        Dictionary<string, string> components = new(StringComparer.Ordinal);
        foreach (string line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            components[line[..4]] = line[5..].TrimEnd('\r');
        return components.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
