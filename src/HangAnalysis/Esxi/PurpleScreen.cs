namespace HangAnalysis.Esxi;

/// <summary>Whose stack a screen prints.</summary>
public enum BacktraceKind
{
    /// <summary>That of the processor that panics: the screen's own, or <c>Backtrace for current CPU</c>.</summary>
    Current,

    /// <summary>
    /// That of a processor which was sent an NMI to tell what it does: <c>Saved backtrace from: pcpu 20</c>.
    /// </summary>
    Saved,

    /// <summary>Printed into the log by another processor than the one that panics.</summary>
    Log,
}

/// <summary>A stack of a screen.</summary>
/// <param name="Kind">Whose it is.</param>
/// <param name="Pcpu">Its processor; null where not told.</param>
/// <param name="Reason">Of a saved one why it was taken, such as <c>SpinLock spin out NMI</c>; null otherwise.</param>
/// <param name="World">Its world; null where not told.</param>
/// <param name="Frames">The frames, innermost first.</param>
public sealed record EsxiBacktrace(
    BacktraceKind Kind, int? Pcpu, string? Reason, ulong? World, IReadOnlyList<EsxiFrame> Frames);

/// <summary>What a screen says of one processor.</summary>
/// <param name="Number">Its number.</param>
/// <param name="World">Number of the world on it; null where not told.</param>
/// <param name="WorldName">That world's name; null where not told. Text from the screen.</param>
/// <param name="State">
/// Letter of the table <c>PCPU 0: SUVI…</c>: I idle, S a world of the kernel, U a program, V a virtual machine; null where
/// not told.
/// </param>
/// <param name="IsPanicking">Whether the screen marks it with a star.</param>
public sealed record EsxiPcpu(int Number, ulong? World, string? WorldName, char? State, bool IsPanicking);

/// <summary>A processor that was interrupted by an NMI, with where it was.</summary>
/// <param name="Pcpu">The processor.</param>
/// <param name="InstructionPointer">Where it was; 0 where not told.</param>
public sealed record NmiHit(int Pcpu, ulong InstructionPointer);

/// <summary>An alarm that a processor gave no sign of life for a while.</summary>
/// <param name="Pcpu">The silent processor.</param>
/// <param name="Silence">For how long, as the last alarm has it.</param>
public sealed record HeartbeatLoss(int Pcpu, TimeSpan Silence);

/// <summary>One bank of the machine check architecture.</summary>
/// <param name="Pcpu">The processor; null where not told.</param>
/// <param name="Bank">Its number.</param>
/// <param name="Status">The status register.</param>
/// <param name="Address">The address register; null where not told.</param>
public sealed record MachineCheckBank(int? Pcpu, int Bank, ulong Status, ulong? Address);

/// <summary>What became of the core dump.</summary>
public enum CoreDumpState
{
    /// <summary>The text does not say.</summary>
    NotTold,

    /// <summary>There was no place for it.</summary>
    NotConfigured,

    /// <summary>It was begun; whether it was finished is not told.</summary>
    Begun,

    /// <summary>It was written.</summary>
    Written,

    /// <summary>It could not be written.</summary>
    Failed,
}

/// <summary>A module of the table behind the stack.</summary>
/// <param name="Name">Its name. Text from the screen.</param>
/// <param name="Base">Where its code begins; 0 for the kernel.</param>
public sealed record EsxiModule(string Name, ulong Base);

/// <summary>An earlier panic of the same text.</summary>
/// <param name="Message">Its message as printed.</param>
/// <param name="Time">When; null where not told.</param>
public sealed record EarlierPanic(string Message, DateTimeOffset? Time);

/// <summary>Everything that a purple screen, or a vmkernel log with one, says: the last panic of the text.</summary>
public sealed class PurpleScreen
{
    /// <summary>Product and version, such as <c>VMware ESXi 6.5.0</c>; null where not told.</summary>
    public string? Product { get; init; }

    /// <summary>Number of the build; null where not told.</summary>
    public string? Build { get; init; }

