using HangAnalysis.Linux.Stops;
using HangAnalysis.Model;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>Says what a vmcore is worth: container, contents, damage, platform, and how to get the next one.</summary>
/// <remarks>
/// Bits of the dump level: makedumpfile(8). Settings and ways: the kernel's Documentation/admin-guide (kdump, sysrq, sysctl
/// kernel.unknown_nmi_panic, kernel.hung_task_panic).
/// </remarks>
public static class LinuxDumpCheck
{
    private const int CachePages = 2 | 4, UserPages = 8;

    /// <summary>What firmware calls itself, as the log has it, and whose that is.</summary>
    private static readonly (string Text, PlatformKind Kind, string Name)[] s_hardware =
    [
        ("Amazon EC2", PlatformKind.Aws, "AWS instance"), ("Google", PlatformKind.GoogleCloud, "Google Cloud instance"),
        ("VMware", PlatformKind.VMware, "VMware virtual machine"), ("Xen", PlatformKind.Xen, "Xen virtual machine"),
        ("VirtualBox", PlatformKind.VirtualBox, "VirtualBox virtual machine"),
        ("Microsoft Corporation Virtual Machine", PlatformKind.HyperV, "Hyper-V virtual machine"),
        ("QEMU", PlatformKind.Kvm, "KVM or QEMU virtual machine"), ("KVM", PlatformKind.Kvm, "KVM or QEMU virtual machine"),
        ("HPE ", PlatformKind.Hpe, "HPE server"), ("HP ProLiant", PlatformKind.Hpe, "HPE server"),
        ("Dell Inc.", PlatformKind.Dell, "Dell server"),
    ];

    /// <summary>Checks a vmcore.</summary>
    public static DumpCheckFacts Check(LinuxSystem system)
    {
        VmcoreTarget target = system.Session.Target;
        int level = target.DumpLevel;
        List<PlatformFacts> platforms = Platforms(system.Identity.Hardware);
        (string trigger, Certainty certainty) = Trigger(system.StopDetails);
        return new DumpCheckFacts
        {
            Kind = $"vmcore ({target.Description.Kind})",
            KindReason = level == 0 ? "the container leaves out no kind of page, or does not say so"
                : $"dump level {level}: left out are {string.Join(", ", LeftOut(level))}",
            Worth = "tasks, locks, requests, the log" + ((level & UserPages) != 0 ? "; nothing of programs' own memory" : ""),
            Trigger = trigger,
            TriggerCertainty = certainty,
            FileBytes = FileBytes(target.Description.Path),
            MachineBytes = system.Memory.Physical,
            Contents = Contents(system, level),
            Findings = Findings(system),
            Platforms = platforms,
            Settings = Settings(),
            Ways = Ways(platforms),
        };
    }

    private static List<string> LeftOut(int level)
    {
        List<string> left = [];
        foreach ((int bit, string what) in ((int, string)[])
            [(1, "pages of zeros"), (2, "the page cache"), (4, "the page cache of private files"), (UserPages, "memory of programs"),
                (16, "free pages")])
            if ((level & bit) != 0)
                left.Add(what);
        return left;
    }

    private static (string, Certainty) Trigger(LinuxStop? stop) => stop?.Kind switch
    {
        null => ("no panic: taken from outside (virsh dump, a snapshot, a running kernel); the processors were stopped where they were",
            Certainty.Inferred),
        StopKind.SysRq => ($"{stop.Facts.Title}: somebody asked for it", Certainty.Proven),
        StopKind.Nmi => ($"{stop.Facts.Title}: sent by somebody or raised by hardware, the management controller's log tells",
            Certainty.Proven),
        _ => ($"{stop.Facts.Title}: the kernel stopped by itself", Certainty.Proven),
    };

