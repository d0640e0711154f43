using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>Puts together what each processor did when it was stopped for the dump: from its KPRCB, its queues and its stack.</summary>
internal sealed class ProcessorSurvey(WindowsSystem system, FrameNames names, ModuleIndex modules, ProcessorReader reader)
{
    /// <summary>Functions of the kernel that a spin may call, to tell a hypervisor or to rest the processor.</summary>
    private const int MostFramesInSpin = 4;

    private readonly KernelSession _session = system.Session;

    /// <summary>The processors; <paramref name="findThread"/> finds the current and idle threads, in the lists or not.</summary>
    public List<ProcessorFacts> Read(Func<ulong, ulong, ThreadFacts?> findThread)
    {
        List<ProcessorBlock> blocks = reader.Read();
        ThreadFacts?[] threads = new ThreadFacts?[blocks.Count];
        bool isIrqlKept = false;
        for (int i = 0; i < blocks.Count; i++)
        {
            threads[i] = findThread(blocks[i].Current, blocks[i].Idle);
            if (threads[i] is { } thread)
                thread.Processor = blocks[i].Number;
            isIrqlKept |= blocks[i].SavedIrql > 0;
        }
        ReadyQueueReader queues = new(_session, system.FindThread);
        SpinLockReader spins = new(_session);
        List<ProcessorFacts> processors = new(blocks.Count);
        for (int i = 0; i < blocks.Count; i++)
            processors.Add(Assemble(blocks[i], threads[i], isIrqlKept, queues, spins));
        return processors;
    }

    private ProcessorFacts Assemble(ProcessorBlock block, ThreadFacts? thread, bool isIrqlKept, ReadyQueueReader queues,
        SpinLockReader spins)
    {
        IReadOnlyList<FrameFacts> frames = thread is null ? [] : system.GetStack(thread).Frames;
        int first = FirstInterrupted(frames, out bool writesDump);
        FrameFacts? doing = first < frames.Count ? frames[first] : null;
        SpinFacts? spin = thread is null ? null : FindSpin(block, frames, first, spins);
        // 0 is the level of most code, and also what the field holds where nobody has set it. Where any processor's is set,
        // somebody sets them.
        // On the processor that writes the dump it is that of the interrupt for which it does.
        int? irql = !writesDump && (block.SavedIrql > 0 || isIrqlKept) ? block.SavedIrql : null;
        bool isInferred = irql is null or 0 && (block.DpcActive || spin is not null);
        ReadyQueues ready = queues.Read(block.Address, block.Number);
        return new ProcessorFacts(block.Number, thread, block.Current == block.Idle, block.DpcActive)
        {
            Next = system.FindThread(block.Next),
            Irql = isInferred ? ProcessorFacts.DispatchLevel : irql,
            IsIrqlInferred = isInferred,
            DpcRoutine = block.DpcActive ? FindDpcRoutine(block, frames, first) : null,
            DpcTime = block.DpcTime,
            DpcQueueDepth = block.DpcQueueDepth,
            Times = block.Times,
            Ready = ready.Own,
            DeferredCount = ready.DeferredCount,
            SharedQueue = ready.SharedAddress,
            SharedReady = ready.Shared,
            QueueProblems = ready.Problems,
            Doing = doing,
            WritesDump = writesDump && first == 0,
            Spin = spin,
        };
    }

    /// <summary>
    /// The first frame that is not of those by which the processor was stopped for the dump. A processor that writes the
    /// dump was interrupted for that too, if its stack shows where an interrupt came in; otherwise what it did before is not
    /// known: then the first frame is 0.
    /// </summary>
    private static int FirstInterrupted(IReadOnlyList<FrameFacts> frames, out bool writesDump)
    {
        writesDump = false;
        bool isInterrupted = false;
        int first = 0;
        for (int i = 0; i < frames.Count && i < Limits.FreezeFrames; i++)
        {
            string function = frames[i].Function;
            writesDump |= FrameKnowledge.IsDumpWriter(function);
            bool isEntry = writesDump && FrameKnowledge.IsInterruptEntry(function);
            // What was interrupted may itself have interrupted something: the innermost is what the processor did.
            if (isInterrupted && !isEntry)
                break;
            isInterrupted |= isEntry;
            if (isEntry || FrameKnowledge.IsFreeze(function))
                first = i + 1;
        }
        return first;
    }

