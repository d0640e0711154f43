using HangAnalysis.Linux;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Rings that are written as kernel/printk/printk_ringbuffer.c does, whole and damaged.</summary>
public class PrintkRingTests
{
    private const ulong IdMask = (1UL << 62) - 1;

    [Test]
    public void Records_have_time_level_caller_and_all_lines()
    {
        KernelLog log = new ForgedLog(4, 10, 1).Add("one", 4, 16_303_941_000).Add("two\n  lines").Read();
        Assert.That(log.Records.Select(r => r.Text), Is.EqualTo(["one", "two\n  lines"]));
        Assert.That((log.Records[0].ToString(), log.Records[0].Level, log.Records[0].Caller?.ToString()),
            Is.EqualTo(("[   16.303941] one", 4, "T97")));
        Assert.That((log.Damaged, log.Problem), Is.EqualTo((0, (string?)null)));
    }

    [Test]
    public void Numbers_pass_their_end_and_places_are_used_again()
    {
        const int Count = 40, Kept = 16;
        ForgedLog ring = new(4, 10, IdMask - 8);
        for (int i = 0; i < Count; i++)
            ring.Add($"line {i}");
        // Of 1,024 bytes with 16 each all 16 last texts are there.
        KernelLog log = ring.SetTail(unchecked(IdMask - 8 + Count - Kept)).Read();
        Assert.That(log.Records.Select(r => r.Text),
            Is.EqualTo(Enumerable.Range(Count - Kept, Kept).Select(i => $"line {i}")));
        Assert.That(log.Damaged, Is.Zero);
    }

    [Test]
    public void A_text_that_would_pass_the_end_is_found_at_the_start()
    {
        ForgedLog ring = new(4, 7, 1);
        ring.Add(new string('a', 80)).Add(new string('b', 50));
        Assert.That(ring.SetTail(2).Read().Records.Single().Text, Is.EqualTo(new string('b', 50)));
    }

    [Test]
    public void A_text_that_ends_with_the_ring_stays_where_it_is_in_newer_kernels()
    {
        ForgedLog ring = new(4, 7, 1);
        ring.Add(new string('a', 56)).Add(new string('b', 40));
        // 64 bytes, then 48; the second is made to end exactly with the ring of 128 bytes, as 6.18 leaves it.
        ring.Put(ForgedLog.DescTable + 2 * ForgedLog.DescSize + 16, 0);
        Assert.That(ring.Read().Records[1].Text, Is.EqualTo(new string('b', 40)));
    }

    [Test]
    public void A_damaged_descriptor_costs_its_record_and_is_counted()
    {
        ForgedLog ring = new ForgedLog(4, 10, 1).Add("one").Add("two").Add("three");
        ring.Put(ForgedLog.DescTable + 2 * ForgedLog.DescSize, 0x1234);
        KernelLog log = ring.Read();
        Assert.That(log.Records.Select(r => r.Text), Is.EqualTo(["one", "three"]));
        Assert.That(log.Damaged, Is.EqualTo(1));
    }

    [Test]
    public void A_text_of_another_record_is_none()
    {
        ForgedLog ring = new ForgedLog(4, 10, 1).Add("one").Add("two");
        ring.Put(ForgedLog.TextTable, 77);
        KernelLog log = ring.Read();
        Assert.That((log.Records.Single().Text, log.Damaged), Is.EqualTo(("two", 1)));
    }

    [Test]
    public void A_record_that_is_being_written_is_no_damage()
    {
        ForgedLog ring = new ForgedLog(4, 10, 1).Add("one").Add("two");
        ring.Put(ForgedLog.DescTable + 2 * ForgedLog.DescSize, 2);
        KernelLog log = ring.Read();
        Assert.That((log.Records.Single().Text, log.Damaged), Is.EqualTo(("one", 0)));
    }

    [Test]
    public void Absent_pages_cost_only_what_is_on_them()
    {
        ForgedLog ring = new ForgedLog(4, 10, 1).Add("one").Add("two").Add("three");
        ring.Absent = (ForgedLog.InfoTable + 2 * ForgedLog.InfoSize, ForgedLog.InfoSize);
        KernelLog log = ring.Read();
        Assert.That(log.Records.Select(r => r.Text), Is.EqualTo(["one", "three"]));
        Assert.That(log.Damaged, Is.EqualTo(1));
    }

    /// <summary>Ends that do not fit each other would be 2^62 records.</summary>
    [Test]
    public void Ends_that_do_not_fit_are_told_and_what_is_there_is_read()
    {
        KernelLog log = new ForgedLog(4, 10, 5).Add("one").Add("two").SetTail(1UL << 40).Read();
        Assert.That(log.Records.Select(r => r.Text), Is.EqualTo(["one", "two"]));
        Assert.That(log.Problem, Does.Contain("ends do not fit"));
    }

    [TestCase(0x100, 63UL), TestCase(0x100, 0UL), TestCase(0x130, 60UL)]
    public void Absurd_sizes_are_told(int field, ulong value)
    {
        ForgedLog ring = new ForgedLog(4, 10, 1).Add("one");
        ring.Put32(field, (uint)value);
        KernelLog log = ring.Read();
        Assert.That(log.Records, Is.Empty);
        Assert.That(log.Problem, Does.Contain("damaged"));
    }

    [Test]
    public void Flipped_bits_never_throw()
    {
        Random random = new(4711);
        for (int round = 0; round < 2_000; round++)
        {
            ForgedLog ring = new(4, 10, IdMask - 8);
            for (int i = 0; i < 12; i++)
                ring.Add($"line {i}");
            for (int flip = 0; flip < 6; flip++)
                ring.Bytes[random.Next(ForgedLog.DescTable + 16 * ForgedLog.DescSize)] ^= (byte)(1 << random.Next(8));
            Assert.That(ring.Read().Records, Has.Count.LessThanOrEqualTo(16 * 16));
        }
    }
}
