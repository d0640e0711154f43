namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!dumpcheck</c>. Sizes are bytes, or null where they are not known.</summary>
public sealed record DumpCheckJson(
    string Schema, string Kind, string KindReason, string Worth, bool Damaged, ulong? FileBytes, ulong? HeldBytes,
    ulong? MachineBytes, string Trigger, string TriggerCertainty, IReadOnlyList<DumpContentJson> Contents,
    IReadOnlyList<DumpFindingJson> Findings, IReadOnlyList<PlatformJson> Platforms, IReadOnlyList<string> DumpDrivers,
    IReadOnlyList<string> AskFor, IReadOnlyList<DumpSettingJson> Settings, IReadOnlyList<ForcedDumpWayJson> Ways,
    IReadOnlyList<string> ThreadsWithoutStack);

/// <summary>
/// What a dump shows of one thing. Aspect is stop, kernel-stacks, waits, pool-tables, driver-data, user-memory, paged-out or
/// other-systems; holds is yes, partly or no.
/// </summary>
public sealed record DumpContentJson(string Aspect, string What, string Holds, string Detail);

/// <summary>A finding. Level is damage, caution or note.</summary>
public sealed record DumpFindingJson(string Level, string Text);

/// <summary>
/// A platform. Kind is unknown, physical, hpe, dell, hyper-v, azure, vmware, kvm, xen, aws, google-cloud or virtual-box.
/// </summary>
public sealed record PlatformJson(string Kind, string Name, string Certainty, IReadOnlyList<string> Evidence);

/// <summary>A setting for the next dump.</summary>
public sealed record DumpSettingJson(string What, IReadOnlyList<string> Commands, string Note);

/// <summary>A way to force a dump.</summary>
public sealed record ForcedDumpWayJson(string Way, string? Command, string Note);
