using System.Text;
using HangAnalysis.Esxi;
using NUnit.Framework;

namespace HangAnalysis.Tests.Esxi;

/// <summary>What is read from purple screens and from logs with one.</summary>
public class PurpleScreenReaderTests
{
    private static IReadOnlyList<PublishedScreen> All => PublishedScreens.All;

    [TestCaseSource(nameof(All))]
    public void A_screen_is_read(object screen) => Check((PublishedScreen)screen, ((PublishedScreen)screen).Text);

    [TestCaseSource(nameof(All))]
    public void A_log_with_time_stamps_is_read_like_the_screen(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        PurpleScreen read = Check(truth, truth.AsLog());
        Assert.That(read.Time?.UtcDateTime.Date, Is.EqualTo(new DateTime(2017, 11, 2)));
    }

    [TestCaseSource(nameof(All))]
    public void A_log_with_colours_and_other_lines_is_read_like_the_screen(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        string log = truth.AsLog().Replace(")VMware ESXi", ")\u001b[45m\u001b[33;1mVMware ESXi", StringComparison.Ordinal)
            .Replace("x86_64]", "x86_64]\u001b[0m", StringComparison.Ordinal);
        StringBuilder text = new();
        text.Append("2017-11-02T09:00:00.000Z cpu4:65612)ScsiDeviceIO: 2613: Cmd(0x439500a4c2c0) 0x1a, CmdSN 0x1 failed\n");
        foreach (string line in log.Split('\n'))
            text.Append(line).Append('\n').Append("2017-11-02T10:00:00.002Z cpu31:65612)Net: 2308: disconnected client from port 0x2000004\n");
        Check(truth, text.ToString());
    }

    [TestCaseSource(nameof(All))]
    public void A_screen_that_a_terminal_has_wrapped_is_read_like_the_screen(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        Check(truth, truth.Wrapped(80));
        Check(truth, truth.Wrapped(132));
    }

    [TestCaseSource(nameof(All))]
    public void A_log_that_a_terminal_has_wrapped_is_read_like_the_screen(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        Check(truth, (truth with { Text = truth.AsLog() }).Wrapped(120));
    }

    [TestCaseSource(nameof(All))]
    public void A_screen_in_a_box_is_read_like_the_screen(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        Check(truth, string.Join('\n', truth.Text.Split('\n').Select(l => $"\u2502 {l,-140} \u2502")));
    }

    [TestCaseSource(nameof(All))]
    public void Letters_and_digits_mixed_up_in_addresses_are_put_right(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        StringBuilder text = new();
        foreach (string line in truth.Text.Split('\n'))
        {
            // As far as the bracket of a frame: letters O and l for the digits, and the closing bracket lost.
            int bracket = line.IndexOf(']', StringComparison.Ordinal);
            text.Append(bracket > 0 && line.StartsWith("0x", StringComparison.Ordinal)
                ? line[..bracket].Replace('0', 'O').Replace('1', 'l') + line[(bracket + 1)..]
                : line).Append('\n');
        }
        PurpleScreen read = Check(truth, text.ToString());
        Assert.That(read.Repairs, Is.GreaterThan(0));
    }

    [TestCaseSource(nameof(All))]
    public void A_screen_is_read_up_to_where_it_is_cut(object screen)
    {
        PublishedScreen truth = (PublishedScreen)screen;
        PurpleScreen whole = Read(truth.Text)!;
        for (int length = 0; length < truth.Text.Length; length++)
        {
            PurpleScreen? read = Read(truth.Text[..length]);
            int complete = truth.Text[..length].Split('\n')[..^1].Count(l => l.StartsWith("0x", StringComparison.Ordinal));
            if (complete == 0)
                continue;
            Assert.That(read, Is.Not.Null, $"{length}");
            EsxiFrame[] frames = [.. read!.Backtraces.SelectMany(b => b.Frames)];
            Assert.That(frames, Has.Length.GreaterThanOrEqualTo(complete), $"{length}");
            Assert.That(frames[..complete], Is.EqualTo(whole.Backtraces.SelectMany(b => b.Frames).Take(complete)),
                $"{length}");
            Assert.That(read.Message!.Kind, Is.EqualTo(truth.Kind), $"{length}");
        }
    }

