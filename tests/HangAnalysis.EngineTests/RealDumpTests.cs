using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>Real dumps, which lie beside the repository: the engine's session and the library's reader give the same facts.</summary>
/// <remarks>
/// The engine's own stacks are no oracle here: without the images, which nobody has, it does not unwind but takes every word
/// on the stack that could be an address. They are small dumps of one thread.
/// </remarks>
public partial class RealDumpTests
{
    private static readonly string s_shared = Path.GetFullPath(Path.Combine(Engine.Root, "..", "shared", "corpus"));

    private const string Modules = "modules ";

    private static readonly string[] s_lines =
    [
        "!hangwhy", "!hangwhy /json", "!hangwhy /q", "!us", "!us -k", "!us -k /json", "!us -cpu", "!us /q -k", "!lpcchain",
        "!lpcchain /json", "!mods", "!mods /json", "!mods -3", "!mods -3 /q", "!mods nt",
    ];

    [Test]
    public void Both_targets_give_the_same_facts()
    {
        string folder = Require("dumps");
        string[] dumps = [.. Directory.EnumerateFiles(folder, "*.dmp").Order(StringComparer.Ordinal)];
        EngineScript script = new();
        foreach (string dump in dumps)
        {
            script.Add($"open {dump}", $"%open {Engine.WindowsPath(dump)}");
            AddLines(script, dump);
        }

        Dictionary<string, string> answers = script.Run(dumps[0]);

        Assert.Multiple(() =>
        {
            foreach (string dump in dumps)
                AssertSame(dump, KernelDumpTarget.Open(dump), answers);
        });
    }

    [Test]
    public void With_a_symbol_table_instead_of_a_pdb_too()
    {
        string dump = Require("dumps/triage_x64.dmp"), symbols = Require("isf");
        EngineScript script = new();
        AddLines(script, dump);

        AssertSame(dump, KernelDumpTarget.Open(dump, new DumpOpenOptions { SymbolPath = symbols }),
            script.Run(dump, "--symbols", Engine.WindowsPath(symbols)));
    }

    private static void AddLines(EngineScript script, string dump)
    {
        foreach (string line in s_lines)
            script.Add($"{line} {dump}", line);
        script.Add(Modules + dump, EngineModuleList.Commands);
    }

    private static void AssertSame(string dump, KernelDumpTarget target, Dictionary<string, string> answers)
    {
        using CommandSession session = new(target);
        Assert.Multiple(() =>
        {
            foreach (string line in s_lines)
                Assert.That(Comparable(line, answers[$"{line} {dump}"]), Is.EqualTo(Comparable(line, Expectation.Text(session, line))),
                    $"{Path.GetFileName(dump)}: {line}");
            EngineModuleList.AssertSame(session, answers[Modules + dump]);
        });
    }

    /// <summary>
    /// Takes out what differs for a reason: the engine lists the modules of a small dump by address and not in the order of
    /// the dump, paths are Windows', a debugger's user sets the symbol path in another way, and the engine looks for another
    /// extension where ours declines.
    /// </summary>
    private static string Comparable(string line, string text)
    {
        text = Expectation.Comparable(NoSymbols().Replace(text, ""))
            .Replace(Engine.WindowsPath(s_shared), s_shared, StringComparison.OrdinalIgnoreCase).Replace('\\', '/');
        if (!line.StartsWith("!mods", StringComparison.Ordinal))
            return Declined().Replace(Advice().Replace(Space().Replace(text, " "), "{advice}"), "");
        return line.EndsWith("/json", StringComparison.Ordinal)
            ? string.Join('\n', JsonNode.Parse(text)!["modules"]!.AsArray().Select(m => m!.ToJsonString())
                .Order(StringComparer.Ordinal))
            : string.Join('\n', text.Split('\n').Order(StringComparer.Ordinal));
    }

    private static string Require(string relativePath)
    {
        Engine.Require();
        string path = Path.Combine(s_shared, relativePath);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Ignore($"needs ../shared/corpus/{relativePath}, which is not here");
        return path;
    }

    [GeneratedRegex(@"type \.sympath(\+|/u002B) srv\*\S+; \.reload /f nt|name a symbol path with --symbols, such as srv\*")]
    private static partial Regex Advice();

    [GeneratedRegex(@"(?<w>\w+) is not extension gallery command No export \k<w> found $")]
    private static partial Regex Declined();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    /// <summary>Only a debugger's session has a symbol path that can be set: the extension says so before it goes on.</summary>
    [GeneratedRegex(@"\AHangAnalysis: nt has no symbols, .*\n")]
    private static partial Regex NoSymbols();
}
