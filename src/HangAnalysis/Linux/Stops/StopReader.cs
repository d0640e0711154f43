using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Linux.Stops;

/// <summary>Finds out how the system came to its end, from its log, its variables and the stack of who ended it.</summary>
internal sealed class StopReader
{
    /// <summary>Instructions shown before and behind the one that failed.</summary>
    private const int LinesBefore = 6, LinesBehind = 4;

    private readonly LinuxSystem _system;
    private readonly LinuxSession _session;
    private readonly LinuxStacks _stacks;
    private readonly LogEvent? _panic;
    private readonly int? _processor;
    private readonly ThreadFacts? _thread;
    private readonly KernelStack _stack;
    private readonly int _fault;

    /// <summary>For a death that the kernel survived: only the log knows of it.</summary>
    private StopReader(LinuxSystem system, LinuxSession session, LinuxStacks stacks, OopsReport earlier)
    {
        (_system, _session, _stacks) = (system, session, stacks);
        (_processor, _thread, _fault) = (earlier.Processor, system.FindTask(earlier), -1);
        _stack = KernelStack.Missing("the task went on, or ended");
    }

    private StopReader(LinuxSystem system, LinuxSession session, LinuxStacks stacks)
    {
        (_system, _session, _stacks) = (system, session, stacks);
        _panic = LastPanic(system.LogEvents);
        _processor = FindProcessor();
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Number == _processor)
                _thread = processor.Current;
        _stack = _thread is null ? KernelStack.Missing("which task ended the system is not recorded")
            : system.GetKernelStack(_thread);
        _fault = FaultStack.FindFault(_stack, stacks);
    }

    /// <summary>Reads it; null where the system had not come to an end: then the dump was taken from outside.</summary>
    public static LinuxStop? Read(LinuxSystem system, LinuxSession session, LinuxStacks stacks) =>
        new StopReader(system, session, stacks).Read();

    /// <summary>Reads what is recorded of a death that the kernel survived.</summary>
    public static LinuxStop ReadEarlier(LinuxSystem system, LinuxSession session, LinuxStacks stacks, OopsReport earlier) =>
        new StopReader(system, session, stacks, earlier).OfOops(earlier);

    private LinuxStop? Read()
    {
        if (_processor is null && _panic is null)
            return null;
        StopKind kind = Classify();
        OopsReport? oops = kind is StopKind.Oops or StopKind.AfterOops ? FindOops() : null;
        if (kind == StopKind.AfterOops)
            kind = oops is null ? StopKind.Panic : StopKind.Oops;
        return kind == StopKind.Oops ? OfOops(oops) : OfPanic(kind);
    }

    private static LogEvent? LastPanic(IReadOnlyList<LogEvent> events)
    {
        for (int i = events.Count - 1; i >= 0; i--)
            if (events[i].Kind == LogEventKind.Panic)
                return events[i];
        return null;
    }

    /// <summary>
    /// The processor that ended the system: panic_cpu, which is -1 until then (since 3.6; crash_kexec() sets it too, since
    /// 4.5), else the one that writes the dump.
    /// </summary>
    private int? FindProcessor()
    {
        if (_session.AddressOf("panic_cpu") is not 0 and var variable
            && _session.Memory.TryReadUInt32(variable, out uint cpu) && cpu < int.MaxValue)
            foreach (ProcessorFacts processor in _system.Processors)
                if (processor.Number == (int)cpu)
                    return processor.Number;
        foreach (ProcessorFacts processor in _system.Processors)
            if (processor.WritesDump)
                return processor.Number;
        return null;
    }

    private StopKind Classify()
    {
        if (_fault >= 0)
            return LinuxFunctions.Plain(_stacks.FunctionOf(_stack, _fault)).SequenceEqual("sysrq_handle_crash")
                ? StopKind.SysRq : StopKind.Oops;
        StopKind kind = _panic?.Subject is { } message ? PanicWords.Classify(message) : StopKind.Panic;
        if (kind == StopKind.Panic)
            for (int i = 0; i < _stack.Frames.Length; i++)
                if (_stack.Frames[i].Kind != LinuxFrameKind.User
                    && PanicWords.OfFunction(LinuxFunctions.Plain(_stacks.FunctionOf(_stack, i))) is { } found)
                    return found;
        // The same message follows from an error of the bus, which the line before it tells.
        return kind == StopKind.Nmi && _panic is not null && IsBusError(_panic) ? StopKind.Hardware : kind;
    }

    private bool IsBusError(LogEvent panic)
    {
        const int MostLines = 8;
        foreach (LogEvent found in _system.LogEvents)
            if (found.Kind == LogEventKind.HardwareError && found.Index < panic.Index
                && found.Index >= panic.Index - MostLines)
                return true;
        return false;
    }

    /// <summary>The last death that the log has of the task, or of the processor, that ended the system.</summary>
    private OopsReport? FindOops()
    {
        OopsReport? last = null;
        foreach (OopsReport report in _system.Oopses)
            if (_thread is null || report.Pid is null || (ulong)report.Pid == _thread.Id || report.Processor == _processor)
                last = report;
        return last;
    }

    private LinuxStop OfOops(OopsReport? oops)
    {
        bool isOnStack = _fault >= 0;
        PtRegs? registers = isOnStack ? _stack.Registers[_stack.Frames[_fault].RegistersIndex] : FromLog(oops);
        ulong fault = isOnStack ? _stack.Frames[_fault].InstructionPointer
            : registers is { Context.InstructionPointer: not 0 and var logged } ? logged
            : _system.FindCode(oops?.Instruction);
        CodeSource code = new(_session, fault, oops);
        ulong? perCpu = _processor is { } cpu ? _system.PerCpuBase(cpu) : null;
        Disassembly disassembly = new(_system.NameOfAddress);
        IReadOnlyList<CodeAccess> accesses = [];
        List<(string, ulong)> inputs = [];
        if (registers is { IsPartial: false } known && code.Bytes.Length > 0)
        {
            accesses = Disassembly.Accesses(code.FromFault, fault, known.Context, perCpu);
            foreach ((string name, int number) in Disassembly.AddressRegisters(code.FromFault))
                inputs.Add((name, known.Context.Registers[number]));
        }
        ulong? errorCode = oops is { IsPageFault: true } ? oops.ErrorCode : oops is null ? ThreadErrorCode() : null;
        ulong? bad = oops?.Address ?? (oops is null && errorCode is not null ? ThreadField("cr2") : null);
        StackFacts stack = isOnStack ? Named(_fault)
            : oops is not null ? FaultStack.FromLog(_system.Log.Records, oops, _system) : Named(0);
        LinuxStop stop = new()
        {
            Kind = StopKind.Oops,
            Panic = _panic,
            Oops = oops,
            Processor = _processor ?? oops?.Processor,
            Thread = _thread,
            Registers = registers,
            FaultAddress = fault,
            BadAddress = bad,
            ErrorCode = errorCode,
            IsCodeFromLog = code.IsFromLog,
            Code = disassembly.Around(code.Bytes, code.Start, fault, LinesBefore, LinesBehind),
            Accesses = accesses,
            Inputs = inputs,
            Stack = stack,
        };
        stop.Facts = StopWords.OfOops(stop, _system);
        return stop;
    }

    private LinuxStop OfPanic(StopKind kind)
    {
        int first = FaultStack.FindCaller(_stack, _stacks);
        LinuxStop stop = new()
        {
            Kind = kind,
            Panic = _panic,
            Processor = _processor,
            Thread = _thread,
            Stack = Named(first),
        };
        stop.Facts = StopWords.OfPanic(stop, _system);
        return stop;
    }

    private StackFacts Named(int first) =>
        _system.Names.Name(_stack with { Frames = _stack.Frames[Math.Min(first, _stack.Frames.Length)..] });

    private static PtRegs? FromLog(OopsReport? oops) => oops?.Registers is { } context
        ? new PtRegs { Context = context, Flags = oops.Flags, Cs = 0x10, Ss = 0x18, OriginalAx = ulong.MaxValue }
        : null;

    /// <summary>
    /// The error code that the task keeps of its last fault: only where the vector of a page fault stands beside it, which
    /// most kernels do not set for faults of their own.
    /// </summary>
    private ulong? ThreadErrorCode()
    {
        const ulong PageFaultVector = 14;
        return ThreadField("trap_nr") == PageFaultVector ? ThreadField("error_code") : null;
    }

    private ulong ThreadField(string name) =>
        _thread is null ? 0 : _session.Read(_thread.Address.Value, _session.Field("task_struct", $"thread.{name}"));
}
