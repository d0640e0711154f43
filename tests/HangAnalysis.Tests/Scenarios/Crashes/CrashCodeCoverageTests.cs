using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Windows.Crashes;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios.Crashes;

/// <summary>Nothing is known of a stop that no forged one asks for, and nothing that the forge can write goes untried.</summary>
public class CrashCodeCoverageTests
{
    private static readonly string[] s_layouts =
        ["10.0.19041", "5.1.2600", "5.2.3790", "6.0.6002", "x86:6.1.7601", "x86:10.0.19041", "arm64:22000"];

    private static readonly string[] s_names = [.. CrashScenarioSet.Names, .. StopScenarioSet.All.Keys, .. StopScenarios.Names];

    private static readonly Lazy<List<SystemOptions>> s_stops = new(() => [.. s_names.Select(Forge)]);

    private static IEnumerable<uint> Codes => CrashCodes.Known;

    [TestCaseSource(nameof(Codes))]
    public void Every_code_with_knowledge_has_a_scenario(uint code) =>
        Assert.That(s_stops.Value.Select(stop => Documented(stop.BugCheckCode)), Has.Member(code), $"no scenario stops with 0x{code:x}");

    // The types that the documentation of 0x9F lists, and reasons of 0x15F; 0x1F5 is routed to the waits by its number alone.
    [TestCase(0x9fu, 1ul)]
    [TestCase(0x9fu, 2ul)]
    [TestCase(0x9fu, 3ul)]
    [TestCase(0x9fu, 4ul)]
    [TestCase(0x9fu, 5ul)]
    [TestCase(0x9fu, 6ul)]
    [TestCase(0x9fu, 0x500ul)]
    [TestCase(0x15fu, 1ul)]
    [TestCase(0x15fu, 2ul)]
    [TestCase(0x15fu, 3ul)]
    [TestCase(0x15fu, 4ul)]
    [TestCase(0x1f5u, 0ul)]
    public void Every_type_of_a_stop_has_a_scenario(uint code, ulong type) =>
        Assert.That(s_stops.Value.Select(stop => (stop.BugCheckCode, stop.BugCheckParameters[0])), Has.Member((code, type)));

    [TestCaseSource(nameof(s_layouts))]
    [Parallelizable(ParallelScope.Self)]
    public void What_is_not_tried_on_a_kernel_cannot_be_written_for_it(string layout)
    {
        foreach (string name in s_names)
            Assert.That(IsForged(name, layout), Is.EqualTo(ForgeLimits.Reason(name, layout) is null), $"{name} on {layout}");
    }

    private static bool IsForged(string name, string layout)
    {
        try
        {
            ScenarioSet.Build(name, KernelLayout.BuiltIn(layout)).Finish();
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or KeyNotFoundException)
        {
            return false;
        }
    }

    private static SystemOptions Forge(string name)
    {
        string layout = s_layouts.First(known => ForgeLimits.Reason(name, known) is null);
        SystemBuilder system = ScenarioSet.Build(name, KernelLayout.BuiltIn(layout));
        system.Finish();
        return system.Options;
    }

    /// <summary>Small dumps mark codes of exceptions.</summary>
    private static uint Documented(uint code) => code >> 28 == 1 ? code & 0x0fffffff : code;
}
