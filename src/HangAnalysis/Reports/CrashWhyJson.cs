namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!crashwhy</c>. What is not recorded is null.</summary>
public sealed record CrashWhyJson
{
    /// <summary>Name and version of this shape.</summary>
    public string Schema { get; init; } = "hanganalysis-crashwhy/1";

    /// <summary>
    /// Kind of the end, such as oops, panic, hung-task, sysrq; null where the system had not come to its end.
    /// </summary>
    public string? Kind { get; init; }

    /// <summary>What people call it.</summary>
    public string? Title { get; init; }

    /// <summary>What happened, in words.</summary>
    public string? Meaning { get; init; }

    /// <summary>Whether somebody, or a watchdog, forced it because the system hung.</summary>
    public bool Forced { get; init; }

    /// <summary>The words of the panic.</summary>
    public string? Panic { get; init; }

    /// <summary>File and line of a failed check.</summary>
    public string? Place { get; init; }

    /// <summary>Number of the processor.</summary>
    public int? Cpu { get; init; }

    /// <summary>Address of the task.</summary>
    public string? Task { get; init; }

    /// <summary>Its identifier.</summary>
    public ulong? Pid { get; init; }

    /// <summary>Its name.</summary>
    public string? Name { get; init; }

    /// <summary>The error code of a page fault.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>Its bits.</summary>
    public IReadOnlyList<FaultBitJson>? ErrorBits { get; init; }

    /// <summary>The address that could not be accessed.</summary>
    public string? BadAddress { get; init; }

    /// <summary>What its number says.</summary>
    public string? BadAddressMeaning { get; init; }

    /// <summary>The instruction that failed.</summary>
    public FrameJson? Instruction { get; init; }

    /// <summary>The code around it, and whether it is the log's.</summary>
    public IReadOnlyList<CodeLineJson>? Code { get; init; }

    /// <summary>Whether the code is the log's, because memory does not hold it.</summary>
    public bool CodeFromLog { get; init; }

    /// <summary>What the instruction accesses by its registers.</summary>
    public IReadOnlyList<CodeAccessJson>? Accesses { get; init; }

    /// <summary>The registers at it.</summary>
    public IReadOnlyDictionary<string, string>? Registers { get; init; }

    /// <summary>The stack from it on.</summary>
    public IReadOnlyList<FrameJson>? Stack { get; init; }

    /// <summary>Modules on the stack and suspect ones.</summary>
    public required IReadOnlyList<SuspectModuleJson> Modules { get; init; }

    /// <summary>Letters of the kernel's taints.</summary>
    public string? Taints { get; init; }

    /// <summary>Lines of the log around it.</summary>
    public required IReadOnlyList<string> Log { get; init; }

    /// <summary>Deaths that the kernel survived before.</summary>
    public required IReadOnlyList<string> Earlier { get; init; }

    /// <summary>The parameters of the stop; null where the system's stops have none.</summary>
    public IReadOnlyList<CrashParameterJson>? Parameters { get; init; }

    /// <summary>What is to blame; null where the system has no rules for it.</summary>
    public CrashBlameJson? Blame { get; init; }

    /// <summary>The bucket of the verdict that !hangwhy has; null where there is none.</summary>
    public SignatureJson? Signature { get; init; }

    /// <summary>Where the registers come from.</summary>
    public string? RegisterSource { get; init; }

    /// <summary>Registers that the dump does not hold.</summary>
    public IReadOnlyList<string>? UnknownRegisters { get; init; }

    /// <summary>The address that the processor, or the stop, reports.</summary>
    public string? ReportedAddress { get; init; }

    /// <summary>Where the processor stood when the kernel stopped; null where an instruction failed, which has the registers.</summary>
    public CrashPlaceJson? Halt { get; init; }

    /// <summary>Where the program called the kernel; null where that is not kept.</summary>
    public CrashPlaceJson? Entry { get; init; }

    /// <summary>All stacks that belong to the stop, the most telling first.</summary>
    public IReadOnlyList<StackJson>? Stacks { get; init; }

    /// <summary>What shows it.</summary>
    public IReadOnlyList<EvidenceJson>? Evidence { get; init; }

    /// <summary>Published problems that fit, as in the verdict; null where no rules are looked at.</summary>
    public IReadOnlyList<KnownIssueJson>? KnownIssues { get; init; }

    /// <summary>What was looked at and does not explain it.</summary>
    public IReadOnlyList<ReasonJson>? RuledOut { get; init; }

    /// <summary>What could not be found out.</summary>
    public IReadOnlyList<ReasonJson>? Unknown { get; init; }

    /// <summary>What to do next.</summary>
    public IReadOnlyList<string>? Advice { get; init; }

    /// <summary>Commands that show more.</summary>
    public IReadOnlyList<string>? Commands { get; init; }
}

/// <summary>A parameter of a stop: what it is, and what its value says.</summary>
public sealed record CrashParameterJson(string Value, string? Name, string? Meaning);

/// <summary>
/// What is to blame: unknown, module, corruption, hardware, processor-feature, device, program or forced; how sure that is, and
/// why.
/// </summary>
public sealed record CrashBlameJson(string Cause, string Statement, string Certainty, string Reason, string? Module, FrameJson? Frame);

/// <summary>A place with the registers there, and where they come from.</summary>
public sealed record CrashPlaceJson(
    FrameJson Instruction, string RegisterSource, IReadOnlyDictionary<string, string> Registers, string? ErrorCode);

/// <summary>A bit of an error code.</summary>
public sealed record FaultBitJson(int Bit, string Name, bool IsSet, string Meaning);

/// <summary>An instruction.</summary>
public sealed record CodeLineJson(string Address, string Bytes, string Text, bool IsFault);

/// <summary>
/// An access to memory; 0 bytes where that depends, no address where a register is not known. The operand as it stands in the code.
/// </summary>
public sealed record CodeAccessJson(string? Address, bool Writes, int Bytes, string? Operand = null);

/// <summary>A module with the letters of its taints, and whether it is on the stack.</summary>
public sealed record SuspectModuleJson(string Name, string Taints, string? Meaning, string? Version, bool OnStack);

/// <summary>The JSON of <c>!sys</c>. What is not recorded is null.</summary>
public sealed record SystemJson(
    string Schema, string? Release, string? Version, string? Machine, string? NodeName, string? CommandLine, string? Taints,
    IReadOnlyList<double>? LoadAverage, int? Processors, int? Online, string? ProcessorModel, string? Hardware,
        DateTimeOffset? Time,
    double? UptimeSeconds, int Tasks, string? Panic, ulong? Memory, int? Modules);
