using System.Text;
using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Cli;
using HangAnalysis.Esxi;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Esxi;

/// <summary>What is said of purple screens.</summary>
public class EsxiVerdictTests
{
    private static readonly (PublishedScreen Screen, VerdictClass Class, Confidence Confidence, string? Culprit)[] s_truths =
    [
        (PublishedScreens.Replication, VerdictClass.Spinning, Confidence.Medium, "hbr_filter"),
        (PublishedScreens.Connections, VerdictClass.Spinning, Confidence.Medium, "tcpip4"),
        (PublishedScreens.Heartbeat, VerdictClass.ProcessorStuck, Confidence.Medium, "lpfc"),
        (PublishedScreens.PageFault, VerdictClass.Crash, Confidence.Medium, "qfle3"),
        (PublishedScreens.ProtectionFault, VerdictClass.Crash, Confidence.Low, null),
        (PublishedScreens.MachineCheck, VerdictClass.Crash, Confidence.High, null),
        (PublishedScreens.BoardNmi, VerdictClass.Crash, Confidence.High, null),
        (PublishedScreens.Forced, VerdictClass.NotEnoughData, Confidence.High, null),
        (PublishedScreens.OtherPcpu, VerdictClass.NotEnoughData, Confidence.High, null),
        (PublishedScreens.Translations, VerdictClass.ProcessorStuck, Confidence.Medium, null),
        (PublishedScreens.Assertion, VerdictClass.Crash, Confidence.Low, "nfsclient"),
    ];

    private static IEnumerable<TestCaseData> Truths =>
        s_truths.Select(t => new TestCaseData(t.Screen, t.Class, t.Confidence, t.Culprit).SetArgDisplayNames(t.Screen.Name));

