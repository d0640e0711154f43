using System.Diagnostics;
using HangAnalysis.Analysis;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>An opened dump with everything that was read from it: commands of one session share it.</summary>
public sealed class CommandSession : IDisposable
{
    private readonly IProgress<int>? _progress;
    private ISystemFacts? _system;
    private Verdict? _verdict;
    private Verdict? _fullVerdict;
    private ChainFollower? _chains;
    private LockOverview? _locks;
    private (Verdict Verdict, IssueSet Rules, IReadOnlyList<IssueMatch> Matches)? _knownIssues;

    /// <summary>Takes over an opened dump.</summary>
    /// <param name="source">The dump; disposed with the session.</param>
    /// <param name="opening">How long the opening took.</param>
    /// <param name="progress">Receives the number of threads read so far.</param>
    /// <param name="cancellation">Ends long sweeps.</param>
    public CommandSession(DumpSource source, TimeSpan opening = default, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        Source = source;
        _progress = progress;
        Cancellation = cancellation;
        Timings["open"] = Math.Round(opening.TotalMilliseconds, 1);
    }

    /// <summary>Takes over an opened dump of Windows, or a debugger's session.</summary>
    public CommandSession(ITarget target, TimeSpan opening = default, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
        : this(DumpSource.OfWindows(target), opening, progress, cancellation)
    {
    }

    /// <summary>The dump.</summary>
    public DumpSource Source { get; }

    /// <summary>
    /// Opens other files for <c>!hangwhy -file</c>; null where the host opens none, as of a file that was opened so itself.
    /// Disposed with the session.
    /// </summary>
    public IDumpOpener? Opener { get; init; }

    /// <summary>What the dump says of itself.</summary>
    public TargetDescription Description => Source.Description;

    /// <summary>The commands of the dump's system.</summary>
    public CommandSet Commands => Source.Commands;

    /// <summary>Runs a command; its document is told how long the system's addresses are.</summary>
    public CommandOutput Run(ICommand command, CommandArguments arguments)
    {
        CommandOutput output = command.Run(this, arguments);
        output.Document.HasNarrowAddresses |= Description.Architecture == Architecture.X86;
        return output;
    }

    /// <summary>Ends long sweeps.</summary>
    public CancellationToken Cancellation { get; private set; }

    /// <summary>
    /// Gives the next command a token of its own. What a cancelled command read in part is dropped and read anew when asked
    /// for; a system that had been read to its end is kept.
    /// </summary>
    public void Renew(CancellationToken cancellation)
    {
        if (_system is { WasInterrupted: true })
            _system = null;
        if (Cancellation.IsCancellationRequested)
        {
            _verdict = null;
            _fullVerdict = null;
            _chains = null;
            _locks = null;
        }
        Cancellation = cancellation;
        if (_system is IInterruptible system)
            system.Cancellation = cancellation;
    }

    /// <summary>What ends slow work of the dump from now on: what was found is printed, or the next command reads.</summary>
    public void SetDumpCancellation(CancellationToken cancellation)
    {
        Source.SetCancellation(cancellation);
        Opener?.Opened?.SetDumpCancellation(cancellation);
    }

    /// <summary>Whether the system was read: then its processes can be asked for without waiting.</summary>
    public bool HasSystem => _system is not null;

    /// <summary>Durations in milliseconds by step.</summary>
    public Dictionary<string, double> Timings { get; } = [];

    /// <summary>The system in the dump; read when first asked for.</summary>
    public ISystemFacts System => _system ??= Timed("read", () => Source.Read(_progress, Cancellation));

    /// <summary>The system where it is Windows; <see cref="CommandDeclinedException"/> where it is another.</summary>
    public WindowsSystem Windows => System as WindowsSystem
        ?? throw new CommandDeclinedException($"only dumps of Windows have this, and this one is of {Commands.System}");

    /// <summary>The system where it is Linux; <see cref="CommandDeclinedException"/> where it is another.</summary>
    public LinuxSystem Linux => System as LinuxSystem
        ?? throw new CommandDeclinedException($"only dumps of Linux have this, and this one is of {Commands.System}");

    /// <summary>Names of the states of threads; where the system has no list, those that its threads are in.</summary>
    public IReadOnlyList<string> ThreadStateNames =>
        System is IThreadStateNames names ? names.ThreadStateNames : [.. System.Threads.Select(t => t.State).Distinct()];

    /// <summary>Names of the reasons of waits; where the system has no list, those for which its threads wait.</summary>
    public IReadOnlyList<string> WaitReasonNames => System is IThreadStateNames names
        ? names.WaitReasonNames
        : [.. System.Threads.Select(t => t.WaitReason).OfType<string>().Distinct()];

    /// <summary>The verdict; made when first asked for.</summary>
    public Verdict Verdict
    {
        get
        {
            ISystemFacts system = System;
            return _verdict ??= Timed("analyze", () => HangAnalyzer.Analyze(system));
        }
    }

    /// <summary>The verdict with every end of a wait judged; made when first asked for.</summary>
    public Verdict FullVerdict
    {
        get
        {
            ISystemFacts system = System;
            return _fullVerdict ??= Timed("analyze", () => HangAnalyzer.Analyze(system, judgesAll: true));
        }
    }

    /// <summary>Rules of known issues; those of the host, where it has any.</summary>
    public RuleBook RuleBook { get; init; } = new();

    /// <summary>
    /// Whether known issues of its system are in the rules: they are of systems that list their modules by name. Elsewhere a
    /// function may have the name of another system's.
    /// </summary>
    public bool HasKnownIssues => System is IInventorySource;

    /// <summary>The known issues that fit a verdict of this dump, the best first.</summary>
    public IReadOnlyList<IssueMatch> FindKnownIssues(Verdict verdict)
    {
        if (!HasKnownIssues)
            return [];
        if (_knownIssues is { } known && known.Verdict == verdict && known.Rules == RuleBook.Rules)
            return known.Matches;
        IReadOnlyList<IssueMatch> matches = Timed("rules", () => RuleMatcher.Match(RuleBook.Rules.All,
            EvidenceCollector.Collect(System, verdict, Description.Build, Description.Time)));
        _knownIssues = (verdict, RuleBook.Rules, matches);
        return matches;
    }

    /// <summary>Tells of locks and circles.</summary>
    public LockOverview Locks => _locks ??= new LockOverview(System);

    /// <summary>Follows threads through the wait graph.</summary>
    public ChainFollower Chains => _chains ??= new ChainFollower(System);

    /// <summary>
    /// Evaluates what is no plain number (<c>@$proc</c>, <c>poi(nt!PsInitialSystemProcess)</c>); null where the host has no
    /// evaluator. The function returns null for what it does not understand.
    /// </summary>
    public Func<string, ulong?>? Evaluator { get; set; }

    /// <summary>What the evaluator takes, for the message on what is no address.</summary>
    public string EvaluatorTakes { get; set; } = "an expression that ? understands";

    /// <summary>The process that the user looks at; null where the host has none, or one that is in no list.</summary>
    public ProcessFacts? CurrentProcess => Evaluator?.Invoke("@$proc") is { } address ? System.FindProcess(address) : null;

    /// <summary>
    /// The process that commands show unless told otherwise: the host's, else that of the crash or of the first processor; null
    /// where there is none.
    /// </summary>
    public ProcessFacts? DefaultProcess => CurrentProcess
        ?? (System.GetStopStack()?.Thread ?? (System.Processors.Count > 0 ? System.Processors[0].Current : null))?.Process;

    /// <summary>
    /// The threads of <see cref="DefaultProcess"/>; all threads where there is no such process, or nobody thinks of one.
    /// </summary>
    public IReadOnlyList<ThreadFacts> CurrentThreads =>
        System.Words.HasCurrentProcess ? DefaultProcess?.Threads ?? System.Threads : System.Threads;

    /// <summary>
    /// The address that an argument means. Plain numbers are hexadecimal, whatever radix a debugger is set to; where
    /// identifiers are decimal, a short decimal number is that of a thread and means its address.
    /// </summary>
    public ulong ParseAddress(string text)
    {
        if (System.Words.TryParseId(text, out ulong id))
            return FindThreadById(id)?.Address.Value
                ?? throw new CommandUsageException($"no thread has the identifier {id}");
        if (CommandArguments.TryParseAddress(text, out ulong address))
            return address;
        string how = System.Words.HasDecimalIds
            ? "no address and no identifier: write an address in hexadecimal, an identifier in decimal"
            : "no address: write it in hexadecimal, or in decimal after 0n";
        return Evaluator?.Invoke(text) ?? throw new CommandUsageException(
            $"'{text}' is {how}{(Evaluator is null ? "" : $", or as {EvaluatorTakes}")}");
    }

    /// <summary>The system, if any of its threads could be read; <see cref="CommandDeclinedException"/> with the reason if not.</summary>
    /// <param name="command">Name of the command that needs threads, without the '!'.</param>
    public ISystemFacts RequireThreads(string command) => System.Threads.Count > 0
        ? System
        : throw new CommandDeclinedException($"!{command} needs threads, and none could be read: " +
            (System.Unknowns.Count > 0 ? $"{System.Unknowns[0].Why}" : "the dump holds none"));

    /// <summary>
    /// Windows, if any of its threads could be read; <see cref="CommandDeclinedException"/> with the reason if not, and for
    /// other systems.
    /// </summary>
    /// <param name="command">Name of the command that knows Windows only, without the '!'.</param>
    public WindowsSystem RequireWindows(string command)
    {
        Commands.RequireOwn(command);
        WindowsSystem system = Windows;
        RequireThreads(command);
        return system;
    }

    /// <summary>Takes a line apart by what the commands of the dump's system take.</summary>
    public CommandArguments Parse(string line) => CommandArguments.Parse(line, Commands);

    /// <summary>
    /// The process that an argument names by its address, by its identifier, or by its name where only one process has it.
    /// </summary>
    public ProcessFacts FindProcess(string text)
    {
        const int MostNamed = 4;
        IReadOnlyList<ProcessFacts> found = ProcessSearch.TryFind(this, text);
        return found.Count switch
        {
            1 => found[0],
            0 when System.Words.TryParseId(text, out ulong id) =>
                throw new CommandUsageException($"no process has the identifier {id}"),
            0 => throw new CommandUsageException($"no process has the address or the identifier {ParseAddress(text):x}"),
            _ => throw new CommandUsageException($"{found.Count:N0} processes are called {text}; name one by its address: " +
                string.Join(", ", found.Take(MostNamed).Select(p => $"{p.Address.Value:x16}")) +
                (found.Count > MostNamed ? ", …" : "")),
        };
    }

    /// <summary>The thread that an argument names by its address, or by its identifier.</summary>
    public ThreadFacts FindThread(string text)
    {
        ulong value = ParseAddress(text);
        if (System.FindThread(value) is { } thread)
            return thread;
        return (System.Words.HasDecimalIds ? null : FindThreadById(value))
            ?? throw new CommandUsageException($"no thread has the address or the identifier {value:x}");
    }

    /// <summary>
    /// The command that shows what is at an address: a thread, a process, or an object that somebody waits for. Null for
    /// other addresses.
    /// </summary>
    public string? CommandFor(ulong address) => Links.CommandForAddress(address, System);

    /// <inheritdoc/>
    public void Dispose()
    {
        Opener?.Dispose();
        Source.Dispose();
    }

    private ThreadFacts? FindThreadById(ulong id)
    {
        foreach (ThreadFacts candidate in System.Threads)
            if (candidate.Id == id && id != 0)
                return candidate;
        return null;
    }

    private T Timed<T>(string step, Func<T> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = action();
        Timings[step] = Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 1);
        return result;
    }
}
