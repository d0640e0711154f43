namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!cpus</c>.</summary>
public sealed record ProcessorsJson(string Schema, IReadOnlyList<ProcessorJson> Processors);

/// <summary>A processor. What is not recorded is null.</summary>
public sealed record ProcessorJson(
    int Number, string? Thread, string? Process, ulong? Pid, int? Priority, string State, int? Irql, bool IrqlInferred,
    string? Dpc, string? DpcTime, int DpcQueue, SpinJson? Spin, int Ready, string? OldestReady, int SharedReady, string? Next,
    string? Since, string? Doing, ProcessorTimesJson? Times);

/// <summary>A lock for which a processor spins.</summary>
public sealed record SpinJson(string? Lock, string Function, int? Holder, string? Certainty);

/// <summary>Times of a processor in seconds.</summary>
public sealed record ProcessorTimesJson(double Kernel, double User, double Dpc, double Interrupt);
