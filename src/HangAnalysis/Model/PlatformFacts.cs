namespace HangAnalysis.Model;

/// <summary>On what a system runs, as far as that decides how a dump of it can be forced.</summary>
public enum PlatformKind
{
    /// <summary>Nothing tells.</summary>
    Unknown,

    /// <summary>A machine of its own, of any maker.</summary>
    Physical,

    /// <summary>A machine of HPE.</summary>
    Hpe,

    /// <summary>A machine of Dell.</summary>
    Dell,

    /// <summary>A virtual machine of Hyper-V.</summary>
    HyperV,

    /// <summary>A virtual machine of Azure.</summary>
    Azure,

    /// <summary>A virtual machine of VMware.</summary>
    VMware,

    /// <summary>A virtual machine of KVM or QEMU.</summary>
    Kvm,

    /// <summary>A virtual machine of Xen.</summary>
    Xen,

    /// <summary>An instance of AWS.</summary>
    Aws,

    /// <summary>An instance of Google Cloud.</summary>
    GoogleCloud,

    /// <summary>A virtual machine of VirtualBox.</summary>
    VirtualBox,
}

/// <summary>A platform that a system may run on.</summary>
/// <param name="Kind">Which one.</param>
/// <param name="Name">Its name: <c>VMware virtual machine</c>.</param>
/// <param name="Certainty">How sure that is.</param>
/// <param name="Evidence">What in the dump says so: <c>vmxnet3.sys (the network adapter of VMware)</c>.</param>
public sealed record PlatformFacts(PlatformKind Kind, string Name, Certainty Certainty, IReadOnlyList<string> Evidence);

/// <summary>A way to force a dump.</summary>
/// <param name="Way">What is done: <c>NMI from the host</c>.</param>
/// <param name="Command">The command that does it, or null where a person does it by hand.</param>
/// <param name="Note">What to know before.</param>
public sealed record ForcedDumpWay(string Way, string? Command, string Note);

/// <summary>How a platform sends a non-maskable interrupt to the system that runs on it, which is then to write a dump.</summary>
/// <remarks>
/// Sources: learn.microsoft.com (Debug-VM, az serial-console send), AWS API SendDiagnosticInterrupt, cloud.google.com
/// (collecting core dumps), techlibrary.hpe.com (Generate NMI), DMTF Redfish ComputerSystem.Reset (ResetType Nmi), IPMI 2.0
/// Chassis Control, knowledge.broadcom.com 427504, libvirt's virsh, the Xen tools' xl(1). The commands marked [K] in the fact
/// base (vmdumper, ipmitool's word) are said to be tried first on a machine that nobody needs.
/// </remarks>
public static class NmiWays
{
    private static readonly ForcedDumpWay s_redfish = new("NMI by Redfish (any management controller that has it)",
        "POST /redfish/v1/Systems/ID/Actions/ComputerSystem.Reset {\"ResetType\":\"Nmi\"}",
        "ID is the one that /redfish/v1/Systems lists");

    private static readonly ForcedDumpWay s_ipmi = new("NMI by IPMI",
        "ipmitool -I lanplus -H BMC -U USER chassis power diag", "the diagnostic interrupt of Chassis Control");

    private static readonly ForcedDumpWay s_watchdog = new("before any of these", null,
        "switch off automatic server recovery (the maker's watchdog): it resets the machine before the dump is written");

    private static readonly ForcedDumpWay s_qemu = new("NMI from the host", "virsh inject-nmi DOMAIN",
        "without libvirt: inject-nmi in QMP, nmi in the monitor; oVirt and Cockpit have it in their menus");

    /// <summary>The ways of a platform, the best first.</summary>
    public static IReadOnlyList<ForcedDumpWay> Of(PlatformKind platform) => platform switch
    {
        PlatformKind.Hpe =>
        [
            s_watchdog, new("NMI by iLO", null, "web page of iLO: Diagnostics, Generate NMI to System"), s_redfish, s_ipmi,
        ],
        PlatformKind.Dell =>
        [
            s_watchdog, new("NMI by iDRAC", null, "web page of iDRAC: power control, NMI (Non-Masking Interrupt)"), s_redfish,
            s_ipmi,
        ],
        PlatformKind.Physical => [s_watchdog, s_redfish, s_ipmi],
        PlatformKind.HyperV =>
        [
            new("NMI from the host", "Debug-VM -Name \"NAME\" -InjectNonMaskableInterrupt -Force",
                "in an elevated PowerShell on the Hyper-V host"),
        ],
        PlatformKind.Azure =>
        [
            new("NMI by the serial console", "az serial-console send nmi --name VM --resource-group GROUP",
                "needs boot diagnostics; the portal has it in the serial console's menu"),
        ],
        PlatformKind.VMware =>
        [
            new("NMI from the ESXi host", "vmdumper -l; vmdumper WORLD nmi",
                "WORLD is the number that -l prints; try it first on a machine that nobody needs"),
            new("state without a crash", null,
                "suspend or snapshot with memory; the .vmss or .vmsn with its .vmem can be converted to a dump"),
        ],
        PlatformKind.Kvm =>
        [
            s_qemu,
            new("state without a crash", "virsh dump --memory-only --live DOMAIN FILE",
                "all processors stop in place: the best picture of a hang; it needs a converter"),
        ],
        PlatformKind.Xen => [new("NMI from the host", "xl trigger DOMAIN nmi", "in dom0")],
        PlatformKind.Aws =>
        [
            new("NMI by the API", "aws ec2 send-diagnostic-interrupt --instance-id i-INSTANCE",
                "instances of the Nitro system with Intel or AMD processors"),
        ],
        PlatformKind.GoogleCloud =>
        [
            new("NMI by the API", null, "SendDiagnosticInterrupt of the Compute Engine API (instances)"),
        ],
        PlatformKind.VirtualBox => [new("NMI from the host", "VBoxManage debugvm NAME injectnmi", "")],
        _ => [],
    };
}
