using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>What is recorded in a <c>task_struct</c>, before it is made into a thread of the model.</summary>
internal readonly record struct TaskRecord(
    ulong Address, int Pid, int GroupId, string Name, char State, ulong Flags, int Processor, bool IsOnProcessor)
{
    /// <summary>Lowest address of its kernel stack.</summary>
    public ulong Stack { get; init; }

    /// <summary>Stack pointer where it stopped to run; points at an <c>inactive_task_frame</c>.</summary>
    public ulong StackPointer { get; init; }

    /// <summary>Address of the leader of its thread group.</summary>
    public ulong Leader { get; init; }

    /// <summary>Address of its real parent.</summary>
    public ulong Parent { get; init; }

    /// <summary>Address of its <c>mm_struct</c>; 0 for threads of the kernel.</summary>
    public ulong Memory { get; init; }

    /// <summary>When it was last put on a processor, in nanoseconds of the scheduler's clock; 0 where not recorded.</summary>
    public ulong LastArrival { get; init; }

    /// <summary>Priority as the kernel counts it: 0 to 99 real-time, 100 to 139 by nice value; lower runs first.</summary>
    public int Priority { get; init; }

    /// <summary>The rt_mutex_waiter by which it waits for a lock with priority inheritance; 0 for none.</summary>
    public ulong PiBlockedOn { get; init; }

    /// <summary>A thread of the kernel.</summary>
    public bool IsKernelThread => (Flags & TaskState.KernelThread) != 0;
}

/// <summary>Reads <c>task_struct</c>s: one bulk read each, over the fields that are asked for.</summary>
internal sealed class TaskReader
{
    /// <summary>Bytes of a command name (TASK_COMM_LEN), which is an array in task_struct.</summary>
    private const int NameBytes = 16;

    private readonly LinuxSession _session;
    private readonly FieldSlot _state, _exitState, _flags, _pid, _tgid, _comm, _stack, _stackPointer, _leader, _parent, _mm,
        _arrival, _priority, _cpu, _onCpu, _piBlockedOn;
    private readonly byte[] _bytes;

    public TaskReader(LinuxSession session)
    {
        _session = session;
        const string Task = "task_struct";
        _state = session.Field(Task, "__state", "state");
        _exitState = session.Field(Task, "exit_state");
        _flags = session.Field(Task, "flags");
        _pid = session.Field(Task, "pid");
        _tgid = session.Field(Task, "tgid");
        _comm = session.Field(Task, "comm");
        _stack = session.Field(Task, "stack");
        _stackPointer = session.Field(Task, "thread.sp");
        _leader = session.Field(Task, "group_leader");
        _parent = session.Field(Task, "real_parent");
        _mm = session.Field(Task, "mm");
        _arrival = session.Field(Task, "sched_info.last_arrival", "se.exec_start");
        _priority = session.Field(Task, "prio");
        _cpu = session.Field(Task, "thread_info.cpu", "cpu");
        _onCpu = session.Field(Task, "on_cpu");
        _piBlockedOn = session.Field(Task, "pi_blocked_on");
        _bytes = new byte[FieldSlot.Span(_state, _exitState, _flags, _pid, _tgid, _comm, _stack, _stackPointer, _leader,
            _parent, _mm, _arrival, _priority, _cpu, _onCpu, _piBlockedOn)];
    }

    /// <summary>Whether the types have what no task can be read without.</summary>
    public bool IsKnown => _state.IsPresent && _pid.IsPresent && _comm.IsPresent && _stack.IsPresent && _stackPointer.IsPresent;

    /// <summary>Reads one task; null where it is not in the dump or is none.</summary>
    public TaskRecord? Read(ulong address)
    {
        if (!IsKnown || !LinuxSession.IsObject(address) || !_session.Memory.TryRead(address, _bytes))
            return null;
        char letter = TaskState.Letter(_state.Read(_bytes), _exitState.Read(_bytes));
        ReadOnlySpan<byte> name = _bytes.AsSpan(_comm.Offset, Math.Min(NameBytes, _bytes.Length - _comm.Offset));
        int end = name.IndexOf((byte)0);
        return new TaskRecord(address, (int)_pid.Read(_bytes), (int)_tgid.Read(_bytes),
            Encoding.UTF8.GetString(end < 0 ? name : name[..end]), letter, _flags.Read(_bytes), (int)_cpu.Read(_bytes),
            _onCpu.Read(_bytes) != 0)
        {
            Stack = _stack.Read(_bytes),
            StackPointer = _stackPointer.Read(_bytes),
            Leader = _leader.Read(_bytes),
            Parent = _parent.Read(_bytes),
            Memory = _mm.Read(_bytes),
            LastArrival = _arrival.Read(_bytes),
            Priority = (int)_priority.Read(_bytes),
            PiBlockedOn = _piBlockedOn.Read(_bytes),
        };
    }
}