    [Test]
    public void The_screen_of_the_article_is_read()
    {
        string folder = SharedMaterial.Require("seeds");
        string file = Directory.GetFiles(folder, "000_*.txt").Single();
        using StreamReader text = new(file);
        PurpleScreen read = PurpleScreenReader.Read(text, out _)!;
        Assert.Multiple(() =>
        {
            Assert.That(read.Message!.Kind, Is.EqualTo(PanicKind.SpinCount));
            Assert.That(read.Message.LockName, Is.EqualTo("iplLock"));
            Assert.That(read.Message.Pcpu, Is.Null);
            Assert.That(read.Product, Is.EqualTo("VMware ESX Server"));
            Assert.That(read.Build, Is.EqualTo("207095"));
            Assert.That(read.PanickingPcpu, Is.Zero);
            Assert.That(read.Pcpus.Select(p => $"{p.Number}:{p.World}/{p.WorldName}"), Is.EqualTo(new[]
            {
                "0:1024/console", "1:1094/vmm0:M100", "2:1086/vmware-vm", "3:1118/mks:dby-d", "4:1109/vmm0:M102",
                "5:1116/vmm0:dby-",
                "6:1096/mks:M1000", "7:1082/vmm0:M100",
            }));
            Assert.That(read.PanicStack!.Frames, Has.Count.EqualTo(17));
            Assert.That(read.PanicStack.Frames[1].ToString(), Is.EqualTo("SP_WaitLock+0x1ca [vmkernel]"));
            // Behind the kernel's last symbol lies a module's code, of which this release prints no name.
            Assert.That(read.PanicStack.Frames[3].ToString(), Is.EqualTo("cosShadow+0x265ee"));
            Assert.That(read.PanicStack.Frames[^1].InstructionPointer, Is.EqualTo(0x69187f));
            Assert.That(read.Register("cr2"), Is.EqualTo(0xb6ea3fff));
            Assert.That(read.Uptime, Is.EqualTo(new TimeSpan(6, 9, 43, 15, 399)));
            Assert.That(read.CoreDump, Is.EqualTo(CoreDumpState.Begun));
            Assert.That(read.Registers.Select(r => r.Key), Does.Not.Contain("rax"), "the article goes on with Windows");
            Assert.That(read.UnreadLines, Is.Zero, string.Join('\n', read.UnreadText));
            Assert.That(read.EarlierCount, Is.Zero);
        });
    }

    [Test]
    public void The_last_panic_of_a_log_is_told_and_the_earlier_ones_are_counted()
    {
        string text = PublishedScreens.PageFault.Text + "\n" + PublishedScreens.Forced.Text + "\n" + PublishedScreens.Heartbeat.Text;
        PurpleScreen read = Check(PublishedScreens.Heartbeat, text);
        Assert.That(read.EarlierCount, Is.EqualTo(2));
        Assert.That(read.Earlier.Select(e => e.Message), Is.EqualTo(new[]
        {
            "#PF Exception 14 in world 65952:vmnic4-pollWorld-1 IP 0x41801f2c3a5e addr 0x18", "CrashMe",
        }));
    }

    [Test]
    public void A_host_that_starts_again_is_no_further_panic()
    {
        string text = PublishedScreens.PageFault.AsLog()
            + "2017-11-02T10:09:00.000Z cpu0:32768)VMware ESXi 6.5.0 [Releasebuild-4887370 x86_64]\n"
            + "2017-11-02T10:09:01.000Z cpu0:32768)Initializing...\n";
        Assert.That(Check(PublishedScreens.PageFault, text).EarlierCount, Is.Zero);
    }

    [Test]
    public void Alarms_and_backtraces_that_nobody_died_of_are_no_panic_of_their_own()
    {
        const string Alarm = """
            {0}.000Z cpu3:33445)ALERT: Heartbeat: 618: PCPU 20 didn't have a heartbeat for {1} seconds. *may* be locked up
            {0}.100Z cpu20:33001)ALERT: NMI: 709: NMI IPI received. Was eip(base):ebp:cs [0xc42ce(0x41800a000000):0x43190b62a500:0xfc8](Src0x1, CPU20)
            {0}.101Z cpu20:33001)0x4390d421bb60:[0x41800a0c42ce]Vmfs_Wait@(vmfs3)#<None>+0xb2 stack: 0x4305e5c3, 0x10

            """;
        string dayBefore = string.Format(Alarm, "2017-11-01T10:00:00", 6),
            shortBefore = string.Format(Alarm, "2017-11-02T09:59:50", 8);
        PurpleScreen read = Check(PublishedScreens.Replication,
            dayBefore + shortBefore + PublishedScreens.Replication.AsLog());
        Assert.Multiple(() =>
        {
            Assert.That(read.Heartbeats, Is.EqualTo(new[] { new HeartbeatLoss(20, TimeSpan.FromSeconds(8)) }));
            Assert.That(read.Nmis, Is.EqualTo(new[] { new NmiHit(20, 0x41800a0c42ce) }));
            Assert.That(read.Backtraces.Select(b => b.Kind),
                Is.EqualTo(new[] { BacktraceKind.Log, BacktraceKind.Saved, BacktraceKind.Current }));
            Assert.That(read.EarlierCount, Is.Zero);
        });
        Assert.That(Check(PublishedScreens.Replication, dayBefore + PublishedScreens.Replication.AsLog()).Backtraces,
            Has.Count.EqualTo(2));
    }

