using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>Puts together what each processor did when the dump was taken: from its per-CPU data, its registers and its stack.</summary>
internal sealed class ProcessorSurvey
{
    private readonly LinuxSystem _system;
    private readonly LinuxSession _session;
    private readonly LinuxStacks _stacks;
    private readonly FieldSlot _idle;
    private readonly ulong _current, _runQueues;

    public ProcessorSurvey(LinuxSystem system, LinuxSession session, LinuxStacks stacks)
    {
        (_system, _session, _stacks) = (system, session, stacks);
        _idle = session.Field("rq", "idle");
        _runQueues = session.AddressOf("runqueues");
        // A variable of its own up to 6.1 and again since 6.15; between these a part of pcpu_hot.
        _current = session.AddressOf("current_task");
        if (_current == 0 && session.Field("pcpu_hot", "current_task") is { IsPresent: true } slot
            && session.AddressOf("pcpu_hot") is not 0 and var hot)
            _current = hot + (ulong)slot.Offset;
    }

    /// <summary>Processors that have ever been there; more than the dump has registers of where some were offline.</summary>
    public int Count => Math.Max(_session.Symbols.PerCpu.Count, 0);

    /// <summary>Address of the idle task of a processor; 0 where not known.</summary>
    public ulong IdleOf(int cpu) =>
        _runQueues == 0 ? 0 : _session.Read(_session.Symbols.PerCpu.AddressOf(_runQueues, cpu) ?? 0, _idle);

    /// <summary>Address of the task on a processor; 0 where not known.</summary>
    public ulong CurrentOf(int cpu) =>
        _current == 0 || _session.Symbols.PerCpu.AddressOf(_current, cpu) is not { } address ? 0 : _session.ReadPointer(address);

    /// <summary>The registers of a processor when it stopped; null where the dump does not hold them.</summary>
    public VmcoreProcessor? RegistersOf(int cpu)
    {
        foreach (VmcoreProcessor processor in _session.Target.Processors)
            if (processor.Number == cpu && processor.Context.InstructionPointer != 0)
                return processor;
        return null;
    }

    /// <summary>The processors, in their order.</summary>
    public List<ProcessorFacts> Read()
    {
        List<ProcessorFacts> processors = [];
        for (int cpu = 0; cpu < Count && cpu < Limits.Processors; cpu++)
        {
            ThreadFacts? current = _system.FindThread(CurrentOf(cpu));
            if (current is null && RegistersOf(cpu) is null)
                continue;
            if (current is not null)
                current.Processor = cpu;
            processors.Add(Assemble(cpu, current));
        }
        return processors;
    }

    private ProcessorFacts Assemble(int cpu, ThreadFacts? current)
    {
        bool isIdle = current is not null && current.Address.Value == IdleOf(cpu);
        KernelStack? stack = current is null ? null : _system.GetKernelStack(current);
        FrameFacts? doing = null;
        SpinFacts? spin = null;
        bool writesDump = false;
        if (stack is not null)
        {
            int first = FirstOwn(stack, out writesDump);
            if (first < stack.Frames.Length)
            {
                doing = _system.Names.NameFrame(stack.Frames[first]);
                spin = FindSpin(cpu, stack, first);
            }
        }
        StallFacts? stall = !isIdle && !writesDump && doing?.Module is { IsUserMode: false }
            ? SoftLockups.Find(_session, _system.Clock, cpu)
            : null;
        return new ProcessorFacts(cpu, current, isIdle, false)
        {
            Stall = stall,
            Doing = doing,
            Spin = spin is null ? null : spin with { HasLasted = stall is not null },
            WritesDump = writesDump,
        };
    }

    /// <summary>The first frame that is not of those by which the processor was stopped for the dump, or made it.</summary>
    private int FirstOwn(KernelStack stack, out bool writesDump)
    {
        writesDump = false;
        int first = 0;
        for (int i = 0; i < stack.Frames.Length && i < Limits.FreezeFrames; i++)
        {
            if (stack.Frames[i].Kind == LinuxFrameKind.User)
                break;
            string function = _stacks.FunctionOf(stack, i);
            writesDump |= LinuxFunctions.IsDump(function);
            if (LinuxFunctions.IsStop(function) || LinuxFunctions.IsDump(function))
                first = i + 1;
        }
        return first;
    }

    /// <summary>The lock for which a processor spins, from its registers; where they do not tell, the processor stands for it.</summary>
    private SpinFacts? FindSpin(int cpu, KernelStack stack, int first)
    {
        const int MostFrames = 3;
        for (int i = first; i < stack.Frames.Length && i < first + MostFrames; i++)
        {
            LinuxFrame frame = stack.Frames[i];
            if (frame.Kind == LinuxFrameKind.User)
                return null;
            string function = _stacks.FunctionOf(stack, i);
            if (!LinuxFunctions.IsSpin(function))
                continue;
            CpuContext? context = i == 0 && RegistersOf(cpu) is { } own ? own.Context
                : frame is { IsInterrupted: true, RegistersIndex: >= 0 } ? stack.Registers[frame.RegistersIndex].Context
                : null;
            ulong address = context is { } known ? SpinLockAddress.Find(_session, known, function, Count) : 0;
            return new SpinFacts(address != 0
                ? new ObjectReference(ObjectKind.Lock, address)
                : new ObjectReference(ObjectKind.Processor, (ulong)cpu), function);
        }
        return null;
    }
}
