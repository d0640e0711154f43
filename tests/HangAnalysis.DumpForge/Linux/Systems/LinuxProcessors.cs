using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A processor: its per-CPU area, its idle task, what runs on it and the registers a dump saved.</summary>
public sealed class LinuxProcessor
{
    internal LinuxProcessor(int number, ulong area, LinuxTask idle) => (Number, Area, Idle) = (number, area, idle);

    public int Number { get; }

    /// <summary>Where its per-CPU area begins.</summary>
    public ulong Area { get; }

    public LinuxTask Idle { get; }

    public LinuxTask? Current { get; internal set; }

    internal LinuxRegisters Registers { get; set; } = LinuxRegisters.Kernel();

    /// <summary>Top of the stack for interrupts.</summary>
    public ulong InterruptStack { get; internal init; }

    /// <summary>Top of the stack for NMIs.</summary>
    public ulong NmiStack { get; internal init; }
}

/// <summary>The processors and their per-CPU data, whose symbols are offsets from 0, or since 6.15 addresses.</summary>
public sealed class LinuxProcessors
{
    private const int AreaSize = 0x20000;
    private readonly LinuxMachine _machine;
    private readonly List<(string, CType, uint)> _variables = [];
    private readonly List<LinuxProcessor> _all = [];
    private readonly ulong _start;
    private readonly uint _hot, _number;
    private uint _next = 0x14000;

    internal LinuxProcessors(LinuxMachine machine)
    {
        _machine = machine;
        // Where the image has what an area begins as.
        _start = machine.Layout.HasPerCpuAddresses ? machine.Memory.TakeData(AreaSize, 0x1000) : 0;
        machine.Symbols.Add("__per_cpu_start", _start, Kind);
        if (machine.Layout.Has("pcpu_hot", "current_task"))
        {
            _hot = Variable("pcpu_hot", machine.Layout.Type("pcpu_hot"));
            Current = _hot + (uint)machine.Layout.OffsetOf("pcpu_hot", "current_task");
        }
        else
        {
            _number = Variable("cpu_number", machine.Layout.Types["int"]);
            Current = Variable("current_task", machine.Layout.Types["u64"]);
        }
        RunQueues = Variable("runqueues", machine.Layout.Type("rq"));
        Touched = Variable("watchdog_touch_ts", machine.Layout.Types["unsigned long"]);
        RcuData = Variable("rcu_data", machine.Layout.Type("rcu_data"));
    }

    public IReadOnlyList<LinuxProcessor> All => _all;

    public LinuxProcessor this[int number] => _all[number];

    /// <summary>Offsets of per-CPU variables from the beginning of an area.</summary>
    public uint Current { get; }

    public uint RunQueues { get; }

    public uint RcuData { get; }

    /// <summary>When the watchdog's thread last ran on a processor, in units of 2^30 ns.</summary>
    public uint Touched { get; }

    internal IReadOnlyList<(string, CType, uint)> Variables => _variables;

    /// <summary>Makes a per-CPU variable.</summary>
    public uint Variable(string name, CType type)
    {
        uint at = _next = _next + 63 & ~63u;
        _next += (uint)type.Resolved.Size;
        _variables.Add((name, type, at));
        _machine.Symbols.Add(name, _start + at, Kind);
        return at;
    }

    // Absolute symbols of the kernel's table of names have the kind A.
    private char Kind => _machine.Layout.HasPerCpuAddresses ? 'D' : 'A';

    public LinuxObject RunQueue(int cpu) => _machine.Object("rq", _all[cpu].Area + RunQueues);

    /// <summary>Brings the processors up with their idle tasks.</summary>
    internal void Start()
    {
        int count = _machine.Options.Processors;
        ulong offsets = _machine.Data("__per_cpu_offset", 8 * 8192 / 64, 32);
        ulong mask = (1ul << count) - 1;
        foreach (string name in (string[])["__cpu_online_mask", "__cpu_possible_mask", "__cpu_present_mask"])
            _machine.Memory.Space.WriteUInt64(_machine.Data(name, 1024, 32), mask);
        _machine.Memory.Space.WriteUInt32(_machine.Data("nr_cpu_ids", 4), (uint)count);
        for (int cpu = 0; cpu < count; cpu++)
        {
            ulong area = _machine.Memory.Allocate(AreaSize, 0x1000);
            _machine.Memory.Space.WriteUInt64(offsets + 8 * (ulong)cpu, unchecked(area - _start));
            LinuxTask idle = _machine.Tasks.NewIdle(cpu);
            ulong stack = _machine.Memory.TakeStack(), nmi = _machine.Memory.TakeStack();
            LinuxProcessor processor = new(cpu, area, idle)
            {
                InterruptStack = stack + LinuxMemory.StackSize, NmiStack = nmi + LinuxMemory.StackSize,
            };
            _all.Add(processor);
            if (_number != 0)
                _machine.Memory.Space.WriteUInt32(area + _number, (uint)cpu);
            idle.RunIdle(processor);
        }
    }

    internal void Complete()
    {
        _machine.Symbols.Add("__per_cpu_end", _start + (_next + 0xfff & ~0xfffu), Kind);
        ulong now = (ulong)_machine.Options.Uptime.Ticks * 100;
        foreach (LinuxProcessor processor in _all)
        {
            LinuxTask current = processor.Current!;
            _machine.Memory.Space.WriteUInt64(processor.Area + Current, current.Address);
            if (_hot != 0)
                _machine.Object("pcpu_hot", processor.Area + _hot)
                    .Set("cpu_number", processor.Number)
                    .Set("top_of_stack", current.Stack + LinuxMemory.StackSize)
                    .Set("hardirq_stack_ptr", processor.InterruptStack);
            bool isIdle = current == processor.Idle;
            RunQueue(processor.Number).Set("cpu", processor.Number).Set("online", 1).Set("nr_running", isIdle ? 0 : 1)
                .Set("curr", current.Address).Set("idle", processor.Idle.Address)
                .Set("clock", now - 1_500_000ul * (ulong)processor.Number)
                .Set("clock_task", now - 2_000_000).Set("nr_switches", 123_456ul);
            double touched = _machine.Options.Uptime.TotalSeconds - (current.IsLockedUp ? current.RunningSeconds : 2);
            _machine.Memory.Space.WriteUInt64(processor.Area + Touched, (ulong)(touched * 1e9) >> 30);
            current.Object.Set("on_cpu", 1);
        }
    }
}
