using System.Text.Json;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary><c>!running</c>: which processors it shows, and the published figures of four idle ones.</summary>
[Parallelizable(ParallelScope.Children)]
public class RunningThreadsTests
{
    /// <summary>The published table without its column of stale wait reasons.</summary>
    private static readonly (string Thread, string Switches, string Kernel, string Time)[] s_published =
    [
        ("fffff8035d3d5940", "24448367", "23h:56:06.250", "1d.00:48:53.796"),
        ("ffffdf005f631000", "20088217", "23h:48:42.703", "3s.984"),
        ("ffffdf005f6b9000", "18610602", "23h:58:19.172", "1d.00:48:53.796"),
        ("ffffdf005f741000", "25365439", "1d.00:00:03.219", "1d.00:48:53.796"),
    ];

    [Test]
    public void The_figures_of_the_published_table_are_all_there()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!running -i");

        for (int i = 0; i < s_published.Length; i++)
            Assert.That(text, Does.Match($@"(?m)^ +{i} Idle +0 {s_published[i].Thread} +0 +0 +0 +{i} +{s_published[i].Switches} +0ms +" +
                $@"{s_published[i].Kernel} Running +{s_published[i].Time}$"));
        Assert.That(text, Does.Contain("\nCount: 4 | Show Unique Stacks\n"));
        Assert.That(text, Does.Not.Contain("Executive").And.Not.Contain("WrCalloutStack"), "reasons of earlier waits");
    }

    [Test]
    public void Idle_processors_are_counted_and_not_shown()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();

        Assert.That(ForgedFolder.Run(session, "!running"),
            Is.EqualTo("Count: 0 | Show Unique Stacks\nall 4 processors are idle; -i shows them\n"));
        Assert.That(ForgedFolder.RunJson(session, "!running").GetProperty("idleNotShown").GetInt32(), Is.EqualTo(4));
    }

    [Test]
    public void A_running_thread_is_shown_with_what_was_forged(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.17763", "10.0.19041", "10.0.22000")] string layout)
    {
        SystemBuilder system = ScenarioSet.Build("realtime-starvation", KernelLayout.BuiltIn(layout));
        ThreadBuilder running = system.Threads.First(t => t.Processor == 1 && !t.IsIdle);
        ThreadBuilder next = system.Threads.First(t => t.ReadyProcessor == 1);
        running.Ran(123456, SystemOptions.TicksOf(TimeSpan.FromSeconds(90)));
        system.ProcessorDetails.Add((1, prcb => prcb.Set("NextThread", next.Address)));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        JsonElement report = ForgedFolder.RunJson(session, "!running");
        string text = ForgedFolder.Run(session, "!running");

        Assert.That(report.GetProperty("processors").GetArrayLength(), Is.EqualTo(1));
        JsonElement processor = report.GetProperty("processors")[0];
        Assert.Multiple(() =>
        {
            Assert.That(processor.GetProperty("processor").GetInt32(), Is.EqualTo(1));
            Assert.That(processor.GetProperty("thread").GetString(), Is.EqualTo($"0x{running.Address:x16}"));
            Assert.That(processor.GetProperty("priority").GetInt32(), Is.EqualTo(31));
            Assert.That(processor.GetProperty("contextSwitches").GetInt32(), Is.EqualTo(123456));
            Assert.That(processor.GetProperty("kernel").GetString(), Is.EqualTo("1m:30.000"));
            Assert.That(processor.GetProperty("time").GetString(), Is.EqualTo("2m:10.000"));
            Assert.That(processor.GetProperty("nextThread").GetString(), Is.EqualTo($"0x{next.Address:x16}"));
            Assert.That(text, Does.Contain($"CPU 1: next is thread {next.Address:x16} of portal.exe c40 at priority 8"));
            Assert.That(text, Does.Contain("Count: 1 | Show Unique Stacks\n3 of 4 processors are idle; -i shows them\n"));
        });
    }

    [Test]
    public void A_deferred_procedure_call_on_an_idle_thread_is_no_idling()
    {
        SystemBuilder system = ScenarioSet.Build("idle", KernelLayout.BuiltIn("10.0.19041"));
        system.ProcessorDetails.Add((1, prcb => prcb.Set("DpcRoutineActive", 1)));
        using ForgedFolder forged = new(system);
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!running");

        Assert.That(text, Does.Contain("Count: 1 |").And.Match(@"(?m)^CPU 1: .*executes a deferred procedure call"));
    }

    [Test]
    public void The_count_is_a_link_to_the_stacks_of_the_processors()
    {
        using ForgedFolder forged = new("logoff-hang");
        using CommandSession session = forged.Open();
        CommandArguments arguments = CommandArguments.Parse("!running -i");

        using StringWriter writer = new();
        new TextLayout(new DmlSink(writer, "HangAnalysis", name => CommandTable.Find(name) is not null))
            .Write(CommandTable.Require(arguments).Run(session, arguments).Document);

        Assert.That(writer.ToString(), Does.Contain("| <exec cmd=\"!HangAnalysis.us -cpu\">Show Unique Stacks</exec>"));
    }

    [TestCase("spinlock-held", "CPU 0: IRQL 2; spins for a lock in nt!KxWaitForSpinLockAndAcquire")]
    [TestCase("long-dpc", "executes the deferred procedure call acmewifi+0x7180")]
    public void What_a_processor_does_is_told_below_the_table(string scenario, string expected)
    {
        using ForgedFolder forged = new(scenario, "10.0.19041");
        using CommandSession session = forged.Open();

        string text = ForgedFolder.Run(session, "!running -v -i");

        Assert.That(text, Does.Contain(expected));
        Assert.That(text.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120));
    }

    [TestCase(0, "0ms")]
    [TestCase(5_640_625, "5s.641", Description = "a thread's user time of 5s.640625, which a debugger printed so")]
    [TestCase(11_984_375, "11s.984")]
    [TestCase(999_600, "1s.000")]
    public void Times_on_processors_are_rounded(long microseconds, string expected) =>
        Assert.That(AgeText.FormatRun(TimeSpan.FromMicroseconds(microseconds)), Is.EqualTo(expected));
}
