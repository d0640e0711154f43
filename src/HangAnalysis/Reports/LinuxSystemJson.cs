namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!mods</c> on Linux; what taints the kernel, and the modules that did and are gone.</summary>
public sealed record LinuxModulesJson(
    string Schema, IReadOnlyList<LinuxModuleJson> Modules, string? KernelTaints, IReadOnlyList<string>? KernelTaintMeanings,
    IReadOnlyList<UnloadedTaintJson>? UnloadedTainted);

/// <summary>A module; size in bytes, taints as letters and in words.</summary>
public sealed record LinuxModuleJson(
    string Address, string Name, string Base, ulong Size, string State, int? Used, IReadOnlyList<string> UsedBy, string Taints,
    IReadOnlyList<string> TaintMeanings, string? Version, string Origin, IReadOnlyList<LinuxModulePartJson> Parts);

/// <summary>A part of a module's memory.</summary>
public sealed record LinuxModulePartJson(string Start, uint Size, bool IsCode, bool IsInit);

/// <summary>A module that was unloaded and had tainted the kernel.</summary>
public sealed record UnloadedTaintJson(string Name, string Taints, ulong Count);

/// <summary>The JSON of <c>!mem</c>: figures in pages, those of programs in bytes.</summary>
public sealed record LinuxMemoryJson(
    string Schema, ulong PageBytes, ulong? Total, ulong? Free, ulong? Used, ulong? Available, ulong? Buffers, ulong? Cached, ulong? Slab,
    ulong? HugeTotal, ulong? HugeFree, ulong? SwapTotal, ulong? SwapUsed, ulong? CommitLimit, ulong? Committed, ulong? CommittedExact,
    bool? IsCommitStrict, IReadOnlyList<LinuxZoneJson> Zones, IReadOnlyList<LinuxMemoryUserJson> Largest, IReadOnlyList<string> Warnings);

/// <summary>A zone of memory, in pages.</summary>
public sealed record LinuxZoneJson(int Node, string Name, ulong Managed, ulong Free, ulong Min, ulong Low, ulong High, bool IsShort);

/// <summary>A program, its memory in bytes.</summary>
public sealed record LinuxMemoryUserJson(string Task, ulong Pid, string Command, ulong Rss, ulong Vsz);

/// <summary>The JSON of <c>!workers</c> on Linux.</summary>
public sealed record LinuxWorkersJson(string Schema, IReadOnlyList<LinuxWorkerPoolJson> Pools);

/// <summary>A pool of workers; address is null for the workqueues' own rescuers, processor for a pool that is bound to none.</summary>
public sealed record LinuxWorkerPoolJson(
    string? Address, int? Id, int? Processor, int Idle, int Pending, IReadOnlyList<QueuedWorkJson> Work,
    IReadOnlyList<LinuxBusyWorkerJson> Busy, bool StandsStill);

/// <summary>A worker that does a piece of work.</summary>
public sealed record LinuxBusyWorkerJson(
    string Task, ulong Pid, string Command, string State, string? Time, string Work, string? Function, string? Workqueue,
    string? WaitsFor);