    [Test]
    public void What_a_host_tells_of_its_panic_after_it_has_started_again_is_read()
    {
        PurpleScreen read = Read("""
            2022-09-27T10:31:02.100Z cpu0:1048576)VMware ESXi 7.0.3 [Releasebuild-20036589 x86_64]
            2022-09-27T10:31:09.100Z cpu4:1048900)Panic Details: Crash at 2022-09-27T10:14:34.364Z on CPU 16 running world 2097591 - HELPER_UPLINK 1. VMK Uptime:20:07:27:19.345
            2022-09-27T10:31:09.100Z cpu4:1048900)Panic Message: @BlueScreen: PCPU 3: no heartbeat (0/2 IPIs received)
            2022-09-27T10:31:09.100Z cpu4:1048900)Backtrace:
            2022-09-27T10:31:09.100Z cpu4:1048900)  0x453880a1bb10:[0x42000ff1a327]PanicvPanicInt@vmkernel#nover+0x327 stack: 0x453880a1bbe8
            """)!;
        Assert.Multiple(() =>
        {
            Assert.That(read.Message!.Kind, Is.EqualTo(PanicKind.NoHeartbeat));
            Assert.That((read.PanickingPcpu, read.PanickingWorld), Is.EqualTo(((int?)16, (ulong?)2097591)));
            Assert.That(read.Pcpus.Single(p => p.IsPanicking).WorldName, Is.EqualTo("HELPER_UPLINK 1"));
            Assert.That(read.Uptime, Is.EqualTo(new TimeSpan(20, 7, 27, 19, 345)));
            Assert.That(read.Backtraces.Single().Frames, Has.Count.EqualTo(1));
        });
    }

    [Test]
    public void The_worlds_of_a_log_and_the_modules_of_its_table_are_read()
    {
        PurpleScreen read = Read("""
            cpu2:65954)^[[45m^[[33;1mVMware ESXi 6.5.0 [Releasebuild-7967591 x86_64]^[[0m
            cpu2:65954)#PF Exception 14 in world 65954:HELPER_NFS_U IP 0x418012a45678 addr 0x0
            cpu2:65954)FMS=06/4f/1 uCode=0xb000021
            cpu2:65954)pcpu:0 world:66073 name:"vmnic3-pollWorld-2" (S)
            cpu2:65954)pcpu:1 world:65555 name:"idle1" (IS)
            cpu2:65954)*PCPU2:65954/HELPER_NFS_U
            cpu2:65954)0x439140e1bbd0:[0x418012a45678]lpfc_fcp@<None>#<None>+0x18 stack: 0x0
            cpu2:65954)lpfc 0x418012a40000 .data 0x417fc0000000 .bss 0x417fc0000460
            """)!;
        Assert.Multiple(() =>
        {
            Assert.That(read.Build, Is.EqualTo("7967591"));
            Assert.That(read.Pcpus.Select(p => $"{p.Number} {p.World} {p.WorldName} {p.State} {p.IsPanicking}"),
                Is.EqualTo(new[]
            {
                "0 66073 vmnic3-pollWorld-2 S False", "1 65555 idle1 I False", "2 65954 HELPER_NFS_U  True",
            }));
            Assert.That(read.PanicStack!.Frames[0].ToString(), Is.EqualTo("lpfc_fcp+0x18 [lpfc]"));
            Assert.That(read.UnreadLines, Is.Zero);
        });
    }

    [Test]
    public void Lines_that_are_not_understood_are_counted_and_kept()
    {
        string text = PublishedScreens.PageFault.Text.Replace(
            "0x439142a1bea0:[0x41801f2c4410]qfle3_poll", "0x439142a1bea0:[0x4~~\n??? smudge ???\nqfle3_po11",
            StringComparison.Ordinal);
        PurpleScreen read = Read(text)!;
        Assert.That(read.PanicStack!.Frames, Has.Count.EqualTo(3));
        Assert.That(read.UnreadLines, Is.EqualTo(3));
        Assert.That(read.UnreadText, Does.Contain("??? smudge ???"));
    }

