using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>CLOCK_WATCHDOG_TIMEOUT (0x101): a processor did not take the clock interrupt.</summary>
/// <remarks>
/// Part 1.1 of the triage facts. All other processors are stopped for the dump by NMI, which a processor with interrupts off takes,
/// too: then its stack shows what it did. Where that is missing, it did not even take the NMI, and what its KPRCB holds is
/// older: that is the hardware's, the firmware's or the hypervisor's matter [D, I].
/// </remarks>
internal static class ClockWatchdog
{
    /// <summary>Adds what the code's own knowledge finds.</summary>
    public static void Examine(CrashCase crash)
    {
        int number = crash.P(4) < Targets.Limits.Processors ? (int)crash.P(4) : -1;
        crash.Name(1, "ticks of the clock that were missed", Phrase.Of($"{crash.P(1):N0} ticks"));
        crash.Name(2, "reserved");
        crash.Name(3, "KPRCB of the processor");
        crash.Name(4, "number of the processor");
        TellOthers(crash, number);
        crash.Suggest("!cpus");
        crash.Advise("of a virtual machine: look for a host that is overloaded or was paused; otherwise for firmware and processor errors (WHEA)");
        if (crash.System.Processors.FirstOrDefault(p => p.Number == number) is not { Current: { } thread } processor)
        {
            crash.AddUnknown($"what processor {number} did", "it is not in the dump");
            return;
        }
        StackFacts stack = crash.System.GetStack(thread);
        crash.AddStack(new CrashStack($"processor {number}, which did not answer", thread, stack));
        if (!stack.Frames.Any(f => FrameKnowledge.IsFreeze(f.Function)))
        {
            crash.AddUnknown($"what processor {number} did", "it did not take the NMI that stops it for the dump, either: its registers are older");
            return;
        }
        crash.Tell("Stuck", Phrase.Of($"processor {new ObjectReference(ObjectKind.Processor, (ulong)number)}" +
            $" took the NMI of the dump in {processor.Doing?.Text ?? "code that is not known"}, of {thread.Process}"));
        FrameFacts? culprit = ForeignFrames.Find(stack.Frames);
        if (processor.Spin is { Holder: { } holder })
            crash.Tell("Spin", Phrase.Of($"it spins for a lock that processor {new ObjectReference(ObjectKind.Processor, (ulong)holder)} has"));
        else if (culprit is { Module: { } module })
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"processor {number} does not take interrupts while it is in {ForeignFrames.Title(module)}", Certainty.Inferred,
                "the NMI of the dump came into it there") { Module = module, Frame = culprit });
    }

    private static void TellOthers(CrashCase crash, int number)
    {
        int spinning = 0, idle = 0, others = 0;
        foreach (ProcessorFacts processor in crash.System.Processors)
            if (processor.Number != number)
            {
                others++;
                spinning += processor.Spin is null ? 0 : 1;
                idle += processor.IsIdle && !processor.DpcActive ? 1 : 0;
            }
        if (others > 0)
            crash.Tell("Others", Phrase.Of($"of {others:N0} more in the machine {spinning:N0} spin for a lock, {idle:N0} are idle"));
    }
}
