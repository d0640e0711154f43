using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>How strong a claim on the cause is: the strongest that was made stands.</summary>
/// <remarks>
/// The order is that of the triage rules: a broken processor makes any driver look guilty, so that hardware is judged before
/// any module; a dump that somebody forced accuses nobody; what a checker (Driver Verifier, special pool) names is better than
/// what a rule for the code finds, and that is better than the faulting frame, which is a victim's more often than not.
/// </remarks>
internal enum BlameRank
{
    /// <summary>Nobody has made a claim.</summary>
    None,

    /// <summary>The module of the faulting frame, or of its first caller that is no part of the system.</summary>
    FaultingFrame,

    /// <summary>What the bug check's own rule found.</summary>
    Code,

    /// <summary>A checker of the system names it.</summary>
    Checker,

    /// <summary>Somebody forced the dump.</summary>
    Forced,

    /// <summary>The evidence contradicts itself in a way that only hardware explains.</summary>
    Hardware,
}

/// <summary>What was tried at an address.</summary>
internal enum CrashAccessKind
{
    /// <summary>The bug check does not say.</summary>
    Unknown,

    /// <summary>A read.</summary>
    Read,

    /// <summary>A write.</summary>
    Write,

    /// <summary>The fetch of an instruction.</summary>
    Execute,
}

/// <summary>
/// What is being found out about one bug check. The knowledge of single codes adds to it; <see cref="CrashReader"/> makes the
/// facts of it.
/// </summary>
internal sealed class CrashCase(WindowsSystem system, StopFacts stop, uint code, IReadOnlyList<ulong> parameters)
{
    private readonly CrashParameter[] _parameters = [.. parameters.Select(p => new CrashParameter(p, "", null))];
    private readonly List<(string, Phrase)> _evidence = [];
    private readonly List<CrashStack> _stacks = [];
    private readonly List<RuledOut> _ruledOut = [];
    private readonly List<Unknown> _unknown = [];
    private readonly List<string> _advice = [];
    private readonly List<string> _commands = [];
    private BlameRank _rank;

    /// <summary>The system.</summary>
    public WindowsSystem System => system;

    /// <summary>Memory, symbols and types of the kernel.</summary>
    public KernelSession Session => system.Session;

    /// <summary>The code as documented, without the mark of small dumps.</summary>
    public uint Code => code;

    /// <summary>The four parameters, from 1.</summary>
    public ulong P(int number) => parameters[number - 1];

    /// <summary>The ways to the registers at the fault.</summary>
    public FaultContexts Contexts { get; } = new(system);

    /// <summary>The registers at the fault; set by the code's own way to find them. The instruction follows from them.</summary>
    public FaultContext? Context { get; set; }

    /// <summary>The exception that led to it; null where there is none, or it is not in the dump.</summary>
    public ExceptionRecord? Exception { get; set; }

    /// <summary>The address that the bug check says could not be accessed; null where it names none.</summary>
    public ulong? ReportedAddress { get; set; }

    /// <summary>What was tried there.</summary>
    public CrashAccessKind Access { get; set; }

    /// <summary>The IRQL at which it failed; null where the bug check does not name it.</summary>
    public ulong? Irql { get; set; }

    /// <summary>The instruction that the bug check names; 0 where it names none.</summary>
    public ulong InstructionPointer { get; set; }

    /// <summary>The code at the fault; null where it is not there.</summary>
    public FaultCode? FaultCode { get; set; }

    /// <summary>Whether the faulting frame may be accused: not where the code's stack is only that of whoever noticed.</summary>
    public bool BlamesFrame { get; set; } = true;

    /// <summary>
    /// What the accused did, where a checker of the system (special pool) stops at the deed itself; null for other codes.
    /// </summary>
    public string? BlamesAsChecker { get; set; }

    /// <summary>The instruction that failed; set by the way of the code to find it.</summary>
    public CrashFault? Fault { get; set; }

    /// <summary>Where the processor stood when the kernel stopped.</summary>
    public CrashFault? Halt { get; set; }

    /// <summary>Where the program called the kernel.</summary>
    public CrashFault? Entry { get; set; }

    /// <summary>The first thread whose stack was added; null where none has one.</summary>
    public ThreadFacts? FirstThread
    {
        get
        {
            foreach (CrashStack stack in _stacks)
                if (stack.Thread is { } thread)
                    return thread;
            return null;
        }
    }

    /// <summary>The strongest claim so far; null where none was made.</summary>
    public CrashBlame? Blame { get; private set; }

    /// <summary>Says what a parameter is, and what its value says.</summary>
    public void Name(int number, string name, Phrase? meaning = null) =>
        _parameters[number - 1] = new CrashParameter(P(number), name, meaning);

    /// <summary>Adds a line that shows something.</summary>
    public void Tell(string label, Phrase text) => _evidence.Add((label, text));

    /// <summary>Claims the cause; a claim of the same or a higher rank that was made before stands.</summary>
    public void Accuse(BlameRank rank, CrashBlame blame)
    {
        if (rank <= _rank)
            return;
        (_rank, Blame) = (rank, blame);
    }

    /// <summary>Adds a stack.</summary>
    public void AddStack(CrashStack stack) => _stacks.Add(stack);

    /// <summary>Whether stacks were added.</summary>
    public bool HasStacks => _stacks.Count > 0;

    /// <summary>Whether a stack of the same frames was added before.</summary>
    public bool HasStack(StackFacts stack)
    {
        foreach (CrashStack known in _stacks)
            if (stack.Frames.Count > 0 && known.Stack.Frames.Count > 0
                && known.Stack.Frames[0].StackPointer == stack.Frames[0].StackPointer
                && known.Stack.Frames[0].InstructionPointer == stack.Frames[0].InstructionPointer)
                return true;
        return false;
    }

    /// <summary>Says what was looked at and does not explain it.</summary>
    public void RuleOut(string what, string why) => _ruledOut.Add(new RuledOut(what, why));

    /// <summary>Says what could not be found out.</summary>
    public void AddUnknown(string what, string why) => _unknown.Add(new Unknown(what, why));

    /// <summary>Says what to do, once.</summary>
    public void Advise(string advice)
    {
        if (!_advice.Contains(advice))
            _advice.Add(advice);
    }

    /// <summary>Names a command that shows more.</summary>
    public void Suggest(string command)
    {
        if (!_commands.Contains(command))
            _commands.Add(command);
    }

    /// <summary>All that was found out.</summary>
    public CrashFacts ToFacts() => new()
    {
        Stop = stop,
        Parameters = _parameters,
        Fault = Fault,
        Halt = Halt,
        Entry = Entry,
        Blame = Blame ?? CrashBlame.None,
        Evidence = _evidence,
        Stacks = _stacks,
        RuledOut = _ruledOut,
        Unknown = _unknown,
        Advice = _advice,
        Commands = _commands,
    };
}
