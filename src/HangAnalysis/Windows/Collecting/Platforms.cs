using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Collecting;

/// <summary>On what a Windows runs, by the drivers that start only where their hardware is there.</summary>
/// <remarks>
/// Only drivers of plug and play devices count: services such as a memory balloon or a shared folder start wherever their
/// tools were installed, and stay after a machine has moved. Names: the makers' public driver packages (VMware Tools,
/// virtio-win, Xen Project and AWS PV drivers, AWS NVMe and ENA, Google's gVNIC, HPE iLO, Dell OpenManage). QEMU also emulates
/// devices of VMware, and several clouds use virtio: so one platform of several is a candidate.
/// </remarks>
internal static class Platforms
{
    private sealed record Sign(PlatformKind Kind, string Name, string Device);

    private sealed record Place(PlatformKind Kind, string Name);

    private static readonly Place[] s_places =
    [
        new(PlatformKind.Azure, "Azure virtual machine"), new(PlatformKind.Aws, "AWS instance"),
        new(PlatformKind.GoogleCloud, "Google Cloud instance"), new(PlatformKind.HyperV, "Hyper-V virtual machine"),
        new(PlatformKind.VMware, "VMware virtual machine"), new(PlatformKind.Kvm, "KVM or QEMU virtual machine"),
        new(PlatformKind.Xen, "Xen virtual machine"), new(PlatformKind.VirtualBox, "VirtualBox virtual machine"),
        new(PlatformKind.Hpe, "HPE server"), new(PlatformKind.Dell, "Dell server"),
        new(PlatformKind.Physical, "machine with a management controller"),
    ];

    private static readonly Sign[] s_signs =
    [
        new(PlatformKind.HyperV, "vmbus", "the bus of Hyper-V's devices"),
        new(PlatformKind.HyperV, "storvsc", "Hyper-V's disk controller"),
        new(PlatformKind.HyperV, "netvsc", "Hyper-V's network adapter"),
        new(PlatformKind.HyperV, "hyperkbd", "Hyper-V's keyboard"),
        new(PlatformKind.HyperV, "hypervideo", "Hyper-V's display"),
        new(PlatformKind.HyperV, "dmvsc", "Hyper-V's dynamic memory"),
        new(PlatformKind.Azure, "mana", "the network adapter of Azure"),
        new(PlatformKind.VMware, "vmxnet3", "VMware's network adapter"),
        new(PlatformKind.VMware, "vmxnet3n61x64", "VMware's network adapter"),
        new(PlatformKind.VMware, "pvscsi", "VMware's disk controller"),
        new(PlatformKind.VMware, "vm3dmp", "VMware's display"),
        new(PlatformKind.VMware, "vmci", "VMware's communication device"),
        new(PlatformKind.Kvm, "vioscsi", "virtio disk controller"),
        new(PlatformKind.Kvm, "viostor", "virtio disk"),
        new(PlatformKind.Kvm, "netkvm", "virtio network adapter"),
        new(PlatformKind.Kvm, "vioser", "virtio serial device"),
        new(PlatformKind.Kvm, "viorng", "virtio random numbers"),
        new(PlatformKind.Kvm, "balloon", "virtio memory balloon"),
        new(PlatformKind.Kvm, "qxldod", "QEMU's QXL display"),
        new(PlatformKind.Kvm, "viogpudo", "virtio display"),
        new(PlatformKind.Xen, "xenbus", "the bus of Xen's devices"),
        new(PlatformKind.Xen, "xenvbd", "Xen's disk"),
        new(PlatformKind.Xen, "xennet", "Xen's network adapter"),
        new(PlatformKind.Xen, "xenvif", "Xen's network adapter"),
        new(PlatformKind.Aws, "awsnvme", "the NVMe disk of AWS"),
        new(PlatformKind.Aws, "ena", "the network adapter of AWS"),
        new(PlatformKind.GoogleCloud, "gvnic", "the network adapter of Google Cloud"),
        new(PlatformKind.GoogleCloud, "gve", "the network adapter of Google Cloud"),
        new(PlatformKind.VirtualBox, "vboxguest", "VirtualBox's communication device"),
        new(PlatformKind.VirtualBox, "vboxwddm", "VirtualBox's display"),
        new(PlatformKind.Hpe, "hpqilo", "HPE's iLO"),
        new(PlatformKind.Dell, "dcdbas", "Dell's system management"),
        new(PlatformKind.Dell, "percsas", "Dell's PERC disk controller"),
        new(PlatformKind.Physical, "ipmidrv", "a management controller with IPMI"),
    ];

    /// <summary>Drivers of the hosts' programs: with one of them a device of the same maker is no sign of a guest.</summary>
    private static readonly (PlatformKind Kind, string Driver)[] s_hosts =
    [
        (PlatformKind.VMware, "vmx86"), (PlatformKind.HyperV, "vmbusr"), (PlatformKind.VirtualBox, "vboxsup"),
        (PlatformKind.VirtualBox, "vboxdrv"),
    ];

