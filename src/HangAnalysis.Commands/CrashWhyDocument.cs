using System.Globalization;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges what is known of a stop: the answer first, then what shows it, then what is not known.</summary>
internal sealed class CrashWhyDocument(CommandSession session, CrashFacts? facts, bool isVerbose)
{
    private const int LabelWidth = 12;

    /// <summary>Frames of the first stack, stacks, and unknowns before the rest is counted.</summary>
    private const int MostFrames = 16, MostStacks = 2, MostUnknown = 6;

    /// <summary>Registers on a line: five of x64 fit beside the label.</summary>
    private const int RegistersPerLine = 4, NarrowRegistersPerLine = 6;

    private readonly Document _document = new();

    private ISystemFacts System => session.System;

    /// <summary>For people.</summary>
    public Document Arrange()
    {
        if (facts is null)
        {
            _document.Add(new Span("no bug check", Tone.Strong), ": the dump was taken while the system ran");
            _document.Add(new Span(HangWhyCommand.DumpLine(session.Description, System), Tone.Muted));
            LinkNext(["!hangwhy"]);
            return _document;
        }
        AddHead(facts);
        AddParameters(facts);
        if (facts.Fault is { } fault)
            AddFault(fault);
        if (isVerbose && facts.Halt is { } halt)
            AddPlace("Stopped at", halt);
        if (isVerbose && facts.Entry is { } entry)
            AddPlace("Called from", entry);
        AddStacks(facts);
        HangWhyCommand.AddEvidence(_document, facts.Evidence, System);
        KnownIssueDocument.Add(_document, session.Verdict, session, isVerbose);
        HangWhyCommand.AddLabelled(_document, "Ruled out", [.. facts.RuledOut.Select(r => (r.What, r.Why))], int.MaxValue);
        List<(string, string)> unknown =
        [
            .. facts.Unknown.Select(u => (u.What, u.Why)),
            .. session.Description.Damage.Select(damage => ($"the {session.Description.Form} file", damage)),
            .. System.Unknowns.Select(u => (u.What, u.Why)),
        ];
        HangWhyCommand.AddLabelled(_document, "Not known", unknown, isVerbose ? int.MaxValue : MostUnknown);
        LinkNext(Commands(facts));
        foreach (string advice in facts.Advice)
            _document.Add(new LineBlock([advice], [], LabelWidth, 2));
        return _document;
    }

    /// <summary>Commands that lead on.</summary>
    public static List<string> Commands(CrashFacts facts)
    {
        List<string> commands = [];
        if (facts.Stop.IsForced || facts.Blame.Cause == CrashCause.Forced)
            commands.Add("!hangwhy");
        commands.AddRange(facts.Commands.Where(c => !commands.Contains(c)));
        if (facts.Blame.Module is { } module)
            commands.Add($"!mods {module.Name}");
        if (commands.Count == 0)
            commands.Add("!hangwhy -v");
        return commands;
    }

    /// <summary>The kind of cause as the contract has it.</summary>
    public static string WordOf(CrashCause cause) => cause switch
    {
        CrashCause.ProcessorFeature => "processor-feature",
        _ => cause.ToString().ToLowerInvariant(),
    };

    private void AddHead(CrashFacts crash)
    {
        bool isForced = crash.Stop.IsForced || crash.Blame.Cause == CrashCause.Forced;
        string headline = isForced ? "FORCED" : "CRASH";
        _document.Add(new LineBlock([new Span(headline, isForced ? Tone.Caution : Tone.Bad), "  ",
            new Span(crash.Blame.Statement, Tone.Strong)], [], 0, headline.Length + 2));
        string cause = WordOf(crash.Blame.Cause).Replace('-', ' ');
        _document.Add(new LineBlock([$"cause: {cause} · certainty: {VerdictWords.Of(crash.Blame.Certainty)}"], [], 0, 2));
        _document.Add(new LineBlock([crash.Stop.Title + (crash.Stop.Meaning is { } meaning ? $": {meaning}" : "")], [], 0, 2));
        _document.Add(new Span(HangWhyCommand.DumpLine(session.Description, System), Tone.Muted));
        _document.Blank();
        AddLabelled("Why", crash.Blame.Reason);
    }

