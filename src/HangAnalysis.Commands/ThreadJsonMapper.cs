using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>Brings what is known of one thread into the shape of the contract.</summary>
internal static class ThreadJsonMapper
{
    /// <summary>Everything of one thread.</summary>
    public static ThreadDetailJson Map(CommandSession session, ThreadFacts thread, ThreadExamination examined)
    {
        WindowsSystem system = session.Windows;
        ThreadDetails details = examined.Details;
        StackFacts stack = system.GetStack(thread);
        return new ThreadDetailJson
        {
            Address = VerdictJsonMapper.Hex(thread.Address.Value),
            Process = thread.Process.Name,
            ProcessAddress = VerdictJsonMapper.Hex(thread.Process.Address.Value),
            Pid = thread.Process.Id,
            Tid = thread.Id,
            Name = details.Name,
            Teb = thread.EnvironmentBlock == 0 ? null : VerdictJsonMapper.Hex(thread.EnvironmentBlock),
            UserTime = DetailCells.RunText(details.UserTime),
            KernelTime = DetailCells.RunText(details.KernelTime),
            ContextSwitches = details.ContextSwitches,
            State = thread.State,
            Time = VerdictJsonMapper.Age(thread.Age),
            WaitReason = thread.WaitReason,
            WaitMode = ThreadDocument.WaitMode(thread),
            Com = new ThreadComJson(ThreadDocument.Word(examined.Apartment.Kind),
                examined.Apartment.Kind == ApartmentKind.Unknown ? null : VerdictWords.Of(examined.Apartment.Certainty),
                examined.Apartment.Why),
            Terminated = thread.HasExited,
            Ending = thread.IsEnding,
            Suspended = thread.IsSuspended,
            SuspendCount = details.SuspendCount,
            Created = details.CreateTime,
            Ended = details.ExitTime,
            Start = Place(examined.Start),
            ProgramStart = Place(examined.ProgramStart),
            Priority = new ThreadPriorityJson(thread.Priority, details.BasePriority, details.UnusualBoost,
                details.ForegroundBoost, details.IoPriority, details.PagePriority),
            Processors = new ThreadProcessorsJson(examined.Processor?.Number, examined.Processor?.Doing?.Text,
                details.Affinity is { } mask ? VerdictJsonMapper.Hex(mask) : null, details.ProcessorGroup, details.IdealProcessor,
                details.NextProcessor),
            Requests = [.. examined.Requests.Select(r => RequestWords.ToJson(r, system))],
            WaitsForAll = examined.Objects.Count < 2 ? null : examined.Objects[0].Object.NeedsAll,
            WaitBlocks = [.. examined.Objects.Select(Map)],
            TimeOut = examined.TimeOut is { } timeOut
                ? new ThreadTimeOutJson(VerdictJsonMapper.Hex(timeOut.Timer), DueIn(timeOut.DueIn), DueAgo(timeOut.DueIn))
                : null,
            WaitsFor = Steps(session, thread),
            Holds = Held(session, thread),
            Frames = [.. stack.Frames.Select((f, i) => new ThreadFrameJson(VerdictJsonMapper.Hex(f.StackPointer),
                ThreadDocument.ReturnOf(stack, i) is { } to ? VerdictJsonMapper.Hex(to) : null,
                VerdictJsonMapper.Hex(f.InstructionPointer), f.Text, VerdictWords.Of(f.Certainty)))],
            StackEnd = stack.EndNote,
        };
    }

    /// <summary>What a thread waits for by the wait graph, and who has that.</summary>
    public static IReadOnlyList<ThreadStepJson> Steps(CommandSession session, ThreadFacts thread) =>
        [.. session.Locks.StepsFrom(ObjectReference.To(thread.Address)).Select(s => Map(s, session, withNext: true))];

    /// <summary>Locks that a thread has and that others wait for.</summary>
    public static IReadOnlyList<ThreadHeldJson> Held(CommandSession session, ThreadFacts thread) =>
        [.. session.Locks.HeldBy(ObjectReference.To(thread.Address)).Select(h => new ThreadHeldJson(
            VerdictJsonMapper.Hex(h.Lock.Reference.Address), h.Lock.Kind, h.Lock.Name, h.Lock.Waiters.Count,
            VerdictJsonMapper.Age(h.Lock.Oldest), VerdictWords.Of(h.Ownership.Step.Certainty)))];

    private static ThreadWaitObjectJson Map(WaitObjectFacts facts) => new(
        VerdictJsonMapper.Hex(facts.Object.Address), facts.Object.TypeName, facts.Name, facts.IsSignaled,
        facts.Owner is null ? null : VerdictJsonMapper.Hex(facts.Owner.Address.Value),
        facts.Request == 0 ? null : VerdictJsonMapper.Hex(facts.Request), DueIn(facts.DueIn),
        [.. facts.OtherWaiters.Select(t => VerdictJsonMapper.Hex(t.Address.Value))], facts.AreWaitersWhole,
        $"{facts.Info}{ThreadWaitDocument.OwnerText(facts)}");

    private static ThreadStepJson Map(WaitEdge step, CommandSession session, bool withNext) => new(
        VerdictWords.Of(step.To.Kind), VerdictJsonMapper.Hex(step.To.Address), step.What.ToString(),
        VerdictWords.Of(step.Certainty), step.Evidence,
        withNext ? [.. session.Locks.StepsFrom(step.To).Select(s => Map(s, session, withNext: false))] : []);

    private static ThreadPlaceJson? Place(FrameFacts? frame) =>
        frame is null ? null : new ThreadPlaceJson(VerdictJsonMapper.Hex(frame.InstructionPointer), frame.Text);

    private static string? DueIn(TimeSpan? due) => due >= TimeSpan.Zero ? AgeText.Format(due) : null;

    private static string? DueAgo(TimeSpan? due) => due < TimeSpan.Zero ? AgeText.Format(-due) : null;
}
