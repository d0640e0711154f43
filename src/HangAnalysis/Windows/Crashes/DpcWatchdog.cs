using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>DPC_WATCHDOG_VIOLATION (0x133): what kept a processor at DISPATCH_LEVEL.</summary>
/// <remarks>
/// Part 1.2 of the triage facts. One long deferred procedure call is on the stack of the stop. Of many short ones the stack shows
/// whichever ran last, so that only the sampled stacks tell. A processor that spins is a victim of the one that has the lock.
/// </remarks>
internal static class DpcWatchdog
{
    private const int MostStacks = 6, MostModules = 5;

    /// <summary>Adds what the code's own knowledge finds.</summary>
    public static void Examine(CrashCase crash)
    {
        bool isSingle = crash.P(1) == 0;
        crash.Name(1, "type of violation", Phrase.Of(isSingle
            ? "a single deferred procedure call, or interrupt, ran for too long"
            : "the processor was at DISPATCH_LEVEL or above for too long in all"));
        crash.Name(2, isSingle ? "ticks that it ran" : "watchdog period in ticks", Phrase.Of(Ticks(crash, crash.P(2))));
        if (isSingle)
            crash.Name(3, "ticks that are allowed", Phrase.Of(Ticks(crash, crash.P(3))));
        ulong block = crash.P(isSingle ? 4 : 3);
        DpcWatchdogProfile profile = new(crash.System);
        crash.Name(isSingle ? 4 : 3, "DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK",
            block == 0 ? null : Phrase.Of(profile.IsBlock(block) ? "signature is right" : "not in the dump, or of another kind"));
        (ThreadFacts? Thread, StackFacts Stack)? stop = crash.System.GetStopStack();
        ProcessorFacts? processor = FindProcessor(crash.System, stop?.Thread);
        TellProcessor(crash, processor);
        bool isSpin = AccuseHolder(crash, processor);
        if (isSingle && !isSpin)
            AccuseRoutine(crash, processor, stop?.Stack);
        ReadProfile(crash, profile, processor, block, accuses: !isSpin);
        if (stop is { } s)
            crash.AddStack(new CrashStack("processor that stopped", s.Thread, s.Stack));
        crash.Suggest("!cpus");
        crash.Suggest("!running");
    }

    private static string Ticks(CrashCase crash, ulong ticks) =>
        ticks <= uint.MaxValue && crash.System.Clock.Length((uint)ticks) is { } time
            ? $"{ticks:N0} ticks, {AgeText.Format(time)}" : $"{ticks:N0} ticks";

