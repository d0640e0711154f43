using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>
/// Reads what only lists and the page of one task need: one bulk read of the task, and its memory's figures once.
/// </summary>
internal sealed class TaskDetailsReader
{
    private static readonly string[] s_policies = ["NORMAL", "FIFO", "RR", "BATCH", "ISO", "IDLE", "DEADLINE", "EXT"];

    private readonly LinuxSession _session;
    private readonly LinuxClock _clock;
    private readonly TaskMemoryReader _memory;
    private readonly FieldSlot _flags, _cpu, _policy, _static, _realTime, _userTime, _systemTime, _delay, _voluntary,
        _involuntary,
        _start, _ioWait, _pending, _blocked, _mm, _arrival, _comm;
    private readonly byte[] _bytes;

    public TaskDetailsReader(LinuxSession session, LinuxClock clock)
    {
        (_session, _clock, _memory) = (session, clock, new TaskMemoryReader(session));
        const string Task = "task_struct";
        _comm = session.Field(Task, "comm");
        _flags = session.Field(Task, "flags");
        _cpu = session.Field(Task, "thread_info.cpu", "cpu");
        _policy = session.Field(Task, "policy");
        _static = session.Field(Task, "static_prio");
        _realTime = session.Field(Task, "rt_priority");
        _userTime = session.Field(Task, "utime");
        _systemTime = session.Field(Task, "stime");
        _delay = session.Field(Task, "sched_info.run_delay");
        _voluntary = session.Field(Task, "nvcsw");
        _involuntary = session.Field(Task, "nivcsw");
        // Both count from the start of the system; the first also while it was suspended, as the log does not.
        _start = session.Field(Task, "start_boottime", "real_start_time", "start_time");
        _ioWait = session.Field(Task, "in_iowait");
        _pending = session.Field(Task, "pending.signal");
        _blocked = session.Field(Task, "blocked");
        _mm = session.Field(Task, "mm");
        _arrival = session.Field(Task, "sched_info.last_arrival", "se.exec_start");
        _bytes = new byte[FieldSlot.Span(_flags, _cpu, _policy, _static, _realTime, _userTime, _systemTime, _delay,
            _voluntary, _involuntary, _start, _ioWait, _pending, _blocked, _mm, _arrival, _comm)];
    }

    /// <summary>Reads the memory of programs.</summary>
    public TaskMemoryReader Memory => _memory;

    /// <summary>Everything of a task; what is not in the dump is null.</summary>
    public TaskDetails Read(ThreadFacts thread)
    {
        TaskDetails details = new(thread) { Name = thread.Process.Name, State = TaskState.CrashLetters(thread.State) };
        if (!_session.Memory.TryRead(thread.Address.Value, _bytes))
            return details;
        int cpu = (int)_cpu.Read(_bytes);
        ulong mm = _mm.Read(_bytes);
        return details with
        {
            Name = BulkReading.TextOf(_comm.Slice(_bytes)),
            Processor = cpu,
            OwnAge = _clock.SinceOn(cpu, _arrival.Read(_bytes)),
            Flags = _flags.Read(_bytes),
            Policy = _policy.IsPresent && _policy.Read(_bytes) is var policy && policy < (ulong)s_policies.Length
                ? s_policies[policy] : null,
            // include/linux/sched/prio.h: DEFAULT_PRIO 120 is nice 0.
            Nice = _static.IsPresent ? (int)_static.Read(_bytes) - 120 : null,
            RealTimePriority = _realTime.IsPresent ? (int)_realTime.Read(_bytes) : null,
            UserTime = Time(_userTime),
            SystemTime = Time(_systemTime),
            RunDelay = Time(_delay),
            VoluntarySwitches = Number(_voluntary),
            InvoluntarySwitches = Number(_involuntary),
            StartTime = _start.IsSet(_bytes) ? Time(_start) : null,
            IsInIoWait = _ioWait.IsPresent ? _ioWait.IsSet(_bytes) : null,
            PendingSignals = Number(_pending),
            BlockedSignals = Number(_blocked),
            MemoryAddress = LinuxSession.IsObject(mm) ? mm : 0,
            Memory = LinuxSession.IsObject(mm) ? _memory.Read(mm, thread.Process) : null,
        };
    }

    private ulong? Number(FieldSlot slot) => slot.IsPresent ? slot.Read(_bytes) : null;

    // Nanoseconds since 4.11; a damaged value must not be a time of centuries.
    private TimeSpan? Time(FieldSlot slot) => slot.IsPresent ? LinuxClock.ToTime(slot.Read(_bytes)) : null;
}