    [TestCase(""), TestCase("hello\nworld\n"), TestCase("VMware ESXi 6.5 may experience a purple screen: LINT1 Motherboard Interrupt\n"),
        TestCase("\"LINT1 motherboard interrupt\" error in an ESX/ESXi host (1804)\n"),
        TestCase("2017-11-02T10:00:00.000Z cpu4:65612)ScsiDeviceIO: 2613: Cmd(0x439500a4c2c0) 0x1a failed\n"),
        TestCase("BUG: unable to handle page fault for address: 0000000000000018\n")]
    public void A_text_without_a_panic_is_none(string text) => Assert.That(Read(text), Is.Null);

    [TestCase("Spin count exceeded (0x4305e5c3b0d0) - possible deadlock with PCPU 7", PanicKind.SpinCount, 7)]
    [TestCase("@BlueScreen: Spin c0unt exceeded - possib1e dead1ock with PCPU 3", PanicKind.SpinCount, 3)]
    [TestCase("PCPU 1 locked up. Failed to ack TLB invalidate.", PanicKind.TlbLockup, 1)]
    [TestCase("ALERT: PCPU 4: no heartbeat (0/2 IPIs received)", PanicKind.NoHeartbeat, 4)]
    [TestCase("Lost heartbeat", PanicKind.LostHeartbeat, null)]
    [TestCase("#UD Exception 6 in world 1:idle0 IP 0x418000001 addr 0x0", PanicKind.Exception, null)]
    [TestCase("#MC Exception 18 in world 1:idle0 IP 0x418000001 addr 0x0", PanicKind.MachineCheck, null)]
    [TestCase("NOT_REACHED bora/vmkernel/sched/cpusched.c:8501", PanicKind.Assertion, null)]
    [TestCase("@BlueScreen: Failed at bora/modules/vmkernel/lsomcommon/log.c:120 -- VMK_ASSERT(x)", PanicKind.Assertion,
        null)]
    [TestCase("@BlueScreen: Heap heap-13 is out of memory", PanicKind.OutOfMemory, null)]
    [TestCase("Panic requested by user", PanicKind.Forced, null)]
    [TestCase("@BlueScreen: something that nobody has seen yet", PanicKind.Unknown, null)]
    public void A_message_alone_says_what_happened(string text, PanicKind kind, int? pcpu)
    {
        PanicMessage message = Read(text)!.Message!;
        Assert.That((message.Kind, message.Pcpu), Is.EqualTo((kind, pcpu)));
    }

    internal static PurpleScreen? Read(string text) => PurpleScreenReader.Read(new StringReader(text), out _);

    private static PurpleScreen Check(PublishedScreen truth, string text)
    {
        PurpleScreen read = Read(text)!;
        Assert.That(read, Is.Not.Null);
        EsxiBacktrace? other = truth.Other is { } number ? read.StackOf(number) : null;
        EsxiFrame? culprit = SpinKnowledgeFirst(other ?? read.PanicStack!);
        Assert.Multiple(() =>
        {
            Assert.That(read.Message?.Kind, Is.EqualTo(truth.Kind));
            Assert.That(read.Message?.Pcpu, Is.EqualTo(truth.Kind == PanicKind.MachineCheck ? truth.Panicking : truth.Other));
            Assert.That(read.Message?.LockName, Is.EqualTo(truth.Lock));
            Assert.That(read.PanickingPcpu, Is.EqualTo(truth.Panicking));
            Assert.That(read.PanickingWorld, Is.EqualTo(truth.World));
            Assert.That(read.PanicStack?.Frames, Has.Count.EqualTo(truth.Frames));
            Assert.That(other?.Frames.Count ?? 0, Is.EqualTo(truth.OtherFrames));
            Assert.That((culprit?.Module, culprit?.Symbol), Is.EqualTo((truth.Culprit, truth.Function)));
            Assert.That(read.Build, Is.EqualTo(truth.Build));
            Assert.That(read.Uptime, Is.EqualTo(truth.Uptime));
            Assert.That(read.CoreDump, Is.EqualTo(truth.CoreDump));
            Assert.That(read.UnreadLines, Is.Zero, string.Join('\n', read.UnreadText));
        });
        return read;
    }

    private static EsxiFrame? SpinKnowledgeFirst(EsxiBacktrace stack) =>
        stack.Frames.FirstOrDefault(f => f.Module is not null and not "vmkernel");
}