    private static List<DumpContent> Contents(LinuxSystem system, int level)
    {
        int tasks = system.Threads.Count;
        DumpHolds kernel = tasks == 0 ? DumpHolds.Partly : DumpHolds.Yes;
        string why = tasks == 0 ? "tasks could not be read: see below" : "all kernel memory";
        List<DumpContent> contents =
        [
            new(DumpAspect.Stop, "the log, the stop, modules", system.Log.Records.Count > 0 ? DumpHolds.Yes : DumpHolds.Partly,
                $"{system.Log.Records.Count:N0} records of the log, {system.KernelModuleCount ?? 0:N0} modules"),
            new(DumpAspect.KernelStacks, "kernel stacks of all tasks", kernel, $"{tasks:N0} tasks, {system.MissingThreads:N0} missing"),
            new(DumpAspect.Waits, "locks, requests, work queues", kernel, why),
            new(DumpAspect.PoolTables, "slab and zone figures", kernel, why),
            new(DumpAspect.DriverData, "drivers' own data", kernel, why),
            (level & UserPages) != 0
                ? new(DumpAspect.UserMemory, "programs: user stacks, heaps", DumpHolds.No, "left out by makedumpfile (-d has 8)")
                : new(DumpAspect.UserMemory, "programs: user stacks, heaps", DumpHolds.Yes, "what was in memory"),
            new(DumpAspect.PagedOut, "what was swapped out", DumpHolds.No, "no vmcore holds it"),
            new(DumpAspect.OtherSystems, "hypervisor and guests' own view", DumpHolds.No, "not in a vmcore of this system"),
        ];
        if ((level & CachePages) != 0)
            contents.Add(new(DumpAspect.PagedOut, "the page cache", DumpHolds.No, "left out by makedumpfile (-d has 2 or 4)"));
        return contents;
    }

    private static List<DumpFinding> Findings(LinuxSystem system)
    {
        List<DumpFinding> findings = [];
        foreach (string line in system.Session.Target.Description.Damage)
            findings.Add(new DumpFinding(FindingLevel.Damage, line));
        int processors = system.Session.Target.Processors.Count, all = system.Session.Target.Description.ProcessorCount;
        if (processors < all)
            findings.Add(new DumpFinding(FindingLevel.Caution, $"registers of {processors:N0} of {all:N0} processors are in it"));
        foreach (Unknown unknown in system.Unknowns)
            findings.Add(new DumpFinding(FindingLevel.Caution, $"not known: {unknown.What}: {unknown.Why}"));
        return findings;
    }

    private static List<PlatformFacts> Platforms(string? hardware)
    {
        foreach ((string text, PlatformKind kind, string name) in s_hardware)
            if (hardware?.Contains(text, StringComparison.OrdinalIgnoreCase) == true)
                return [new PlatformFacts(kind, name, kind == PlatformKind.Kvm ? Certainty.Candidate : Certainty.Inferred,
                    [$"the firmware's name in the log: {hardware}"])];
        return [hardware is null
            ? new PlatformFacts(PlatformKind.Unknown, "not recognised", Certainty.Candidate, ["the log has no line of the hardware"])
            : new PlatformFacts(PlatformKind.Physical, "physical machine", Certainty.Candidate,
                [$"the firmware's name in the log: {hardware}"])];
    }

    private static List<DumpSetting> Settings() =>
    [
        new("kdump: room for the second kernel", ["grubby --update-kernel=ALL --args=crashkernel=512M", "systemctl enable --now kdump"],
            "restart after it; more on large machines"),
        new("makedumpfile: keep programs' memory where programs matter", ["core_collector makedumpfile -l --message-level 7 -d 23"],
            "in /etc/kdump.conf; -d 31 leaves out programs too and is smallest"),
        new("dump by itself at a hang", ["sysctl -w kernel.hung_task_panic=1", "sysctl -w kernel.softlockup_panic=1"],
            "the panic comes after kernel.hung_task_timeout_secs"),
        new("dump at an NMI", ["sysctl -w kernel.unknown_nmi_panic=1"], "needed before an NMI is sent from outside"),
    ];

    private static List<ForcedDumpWay> Ways(List<PlatformFacts> platforms)
    {
        List<ForcedDumpWay> ways = [new("logged on, or by a serial line", "echo c > /proc/sysrq-trigger", "also Alt+SysRq+c")];
        foreach (PlatformFacts platform in platforms)
            ways.AddRange(NmiWays.Of(platform.Kind is PlatformKind.Unknown ? PlatformKind.Physical : platform.Kind));
        return ways;
    }

    private static ulong? FileBytes(string path)
    {
        try
        {
            return (ulong)new FileInfo(path).Length;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException)
        {
            return null;
        }
    }
}
