namespace HangAnalysis.Linux.Log;

/// <summary>Finds the lines of a log that report something, and whom they name.</summary>
/// <remarks>
/// The lines are those of the kernel's source: kernel/hung_task.c, kernel/watchdog.c, kernel/rcu/tree_stall.h,
/// mm/oom_kill.c, arch/x86/mm/fault.c, arch/x86/kernel/{dumpstack,traps,nmi}.c, block/blk-core.c, kernel/panic.c; with the
/// prefixes of different versions.
/// </remarks>
internal static class LogEvents
{
    /// <summary>
    /// The events in the order of the log. Programs may write to the log too: only the kernel's own lines count.
    /// </summary>
    public static List<LogEvent> Find(IReadOnlyList<LogRecord> records)
    {
        List<LogEvent> events = [];
        for (int i = 0; i < records.Count && events.Count < LogLimits.Events; i++)
        {
            if (records[i].Facility != 0)
                continue;
            LogEvent? found = Recognize(records[i], i);
            if (found is null)
                continue;
            events.Add(found);
            if (found is { Kind: LogEventKind.RcuStall, Processor: null })
                AddStalled(records, i, events);
        }
        return events;
    }

    private static LogEvent? Recognize(LogRecord record, int index)
    {
        ReadOnlySpan<char> line = record.Text;
        LogEvent of = new(LogEventKind.Panic, record, index);
        if (LineScan.TryAfter(line, "Kernel panic - not syncing: ", out ReadOnlySpan<char> rest)
            && !line.StartsWith("---[ end"))
            return of with { Subject = rest.TrimEnd().ToString() };
        if (line.StartsWith("INFO: task ") && line.IndexOf(" blocked ") is > 0 and int blocked)
        {
            (string? name, int? pid) = LineScan.Task(line["INFO: task ".Length..blocked]);
            return pid is null ? null : of with { Kind = LogEventKind.HungTask, Pid = pid, Task = name };
        }
        if (LineScan.TryAfter(line, "BUG: soft lockup - CPU#", out rest))
            return SoftLockup(of, rest);
        if (LineScan.TryAfter(line, "Watchdog detected hard LOCKUP on cpu ", out rest))
            return of with { Kind = LogEventKind.HardLockup, Processor = LineScan.Number(rest) };
        if (line.Contains("detected stall", StringComparison.Ordinal) && line.Contains("rcu", StringComparison.Ordinal))
            return of with { Kind = LogEventKind.RcuStall, Processor = OldStall(line) };
        if (LineScan.TryAfter(line, "kernel BUG at ", out rest))
            return of with { Kind = LogEventKind.Bug, Subject = rest.TrimEnd(" !").ToString() };
        if (line.StartsWith("BUG: unable to handle ") || line.StartsWith("BUG: kernel NULL pointer dereference"))
            return of with { Kind = LogEventKind.BadAccess };
        if (line.StartsWith("WARNING: CPU: "))
            return Warning(of, line);
        return Other(of, line);
    }

    private static LogEvent? Other(LogEvent of, ReadOnlySpan<char> line)
    {
        // __die_header(): what happened, the error code in four digits, how often the kernel has died.
        if (line.IndexOf(" [#") is > 5 and int died && line[died - 5] == ' ' && line[died - 6] == ':')
            return of with { Kind = LogEventKind.Oops, Subject = line[..(died - 6)].ToString() };
        if (LineScan.TryAfter(line, "Killed process ", out ReadOnlySpan<char> rest))
            return of with
            {
                Kind = LogEventKind.OutOfMemory,
                Pid = LineScan.Number(rest),
                Task = Killed(LineScan.Before(rest, " total-vm")),
            };
        if (LineScan.TryAfter(line, "I/O error", out rest) && LineScan.TryAfter(rest, " dev ", out ReadOnlySpan<char> disk))
            return of with { Kind = LogEventKind.DiskError, Subject = Disk(disk) };
        if (LineScan.TryAfter(line, "NMI received for unknown reason", out rest))
            return of with
            {
                Kind = LogEventKind.UnknownNmi,
                Processor = LineScan.TryAfter(rest, "on CPU ", out ReadOnlySpan<char> cpu) ? LineScan.Number(cpu) : null,
            };
        if (line.StartsWith("sysrq: ") || line.StartsWith("SysRq : "))
            return of with { Kind = LogEventKind.SysRq, Subject = line[(line.IndexOf(':') + 1)..].Trim().ToString() };
        bool isHardware = line.Contains("[Hardware Error]", StringComparison.Ordinal)
            || line.StartsWith("NMI: PCI system error")
            || line.StartsWith("NMI: memory parity error") || line.StartsWith("NMI: IOCK error");
        return isHardware ? of with { Kind = LogEventKind.HardwareError } : null;
    }