    /// <summary>The message; null where the text does not have it.</summary>
    public PanicMessage? Message { get; init; }

    /// <summary>Further messages of the same panic, as those of processors that were stopped for it.</summary>
    public required IReadOnlyList<PanicMessage> Others { get; init; }

    /// <summary>When it was printed; null on a screen.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>How long the host was up; null where not told.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>Where the kernel's code begins; null where not told.</summary>
    public ulong? CodeStart { get; init; }

    /// <summary>Registers by name, in the order of the screen.</summary>
    public required IReadOnlyList<KeyValuePair<string, ulong>> Registers { get; init; }

    /// <summary>The processors that the text names, by number.</summary>
    public required IReadOnlyList<EsxiPcpu> Pcpus { get; init; }

    /// <summary>The processor that panics; null where not told.</summary>
    public int? PanickingPcpu { get; init; }

    /// <summary>The world that panics; null where not told.</summary>
    public ulong? PanickingWorld { get; init; }

    /// <summary>All stacks, in the order of the text.</summary>
    public required IReadOnlyList<EsxiBacktrace> Backtraces { get; init; }

    /// <summary>Processors that were interrupted to tell where they are.</summary>
    public required IReadOnlyList<NmiHit> Nmis { get; init; }

    /// <summary>Alarms that processors gave no sign of life, by processor.</summary>
    public required IReadOnlyList<HeartbeatLoss> Heartbeats { get; init; }

    /// <summary>Banks of the machine check architecture.</summary>
    public required IReadOnlyList<MachineCheckBank> Banks { get; init; }

    /// <summary>The table of modules.</summary>
    public required IReadOnlyList<EsxiModule> Modules { get; init; }

    /// <summary>What became of the core dump.</summary>
    public CoreDumpState CoreDump { get; init; }

    /// <summary>The line that says it; null where none does.</summary>
    public string? CoreDumpLine { get; init; }

    /// <summary>Earlier panics of the text that are kept.</summary>
    public required IReadOnlyList<EarlierPanic> Earlier { get; init; }

    /// <summary>How many earlier panics there are.</summary>
    public int EarlierCount { get; init; }

    /// <summary>
    /// Lines within the panic that were not understood; the text of the first ones is in <see cref="UnreadText"/>.
    /// </summary>
    public int UnreadLines { get; init; }

    /// <summary>The first lines that were not understood.</summary>
    public required IReadOnlyList<string> UnreadText { get; init; }

    /// <summary>Characters that were read as others that look alike, and brackets that were missing.</summary>
    public int Repairs { get; init; }

    /// <summary>Frames whose line ends too early.</summary>
    public int CutFrames { get; init; }

    /// <summary>Lines of the text.</summary>
    public long Lines { get; init; }

    /// <summary>Lines that were longer than is read.</summary>
    public long LongLines { get; init; }

    /// <summary>A register by its name; null where the screen does not have it.</summary>
    public ulong? Register(string name)
    {
        foreach (KeyValuePair<string, ulong> register in Registers)
            if (register.Key == name)
                return register.Value;
        return null;
    }

    /// <summary>The stack of the processor that panics: of several that are printed the longest.</summary>
    public EsxiBacktrace? PanicStack
    {
        get
        {
            EsxiBacktrace? best = null;
            foreach (EsxiBacktrace stack in Backtraces)
                if (stack.Kind == BacktraceKind.Current && stack.Frames.Count > (best?.Frames.Count ?? 0))
                    best = stack;
            return best;
        }
    }

    /// <summary>
    /// What a processor did when it was asked by an NMI, or printed into the log itself; the latest with frames. Null where
    /// the text does not have it.
    /// </summary>
    public EsxiBacktrace? StackOf(int pcpu)
    {
        EsxiBacktrace? found = null;
        foreach (EsxiBacktrace stack in Backtraces)
            if (stack.Pcpu == pcpu && stack.Frames.Count > 0 && stack.Kind != BacktraceKind.Current
                && (found is null || stack.Kind == BacktraceKind.Saved || found.Kind != BacktraceKind.Saved))
                found = stack;
        return found;
    }
}