    [TestCaseSource(nameof(Truths))]
    public void The_verdict_names_what_is_known(object screen, VerdictClass kind, Confidence confidence, string? culprit)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        foreach (string text in (string[])[truth.Text, truth.AsLog(), truth.Wrapped(80)])
        {
            Verdict verdict = Judge(text, out EsxiSystem system);
            Assert.Multiple(() =>
            {
                Assert.That(verdict.Class, Is.EqualTo(kind));
                Assert.That(verdict.Confidence, Is.EqualTo(confidence));
                Assert.That(verdict.Culprit?.Module.FileName, Is.EqualTo(culprit));
                if (truth.Article is { } article)
                    Assert.That(system.NextSteps, Has.Some.Contains(article));
            });
        }
    }

    [Test]
    public void The_processor_that_was_sent_the_interrupt_holds_the_lock_and_not_the_one_that_panics()
    {
        Verdict verdict = Judge(PublishedScreens.Replication.Text, out EsxiSystem system);
        Chain chain = verdict.Chains.Single();
        Assert.Multiple(() =>
        {
            Assert.That(verdict.Summary, Is.EqualTo("a processor spins for the spin lock hbrGroupLock that processor 20 holds and does " +
                "not release: it is in hbr_filter (VMware, vSphere Replication)"));
            Assert.That(chain.Links.Select(l => l.Name), Is.EqualTo(new[]
            {
                "vmnic0-pollWorld-0", "hbrGroupLock", "unnamed world", "hbr_filter",
            }));
            Assert.That(chain.Links[0].Thread!.Processor, Is.EqualTo(12));
            Assert.That(chain.Links[2].Thread!.Processor, Is.EqualTo(20));
            Assert.That(chain.Links[1].Certainty, Is.EqualTo(Certainty.Proven));
            Assert.That(verdict.Culprit!.Evidence, Is.EqualTo("HBR_LookupExtent+0xb2 [hbr_filter]"));
            Assert.That(verdict.Culprit.Module.BaseAddress, Is.EqualTo(0x41800a8d8000));
            Assert.That(system.Processors.Single(p => p.Number == 12).Spin, Is.Not.Null);
        });
    }

    [Test]
    public void A_holder_that_only_the_saved_backtrace_tells_is_inferred()
    {
        Verdict verdict = Judge(PublishedScreens.Replication.Text.Replace(" with PCPU 20", "", StringComparison.Ordinal),
            out _);
        Assert.That(verdict.Chains[0].Links[1].Certainty, Is.EqualTo(Certainty.Inferred));
        Assert.That(verdict.Culprit?.Module.Name, Is.EqualTo("hbr_filter"));
    }

    [Test]
    public void A_holder_without_a_saved_backtrace_is_named_and_what_it_does_is_not_known()
    {
        string text = string.Join('\n', PublishedScreens.Replication.Text.Split('\n')
            .Where(l => !l.StartsWith("0x4390d421", StringComparison.Ordinal)
            && !l.StartsWith("Saved", StringComparison.Ordinal)));
        Verdict verdict = Judge(text, out EsxiSystem system);
        Assert.Multiple(() =>
        {
            Assert.That(verdict.Class, Is.EqualTo(VerdictClass.Spinning));
            Assert.That(verdict.Culprit, Is.Null, "the panicking stack has the module too, and accuses nobody");
            Assert.That(verdict.Summary, Does.Contain("that processor 20 holds"));
            Assert.That(verdict.Unknown.Select(u => u.What), Does.Contain("what PCPU 20 does"));
            Assert.That(system.NextSteps, Has.Some.Contains("395129"));
        });
    }

    [Test]
    public void A_silent_processor_that_takes_no_interrupt_is_said_to_do_so()
    {
        string text = PublishedScreens.Heartbeat.Text.Replace("3/3 IPIs", "0/3 IPIs", StringComparison.Ordinal);
        Assert.That(Judge(text, out EsxiSystem system).Summary, Does.Contain("it takes no interrupt"));
        Assert.That(system.NextSteps, Has.Some.Contains("395129"));
    }

    [Test]
    public void A_page_fault_is_told_bit_by_bit()
    {
        Verdict verdict = Judge(PublishedScreens.PageFault.Text, out _);
        Assert.That(verdict.Summary, Is.EqualTo("the system stopped by itself: #PF Exception 14 in world vmnic4-pollWorld-1 (65952): a " +
            "write at 0x18, through a null pointer in qfle3"));
        Assert.That(verdict.Evidence.Select(e => $"{e.Label}: {e.Text}"),
            Does.Contain("Error code: 0x2: write by the kernel, no page is there"));
    }

    // Intel's manual, volume 3B, table of compound error codes; the status of the screen is that of a read on channel 1.
    [TestCase(0xbe00000000800091UL, "memory controller, channel 1, not corrected, the processor's state is lost")]
    [TestCase(0x9400000000000135UL, "cache, level 1, corrected")]
    [TestCase(0xb200000000000400UL, "internal timer: the processor made no progress, not corrected, the processor's state is lost")]
    [TestCase(0xb200000000070f0fUL, "bus or interconnect, not corrected, the processor's state is lost")]
    public void A_bank_says_which_part_failed(ulong status, string words) =>
        Assert.That(HardwareKnowledge.Describe(new MachineCheckBank(2, 7, status, null)),
        Is.EqualTo($"bank 7 of PCPU 2: {words}"));

    [TestCase("vmkernel", ModuleOrigin.Core), TestCase("hbr_filter", ModuleOrigin.System),
        TestCase("tcpip4", ModuleOrigin.System)]
    [TestCase("lpfc", ModuleOrigin.ThirdParty), TestCase("nenic", ModuleOrigin.ThirdParty),
        TestCase("frobnicator", ModuleOrigin.Unknown)]
    public void Whose_a_module_is_is_told_by_its_name(string name, ModuleOrigin origin) =>
        Assert.That(EsxiModules.OriginOf(name), Is.EqualTo(origin));

    [Test]
    public void The_screen_of_the_article_spins_for_a_lock_whose_holder_is_not_recorded()
    {
        string folder = SharedMaterial.Require("seeds");
        (int exitCode, string output, string error) = Run(Directory.GetFiles(folder, "000_*.txt").Single());
        Assert.Multiple(() =>
        {
            Assert.That(exitCode, Is.Zero);
            Assert.That(error, Is.Empty);
            Assert.That(output, Does.StartWith("HANG  a processor spins for the spin lock iplLock whose holder is not recorded\n"));
            Assert.That(output, Does.Contain("VMware ESX Server build 207095 x86").And.Contain("up 6d.09:43:15.399"));
            Assert.That(output, Does.Contain("console 1024").And.Contain("on PCPU 0"));
            Assert.That(output, Does.Contain("https://kb.vmware.com/s/article/1020105"));
        });
    }

    [Test]
    public void The_commands_serve_a_purple_screen()
    {
        string file = Path.Combine(Path.GetTempPath(), $"psod-{Guid.NewGuid():n}.txt");
        File.WriteAllText(file, PublishedScreens.Replication.Text);
        try
        {
            (int exitCode, string output, string error) = Run(file, "!us -k", "!why 33445", "!cpus", "!owners");
            Assert.Multiple(() =>
            {
                Assert.That(exitCode, Is.Zero, error);
                Assert.That(output, Does.Contain("HBR_LookupExtent+0xb2 [hbr_filter]").And.Contain("2 stack(s) with 2 threads displayed"));
                Assert.That(output, Does.Contain("held by PCPU 20, as the message says"));
                Assert.That(output, Does.Contain("held by CPU 20 (proven)"));
                Assert.That(output, Does.Contain("21 processor(s): 0 idle, 1 spinning"));
            });
            (exitCode, output, error) = Run(file, "--json");
            JsonElement report = JsonDocument.Parse(output).RootElement;
            Assert.Multiple(() =>
            {
                Assert.That(exitCode, Is.Zero, error);
                Assert.That(report.GetProperty("verdict").GetProperty("class").GetString(), Is.EqualTo("spinning"));
                Assert.That(report.GetProperty("dump").GetProperty("os").GetString(),
                    Is.EqualTo("VMware ESXi 6.5.0 build 8294253"));
                Assert.That(report.GetProperty("dump").GetProperty("kind").GetString(), Is.EqualTo("purple screen"));
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void A_text_can_be_piped_in()
    {
        (int exitCode, string output, string error) = Pipe(PublishedScreens.Heartbeat.Text, "-");
        Assert.That(exitCode, Is.Zero, error);
        Assert.That(output, Does.StartWith("HANG  processor 118 is stuck in lpfc (Emulex / Broadcom)"));
        (exitCode, _, error) = Pipe("", "-", "-i");
        Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUsage));
        Assert.That(error, Does.Contain("commands cannot come from there too"));
    }

    [Test]
    public void A_text_of_two_bytes_a_character_is_read()
    {
        string file = Path.Combine(Path.GetTempPath(), $"psod-{Guid.NewGuid():n}.txt");
        File.WriteAllText(file, PublishedScreens.Forced.Text, Encoding.Unicode);
        try
        {
            Assert.That(Run(file).Output, Does.Contain("CrashMe on PCPU 9"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public void A_text_without_a_panic_is_refused_with_one_line_that_says_what_is_understood()
    {
        string file = Path.Combine(Path.GetTempPath(), $"letter-{Guid.NewGuid():n}.txt");
        File.WriteAllText(file, "Dear support,\nour host has crashed.\n");
        try
        {
            (int exitCode, string output, string error) = Run(file);
            Assert.Multiple(() =>
            {
                Assert.That(exitCode, Is.EqualTo(CommandLine.ExitUnreadable));
                Assert.That(output, Is.Empty);
                Assert.That(error.TrimEnd('\n'), Does.Not.Contain('\n').And.Contain("no purple screen is in its 2 lines")
                    .And.Contain("@BlueScreen"));
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static Verdict Judge(string text, out EsxiSystem system) =>
        HangAnalyzer.Analyze(system = new EsxiSystem(PurpleScreenReaderTests.Read(text)!));

    private static (int ExitCode, string Output, string Error) Run(params string[] arguments) => Pipe("", arguments);

    private static (int ExitCode, string Output, string Error) Pipe(string input, params string[] arguments)
    {
        StringWriter output = new() { NewLine = "\n" }, error = new() { NewLine = "\n" };
        int exitCode = CommandLine.RunAsync(arguments, new ConsoleStreams(output, error, true, true)
        {
            Input = () => new StringReader(input),
        }).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }
}
