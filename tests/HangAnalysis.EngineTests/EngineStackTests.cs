using System.Text.RegularExpressions;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Targets.Dumps;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>The engine's own <c>k</c> is the oracle: every thread's stack, frame by frame, on kernels from 9600 to 22000.</summary>
public partial class EngineStackTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("hangwhy-oracle-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("logoff-hang", "10.0.14393")]
    [TestCase("alpc-received", "6.3.9600")]
    [TestCase("eresource-filter", "10.0.22000")]
    public void Every_stack_is_the_one_that_the_engine_walks(string scenario, string layout)
    {
        Engine.Require();
        ForgedDump.Write(ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout)), _folder);
        string dump = Path.Combine(_folder, "memory.dmp");
        using CommandSession session = new(KernelDumpTarget.Open(dump));
        List<ThreadFacts> threads = [.. session.System.Threads.Where(t => t.Processor is null)];

        string output = Engine.Run(dump, ["--no-extension"], threads.SelectMany(t => new[]
        {
            $".echo THREAD {t.Address.Value:x16}", $".thread /p /r {t.Address.Value:x16}", "k 256",
        }));

        Dictionary<string, List<string>> walked = Parse(output);
        int frames = 0;
        foreach (ThreadFacts thread in threads)
        {
            List<string> ours = [.. session.System.GetStack(thread).Frames.Select(f => Comparable(f.Text))];
            Assert.That(ours, Is.EqualTo(walked.GetValueOrDefault($"{thread.Address.Value:x16}", [])),
                $"thread {thread.Address.Value:x16}");
            frames += ours.Count;
        }
        Assert.That(frames, Is.GreaterThan(1000));
    }

    private static Dictionary<string, List<string>> Parse(string output)
    {
        Dictionary<string, List<string>> stacks = [];
        List<string>? current = null;
        foreach (string line in output.Split('\n'))
            if (line.StartsWith("THREAD ", StringComparison.Ordinal))
                stacks[line[7..].Trim()] = current = [];
            else if (Frame().Match(line) is { Success: true } frame)
                current?.Add(Comparable(frame.Groups[1].Value.Trim()));
        return stacks;
    }

    /// <summary>
    /// The engine takes a main module's name from the process ("explorer") and not from the loader's list ("Explorer"), so
    /// that letters are compared without their case.
    /// </summary>
    private static string Comparable(string frame) =>
        BareAddress().Replace(frame, m => $"0x{m.Groups[1].Value.TrimStart('0')}").ToUpperInvariant();

    [GeneratedRegex(@"^[0-9a-f]{8}`[0-9a-f]{8} [0-9a-f]{8}`[0-9a-f]{8}\s+(\S.*)$")]
    private static partial Regex Frame();

    [GeneratedRegex(@"^0x([0-9a-f`]+)$")]
    private static partial Regex BareAddress();
}