    /// <summary><c>3 stuck for 22s! [kworker/3:1:77]</c>.</summary>
    private static LogEvent SoftLockup(LogEvent of, ReadOnlySpan<char> rest)
    {
        int open = rest.IndexOf('['), close = rest.LastIndexOf(']');
        (string? name, int? pid) = open >= 0 && close > open ? LineScan.Task(rest[(open + 1)..close]) : (null, null);
        return of with { Kind = LogEventKind.SoftLockup, Processor = LineScan.Number(rest), Pid = pid, Task = name };
    }

    /// <summary><c>WARNING: CPU: 1 PID: 2 at kernel/softirq.c:362 __local_bh_enable_ip+0x6c/0x90</c>.</summary>
    private static LogEvent Warning(LogEvent of, ReadOnlySpan<char> line) => of with
    {
        Kind = LogEventKind.Warning,
        Processor = LineScan.Number(line["WARNING: CPU: ".Length..]),
        Pid = LineScan.TryAfter(line, " PID: ", out ReadOnlySpan<char> pid) ? LineScan.Number(pid) : null,
        Subject = LineScan.TryAfter(line, " at ", out ReadOnlySpan<char> place) ? place.TrimEnd().ToString() : null,
    };

    /// <summary>Kernels before 4.8 name the processor in the line itself: <c>self-detected stall on CPU { 3}</c>.</summary>
    private static int? OldStall(ReadOnlySpan<char> line) =>
        LineScan.TryAfter(line, "{", out ReadOnlySpan<char> rest) ? LineScan.Number(rest) : null;

    /// <summary><c>1234 (name)</c>; the name may have parentheses of its own.</summary>
    private static string? Killed(ReadOnlySpan<char> text)
    {
        int open = text.IndexOf('('), close = text.LastIndexOf(')');
        return open >= 0 && close > open ? text[(open + 1)..close].ToString() : null;
    }

    private static string Disk(ReadOnlySpan<char> text)
    {
        int end = text.IndexOfAny(',', ' ');
        return (end < 0 ? text : text[..end]).ToString();
    }

    /// <summary>
    /// The lines below name who stalls: <c>rcu:        3-...!: (1 GPs behind)</c> a processor, <c>P123</c> a task that was
    /// preempted.
    /// </summary>
    private static void AddStalled(IReadOnlyList<LogRecord> records, int index, List<LogEvent> events)
    {
        const int MostLines = 16;
        LogRecord first = records[index];
        for (int i = index + 1; i < records.Count && i <= index + MostLines; i++)
        {
            ReadOnlySpan<char> line = records[i].Text;
            if (records[i].Caller != first.Caller || !line.StartsWith("rcu:") && !line.StartsWith("\t"))
                continue;
            line = (line.StartsWith("rcu:") ? line[4..] : line).TrimStart();
            if (line.StartsWith("("))
                return;
            LogEvent stalled = new(LogEventKind.RcuStall, records[i], i);
            if (LineScan.Number(line) is { } cpu && line.IndexOf('-') is > 0 and < 6)
                events.Add(stalled with { Processor = cpu });
            else if (LineScan.TryAfter(line, " P", out ReadOnlySpan<char> task) && LineScan.Number(task) is { } pid)
                events.Add(stalled with { Pid = pid });
        }
    }
}
