using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Memory;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>The two crashes of x86 compared with the transcripts that they rebuild.</summary>
internal sealed partial class ArticlesOfX86Tests
{
    // The stack of the second transcript becomes nonsense behind its last window function.
    [TestCase("critical-process", "5.1.2600", "003_2017ce1464c3e2e7.txt", "0: kd> k", "0x7c93e514", 4)]
    [TestCase("notmyfault", "5.2.3790", "004_2e462ef5e0c6ac09.txt", "kd> kvL", "xxxBNDrawText", 14)]
    public void Return_addresses_and_places_are_those_of_the_transcript(
        string scenario, string layout, string article, string command, string last, int least)
    {
        SystemBuilder system = Finished(scenario, layout);
        ThreadBuilder thread = system.ProcessorStates[0].Current;
        Dictionary<ulong, string> places = thread.Frames!.Frames.ToDictionary(
            f => f.Address, f => f.Text.Replace("+0x0", "", StringComparison.Ordinal));
        List<Match> lines = Listing(article, command);
        Assert.That(lines[0].Groups[3].Value, Is.AnyOf(places.Values.ToArray()));
        int compared = 0;
        for (int i = 0; i + 1 < lines.Count && !lines[i].Groups[3].Value.Contains(last, StringComparison.Ordinal); i++)
        {
            ulong ebp = Hex(lines[i].Groups[1].Value), back = Hex(lines[i].Groups[2].Value);
            Assert.That(places.GetValueOrDefault(back), Is.EqualTo(lines[i + 1].Groups[3].Value), lines[i].Value);
            // Between the two modes there is a trap frame, which the next test compares.
            if (!lines[i].Groups[3].Value.Contains("KiFastCallEntry", StringComparison.Ordinal))
                Assert.That(SpaceOf(system, thread, ebp).ReadUInt32(ebp + 4), Is.EqualTo(back), lines[i].Value);
            compared++;
        }
        Assert.That(compared, Is.GreaterThanOrEqualTo(least));
    }

    // "eax=0012f3b0 ebx=00160050 ...", behind the command .trap.
    [TestCase("critical-process", "5.1.2600", "003_2017ce1464c3e2e7.txt", ArticlesOfX86.CriticalTrap)]
    [TestCase("notmyfault", "5.2.3790", "004_2e462ef5e0c6ac09.txt", ArticlesOfX86.FaultTrap)]
    public void Registers_of_the_trap_frame_are_those_of_the_transcript(string scenario, string layout, string article, ulong trap)
    {
        SystemBuilder system = Finished(scenario, layout);
        KernelStruct frame = system.Struct("_KTRAP_FRAME", trap);
        string text = string.Join('\n', Lines(article));
        // One engineer gave the address sign-extended.
        string command = scenario == "notmyfault" ? $".trap 0xffffffff{trap:x}" : $".trap {trap:x}";
        text = text[text.IndexOf(command, StringComparison.Ordinal)..];
        text = text[text.IndexOf("eax=", StringComparison.Ordinal)..];
        foreach ((string name, string field) in ((string, string)[])
            [("eax", "Eax"), ("ebx", "Ebx"), ("ecx", "Ecx"), ("edx", "Edx"), ("esi", "Esi"), ("edi", "Edi"), ("eip", "Eip"),
                ("ebp", "Ebp"), ("efl", "EFlags"), ("cs", "SegCs")])
        {
            Match value = Regex.Match(text, $@"\b{name}=([0-9a-f]+)");
            Assert.That(frame.Get(field), Is.EqualTo(Hex(value.Groups[1].Value)), name);
        }
    }

    private static SystemBuilder Finished(string scenario, string layout)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        system.Finish();
        return system;
    }

    private static AddressSpace SpaceOf(SystemBuilder system, ThreadBuilder thread, ulong address) =>
        address >= 0x80000000 ? system.Kernel : thread.Process.Space;

    private static List<Match> Listing(string article, string command)
    {
        string[] lines = Lines(article);
        int start = Array.FindIndex(lines, line => line.Trim() == command);
        Assert.That(start, Is.GreaterThan(0), $"the article has no {command}");
        return
        [
            .. lines.Skip(start + 1).TakeWhile(line => !line.Contains("kd> ", StringComparison.Ordinal))
                .Select(line => FrameLine.Match(line)).Where(match => match.Success),
        ];
    }

    private static string[] Lines(string article) =>
        [.. File.ReadLines(SharedMaterial.Require("seeds/" + article)).Select(line => line.Replace('\u00a0', ' '))];

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber);

    [GeneratedRegex("^([0-9a-f]{8}) ([0-9a-f]{8})(?: [0-9a-f]{8}){0,3} ((?:[A-Za-z][A-Za-z0-9]*[!+][^ ]+)|0x[0-9a-f]+)")]
    private static partial Regex FrameLine { get; }
}