    private void AddParameters(CrashFacts crash)
    {
        string label = "Parameters";
        for (int i = 0; i < crash.Parameters.Count; i++)
        {
            CrashParameter parameter = crash.Parameters[i];
            List<Span> text = [$"{i + 1}  {Address(parameter.Value)}  ", new Span(parameter.Name, Tone.Muted)];
            if (parameter.Meaning is { } meaning)
                text.AddRange([parameter.Name.Length > 0 ? ": " : "", .. Links.ToSpans(meaning, System)]);
            _document.Add(new LineBlock([new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth + 2));
            label = "";
        }
        _document.Blank();
    }

    private void AddFault(CrashFault fault)
    {
        AddLabelled("Instruction", [new Span(fault.Where.Text, Tone.Strong), "; registers: ", .. Links.ToSpans(fault.Source, System)]);
        AddCode(fault.Code, Tone.Bad);
        string label = "Access";
        foreach (CrashAccess access in fault.Accesses)
        {
            AddLabelled(label, $"{(access.IsWrite ? "writes" : "reads")} {Size(access.Bytes)}at {access.Operand}" +
                (access.Address is { } address ? $" = {Address(address)}" : ", of which a register is not known"));
            label = "";
        }
        if (fault.ReportedAddress is { } reported)
            AddLabelled(label, $"reported: {Address(reported)}{(fault.ErrorCode is { } code ? $"; error code {code:x}" : "")}");
        AddRegisters(fault);
        _document.Blank();
    }

    /// <summary>A place with its registers at which nothing failed.</summary>
    private void AddPlace(string label, CrashFault place)
    {
        AddLabelled(label, [new Span(place.Where.Text, Tone.Strong), "; registers: ", .. Links.ToSpans(place.Source, System),
            place.ErrorCode is { } code ? $"; error code {code:x}" : ""]);
        AddCode([.. place.Code.Where(c => c.IsFault)], Tone.Normal);
        AddRegisters(place);
        _document.Blank();
    }

    private void AddCode(IReadOnlyList<CrashCodeLine> code, Tone fault)
    {
        int widest = code.Select(c => c.Bytes.Length).DefaultIfEmpty(0).Max();
        foreach (CrashCodeLine line in code)
            _document.Add(new LineBlock([new Span($"{(line.IsFault ? "=>" : "  ")} {Address(line.Address)}  " +
                $"{line.Bytes.PadRight(widest)}  {line.Text}", line.IsFault ? fault : Tone.Normal)], [], 2));
    }

    private void AddRegisters(CrashFault fault)
    {
        string label = "Registers";
        int perLine = Width == sizeof(uint) * 2 ? NarrowRegistersPerLine : RegistersPerLine;
        for (int i = 0; i < fault.Registers.Count; i += perLine)
        {
            AddLabelled(label, string.Join(' ', fault.Registers.Skip(i).Take(perLine).Select(r => $"{r.Name,3}={Value(r.Name, r.Value)}")));
            label = "";
        }
        if (fault.UnknownRegisters.Count > 0)
            AddLabelled(label, $"not known: {string.Join(' ', fault.UnknownRegisters)}");
    }

    private void AddStacks(CrashFacts crash)
    {
        int shown = 0;
        foreach (CrashStack stack in crash.Stacks)
        {
            if (!isVerbose && shown++ == MostStacks && crash.Stacks.Count > MostStacks)
            {
                _document.Add(new LineBlock([new Span($"… and {crash.Stacks.Count - MostStacks:N0} more stacks; see !crashwhy -v",
                    Tone.Muted, "!crashwhy -v")], [], 0));
                _document.Blank();
                break;
            }
            List<Span> title = [$"Stack of the {stack.Title}"];
            if (stack.Thread is { } thread)
                title.AddRange([", thread ", Links.To(thread.Address), $" of {thread.Process.Title}"]);
            title.Add(":");
            _document.Add(new LineBlock(title, [], 0));
            StackDocument.AddFrames(_document, stack.Stack, 2, isVerbose ? int.MaxValue : MostFrames);
            _document.Blank();
        }
    }

    private void AddLabelled(string label, params IReadOnlyList<Span> text) => _document.Add(new LineBlock(
        [new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth));

    private void LinkNext(IReadOnlyList<string> commands)
    {
        List<Span> spans = [new Span("Next".PadRight(LabelWidth), Tone.Strong)];
        foreach (string command in commands)
            spans.AddRange([spans.Count > 1 ? " · " : "", new Span(command, Tone.Normal, command)]);
        _document.Add(new LineBlock(spans, [], 0, LabelWidth));
    }

    private int Width => session.Description.Architecture == Targets.Architecture.X86 ? 8 : 16;

    private string Address(ulong address) => address.ToString(Width == 8 ? "x8" : "x16", CultureInfo.InvariantCulture);

    private string Value(string register, ulong value) => register is "efl" or "cpsr" ? $"{value:x8}" : Address(value);

    private static string Size(int bytes) => bytes == 0 ? "" : $"{bytes} byte{(bytes == 1 ? "" : "s")} ";
}
