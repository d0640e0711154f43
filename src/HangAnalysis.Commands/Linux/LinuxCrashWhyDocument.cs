using HangAnalysis.Linux;
using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Commands.Linux;

/// <summary>Arranges what is recorded of an oops or a panic.</summary>
internal sealed class LinuxCrashWhyDocument(LinuxSystem system, LinuxStop? stop, bool isVerbose)
{
    private const int LabelWidth = 13;

    /// <summary>Lines of the log before the first of the report, and before a panic.</summary>
    private const int LinesBefore = 5, LinesBeforePanic = 12, LinesBehindPanic = 24;

    private readonly Document _document = new();

    /// <summary>Modules on the stack, and suspect ones; the others too where all is asked for.</summary>
    public IEnumerable<(LinuxModule Module, bool IsOnStack)> Modules()
    {
        foreach (LinuxModule module in system.Modules)
        {
            bool isOnStack = false;
            foreach (FrameFacts frame in stop?.Stack.Frames ?? [])
                isOnStack |= frame.Module is { IsUserMode: false } own && own.Name == module.Name;
            if (isOnStack || module.Taints.Length > 0)
                yield return (module, isOnStack);
        }
    }

    /// <summary>Deaths of the kernel that are not the one that is told.</summary>
    public IEnumerable<OopsReport> Others()
    {
        foreach (OopsReport report in system.Oopses)
            if (report != stop?.Oops)
                yield return report;
    }

    /// <summary>
    /// Numbers of the records that tell of it: the report of a death up to its stack; before a panic that was forced what
    /// the log reports, before another one the last lines.
    /// </summary>
    public IEnumerable<int> LogLines()
    {
        IReadOnlyList<LogRecord> records = system.Log.Records;
        if (stop?.Oops is { } oops)
        {
            for (int i = Math.Max(0, oops.First - LinesBefore); i <= oops.Last; i++)
            {
                if (!isVerbose && i > oops.First && records[i].Text.StartsWith("Call Trace", StringComparison.Ordinal))
                    break;
                yield return i;
            }
        }
        else if (stop is { Facts.IsForced: true } && !isVerbose)
        {
            int skipped = Math.Max(system.LogEvents.Count - LinesBeforePanic, 0);
            foreach (LogEvent line in system.LogEvents.Skip(skipped))
                if (line.Index != stop.Panic?.Index)
                    yield return line.Index;
        }
        else if (stop?.Panic is { } end)
            for (int i = Math.Max(0, end.Index - LinesBeforePanic); i < end.Index; i++)
                yield return i;
        if (stop?.Panic is { } panic)
            for (int i = panic.Index; i < records.Count && i < panic.Index + (isVerbose ? LinesBehindPanic : 1); i++)
                yield return i;
    }

    /// <summary>For people.</summary>
    public Document Arrange()
    {
        if (stop is null)
            AddNone();
        else
        {
            AddHead();
            AddErrorCode();
            AddInstruction();
            AddRegisters();
            AddStack();
            AddModules();
            AddLog();
        }
        AddOthers();
        LinuxCommands.AddNext(_document, Next());
        return _document;
    }

    private void AddNone()
    {
        _document.Add(new Span("no oops and no panic", Tone.Strong),
            ": the dump was taken from outside, while the system ran");
        _document.Add(system.Log.Problem is { } problem
            ? $"the log: {problem}"
            : "!hangwhy says what hangs in it, and !log -l err what the kernel complained about");
    }

    private void AddHead()
    {
        _document.Add(new Span(stop!.Facts.Title, Tone.Bad));
        if (stop.Facts.Meaning is { } meaning)
            _document.Add(new LineBlock(stop.FaultAddress == 0 ? [meaning]
                : [meaning, " in ", new Span(system.DescribeAddress(stop.FaultAddress).Text, Tone.Strong)], [], 0, 2));
        List<Span> where = [];
        if (stop.Processor is { } cpu)
            where.Add($"CPU {cpu}; ");
        if (stop.Thread is { } thread)
            where.AddRange(["task ", Links.To(thread.Address), $" of {thread.Process.Title}; "]);
        if ((stop.Oops?.Die ?? stop.Panic?.Record) is { } record)
            where.Add($"{record.Nanoseconds / 1e9:0.000} s after start-up" +
                (system.TimeOfDay(record.Nanoseconds) is { } time ? $", {TimeText.Format(time)}" : ""));
        if (where.Count > 0)
            _document.Add(new LineBlock(where, [], 0, 2));
        if (stop.Facts.Record is { } line)
            _document.Add(new Span(line, Tone.Muted));
        if (stop.Kind == StopKind.Oops)
            _document.Blank();
    }