    /// <summary>The recorded routine, or else the frame inside the function that calls such routines.</summary>
    private FrameFacts? FindDpcRoutine(ProcessorBlock block, IReadOnlyList<FrameFacts> frames, int first)
    {
        if (_session.IsKernel(block.DpcRoutine) && modules.FindModule(block.DpcRoutine) is not null)
            return system.DescribeAddress(block.DpcRoutine);
        for (int i = first + 1; i < frames.Count; i++)
            if (FrameKnowledge.IsDpcCaller(frames[i].Function))
                return FrameKnowledge.IsDpcCaller(frames[i - 1].Function) ? null : frames[i - 1];
        return null;
    }

    /// <summary>The lock for which the processor spins; null where its stack shows no spin.</summary>
    private SpinFacts? FindSpin(ProcessorBlock block, IReadOnlyList<FrameFacts> frames, int first, SpinLockReader spins)
    {
        for (int i = first; i < frames.Count && i < first + MostFramesInSpin; i++)
        {
            if (frames[i].Certainty == Certainty.Candidate || frames[i].Module?.Name != "nt")
                return null;
            if (!FrameKnowledge.IsSpin(frames[i].Function))
                continue;
            ulong address = 0;
            if (TryUnwindTo(block.Number, frames[i], out CpuContext context))
                address = frames[i].Function switch
                {
                    FrameKnowledge.PlainSpin => spins.FindPlain(context),
                    FrameKnowledge.QueuedSpin => spins.FindQueued(context),
                    _ => 0,
                };
            ObjectReference reference = address != 0
                ? new ObjectReference(ObjectKind.Lock, address)
                : new ObjectReference(ObjectKind.Processor, (ulong)block.Number);
            return new SpinFacts(reference, frames[i].Function);
        }
        return null;
    }

    /// <summary>
    /// The same for x86, whose frame data do not tell where registers are kept: they are known where execution stopped, and
    /// where a trap frame has them all.
    /// </summary>
    private bool TryUnwindTo32(FrameFacts frame, ref CpuContext context)
    {
        bool isFirst = true;
        uint parameters = 0;
        for (int i = 0; i < Limits.FreezeFrames + MostFramesInSpin; i++)
        {
            if (context.StackPointer == frame.StackPointer && context.InstructionPointer == frame.InstructionPointer)
                return isFirst && names.KernelFunction(context.InstructionPointer) == frame.Function;
            UnwindStep step = X86Unwinder.Step(ref context, _session.Memory, modules, isFirst, ref parameters, out _, out _);
            if (step is not (UnwindStep.Frame or UnwindStep.MachineFrame))
                return false;
            isFirst = step == UnwindStep.MachineFrame;
        }
        return false;
    }

    /// <summary>The registers in a frame: what is kept in non-volatile ones comes back by unwinding.</summary>
    private bool TryUnwindTo(int processor, FrameFacts frame, out CpuContext context)
    {
        if (!system.Target.TryGetProcessorContext(processor, out context))
            return false;
        if (_session.Is32Bit)
            return TryUnwindTo32(frame, ref context);
        bool isFirst = true;
        for (int i = 0; i < Limits.FreezeFrames + MostFramesInSpin; i++)
        {
            if (context.StackPointer == frame.StackPointer && context.InstructionPointer == frame.InstructionPointer)
                return names.KernelFunction(context.InstructionPointer) == frame.Function;
            UnwindStep step = X64Unwinder.Step(ref context, _session.Memory, modules, isFirst);
            if (step is not (UnwindStep.Frame or UnwindStep.MachineFrame))
                return false;
            isFirst = step == UnwindStep.MachineFrame;
        }
        return false;
    }
}
