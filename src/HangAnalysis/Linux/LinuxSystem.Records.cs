using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>
/// What the kernel wrote down itself: its log, its clocks, and how it came to its end. Read when asked for.
/// </summary>
public sealed partial class LinuxSystem : ILogSource, IDumpMoment
{
    private LinuxRecords? _records;
    private List<OopsReport>? _oopses;
    private LinuxStop? _stop;
    private LinuxIdentity? _identity;
    private bool _isStopRead;

    /// <summary>The kernel's log.</summary>
    public KernelLog Log => Records.Log;

    /// <summary>What the log reports, in its order.</summary>
    public IReadOnlyList<LogEvent> LogEvents => Records.Events;

    /// <summary>All deaths of the kernel that the log has; it may have gone on after each.</summary>
    public IReadOnlyList<OopsReport> Oopses => _oopses ??= OopsReader.ReadAll(Log.Records, LogEvents);

    /// <summary>How the system came to its end; null where it had not: then the dump was taken from outside.</summary>
    public LinuxStop? StopDetails
    {
        get
        {
            if (!_isStopRead)
                _stop = StopReader.Read(this, Session, _stacks);
            _isStopRead = true;
            return _stop;
        }
    }

    /// <summary>What the system says of itself: names, command line, load.</summary>
    public LinuxIdentity Identity => _identity ??= LinuxIdentity.Read(Session, Log);

    /// <inheritdoc/>
    public StopFacts? Stop => StopDetails?.Facts;

    /// <inheritdoc/>
    public DateTimeOffset? Time => Records.Wall?.Time;

    /// <inheritdoc/>
    public TimeSpan? Uptime => Records.Uptime;

    /// <inheritdoc/>
    public string? Origin => StopDetails is null ? "taken from outside (no panic)" : null;

    /// <summary>Levels of the page tables: 4 or 5.</summary>
    internal int PageTableLevels =>
        Session.Target.Info.TryGetNumber("pgtable_l5_enabled", out long five) && five != 0 ? 5 : 4;

    private LinuxRecords Records => _records ??= new LinuxRecords(this, Session);

    /// <inheritdoc/>
    public (ThreadFacts? Thread, StackFacts Stack)? GetStopStack() =>
        StopDetails is { } stop ? (stop.Thread, stop.Stack) : null;

    /// <inheritdoc/>
    public IReadOnlyList<(string Label, Phrase Text)> GetLogEvidence(
        IReadOnlyCollection<ThreadFacts> threads, IReadOnlyCollection<int> processors, IReadOnlyCollection<string> names) =>
        new LogEvidence(this).Find(threads, processors, names);

    /// <summary>
    /// The task that a line of the log names; null where it names none, or one that is not there any more.
    /// </summary>
    public ThreadFacts? FindTask(LogEvent line) => Records.FindTask(line.Pid, line.Task);

    /// <summary>The task that a death names; null where it has ended.</summary>
    internal ThreadFacts? FindTask(OopsReport oops) => Records.FindTask(oops.Pid, oops.Task);

    /// <summary>The time of day of a moment of the log; null where it is not in the dump.</summary>
    /// <param name="nanoseconds">Nanoseconds since start-up.</param>
    public DateTimeOffset? TimeOfDay(ulong nanoseconds) => Records.TimeOfDay(nanoseconds);

    /// <summary>What is recorded of a death that the kernel survived.</summary>
    public LinuxStop DescribeOops(OopsReport earlier) => StopReader.ReadEarlier(this, Session, _stacks, earlier);

    /// <summary>What the number of an address that failed says; null where it says nothing.</summary>
    public string? DescribeBadAddress(ulong address) => BadAddress.Describe(address, PageTableLevels);

    /// <summary>Whether the evidence of the stop has a line of the log.</summary>
    internal bool HoldsInStop(LogRecord record)
    {
        foreach ((string _, Phrase text) in Stop?.Evidence ?? [])
            if (text.ToString() == record.Line)
                return true;
        return false;
    }

    /// <summary>Name of code or of a variable; null for what is in no image.</summary>
    internal string? NameOfAddress(ulong address) =>
        Names.NameAddress(address) is { Module: not null } frame ? frame.Text : null;

    /// <summary>Base of the segment of per-CPU data of a processor; null where it is not known.</summary>
    internal ulong? PerCpuBase(int cpu) => PerCpu.AddressOf(0, cpu);

    /// <summary>
    /// The address that a line of the log means by <c>nullptr_poke+0x5/0x1000 [nullptr]</c>, or by a bare number; 0 where
    /// nothing has the name.
    /// </summary>
    internal ulong FindCode(string? text)
    {
        if (text is null)
            return 0;
        int plus = text.IndexOf("+0x", StringComparison.Ordinal), open = text.IndexOf('[');
        if (plus <= 0)
            return text.StartsWith("0x", StringComparison.Ordinal) ? LineScan.Hex(text) ?? 0 : 0;
        // Kernels before 4.11 print the address in front of the name.
        int space = text.LastIndexOf(' ', plus);
        string name = text[(space + 1)..plus];
        LinuxModule? module = open > plus ? Session.Symbols.Modules.Find(text[(open + 1)..].TrimEnd(']', ' ')) : null;
        ulong? function = open > plus ? module?.Find(name) : Session.Symbols.Find(name);
        return function is { } address && LineScan.Hex(text.AsSpan(plus + 1)) is { } offset ? address + offset : 0;
    }
}