    /// <summary>Agents that clouds start in their machines: names as the kernel keeps them, cut to 14 characters.</summary>
    private static readonly (string Process, PlatformKind Kind)[] s_agents =
    [
        ("WindowsAzureGu", PlatformKind.Azure), ("WaAppAgent.exe", PlatformKind.Azure), ("amazon-ssm-age", PlatformKind.Aws),
        ("GCEWindowsAgen", PlatformKind.GoogleCloud), ("google_osconfi", PlatformKind.GoogleCloud),
    ];

    /// <summary>The platforms, the likeliest first; one entry where nothing tells.</summary>
    public static List<PlatformFacts> Find(IReadOnlyList<TargetModule> modules, IReadOnlyList<ProcessFacts> processes)
    {
        Dictionary<PlatformKind, List<string>> found = [];
        HashSet<PlatformKind> hosts = [], devices = [];
        foreach (TargetModule module in modules)
        {
            string name = Path.GetFileNameWithoutExtension(module.FileName);
            foreach ((PlatformKind kind, string driver) in s_hosts)
                if (name.Equals(driver, StringComparison.OrdinalIgnoreCase))
                    hosts.Add(kind);
            if (FindSign(name) is not { } sign)
                continue;
            devices.Add(sign.Kind);
            Add(found, sign.Kind, $"{module.FileName} ({sign.Device})");
        }
        foreach (ProcessFacts process in processes)
            foreach ((string agent, PlatformKind kind) in s_agents)
                if (process.Name.StartsWith(agent, StringComparison.OrdinalIgnoreCase))
                    Add(found, kind, $"process {process.Name} (the agent of that cloud)");
        return Weigh(found, hosts, devices);
    }

    /// <summary>The drivers that are loaded only to write a dump: copies of the disk's, with a name of their own.</summary>
    public static List<string> FindDumpDrivers(IReadOnlyList<TargetModule> modules)
    {
        List<string> drivers = [];
        foreach (TargetModule module in modules)
            if (module.FileName.StartsWith("dump_", StringComparison.OrdinalIgnoreCase)
                && !drivers.Contains(module.FileName))
                drivers.Add(module.FileName);
        return drivers;
    }

    private static List<PlatformFacts> Weigh(
        Dictionary<PlatformKind, List<string>> found, HashSet<PlatformKind> hosts, HashSet<PlatformKind> devices)
    {
        List<PlatformFacts> platforms = [];
        // A machine of Hyper-V in Azure, or of KVM or Xen in a cloud, is that cloud's: the cloud's own device says more. An
        // agent does not: it stays when a machine is moved away.
        bool isCloud = devices.Contains(PlatformKind.Azure) || devices.Contains(PlatformKind.Aws)
            || devices.Contains(PlatformKind.GoogleCloud);
        int virtualOnes = 0;
        foreach (Place place in s_places)
            if (devices.Contains(place.Kind) && IsVirtual(place.Kind) && !(isCloud && IsUnderCloud(place.Kind)))
                virtualOnes++;
        foreach (Place place in s_places)
        {
            if (!found.TryGetValue(place.Kind, out List<string>? evidence) || (isCloud && IsUnderCloud(place.Kind)))
                continue;
            bool isHost = hosts.Contains(place.Kind);
            // Two machines at once are none: a migrated disk keeps drivers, and QEMU has devices of others. Virtio alone may be
            // any of the clouds that use it.
            bool isSure = !isHost && place.Kind != PlatformKind.Kvm && devices.Contains(place.Kind)
                && (IsVirtual(place.Kind) ? virtualOnes == 1 : virtualOnes == 0);
            if (isHost)
                evidence.Add("but the host's own program is loaded too: this may be the host");
            platforms.Add(new PlatformFacts(place.Kind, place.Name, isSure ? Certainty.Inferred : Certainty.Candidate, evidence));
        }
        if (platforms.Count == 0)
            platforms.Add(new PlatformFacts(PlatformKind.Unknown, "not recognised", Certainty.Candidate,
                ["no driver of a known virtual or management device is loaded; a physical machine, or emulated devices only"]));
        return platforms;
    }

    private static Sign? FindSign(string name)
    {
        foreach (Sign sign in s_signs)
        {
            // Makers number these: hpqilo3chif, dcdbas64, percsas3i.
            bool begins = sign.Kind is PlatformKind.Hpe or PlatformKind.Dell;
            if (begins ? name.StartsWith(sign.Name, StringComparison.OrdinalIgnoreCase)
                : name.Equals(sign.Name, StringComparison.OrdinalIgnoreCase))
                return sign;
        }
        return null;
    }

    private static bool IsVirtual(PlatformKind kind) =>
        kind is not (PlatformKind.Hpe or PlatformKind.Dell or PlatformKind.Physical);

    private static bool IsUnderCloud(PlatformKind kind) =>
        kind is PlatformKind.HyperV or PlatformKind.Kvm or PlatformKind.Xen;

    private static void Add(Dictionary<PlatformKind, List<string>> found, PlatformKind kind, string evidence)
    {
        if (!found.TryGetValue(kind, out List<string>? list))
            found.Add(kind, list = []);
        if (!list.Contains(evidence))
            list.Add(evidence);
    }
}
