using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>Which parts of a task are shown.</summary>
/// <param name="WithDetails">With times, switches and signals.</param>
/// <param name="WithStack">With its stack.</param>
/// <param name="IsVerbose">With the commands that show what is said.</param>
/// <param name="Frames">Frames of the stack at most.</param>
internal sealed record TaskParts(bool WithDetails, bool WithStack, bool IsVerbose, int Frames);

/// <summary>Arranges what is known of one task as <c>crash bt</c> does, with what it waits for and who has that.</summary>
internal sealed class LinuxTaskDocument(CommandSession session, LinuxSystem system, ThreadFacts thread, Document document)
{
    private const int Indent = 4;

    private readonly TaskDetails _details = system.GetDetails(thread);

    /// <summary>Adds the task to the document.</summary>
    public void Add(TaskParts parts)
    {
        AddHeader();
        AddState();
        TaskStackView? stack = parts.WithStack || parts.WithDetails ? new TaskStackView(system, thread) : null;
        if (parts.WithDetails)
            AddDetails(stack!);
        ThreadStepsDocument steps = new(session, thread, document, parts.IsVerbose);
        if (steps.Steps.Count == 0 && system.DescribeWait(thread) is { } wait)
            document.Add(new LineBlock([new Span("Waits: ", Tone.Strong), .. Links.ToSpans(wait, system)], [], 0, Indent));
        steps.Add(steps.Steps);
        steps.AddHeld();
        if (parts.WithStack)
            AddStack(stack!, parts.Frames);
        if (parts.WithDetails)
            AddNext(steps);
    }

    private void AddHeader() => document.Add(
        new Span("PID: ", Tone.Muted), thread.IdText.PadRight(9), new Span("TASK: ", Tone.Muted), Links.To(thread.Address),
        new Span("  CPU: ", Tone.Muted), $"{_details.Processor}".PadRight(5), new Span("COMMAND: ", Tone.Muted),
        new Span($"\"{_details.Name}\"", Tone.Strong, Links.CommandFor(thread.Process)));

    private void AddState()
    {
        List<string> words = [];
        if (thread.Processor is { } cpu)
            words.Add($"on CPU {cpu}{(IsIdle(cpu) ? ", which is idle" : "")}");
        else
            words.Add(TaskState.Words(thread.State));
        if (thread.Age is not null && !LinuxSystem.IsIdleTask(thread))
            words.Add($"for {AgeText.Format(thread.Age)}");
        string line = $"{_details.State} ({thread.State})  {string.Join(' ', words)}";
        if (_details.Policy is { } policy)
            line += _details.RealTimePriority > 0 ? $"; {policy}, real-time priority {_details.RealTimePriority}"
                : $"; {policy}, nice {_details.Nice}, priority {thread.Priority}";
        if (_details.IsInIoWait == true)
            line += "; in I/O wait";
        if (thread.IsEnding && !thread.HasExited)
            line += "; is ending";
        document.Add(new LineBlock([new Span("STATE: ", Tone.Muted), line], [], 0, Indent));
    }

    private bool IsIdle(int cpu)
    {
        foreach (ProcessorFacts processor in system.Processors)
            if (processor.Number == cpu)
                return processor.IsIdle;
        return false;
    }

    private void AddDetails(TaskStackView stack)
    {
        List<Span> line = [];
        if (thread.Process.Id != thread.Id)
            line.AddRange(["thread of ", new Span(thread.Process.Title, Tone.Normal, Links.CommandFor(thread.Process)),
                "; "]);
        line.Add($"parent {thread.Process.FormatId(thread.Process.ParentId)}");
        if (_details.StartTime is { } start)
            line.Add($"; started {AgeText.Format(start)} after the system");
        line.Add($"; in the program {AgeText.FormatRun(_details.UserTime)}, " +
            $"in the kernel {AgeText.FormatRun(_details.SystemTime)}");
        if (_details is { VoluntarySwitches: { } own, InvoluntarySwitches: { } forced })
            line.Add($"; switches: {own:N0} by itself, {forced:N0} forced");
        if (_details.RunDelay is { } delay)
            line.Add($"; waited {AgeText.FormatRun(delay)} for a CPU in all");
        if (_details.PendingSignals is > 0 and var pending)
            line.Add($"; pending: {SignalNames.List(pending)}");
        document.Add(new LineBlock(line, [], Indent, 0));
        if (stack.SystemCall is { } call)
            document.Add(new LineBlock([$"system call {call.Name ?? "of an unknown name"} ({call.Number})"], [], Indent));
    }

    private void AddStack(TaskStackView stack, int frames)
    {
        int shown = 0, hidden = 0;
        foreach (TaskStackLine line in stack.Lines)
        {
            if (line.Frame is not null && line.Number >= 0 && shown++ >= frames)
            {
                hidden++;
                continue;
            }
            if (hidden > 0)
                continue;
            AddLine(line);
        }
        if (hidden > 0)
            document.Add(new LineBlock([new Span($"… {hidden:N0} more frame{(hidden == 1 ? "" : "s")}", Tone.Muted)], [],
                1));
        if (stack.EndNote is { } note)
            document.Add(new Span(stack.Lines.Count == 0 ? $"No stack: {note}" : $"({note})", Tone.Muted));
    }

    private void AddLine(TaskStackLine line)
    {
        if (line.LeftStack is { } left)
            document.Add(new Span($"--- <{left}> ---", Tone.Muted));
        if (line.Number >= 0)
        {
            FrameFacts frame = line.Frame!;
            document.Add(new LineBlock([$"{"#" + line.Number,3} [{line.Slot:x16}] ", Name(frame),
                $" at {frame.InstructionPointer:x16}",
                Module(frame), Mark(frame)], [], 0, Indent));
            return;
        }
        if (line.Frame is { } interrupted)
            document.Add(new LineBlock(["[exception RIP: ", Name(interrupted), "]", Module(interrupted), Mark(interrupted)],
                [], Indent));
        if (line.Registers is { } registers)
            foreach (string text in registers.Lines())
                document.Add(new LineBlock([text], [], Indent));
    }

    private static Span Mark(FrameFacts frame) =>
        frame.Certainty == Certainty.Proven ? "" : new Span($"  ({VerdictWords.Of(frame.Certainty)})", Tone.Muted);

    private Span Name(FrameFacts frame)
    {
        string text = frame.Symbol is null ? frame.Text
            : frame.Displacement == 0 ? frame.Symbol : $"{frame.Symbol}+0x{frame.Displacement:x}";
        Tone tone = frame.Module?.Origin == ModuleOrigin.ThirdParty ? Tone.Caution : Tone.Normal;
        return frame.Module is { Origin: not ModuleOrigin.Core } module ? Links.To(module, system, text, tone)
            : new Span(text, tone);
    }

    private static Span Module(FrameFacts frame) =>
        frame is { Symbol: not null, Module: { Origin: not ModuleOrigin.Core } module } ? $" [{module.Name}]" : "";

    private void AddNext(ThreadStepsDocument steps)
    {
        List<string> commands = [];
        if (steps.Steps.Count > 0 || thread.Role == WaitRole.Blocked)
            commands.Add(Links.CommandForWhy(thread));
        if (steps.Held.Count > 0)
            commands.Add($"!owners {thread.Address.Value:x16}");
        commands.Add(Links.CommandFor(thread.Process));
        commands.Add(Links.CommandForStacks(thread.Process));
        LinuxCommands.AddNext(document, commands);
    }
}
