using System.Text;
using HangAnalysis.Analysis;
using HangAnalysis.Esxi;
using NUnit.Framework;

namespace HangAnalysis.Tests.Esxi;

/// <summary>Texts that are damaged on purpose: they are read as far as they go, and nothing breaks.</summary>
public class EsxiMutationTests
{
    private const int Mutations = 500;

    private static readonly string[] s_pieces =
    [
        "0x", "[0x", "]", ":", "@(", ")#<None>+0x", "@BlueScreen: ", "PCPU 99999999999: ",
        "*PCPU4095:18446744073709551615/", "\n", "\r\n",
        "Saved backtrace from: pcpu 4096 ", "Spin count exceeded (", " - possible deadlock with PCPU -1",
        "VMK uptime: 99999999:99:99:99.9",
        "cpu1:1)", "2017-11-02T10:00:00.000Z cpu12:33445)", "9999-12-31T23:59:59.9999999Z", "\u001b[",
        "bank4095: status=0xffffffffffffffff",
        "NMI ebp:cs [0xffffffffffffffff(0xffffffffffffffff", "VMware ESXi [build-", ".data 0x .bss",
        "didn't have a heartbeat for 999999999 seconds",
        "=====", "\0", "\ufffd", "|||", new string('9', 5_000), new string(' ', 5_000), new string('(', 300),
    ];

    [Test]
    public void Damaged_screens_are_read_as_far_as_they_go()
    {
        Random random = new(20171102);
        for (int i = 0; i < Mutations; i++)
        {
            PublishedScreen screen = PublishedScreens.All[i % PublishedScreens.All.Count];
            StringBuilder text = new(i % 3 == 0 ? screen.AsLog() : i % 3 == 1 ? screen.Text : screen.Wrapped(80));
            int changes = 1 + random.Next(1 << random.Next(8));
            for (int change = 0; change < changes; change++)
                Damage(text, random);
            string damaged = text.ToString();
            Assert.That(() => Analyze(damaged), Throws.Nothing, $"mutation {i}");
        }
    }

    [Test]
    public void What_is_mistyped_in_one_place_changes_one_frame_at_most()
    {
        Random random = new(42);
        PublishedScreen screen = PublishedScreens.Replication;
        string[] lines = screen.Text.Split('\n');
        for (int i = 0; i < Mutations; i++)
        {
            int line = random.Next(lines.Length);
            if (!lines[line].StartsWith("0x", StringComparison.Ordinal))
                continue;
            string[] damaged = [.. lines];
            int at = random.Next(lines[line].Length);
            damaged[line] = lines[line][..at] + (char)random.Next(' ', 127) + lines[line][(at + 1)..];
            PurpleScreen read = PurpleScreenReaderTests.Read(string.Join('\n', damaged))!;
            int frames = read.Backtraces.Sum(b => b.Frames.Count);
            Assert.That(frames, Is.InRange(screen.Frames + screen.OtherFrames - 1, screen.Frames + screen.OtherFrames),
                damaged[line]);
            Assert.That((read.Message?.Pcpu, read.Message?.LockName), Is.EqualTo(((int?)20, "hbrGroupLock")), damaged[line]);
        }
    }

    [Test]
    public void Endless_texts_are_bounded()
    {
        StringBuilder frames = new("@BlueScreen: Spin count exceeded\n");
        for (int i = 0; i < 20_000; i++)
            frames.Append($"0x{0x43900000 + i:x}:[0x41800a0a5f10]Func{i}@vmkernel#nover+0x1 stack: 0x0\n");
        PurpleScreen read = PurpleScreenReaderTests.Read(frames.ToString())!;
        Assert.That(read.PanicStack!.Frames, Has.Count.EqualTo(EsxiLimits.Frames));

        StringBuilder panics = new();
        for (int i = 0; i < 5_000; i++)
            panics.Append($"VMware ESXi 6.5.0 [Releasebuild-{i} x86_64]\n@BlueScreen: panic {i}\n0x4390d421b9a0:[0x41800a0a5f10]A@vmkernel#nover+0x1 stack: 0x0\n");
        read = PurpleScreenReaderTests.Read(panics.ToString())!;
        Assert.That((read.Build, read.EarlierCount, read.Earlier.Count),
            Is.EqualTo(("4999", 4_999, EsxiLimits.EarlierPanics)));

        read = PurpleScreenReaderTests.Read("Spin count exceeded (a)\n" + new string('x', 1_000_000))!;
        Assert.That(read.LongLines, Is.EqualTo(1));
    }

    private static void Analyze(string text)
    {
        if (PurpleScreenReaderTests.Read(text) is not { } screen)
            return;
        EsxiSystem system = new(screen);
        Verdict verdict = HangAnalyzer.Analyze(system);
        Assert.That(verdict.Summary, Is.Not.Empty);
        foreach (HangAnalysis.Model.ThreadFacts thread in system.Threads)
            system.DescribeLandmark(system.GetStack(thread));
        Assert.That(system.NextSteps, Is.Not.Empty);
    }

    private static void Damage(StringBuilder text, Random random)
    {
        if (text.Length == 0)
            return;
        int at = random.Next(text.Length), length = Math.Min(text.Length - at, random.Next(40));
        switch (random.Next(6))
        {
            case 0:
                text.Remove(at, length);
                break;
            case 1:
                text.Insert(at, s_pieces[random.Next(s_pieces.Length)]);
                break;
            case 2:
                text[at] = (char)random.Next(256);
                break;
            case 3:
                text.Insert(at, text.ToString(random.Next(text.Length - length + 1), length));
                break;
            case 4:
                text[at] = text[at] switch { '0' => 'O', '1' => 'l', 'l' => '1', ']' => ' ', _ => '\n' };
                break;
            default:
                text.Length = at;
                break;
        }
    }
}
