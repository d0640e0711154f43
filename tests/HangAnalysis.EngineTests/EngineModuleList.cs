using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>The engine's own modules and bug check, asked with <see cref="Commands"/>.</summary>
internal static partial class EngineModuleList
{
    /// <summary>The engine's commands whose answer <see cref="AssertSame"/> takes.</summary>
    public static readonly string[] Commands = ["lmk", ".bugcheck"];

    /// <summary>
    /// Compares addresses and names with those of a session. The engine calls a driver with a hostile path by the end of that
    /// path, whatever stands there; the loader's list has the name itself.
    /// </summary>
    public static void AssertSame(CommandSession session, string answer)
    {
        string[] parts = answer.Split("Unloaded modules:");
        Assert.That(session.Windows.Target.KernelModules.Select(m =>
                $"{Hex(m.BaseAddress)} {Hex(m.BaseAddress + m.Size)} {m.Name}"),
            Is.EquivalentTo(Read(parts[0])));
        Assert.That(session.Windows.Target.UnloadedModules.Select(m => $"{Hex(m.StartAddress)} {Hex(m.EndAddress)} {m.Name}"),
            Is.EquivalentTo(parts.Length > 1 ? Read(parts[1]) : []));
        BugCheck stop = session.Description.BugCheck!;
        Match found = Stop().Match(answer);
        Assert.That(uint.Parse(found.Groups["code"].Value, NumberStyles.HexNumber, null), Is.EqualTo(stop.RawCode));
        Assert.That(string.Join(' ', stop.Parameters.Select(Hex)),
            Is.EqualTo(found.Groups["parameters"].Value.Replace("`", "", StringComparison.Ordinal).Trim()));

        string Hex(ulong value) => AddressText.Format(value, session.Windows.Target.KernelMemory.PointerSize == 4);
    }

    private static IEnumerable<string> Read(string list) => Module().Matches(list).Select(m =>
        $"{m.Groups["range"].Value.Replace("`", "", StringComparison.Ordinal)} " +
        m.Groups["name"].Value.Replace("a_31m__TmXPFlt", "TmXPFlt", StringComparison.Ordinal));

    [GeneratedRegex(@"^(?<range>[0-9a-f]{8}(?:`[0-9a-f]{8})? [0-9a-f]{8}(?:`[0-9a-f]{8})?)   (?<name>\S+)", RegexOptions.Multiline)]
    private static partial Regex Module();

    [GeneratedRegex(@"^Bugcheck code (?<code>[0-9A-F]+)\nArguments (?<parameters>.*)$", RegexOptions.Multiline)]
    private static partial Regex Stop();
}
