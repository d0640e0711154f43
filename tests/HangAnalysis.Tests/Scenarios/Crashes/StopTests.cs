using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios.Crashes;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios.Crashes;

/// <summary>
/// Forged stops: what is to blame, and how sure that is, is true by construction, and what was written into the dump is told. The
/// matrix tries every one.
/// </summary>
[Parallelizable(ParallelScope.Children)]
public class StopTests
{
    /// <summary>Asserts what was made; gives the cause.</summary>
    internal static string Check(string name, string layout, DumpKind kind)
    {
        ForgedStop stop = StopScenarios.Build(name, KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(stop.System, kind);
        using CommandSession session = forged.Open();

        CrashFacts crash = session.Windows.Crash!;

        string text = TextOf(crash);
        Assert.Multiple(() =>
        {
            Assert.That(crash.Blame.Cause.ToString(), Is.EqualTo(stop.Truth.Cause), text);
            Assert.That(crash.Blame.Certainty.ToString(), Is.EqualTo(stop.Truth.Certainty), text);
            Assert.That(crash.Blame.Module?.FileName, Is.EqualTo(stop.Truth.Module), text);
            foreach (string figure in stop.Truth.Figures)
                Assert.That(text, Does.Contain(figure));
            Assert.That(crash.Parameters.Select(p => p.Name), Has.All.Not.Empty, text);
            Assert.That(crash.Blame.Statement, Does.Not.Contain("  "));
        });
        return stop.Truth.Cause;
    }

    // A status of the system's own begins with c0000 in any size; on x86 addresses above it are the kernel's.
    [TestCase(0xc00002c4u, "status")]
    [TestCase(0xc5001000u, "address in the page")]
    public void A_status_and_an_address_of_x86_are_told_apart(uint value, string name)
    {
        using ForgedFolder forged = new(StopScenarios.Bare(KernelLayout.BuiltIn("x86:10.0.19041"), 0x12b, value, 0x2dc), DumpKind.Full);
        using CommandSession session = forged.Open();

        Assert.That(session.Windows.Crash!.Parameters[0].Name, Does.StartWith(name));
    }

    /// <summary>All that is said of a stop, a line each.</summary>
    internal static string TextOf(CrashFacts crash) => string.Join('\n',
    [
        $"{crash.Blame.Statement} [{crash.Blame.Cause}, {crash.Blame.Certainty}]: {crash.Blame.Reason}",
        .. crash.Parameters.Select(p => $"{p.Value:x} {p.Name}: {p.Meaning}"),
        .. crash.Evidence.Select(e => $"{e.Label}: {e.Text}"),
        .. crash.RuledOut.Select(r => $"ruled out {r.What}: {r.Why}"),
        .. crash.Unknown.Select(u => $"unknown {u.What}: {u.Why}"),
        .. crash.Advice, .. crash.Commands,
    ]);
}
