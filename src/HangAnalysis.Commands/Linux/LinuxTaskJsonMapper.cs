using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>Brings what is known of a task into the shape of the contract.</summary>
internal static class LinuxTaskJsonMapper
{
    /// <summary>Everything of one task.</summary>
    public static LinuxTaskJson Map(CommandSession session, LinuxSystem system, ThreadFacts thread, bool withStack)
    {
        TaskDetails details = system.GetDetails(thread);
        TaskStackView stack = new(system, thread);
        return new LinuxTaskJson
        {
            Task = VerdictJsonMapper.Hex(thread.Address.Value),
            Pid = thread.Id,
            Tgid = thread.Process.Id,
            ParentPid = thread.Process.ParentId,
            Command = details.Name,
            IsKernelThread = thread.IsSystemThread,
            Cpu = details.Processor,
            OnCpu = thread.Processor is not null,
            State = details.State,
            StateLetter = thread.State,
            Time = VerdictJsonMapper.Age(thread.Age),
            Policy = details.Policy,
            Nice = details.Nice,
            Priority = thread.Priority,
            RealTimePriority = details.RealTimePriority,
            UserTime = DetailCells.RunText(details.UserTime),
            SystemTime = DetailCells.RunText(details.SystemTime),
            VoluntarySwitches = details.VoluntarySwitches,
            InvoluntarySwitches = details.InvoluntarySwitches,
            Started = VerdictJsonMapper.Age(details.StartTime),
            PendingSignals = details.PendingSignals is { } pending ? SignalNames.Names(pending) : null,
            Wait = system.DescribeWait(thread)?.ToString(),
            WaitsFor = ThreadJsonMapper.Steps(session, thread),
            Holds = ThreadJsonMapper.Held(session, thread),
            SystemCall = stack.SystemCall is { } call ? new LinuxSystemCallJson(call.Number, call.Name) : null,
            Frames = withStack ? [.. stack.Lines.Where(l => l.Frame is not null).Select(Map)] : null,
            UserRegisters = stack.User?.ToJson(),
            StackEnd = stack.EndNote,
        };
    }

    private static LinuxFrameJson Map(TaskStackLine line) => new(line.Number >= 0 ? line.Number : null,
        line.Number >= 0 ? VerdictJsonMapper.Hex(line.Slot) : null, VerdictJsonMapper.Hex(line.Frame!.InstructionPointer),
        line.Frame.Text, VerdictWords.Of(line.Frame.Certainty), line.Registers?.ToJson());
}
