namespace HangAnalysis.EngineTests;

/// <summary>
/// Files that hold what was read and found good: a change of any character is a decision. HANGANALYSIS_UPDATE_GOLDEN=1 lets
/// the tests inside the engine write them anew (docs/extension.md). Both test projects compile this file.
/// </summary>
public static class GoldenFiles
{
    private static readonly (string File, string Line) s_verdict = ("hangwhy", "!hangwhy");

    /// <summary>Of these dumps more than the verdict is kept: file names without their end, and commands.</summary>
    private static readonly Dictionary<string, (string File, string Line)[]> s_lines = new(StringComparer.Ordinal)
    {
        [ForgedCase.Sample] =
        [
            ("us-process", "!us -p ffffab06b8137800"), ("us-cpu", "!us -cpu"), ("lpcchain", "!lpcchain"), ("mods", "!mods"),
            ("mods-driver", "!mods TmXPFlt"), ("hahelp", "!hahelp"), ("us-help", "!us /?"), ("tl", "!tl"),
            ("why", "!why ffffab06b1b28800"), ("owners", "!owners"),
            ("rules-match", "!rules -m"), ("rules-one", "!rules page-table-one-bit"),
        ],
        ["logoff-hang"] =
        [
            ("running", "!running -i"), ("lpcwait", "!lpcwait"), ("msg", "!msg ffffce0e5b04dcf0"), ("us-cpu", "!us -cpu"),
            ("fems", "!fems -k -s Explorer!.*WinMain !t"), ("lt-blocked", "!lt -a -b -wf"), ("lt-stats", "!lt -a -stats"),
        ],
        ["explorer-desktop"] =
        [
            ("p", "!p ffffe00100fda900"), ("lt", "!lt ffffe00100fda900"), ("t", "!t ffffe00101344080"),
            ("lpcports", "!lpcports ffffe00100fda900"), ("fems", "!fems -k -s Explorer!.*WinMain !t"), ("tl", "!tl"),
            ("tl-memory", "!tl -mem"),
        ],
        ["unique-stacks"] =
        [
            ("us", "!us -p ffffad8ad052a080"), ("us-tree", "!us -p ffffad8ad052a080 -t -l 0"),
            ("us-statistics", "!us -stats ffffad8ad4141080"),
        ],
        ["crash-triage"] = [("crashwhy", "!crashwhy")],
        ["pool-leak"] = [("poolwho", "!poolwho"), ("poolwho-tag", "!poolwho Free"), ("mem", "!mem -n 3")],
        ["pool-per-cpu"] = [("poolwho", "!poolwho"), ("poolwho-tag", "!poolwho Shrd")],
        ["commit-exhausted"] = [("mem", "!mem")],
        ["mutant-deadlock"] = [("deadlocks", "!deadlocks")],
        ["io-four-devices"] = [("irps", "!irps")],
        ["work-queue-exhausted"] = [("workers", "!workers")],
        ["idle"] = [("dumpcheck", "!dumpcheck")],
        ["stor-unit-silent"] = [("stor", "!stor")],
        ["stor-queue-frozen"] = [("stor", "!stor")],
        ["stor-saturated"] = [("stor", "!stor")],
        ["stor-power-locked"] = [("stor", "!stor")],
        ["stor-no-types"] = [("stor", "!stor")],
        ["spinlock-held"] = [("cpus", "!cpus")],
        ["ready-queues"] = [("ready", "!ready"), ("ready-more", "!ready -v"), ("running", "!running")],
        ["wait-objects"] = [("t", "!t 2100"), ("t-owner", "!t 2104")],
    };

    /// <summary>The folder of a dump's files.</summary>
    public static string FolderOf(ForgedCase forged) =>
        Path.Combine(Repository.Root, "tests", "HangAnalysis.EngineTests", "Golden", forged.Folder);

    /// <summary>Name under which the dump's kernel was linked: the engine tells it of a small dump.</summary>
    public static string LinkedName(ForgedCase forged) => forged.Kernel.PointerSize == 4 ? "ntkrpamp.exe" : "ntkrnlmp.exe";

    /// <summary>The commands of a dump whose output is kept, and the names of the files without their end.</summary>
    public static IEnumerable<(string File, string Line)> Of(ForgedCase forged) =>
        s_lines.GetValueOrDefault(forged.Name, []).Prepend(s_verdict);
}
