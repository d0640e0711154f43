using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>Which parts of a thread are shown.</summary>
/// <param name="WaitsOnly">Only what it waits for and holds.</param>
/// <param name="WithStack">With its stack.</param>
/// <param name="IsVerbose">With everything that is known, and the commands that show it.</param>
/// <param name="Frames">Frames of the stack at most.</param>
internal sealed record ThreadDocumentParts(bool WaitsOnly, bool WithStack, bool IsVerbose, int Frames);

/// <summary>Arranges what is known of one thread.</summary>
internal sealed class ThreadDocument(CommandSession session, ThreadFacts thread, ThreadExamination examined)
{
    private const string None = ThreadCells.NotRecorded;
    private const int Indent = 4;

    private readonly WindowsSystem _system = session.Windows;
    private readonly Document _document = new();

    /// <summary>The document.</summary>
    public Document Arrange(ThreadDocumentParts parts)
    {
        AddHeader();
        if (!parts.WaitsOnly)
            AddRemarks();
        ThreadWaitDocument waits = new(session, thread, examined, _document, parts.IsVerbose);
        waits.Add();
        if (!parts.WaitsOnly)
        {
            AddPriority();
            AddOrigin(parts.IsVerbose);
        }
        if (parts.WithStack)
            AddStack(parts);
        AddNext(waits);
        return _document;
    }

    /// <summary>The kind of an apartment as it is printed.</summary>
    public static string? Word(ApartmentKind kind) => kind switch
    {
        ApartmentKind.SingleThreaded => "STA",
        ApartmentKind.MultiThreaded => "MTA",
        ApartmentKind.None => "none",
        _ => null,
    };

    private void AddHeader()
    {
        ThreadDetails details = examined.Details;
        ProcessFacts process = thread.Process;
        _document.Add(new TableBlock(
            [
                new("Process", CanShrink: true), new("Thread"), new("CID"), new("TEB"), new("UserTime", Align.Right),
                new("KernelTime", Align.Right), new("ContextSwitches", Align.Right),
            ],
            [[
                new Span($"{process.Name} ({process.Address.Value:x16})", Tone.Normal, Links.CommandFor(process)),
                Links.To(thread.Address), thread.ClientId,
                thread.EnvironmentBlock == 0 ? None : $"{thread.EnvironmentBlock:x16}", AgeText.FormatRun(details.UserTime),
                AgeText.FormatRun(details.KernelTime), details.ContextSwitches is { } switches ? $"{switches}" : None,
            ]]));
        _document.Blank();
        ApartmentFacts apartment = examined.Apartment;
        string com = Word(apartment.Kind) is not { } word ? None
            : apartment.Certainty == Certainty.Proven ? word : $"{word} ({VerdictWords.Of(apartment.Certainty)})";
        List<Column> columns =
            [new("Wait Reason"), new("Time", Align.Right), new("State"), new("Wait Mode"), new("COM-Initialized")];
        List<Span> cells =
            [thread.WaitReason ?? None, AgeText.Format(thread.Age), ThreadCells.State(thread), WaitMode(thread) ?? None, com];
        if (details.Name is { } name)
        {
            columns.Add(new("Name", CanShrink: true));
            cells.Add(name);
        }
        _document.Add(new TableBlock(columns, [cells]));
    }

    /// <summary>The mode of a wait: <c>kernel</c> or <c>user</c>; null where there is none.</summary>
    public static string? WaitMode(ThreadFacts thread) =>
        thread.WaitsInKernelMode switch { true => "kernel", false => "user", _ => null };

    private void AddRemarks()
    {
        if (thread.HasExited)
            AddWarning("Warning: thread is marked as terminated" +
                (examined.Details.ExitTime is { } time ? $"; it ended at {TimeText.Format(time)}" : "; it has ended"));
        else if (thread.IsEnding)
            AddWarning("Warning: thread is marked as terminated and has not ended: it is still in what it does in the kernel");
        if (thread.IsSuspended)
            AddWarning(examined.Details.SuspendCount is > 0 and var count
                ? $"Warning: thread is suspended ({count:N0} time{(count == 1 ? "" : "s")}): it runs when that is taken back"
                : "Warning: thread is frozen with its process: it runs when that is taken back");
        if (examined.Processor is { } processor)
            AddProcessor(processor);
        else if (thread.Activity == ThreadActivity.Ready)
            _document.Add(new Span("Ready: ", Tone.Strong), "it could run and waits for a processor",
                examined.Details.NextProcessor is { } next ? $", next is {next}" : "");
    }

    private void AddWarning(string text) => _document.Add(new Span(text, Tone.Caution));

    private void AddProcessor(ProcessorFacts processor)
    {
        ObjectReference reference = new(ObjectKind.Processor, (ulong)processor.Number);
        List<Span> line =
            [new Span("Running: ", Tone.Strong), "on processor ", Links.To(reference, _system, $"{processor.Number}")];
        if (processor.WritesDump)
            line.Add(", which writes the dump");
        else if (processor.Doing is { } doing)
        {
            line.Add(processor.DpcActive ? ", which executes a deferred procedure call, in " : ", in ");
            line.Add(doing.Module is { } module ? Links.To(module, _system, doing.Text) : doing.Text);
        }
        else if (processor.IsIdle)
            line.Add(", which is idle");
        if (processor.Irql is { } irql)
            line.Add($", IRQL {irql}{(processor.IsIrqlInferred ? " (inferred)" : "")}");
        if (processor.Spin is { } spin)
            line.Add($", spins in {spin.Function}");
        line.Add(new Span("; "));
        line.Add(new Span("!cpus", Tone.Normal, "!cpus"));
        _document.Add(new LineBlock(line, [], 0, Indent));
    }

