using HangAnalysis.Model;

namespace HangAnalysis.Linux.Log;

/// <summary>Chooses the lines of the log that show what a verdict says.</summary>
internal sealed class LogEvidence(LinuxSystem system)
{
    /// <summary>Lines that are told; of those that are repeated only the last.</summary>
    private const int MostLines = 8;

    /// <summary>The lines on some threads, processors and disks, or on anybody where none is named.</summary>
    public IReadOnlyList<(string Label, Phrase Text)> Find(
        IReadOnlyCollection<ThreadFacts> threads, IReadOnlyCollection<int> processors, IReadOnlyCollection<string> names)
    {
        bool isAnybody = threads.Count + processors.Count + names.Count == 0;
        Dictionary<(LogEventKind, int?, int?, string?), LogEvent> last = [];
        HashSet<int> others = [];
        LogEvent? stall = null;
        foreach (LogEvent line in system.LogEvents)
        {
            ThreadFacts? task = system.FindTask(line);
            bool isNamed = isAnybody || (task is not null && threads.Contains(task))
                || (line.Processor is { } cpu && processors.Contains(cpu))
                || (line.Kind == LogEventKind.DiskError && names.Contains(line.Subject ?? ""));
            if (Belongs(line) is not { } always)
                continue;
            bool isStall = line is { Kind: LogEventKind.RcuStall, Pid: null, Processor: null };
            stall = isStall ? line : stall;
            if (isNamed || always)
                last[(line.Kind, line.Pid, line.Processor, line.Subject)] = line;
            // Who stalls stands in lines below the one that says so.
            if (isNamed && line.Kind == LogEventKind.RcuStall && stall is not null)
                last[(stall.Kind, null, null, null)] = stall;
            else if (line is { Kind: LogEventKind.HungTask, Pid: { } pid })
                others.Add(pid);
        }
        List<LogEvent> lines = [.. last.Values];
        lines.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        List<(string, Phrase)> evidence = [];
        for (int i = 0; i < lines.Count && i < MostLines; i++)
            evidence.Add(("Log", Phrase.Of(lines[i].Record.Line)));
        if (lines.Count > MostLines || others.Count > 0)
            evidence.Add(("Log", Phrase.Of(lines.Count > MostLines
                ? $"… and {lines.Count - MostLines:N0} more; see !log -e"
                : $"… and {others.Count:N0} more task{(others.Count == 1 ? "" : "s")} reported as hung; see !log -e")));
        return evidence;
    }

    /// <summary>
    /// Whether a line is shown whomever it names: the kernel that died once goes on without what the dead task held. Null
    /// for lines that are never shown here: those on the stop, and warnings.
    /// </summary>
    private bool? Belongs(LogEvent line) => line.Kind switch
    {
        LogEventKind.HungTask or LogEventKind.SoftLockup or LogEventKind.HardLockup or LogEventKind.RcuStall
            or LogEventKind.DiskError or LogEventKind.OutOfMemory => false,
        LogEventKind.Oops or LogEventKind.BadAccess or LogEventKind.Bug => true,
        LogEventKind.HardwareError when !system.HoldsInStop(line.Record) => true,
        _ => null,
    };
}
