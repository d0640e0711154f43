using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Codes of storage, objects and requests that need few words each: 0x24, 0x7B, 0xED, 0x3D, 0x44, 0x18, 0x4A, 0x109.</summary>
/// <remarks>[D] parameters, in our words.</remarks>
internal static class OtherStops
{
    /// <summary>Regions that the kernel guards, by the fourth parameter of 0x109.</summary>
    private static readonly string?[] s_regions =
    [
        "a region of data", "a function, or its unwind data", "a processor's interrupt table (IDT)", "a processor's segment table (GDT)",
        "a list of processes", "a list of processes", "a debug routine", "a model-specific register", "an object type",
        "a processor's interrupt vectors", "a system service", "a region of session data", "a function of the session", "an import table",
        "an import table of the session", "the window system's callouts", "the debug switch routine", "the allocator of requests (IRPs)",
        "the dispatcher of driver calls", "the completion of requests (IRPs)", "the release of requests (IRPs)",
        "a processor's control register", "the floating-point control register", "the local APIC", "a notification callback",
        "the list of loaded modules", "a list of processes", "a list of processes", "a driver object", "a callback object",
        "the padding of a module", "a protected process", "a region of data", "the hash of a page", "the hash of a page of the session",
        "the load configuration of a module", "the table of functions by address", "the session's configuration",
        "an extended control register", "pool", "pool", "pool", "pool", "a function, or its unwind data", "the integrity of an image",
        "a processor's configuration", "a list of processes", "a process's shadow", "code against speculation (retpoline)",
    ];

