namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A task: its structure, its stack and what it does.</summary>
public sealed class LinuxTask
{
    private const ulong InterruptibleState = 1, UninterruptibleState = 2, StoppedState = 4, TracedState = 8,
        IdleState = 0x402;
    private readonly LinuxMachine _machine;
    private LinuxStack? _stack;
    private ulong _innermost;
    private string? _start;

    internal LinuxTask(LinuxMachine machine, LinuxObject task, ulong stack, uint pid, uint tgid, string comm)
    {
        (_machine, Object, Stack, Pid, Tgid, Comm) = (machine, task, stack, pid, tgid, comm);
    }

    public LinuxObject Object { get; }

    public ulong Address => Object.Address;

    /// <summary>Lowest address of the kernel stack.</summary>
    public ulong Stack { get; }

    public uint Pid { get; }

    public uint Tgid { get; }

    public string Comm { get; }

    public bool IsKernelThread { get; internal init; }

    public char State { get; private set; } = 'S';

    public int Cpu { get; private set; }

    /// <summary>Runs on a processor when the dump is made.</summary>
    public bool IsCurrent { get; private set; }

    internal LinuxStack Frames => _stack ?? throw new InvalidOperationException($"{Comm} has no stack yet");

    /// <summary>
    /// Puts the task to sleep in functions, innermost first; __schedule, and what lies below, come by
    /// themselves.
    /// </summary>
    /// <param name="state">D, S, I, T (stopped), t (traced).</param>
    /// <param name="functions">Names with blanks between them; <c>module:function</c> of a module.</param>
    /// <param name="secondsAgo">When it went to sleep, before the dump.</param>
    /// <param name="systemCall">Number of the system call of a program.</param>
    public LinuxTask Sleep(char state, string functions, double secondsAgo, uint systemCall = 0)
    {
        LinuxStack stack = Begin(systemCall);
        foreach (string name in Split(functions).Reverse())
            stack.Call(Find(name));
        stack.Call(_machine.Text.Find("__schedule"));
        Object.Set("thread.sp", stack.SwitchAway());
        _innermost = _machine.Text.Find("__schedule").ReturnFrom(_machine.Text.Find("__switch_to_asm"));
        return Finish(state, secondsAgo);
    }

    /// <summary>Since when a task that runs has been on its processor; set before it runs.</summary>
    internal double RunningSeconds { get; set; } = 0.004;

    /// <summary>Has not let the watchdog's thread run since then either: a soft lockup.</summary>
    internal bool IsLockedUp { get; set; }

    /// <summary>Runs in a function of the kernel on a processor, in the middle of the innermost one.</summary>
    internal LinuxTask Run(LinuxProcessor processor, string functions, uint systemCall = 0)
    {
        LinuxStack stack = Begin(systemCall);
        foreach (string name in Split(functions).Reverse())
            stack.Call(Find(name));
        return Take(processor, Find(Split(functions)[0]).Inside);
    }

    /// <summary>Runs in user mode on a processor.</summary>
    internal LinuxTask RunUser(LinuxProcessor processor)
    {
        processor.Registers = LinuxRegisters.User(0);
        return Claim(processor);
    }

    internal LinuxTask RunIdle(LinuxProcessor processor)
    {
        _start = processor.Number == 0 ? "rest_init start_kernel" : "start_secondary";
        return Run(processor, $"native_safe_halt default_idle_call do_idle cpu_startup_entry {_start}");
    }

    /// <summary>The stack is built by hand: <see cref="Take"/> ends it.</summary>
    internal LinuxStack Begin(uint systemCall = 0)
    {
        ulong top = Stack + LinuxMemory.StackSize;
        if (Pid == 0)
            return _stack = new LinuxStack(_machine, top).Begin(_machine.Text.Find("secondary_startup_64_no_verify"), new());
        if (!IsKernelThread)
            return _stack = new LinuxStack(_machine, top)
                .Begin(_machine.Text.Find("entry_SYSCALL_64_after_hwframe"), LinuxRegisters.User(systemCall))
                .Call(_machine.Text.Find("do_syscall_64"));
        if (_machine.Layout.Is61)
            _stack = new LinuxStack(_machine, top).Begin(_machine.Text.Find("ret_from_fork"), new());
        else
            _stack = new LinuxStack(_machine, top).Begin(_machine.Text.Find("ret_from_fork_asm"), new())
                .Call(_machine.Text.Find("ret_from_fork"));
        return _stack.Call(_machine.Text.Find("kthread"));
    }

    /// <summary>The processor is at an instruction of the innermost function of this task's stack.</summary>
    internal LinuxTask Take(LinuxProcessor processor, ulong at)
    {
        LinuxRegisters registers = processor.Registers = LinuxRegisters.Kernel();
        (registers.Ip, registers.Sp, registers.Bp) = (at, Frames.Sp, Frames.Bp);
        _innermost = at;
        return Claim(processor);
    }

    /// <summary>Has ended and waits for its parent.</summary>
    public LinuxTask Zombie()
    {
        Sleep('S', "do_exit do_group_exit __x64_sys_exit_group", 30, 231);
        Object.Set("__state", 0x80ul).Set("exit_state", 0x20ul).Set("mm", 0ul);
        State = 'Z';
        return this;
    }

    public TruthTask Truth() =>
        new(Address, Pid, Tgid, Comm, State, Cpu, IsCurrent, _stack is null ? [] : _stack.Truth(_innermost));

    internal LinuxFunction Find(string name)
    {
        string[] parts = name.Split(':');
        return parts.Length == 2 ? _machine.Modules.Find(parts[0]).Function(parts[1]) : _machine.Text.Find(name);
    }

    private static string[] Split(string functions) => functions.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private LinuxTask Claim(LinuxProcessor processor)
    {
        if (processor.Current is { } old && old != this)
        {
            old.IsCurrent = false;
            // An idle task that gave way: it is not asleep, but it does not run.
            if (old._start is { } start)
                old.Sleep('R', $"schedule_idle do_idle cpu_startup_entry {start}", 3);
            old.Object.Set("on_cpu", 0ul).Set("on_rq", old.Pid == 0 ? 1ul : 0);
        }
        processor.Current = this;
        IsCurrent = true;
        OnCpu(processor.Number);
        return Finish('R', RunningSeconds);
    }

    public LinuxTask OnCpu(int cpu)
    {
        Cpu = cpu;
        Object.Set("thread_info.cpu", (ulong)cpu).Set("wake_cpu", (ulong)cpu);
        return this;
    }

    private LinuxTask Finish(char state, double secondsAgo)
    {
        State = state;
        ulong value = state switch
        {
            'R' => 0, 'S' => InterruptibleState, 'D' => UninterruptibleState, 'I' => IdleState, 'T' => StoppedState,
            't' => TracedState, _ => throw new ArgumentException($"no state {state}"),
        };
        double uptime = _machine.Options.Uptime.TotalSeconds;
        Object.Set("__state", value)
            .Set("sched_info.last_arrival", (ulong)(Math.Max(0, uptime - secondsAgo) * 1e9))
            .Set("on_rq", state == 'R' ? 1ul : 0);
        _machine.Memory.FinishStack(Stack);
        return this;
    }
}