    private void AddPriority()
    {
        ThreadDetails details = examined.Details;
        _document.Add(new Span("Priority:", Tone.Strong));
        _document.Add(new TableBlock(
            [new("Current"), new("Base"), new("Decrement"), new("ForegroundBoost"), new("IO"), new("Page")],
            [[
                $"{thread.Priority}", Number(details.BasePriority), Number(details.UnusualBoost), Number(details.ForegroundBoost),
                Number(details.IoPriority), Number(details.PagePriority),
            ]], Indent));
        List<string> processors = [];
        if (details.Affinity is { } affinity)
            processors.Add($"may run on {affinity:x}{(details.ProcessorGroup is > 0 and var group ? $" of group {group}" : "")}");
        if (details.IdealProcessor is { } ideal)
            processors.Add($"ideal {ideal}");
        if (details.NextProcessor is { } next)
            processors.Add($"last or next {next}");
        if (processors.Count > 0)
            _document.Add(new LineBlock([$"Processors: {string.Join(", ", processors)}"], [], Indent));
    }

    private static string Number(int? value) => value is { } number ? $"{number}" : None;

    private void AddOrigin(bool isVerbose)
    {
        ThreadDetails details = examined.Details;
        List<Span> line = [];
        FrameFacts? program = examined.ProgramStart;
        FrameFacts? start = examined.Start?.InstructionPointer == program?.InstructionPointer ? null : examined.Start;
        if (program is not null)
            line.AddRange(["Start: ", Place(program), $" ({program.InstructionPointer:x16})"]);
        if (start is not null && (program is null || isVerbose))
            line.AddRange([program is null ? "Start: " : ", begun at ", Place(start), $" ({start.InstructionPointer:x16})"]);
        if (line.Count > 0)
            _document.Add(new LineBlock(line, [], Indent, Indent));
        if (details.CreateTime is { } time)
            _document.Add(new LineBlock([$"Created: {TimeText.Format(time)}"], [], Indent));
        if (!isVerbose)
            return;
        if (thread.StackBase != 0)
            _document.Add(new LineBlock([$"Kernel stack: {thread.StackLimit:x16} to {thread.StackBase:x16}, ",
                $"saved stack pointer {thread.KernelStack:x16}"], [], Indent, Indent));
        _document.Add(new LineBlock([$"COM: {examined.Apartment.Why}"], [], Indent, Indent));
    }

    private Span Place(FrameFacts frame) => frame.Module is { } module ? Links.To(module, _system, frame.Text) : frame.Text;

    private void AddStack(ThreadDocumentParts parts)
    {
        StackFacts stack = _system.GetStack(thread);
        if (stack.Frames.Count > 0)
        {
            int count = Math.Min(stack.Frames.Count, parts.Frames);
            List<IReadOnlyList<Span>> rows = new(count);
            for (int i = 0; i < count; i++)
                rows.Add([$"{i:x}", $"{stack.Frames[i].StackPointer:x16}", ReturnOf(stack, i) is { } to ? $"{to:x16}" : None,
                    CallSite(stack.Frames[i])]);
            _document.Blank();
            _document.Add(new TableBlock(
                [new("#", Align.Right), new("Child-SP"), new("Return"), new("Call Site", CanShrink: true)], rows));
            if (stack.Frames.Count > count)
                _document.Add(new Span($"… {stack.Frames.Count - count:N0} more of {stack.Frames.Count:N0} frames", Tone.Muted));
        }
        if (stack.EndNote is { } note)
            _document.Add(new Span(stack.Frames.Count == 0 ? $"No stack: {note}" : $"({note})", Tone.Muted));
    }

    /// <summary>
    /// Where a frame returns to: into the next one. The outermost returns nowhere; where the stack is cut, or what follows is
    /// only a candidate, it is not known.
    /// </summary>
    public static ulong? ReturnOf(StackFacts stack, int frame)
    {
        if (frame + 1 < stack.Frames.Count)
            return stack.Frames[frame + 1] is { Certainty: Certainty.Proven } next ? next.InstructionPointer : null;
        return stack.EndNote is null && stack.Frames[frame].Certainty == Certainty.Proven ? 0 : null;
    }

    private Span CallSite(FrameFacts frame)
    {
        string text = frame.Certainty == Certainty.Candidate ? $"{frame.Text}  (candidate)" : frame.Text;
        Tone tone = frame.Module?.Origin == ModuleOrigin.ThirdParty ? Tone.Caution : Tone.Normal;
        return frame.Module is { } module ? Links.To(module, _system, text, tone) : new Span(text, tone);
    }

    private void AddNext(ThreadWaitDocument waits)
    {
        List<string> commands = [];
        if (waits.Steps.Count > 0 || thread.Role == WaitRole.Blocked)
            commands.Add(Links.CommandForWhy(thread));
        if (thread.Message != 0)
            commands.Add($"!lpcchain {thread.Address.Value:x16}");
        if (waits.Held.Count > 0)
            commands.Add($"!owners {thread.Address.Value:x16}");
        commands.Add($"!us -p {thread.Process.Address.Value:x16}");
        commands.Add(_system.DescribeStackCommand(thread));
        List<Span> line = [new Span("Next  ", Tone.Strong)];
        foreach (string command in commands)
            line.AddRange([line.Count > 1 ? " · " : "", new Span(command, Tone.Normal, command)]);
        _document.Blank();
        _document.Add(new LineBlock(line, [], 0, 6));
    }
}
