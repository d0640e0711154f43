using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Arranges what a dump is worth, for people and for programs. Knows no operating system.</summary>
internal static class DumpCheckDocument
{
    private const int LabelWidth = 12;

    /// <summary>The document.</summary>
    /// <param name="dump">What was found out.</param>
    /// <param name="verdict">What the dump's analysis says, for what to ask for.</param>
    /// <param name="commands">The commands of the dump's system: what is not there is not offered.</param>
    public static Document Arrange(DumpCheckFacts dump, Verdict verdict, CommandSet commands)
    {
        Document document = new();
        string state = dump.IsDamaged ? ", damaged" : "";
        document.Add(new LineBlock(
            [
                new Span("DUMP  ", dump.IsDamaged ? Tone.Bad : Tone.Good),
                new Span($"{dump.Kind}{state}: {dump.Worth}", Tone.Strong),
            ], [], 0, 6));
        document.Blank();
        Label(document, "Size", Sizes(dump));
        Label(document, "Kind by", dump.KindReason);
        Label(document, "Trigger", dump.Trigger, dump.TriggerCertainty);
        foreach (PlatformFacts platform in dump.Platforms)
            Label(document, "Platform",
                $"{platform.Name}{(platform.Kind == PlatformKind.Unknown ? ":" : ", by")} {string.Join(", ", platform.Evidence)}",
                platform.Kind == PlatformKind.Unknown ? null : platform.Certainty);
        if (dump.DumpDrivers.Count > 0)
            Label(document, "Written by", $"{string.Join(", ", dump.DumpDrivers)}: if their disk hangs, the dump of that hang fails");
        document.Blank();
        document.Add(new TableBlock([new("In it"), new("What"), new("Detail", Wraps: true)],
            [.. dump.Contents.Select(c => (IReadOnlyList<Span>)[Word(c.Holds), c.What, c.Detail])]));
        document.Blank();
        foreach (DumpFinding finding in dump.Findings.OrderByDescending(f => f.Level))
            document.Add(new LineBlock([Mark(finding.Level), finding.Text], [], 0, 3));
        if (dump.ThreadsWithoutStack.Count > 0 && commands.Find("dumpcheck") is not null)
            document.Add(new LineBlock(["   ", new Span("!dumpcheck /q", Tone.Normal, "!dumpcheck /q"),
                " lists the threads whose stack is not in it"], []));
        if (dump.Findings.Count > 0)
            document.Blank();
        document.Add(new Span("Next time", Tone.Strong));
        foreach (string line in DumpRequest.For(verdict, dump))
            document.Add(new LineBlock([line], [], 2, 2));
        document.Blank();
        document.Add(new Span("Settings", Tone.Strong));
        foreach (DumpSetting setting in dump.Settings)
        {
            document.Add(new LineBlock([setting.What, new Span(setting.Note.Length == 0 ? "" : $"; {setting.Note}", Tone.Muted)], [], 2, 2));
            foreach (string command in setting.Commands)
                document.Add(new LineBlock([command], [], 4, 4));
        }
        document.Blank();
        document.Add(new Span("To force a dump", Tone.Strong));
        foreach (ForcedDumpWay way in dump.Ways)
        {
            document.Add(new LineBlock([way.Way, new Span(way.Note.Length == 0 ? "" : $": {way.Note}", Tone.Muted)], [], 2, 2));
            if (way.Command is { } command)
                document.Add(new LineBlock([command], [], 4, 4));
        }
        return document;
    }

    /// <summary>The same for programs.</summary>
    public static DumpCheckJson ToJson(DumpCheckFacts dump, Verdict verdict) => new(
        "hanganalysis-dumpcheck/1", dump.Kind, dump.KindReason, dump.Worth, dump.IsDamaged, dump.FileBytes, dump.HeldBytes,
        dump.MachineBytes, dump.Trigger, VerdictWords.Of(dump.TriggerCertainty),
        [.. dump.Contents.Select(c => new DumpContentJson(Name(c.Aspect), c.What, Name(c.Holds), c.Detail))],
        [.. dump.Findings.OrderByDescending(f => f.Level).Select(f => new DumpFindingJson(Name(f.Level), f.Text))],
        [.. dump.Platforms.Select(p => new PlatformJson(Name(p.Kind), p.Name, VerdictWords.Of(p.Certainty), p.Evidence))],
        dump.DumpDrivers, DumpRequest.For(verdict, dump),
        [.. dump.Settings.Select(s => new DumpSettingJson(s.What, s.Commands, s.Note))],
        [.. dump.Ways.Select(w => new ForcedDumpWayJson(w.Way, w.Command, w.Note))],
        [.. dump.ThreadsWithoutStack.Select(t => VerdictJsonMapper.Hex(t.Value))]);

    private static void Label(Document document, string label, string text, Certainty? certainty = null) =>
        document.Add(new LineBlock([new Span(label.PadRight(LabelWidth), Tone.Muted), text],
            certainty is { } sure ? [new Span(VerdictWords.Of(sure), Tone.Muted)] : [], 0, LabelWidth)
        {
            // Beside the first line it would read as a word of the sentence that goes on below it.
            IsRightLast = true,
        });

    private static string Sizes(DumpCheckFacts dump)
    {
        string file = dump.FileBytes is { } bytes ? $"file {ByteText.Format(bytes)}" : "file not looked at";
        string held = dump.HeldBytes is { } inside ? $", {ByteText.Format(inside)} of memory in it" : "";
        return file + held + (dump.MachineBytes is { } all ? $"; the machine has {ByteText.Format(all)}" : "");
    }

    private static Span Word(DumpHolds holds) => holds switch
    {
        DumpHolds.Yes => new Span("yes", Tone.Good),
        DumpHolds.Partly => new Span("partly", Tone.Caution),
        _ => new Span("no", Tone.Muted),
    };

    private static Span Mark(FindingLevel level) => level switch
    {
        FindingLevel.Damage => new Span("!! ", Tone.Bad),
        FindingLevel.Caution => new Span("!  ", Tone.Caution),
        _ => new Span("   ", Tone.Muted),
    };

    private static string Name(FindingLevel level) => level switch
    {
        FindingLevel.Damage => "damage",
        FindingLevel.Caution => "caution",
        _ => "note",
    };

    private static string Name(DumpHolds holds) => holds switch
    {
        DumpHolds.Yes => "yes",
        DumpHolds.Partly => "partly",
        _ => "no",
    };

    private static string Name(DumpAspect aspect) => aspect switch
    {
        DumpAspect.Stop => "stop",
        DumpAspect.KernelStacks => "kernel-stacks",
        DumpAspect.Waits => "waits",
        DumpAspect.PoolTables => "pool-tables",
        DumpAspect.DriverData => "driver-data",
        DumpAspect.UserMemory => "user-memory",
        DumpAspect.PagedOut => "paged-out",
        _ => "other-systems",
    };

    private static string Name(PlatformKind kind) => kind switch
    {
        PlatformKind.Physical => "physical",
        PlatformKind.Hpe => "hpe",
        PlatformKind.Dell => "dell",
        PlatformKind.HyperV => "hyper-v",
        PlatformKind.Azure => "azure",
        PlatformKind.VMware => "vmware",
        PlatformKind.Kvm => "kvm",
        PlatformKind.Xen => "xen",
        PlatformKind.Aws => "aws",
        PlatformKind.GoogleCloud => "google-cloud",
        PlatformKind.VirtualBox => "virtual-box",
        _ => "unknown",
    };
}