    /// <summary>0x109: the guard of the kernel's code and data found a change.</summary>
    public static void PatchGuard(CrashCase crash)
    {
        const ulong GeneralPool = 0x101, WindowSystem = 0x102;
        ulong region = crash.P(4);
        string words = region switch
        {
            GeneralPool => "pool",
            WindowSystem => "the code of win32k.sys",
            _ => region < (ulong)s_regions.Length ? s_regions[region]! : $"a region of type {region:x}",
        };
        crash.Name(1, "reserved");
        crash.Name(2, "reserved");
        FrameFacts place = crash.System.DescribeAddress(crash.P(3));
        crash.Name(3, "where, as far as the type of region tells", place.Module is null ? null : Phrase.Of(place.Text));
        crash.Name(4, "what was changed", Phrase.Of(words));
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Corruption,
            $"somebody, or defective memory, changed {words}: by whom is not known", Certainty.Inferred,
            "the guard looks every few minutes: whoever did it was gone long before"));
        crash.AddUnknown("who changed it", "the check runs minutes after the change, on another thread");
        crash.Advise("compare the code with its image (!chkimg -lo 50 -d !nt): whole instructions speak for a driver that patches, " +
            "one bit for memory");
        crash.Advise("look for drivers that hook the kernel: old security products, copy protection, rootkits; or a debugger's breakpoint");
        MemoryManagement.AdviseMemoryTest(crash);
    }

    /// <summary>0x24 and the like of other file systems: an exception in a file system, or damage of a volume.</summary>
    public static void FileSystem(CrashCase crash)
    {
        crash.Name(1, "place in the source", Phrase.Of($"file {crash.P(1) >> 16 & 0xffff:x}, line {crash.P(1) & 0xffff}"));
        crash.Name(2, "exception record, where there is one");
        crash.Name(3, "context, where there is one");
        crash.Name(4, "reserved, or a status");
        crash.Exception = crash.Contexts.ReadException(crash.P(2));
        if (crash.Exception is { } exception)
        {
            crash.Tell("Exception", Phrase.Of($"{StatusWords.Of(exception.Code)} at {crash.System.DescribeAddress(exception.Address).Text}"));
            crash.Context = crash.Contexts.FromContext(crash.P(3), exception.Address, "parameter 3");
        }
        if (crash.Context is null)
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
                "the volume, its disk or a filter above it: a file system came upon what it cannot deal with", Certainty.Candidate,
                "the code says no more; without exception there is no place to look at"));
        crash.Advise("chkdsk /f on the volume, and the disk's SMART data; a filter driver above the file system is the other candidate");
        crash.Suggest("!stor");
    }

    /// <summary>0x7B: the system cannot reach the volume that it starts from.</summary>
    public static void BootDevice(CrashCase crash)
    {
        string? name = crash.Session.IsObject(crash.P(1)) ? UnicodeStrings.Read(crash.Session.Memory, crash.P(1)) : null;
        crash.Name(1, name is null ? "device object" : "path of the device", name is null ? null : Phrase.Of(name));
        bool isStatus = StatusWords.IsError(crash.P(2));
        crash.Name(2, isStatus ? "status" : "reserved", isStatus ? Phrase.Of(StatusWords.Of((uint)crash.P(2))) : null);
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
            $"the disk that Windows starts from cannot be reached{(isStatus ? $": {StatusWords.Of((uint)crash.P(2))}" : "")}",
            Certainty.Inferred, "the code says so; the usual reasons are a missing or disabled storage driver, and a changed controller mode"));
        crash.Advise("compare the controller's mode in the firmware (AHCI, RAID, NVMe, virtual) with what it was when Windows was installed");
        crash.Advise("set the controller's driver to start at boot (offline registry), or take back its last update");
    }

    /// <summary>0xED: the volume was reached and could not be mounted.</summary>
    public static void BootVolume(CrashCase crash)
    {
        uint status = (uint)crash.P(2);
        crash.Name(1, "device object of the volume");
        crash.Name(2, "status of the mount", Phrase.Of(StatusWords.Of(status)));
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
            $"the volume that Windows starts from could not be mounted: {StatusWords.Of(status)}", Certainty.Inferred,
            "the status that the mount ended with"));
        crash.Advise("chkdsk /r from the recovery environment; a slow or wrong cable, and the disk itself, are the other candidates");
    }

    /// <summary>0x3D: an exception in an interrupt service routine.</summary>
    public static void InterruptException(CrashCase crash)
    {
        crash.Name(1, "exception record, where there is one");
        crash.Name(2, "context, where there is one");
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        crash.Exception = crash.Contexts.ReadException(crash.P(1));
        if (crash.Exception is { } exception)
            crash.Context = crash.Contexts.FromContext(crash.P(2), exception.Address, "parameter 2");
    }

    /// <summary>0x44: a request was completed twice.</summary>
    public static void CompletedTwice(CrashCase crash)
    {
        crash.Name(1, "request", Phrase.Of($"IRP {new ObjectReference(ObjectKind.Request, crash.P(1))}"));
        for (int i = 2; i <= 4; i++)
            crash.Name(i, "reserved");
        PoolCorruption.AccuseCaller(crash, "completed a request that was completed before", isSure: false);
        crash.AddUnknown("who completed it first", "the request does not record that: the second one is only caught by it");
        crash.Advise($"in the debugger: !irp {crash.P(1):x}");
        crash.Advise("turn on Driver Verifier with I/O verification for the drivers of that device stack: it catches the first");
    }

    /// <summary>0x18: an object's count of references is wrong.</summary>
    public static void Reference(CrashCase crash)
    {
        crash.Name(1, "type of the object");
        crash.Name(2, "object");
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        PoolCorruption.AccuseCaller(crash, "gave back a reference to an object that had none left", isSure: false);
        crash.Advise($"in the debugger: !object {crash.P(2):x}");
        crash.Advise("reference tracing of the object's tag (gflags) finds who gives back more than it takes");
    }

    /// <summary>0x4A: a system call returned at a raised IRQL.</summary>
    public static void RaisedIrql(CrashCase crash)
    {
        FrameFacts routine = crash.System.DescribeAddress(crash.P(1));
        crash.Name(1, "system call", routine.Module is null ? null : Phrase.Of(routine.Text));
        crash.Name(2, "IRQL", Phrase.Of(crash.P(2) switch { 1 => "APC_LEVEL", 2 => "DISPATCH_LEVEL", _ => "of a device, or higher" }));
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown,
            $"a driver raised the IRQL, or kept a spin lock, in the system call {(routine.Module is null ? "that returns" : routine.Text)}",
            Certainty.Inferred, "the check is made on the way back to user mode: the driver has returned before"));
        crash.AddUnknown("which driver", "it is not on the stack any more");
        crash.Advise("Driver Verifier (force IRQL checking) on the filter drivers finds it at the deed");
    }
}