    private static ProcessorFacts? FindProcessor(WindowsSystem system, ThreadFacts? thread)
    {
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.WritesDump || (thread is not null && processor.Current == thread))
                return processor;
        return null;
    }

    private static void TellProcessor(CrashCase crash, ProcessorFacts? processor)
    {
        if (processor is null)
            return;
        string dpc = processor.DpcRoutine is { } routine ? $", in the deferred procedure call {routine.Text}" : "";
        string time = processor.DpcTime is { } length && length > TimeSpan.Zero ? $" for {AgeText.Format(length)}" : "";
        crash.Tell("Processor", Phrase.Of($"{new ObjectReference(ObjectKind.Processor, (ulong)processor.Number)}{dpc}{time}"));
    }

    /// <summary>A processor that spins for a lock stood still for the one that has it.</summary>
    private static bool AccuseHolder(CrashCase crash, ProcessorFacts? processor)
    {
        if (processor?.Spin is not { } spin)
            return false;
        if (spin.Holder is not { } number || crash.System.Processors.FirstOrDefault(p => p.Number == number) is not { } holder)
        {
            crash.Tell("Spin", Phrase.Of("it spins for a lock; which processor has that is not recorded"));
            crash.AddUnknown("who has the spin lock", "a spin lock does not record its owner, and several processors may have it");
            return true;
        }
        string doing = holder.Doing is { } frame ? $", which is in {frame.Text}" : "";
        crash.Tell("Spin", Phrase.Of(
            $"it spins for lock {spin.Lock}; processor {new ObjectReference(ObjectKind.Processor, (ulong)number)} has it{doing}"));
        if (holder.Current is { } thread)
        {
            StackFacts stack = crash.System.GetStack(thread);
            crash.AddStack(new CrashStack($"processor {number}, which has the lock", thread, stack));
            if (ForeignFrames.Find(stack.Frames) is { Module: { } module } culprit)
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                    $"{ForeignFrames.Title(module)} keeps a spin lock on processor {number} for which processor {processor.Number} spins",
                    spin.HolderCertainty == Certainty.Proven ? Certainty.Proven : Certainty.Inferred,
                    "a processor that spins waits for the one that has the lock") { Module = module, Frame = culprit });
        }
        return true;
    }

    /// <summary>The deferred procedure call that ran when the watchdog came: the frames inside it, or else its routine.</summary>
    private static void AccuseRoutine(CrashCase crash, ProcessorFacts? processor, StackFacts? stack)
    {
        IReadOnlyList<FrameFacts> frames = stack?.Frames ?? [];
        int caller = 0;
        while (caller < frames.Count && !FrameKnowledge.IsDpcCaller(frames[caller].Function))
            caller++;
        FrameFacts? frame = caller == frames.Count ? null : ForeignFrames.Find(frames, caller);
        if (frame is null && processor?.DpcRoutine is { Module: { } owner } routine && ForeignFrames.IsForeign(owner))
            frame = routine;
        // An interrupt's service routine is called by none of those that call procedure calls.
        frame ??= caller == frames.Count ? ForeignFrames.Find(frames) : null;
        if (frame is { Module: { } module })
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"a deferred procedure call of {ForeignFrames.Title(module)} did not end in time", Certainty.Inferred,
                "it ran on the processor when the watchdog stopped the system") { Module = module, Frame = frame });
    }

    private static void ReadProfile(CrashCase crash, DpcWatchdogProfile profile, ProcessorFacts? processor, ulong block, bool accuses)
    {
        string? problem = "the KPRCB of the processor is not in the dump";
        foreach (ProcessorBlock prcb in new ProcessorReader(crash.Session, crash.System.Clock).Read())
            if (processor is null || prcb.Number == processor.Number)
            {
                problem = profile.Read(prcb.Address, block);
                if (problem is null)
                    break;
            }
        if (problem is not null)
        {
            crash.AddUnknown("the stacks that the watchdog sampled", problem);
            return;
        }
        int told = 0;
        foreach (WatchdogSample sample in profile.Samples)
            if (told++ < MostStacks)
                crash.AddStack(new CrashStack($"watchdog sample {sample.Number} of {profile.Count}" +
                    (sample.Count == 1 ? "" : $", and {sample.Count - 1} alike"), null, sample.Stack));
        string modules = string.Join(", ", profile.Modules.Take(MostModules).Select(m => $"{m.Module.FileName} in {m.Count}"));
        crash.Tell("Samples", Phrase.Of($"{profile.Count:N0} stacks that the watchdog took: {(modules.Length == 0 ? "only the kernel in them" : modules)}"));
        if (!accuses)
            return;
        foreach ((ModuleFacts module, FrameFacts frame, int count) in profile.Modules)
        {
            if (!ForeignFrames.IsForeign(module))
                continue;
            // A driver in most of the samples is the one; one that was met now and then is only the best guess.
            bool isMost = count * 2 > profile.Count;
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"{ForeignFrames.Title(module)} is in {count:N0} of the {profile.Count:N0} stacks that the watchdog sampled",
                isMost ? Certainty.Inferred : Certainty.Candidate,
                "of the drivers that are no part of Windows it is in most samples") { Module = module, Frame = frame });
            return;
        }
    }
}
