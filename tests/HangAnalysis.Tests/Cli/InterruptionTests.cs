using HangAnalysis.Analysis;
using HangAnalysis.Cli;
using HangAnalysis.Commands;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Cli;

/// <summary>What Ctrl+C stops, and what is left of a session after it.</summary>
public class InterruptionTests
{
    [Test]
    public void A_press_ends_the_reading_then_the_printing_and_then_there_is_nothing_to_end()
    {
        using Interruption interruption = new();
        Assert.That(interruption.Press(), Is.False, "no command runs");

        CancellationToken token = interruption.BeginReading();
        Assert.That((interruption.Press(), token.IsCancellationRequested), Is.EqualTo((true, true)));
        Assert.That(interruption.Press(), Is.False, "it ends already");
        interruption.BeginPrinting();
        Assert.That(interruption.IsPrintingStopped, Is.False, "what was read is printed");
        Assert.That((interruption.Press(), interruption.IsPrintingStopped), Is.EqualTo((true, true)));
        Assert.That(interruption.Press(), Is.False);
        interruption.End();

        Assert.That(interruption.BeginReading().IsCancellationRequested, Is.False);
        Assert.That((interruption.WasPressed, interruption.IsPrintingStopped), Is.EqualTo((false, false)));
        interruption.End();
        Assert.That(interruption.Press(), Is.False);
    }

    [Test]
    public void A_session_reads_a_system_anew_that_was_cut_and_keeps_one_that_is_whole()
    {
        using ForgedFolder forged = new("small");
        using CancellationTokenSource first = new(), second = new();
        using CommandSession session = new(KernelDumpTarget.Open(forged.DumpPath), cancellation: first.Token);
        first.Cancel();
        WindowsSystem cut = session.Windows;
        Assert.That(cut.WasInterrupted, Is.True);

        session.Renew(second.Token);
        WindowsSystem whole = session.Windows;
        Assert.That(whole, Is.Not.SameAs(cut));
        Assert.That((whole.WasInterrupted, whole.Threads.Count > cut.Threads.Count), Is.EqualTo((false, true)));
        Verdict verdict = session.Verdict;

        session.Renew(CancellationToken.None);
        Assert.That((session.System, session.Verdict), Is.EqualTo((whole, verdict)), "nothing was cancelled");
        second.Cancel();
        session.Renew(CancellationToken.None);
        Assert.That(session.System, Is.SameAs(whole));
        Assert.That(session.Windows.Cancellation.IsCancellationRequested, Is.False);
    }

    [Test]
    public void A_press_after_the_sweep_leaves_the_system_whole()
    {
        using PromptFixture prompt = new();
        WindowsSystem? system = null;
        prompt.Dump.Run(() => system = prompt.Dump.Commands.Windows, _ => prompt.Interruption.Press());
        Assert.That(prompt.Dump.Commands.Cancellation.IsCancellationRequested, Is.True);

        prompt.Dump.Run(() => prompt.Dump.Commands.System, again => Assert.That(again, Is.SameAs(system)));
        Assert.That(prompt.Dump.Commands.Verdict.Class, Is.EqualTo(VerdictClass.StuckInDriver));
    }
}
