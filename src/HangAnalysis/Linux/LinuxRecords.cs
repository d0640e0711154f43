using HangAnalysis.Linux.Log;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>
/// What the kernel wrote down itself: its log and its clocks, and whom the log's lines name. Read when asked for.
/// </summary>
internal sealed class LinuxRecords(LinuxSystem system, LinuxSession session)
{
    private KernelLog? _log;
    private List<LogEvent>? _events;
    private Dictionary<ulong, ThreadFacts>? _threads;
    private WallClock? _wall;
    private bool _isWallRead;

    /// <summary>The log.</summary>
    public KernelLog Log => _log ??= KernelLog.Read(session.Memory, session.Target.Info, session.Symbols);

    /// <summary>What the log reports.</summary>
    public IReadOnlyList<LogEvent> Events => _events ??= LogEvents.Find(Log.Records);

    /// <summary>The time of day; null where it is not known.</summary>
    public WallClock? Wall
    {
        get
        {
            if (!_isWallRead)
                _wall = WallClock.Read(session, system.Clock);
            _isWallRead = true;
            return _wall;
        }
    }

    /// <summary>
    /// Time since start-up, that spent asleep included: by the clocks of the time of day, else by the scheduler's, else by
    /// the last line of the log.
    /// </summary>
    public TimeSpan? Uptime
    {
        get
        {
            if (Wall is { } wall)
                return wall.Time - wall.Start + wall.Asleep;
            ulong now = system.Clock.Now;
            if (now == 0 && Log.Records.Count > 0)
                now = Log.Records[^1].Nanoseconds;
            return now == 0 ? null : TimeSpan.FromTicks((long)(now / TimeSpan.NanosecondsPerTick));
        }
    }

    /// <summary>The time of day of a moment of the log; null where it is not known.</summary>
    public DateTimeOffset? TimeOfDay(ulong nanoseconds) =>
        Wall is { } wall && nanoseconds / TimeSpan.NanosecondsPerTick is < (ulong)TimeSpan.TicksPerDay * 36_500 and var ticks
            ? wall.Start.AddTicks((long)ticks)
            : null;

    /// <summary>The task of an identifier; null where none has it, or where it has another name by now.</summary>
    /// <param name="pid">Its identifier.</param>
    /// <param name="name">The name that the log has; null where it has none.</param>
    public ThreadFacts? FindTask(int? pid, string? name)
    {
        if (pid is not > 0)
            return null;
        if (_threads is null)
        {
            _threads = new(system.Threads.Count);
            foreach (ThreadFacts thread in system.Threads)
                _threads.TryAdd(thread.Id, thread);
        }
        ThreadFacts? found = _threads.GetValueOrDefault((ulong)pid);
        // The names of a process's further threads are their own. The log cuts names at 15 characters, as the kernel does.
        return found is null || name is null || found.Id != found.Process.Id || found.Process.Name == name
            || found.IsSystemThread ? found : null;
    }
}