    private void AddErrorCode()
    {
        if (stop!.ErrorCode is { } code)
        {
            AddLabelled("Error code", $"{code:x4} (page fault)");
            _document.Add(new TableBlock([new("Bit", Align.Right), new("Name"), new("Value", Align.Right), new("Means")],
                [.. PageFaultCode.Bits(code).Select(b => (IReadOnlyList<Span>)
                    [$"{b.Bit}", b.Name, b.IsSet ? "1" : "0", new Span(b.Meaning, b.IsSet ? Tone.Strong : Tone.Normal)])],
                        LabelWidth));
        }
        if (stop.BadAddress is { } address)
            AddLabelled("Address",
                $"0x{address:x}{(system.DescribeBadAddress(address) is { } meaning ? $": {meaning}" : "")}");
    }

    private void AddInstruction()
    {
        if (stop!.FaultAddress == 0)
            return;
        AddLabelled("Instruction", system.DescribeAddress(stop.FaultAddress).Text + (stop.IsCodeFromLog
            ? "; its bytes are the log's, memory does not hold them" : ""));
        if (stop.Code.Count == 0)
            _document.Add(new LineBlock([new Span("its bytes are neither in the dump nor in the log", Tone.Muted)], [],
                LabelWidth));
        foreach (CodeLine line in stop.Code)
            _document.Add(new LineBlock(
                [new Span($"{(line.IsFault ? "=>" : "  ")} {line.Address:x16}  {line.Bytes,-20} {line.Text}",
                line.IsFault ? Tone.Bad : Tone.Normal)], [], 2));
        if (StopWords.Instruction(stop) is { } instruction)
            _document.Add(new LineBlock([instruction], [], LabelWidth, 2));
    }

    private void AddRegisters()
    {
        if (stop!.Registers is not { } registers)
            return;
        string start = "Registers";
        foreach (string line in LinuxRegisters.Of(registers).Lines())
        {
            AddLabelled(start, line);
            start = "";
        }
    }

    private void AddStack()
    {
        _document.Blank();
        _document.Add(new Span("Stack", Tone.Strong));
        StackDocument.AddFrames(_document, stop!.Stack, 2);
        _document.Blank();
    }

    private void AddModules()
    {
        string start = "Modules";
        foreach ((LinuxModule module, bool isOnStack) in Modules())
        {
            const int MostSuspect = 12;
            if (!isVerbose && !isOnStack && system.Modules.Count > MostSuspect)
                continue;
            string text = TaintFlags.Describe(module.Taints) ?? "built with the kernel";
            if (module.State is not (null or LinuxModuleState.Live))
                text += module.State == LinuxModuleState.Coming ? "; its init function had not returned"
                    : "; it was being removed";
            AddLabelled(start, new Span(module.Name, isOnStack && module.Taints.Length > 0 ? Tone.Bad : Tone.Normal,
                $"!mods {module.Name}"),
                    $"{(module.Version is null ? "" : $" {module.Version}")}: {text}{(isOnStack ? "; on the stack" : "")}");
            start = "";
        }
        if (system.Identity.Taints is { Length: > 0 } taints)
            AddLabelled("Taints", $"{taints}: {string.Join("; ", taints.Select(t => TaintFlags.Meaning(t) ?? "unknown"))}");
    }

    private void AddLog()
    {
        bool isFirst = true;
        foreach (int index in LogLines())
        {
            if (isFirst)
            {
                _document.Blank();
                _document.Add(new Span("Log", Tone.Strong));
            }
            isFirst = false;
            LogRecord record = system.Log.Records[index];
            bool isBefore = index < (stop!.Oops?.First ?? stop.Panic?.Index ?? 0) && !stop.Facts.IsForced;
            _document.Add(new LineBlock([new Span(record.TimeText, Tone.Muted), " ",
                new Span(record.Text.Replace('\t', ' '), isBefore ? Tone.Muted : Tone.Normal)], [], 2,
                    record.TimeText.Length + 1));
        }
        if (!isVerbose && !isFirst)
            _document.Add(new LineBlock([new Span("… more of it: !crashwhy -v", Tone.Muted, "!crashwhy -v")], [], 2));
    }

    private void AddOthers()
    {
        string start = "Others";
        foreach (OopsReport report in Others())
        {
            AddLabelled(start, new Span($"[#{report.Count}] {report.Headline ?? report.Die.Text.Trim()}", Tone.Caution,
                $"!crashwhy -o {report.Count}"),
                    $" in {report.Instruction ?? "an unknown function"}, {report.Task} {report.Pid}");
            start = "";
        }
    }

    private List<string> Next()
    {
        List<string> commands = [];
        if (stop is null or { Facts.IsForced: true })
            commands.Add("!hangwhy");
        if (stop?.Thread is { } thread)
            commands.Add(Links.CommandFor(thread));
        foreach ((LinuxModule module, bool isOnStack) in Modules())
            if (isOnStack && module.Taints.Length > 0)
                commands.Add($"!mods {module.Name}");
        commands.Add(stop is null ? "!log -e" : "!log -n 50");
        commands.RemoveAll(c => !CommandTable.Linux.Has(c));
        return commands;
    }

    private void AddLabelled(string label, params IReadOnlyList<Span> text) => _document.Add(new LineBlock(
        [new Span(label.PadRight(LabelWidth), Tone.Strong), .. text], [], 0, LabelWidth));
}
