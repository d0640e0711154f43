using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.EngineTests;

/// <summary>
/// Stacks of forged systems of x86 and ARM64 as the engine unwinds them, without the extension: what the forge says that they are,
/// frame by frame.
/// </summary>
public sealed partial class ForgedArchitectureTests
{
    [TestCase("eresource-filter", "5.1.2600", true)]
    [TestCase("mutant-deadlock", "5.2.3790", true)]
    [TestCase("mutant-deadlock", "5.2.3790", false)]
    [TestCase("alpc-received", "6.0.6002", true)]
    [TestCase("stuck-io", "x86:6.1.7601", true)]
    [TestCase("eresource-filter", "x86:10.0.19041", true)]
    [TestCase("critical-process", "5.1.2600", true)]
    [TestCase("notmyfault", "5.2.3790", true)]
    [TestCase("eresource-filter", "arm64:22000", true)]
    public void Stacks_are_those_that_were_forged(string scenario, string layout, bool hasPae)
    {
        Engine.Require();
        KernelLayout types = KernelLayout.BuiltIn(layout);
        SystemBuilder system = ScenarioSet.Build(scenario, hasPae ? types : types.WithoutPae());
        DirectoryInfo folder = Directory.CreateTempSubdirectory("hangwhy-forge-");
        try
        {
            ForgedDump.Write(system, folder.FullName);
            ThreadBuilder[] threads = [.. system.Threads.Where(t => t.Frames is not null && t.Processor is null && !t.IsTerminated)];
            List<string> commands = ["k 256"];
            foreach (ThreadBuilder thread in threads)
            {
                // The engine wants addresses of 32 bits sign-extended.
                ulong address = types.PointerSize == 4 ? (ulong)(int)thread.Address : thread.Address;
                commands.AddRange([".echo next", $".thread /p /r {address:x16}", "k 256"]);
            }
            string output = Engine.Run(Path.Combine(folder.FullName, "memory.dmp"), ["--no-extension"], commands);
            string[] parts = output.Split("next\n");
            Assert.That(parts, Has.Length.EqualTo(threads.Length + 1));
            Assert.That(FramesOf(parts[0]), Is.EqualTo(Texts(system.ProcessorStates[0].Current)), "the processor's context");
            for (int i = 0; i < threads.Length; i++)
                Assert.That(FramesOf(parts[i + 1]), Is.EqualTo(Texts(threads[i])), $"thread {threads[i].Tid:x}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<string> Texts(ThreadBuilder thread) => thread.Frames!.Frames.Select(frame => frame switch
    {
        { Module: { } module, Symbol: { } symbol } when frame.Address == frame.Function => $"{module.Name}!{symbol}",
        { Module: { } module, Symbol: { } symbol } => $"{module.Name}!{symbol}+0x{frame.Address - frame.Function:x}",
        { Module: { } module } => $"{module.Name}+0x{frame.Address - module.Base:x}",
        _ => $"0x{frame.Address:x}",
    });

    private static List<string> FramesOf(string text) => [.. FrameLine.Matches(text).Select(match => match.Groups[1].Value)];

    // Two numbers, a mark of traps, and the place.
    [GeneratedRegex(@"^[0-9a-f`]{8,17} [0-9a-f`]{8,17} (?:\(T\))? +(\S+)$", RegexOptions.Multiline)]
    private static partial Regex FrameLine { get; }
}
