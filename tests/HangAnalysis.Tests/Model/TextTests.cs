using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Model;

public class TextTests
{
    /// <summary>Times as published debugger output prints them.</summary>
    [TestCase(0, 0, 0, 0, 765, "765ms")]
    [TestCase(0, 0, 0, 3, 984, "3s.984")]
    [TestCase(0, 0, 0, 42, 937, "42s.937")]
    [TestCase(0, 0, 1, 25, 406, "1m:25.406")]
    [TestCase(0, 0, 6, 30, 718, "6m:30.718")]
    [TestCase(0, 23, 56, 6, 250, "23h:56:06.250")]
    [TestCase(1, 0, 48, 53, 796, "1d.00:48:53.796")]
    public void Times_are_written_as_engineers_know_them(int d, int h, int m, int s, int ms, string expected) =>
        Assert.That(AgeText.Format(new TimeSpan(d, h, m, s, ms)), Is.EqualTo(expected));

    /// <summary>Sizes of published debugger output, from the pages and bytes that give them.</summary>
    [TestCase(2199023255552UL, "2 TB")]
    [TestCase(37361 * 4096UL, "145.94 MB")]
    [TestCase(14984 * 4096UL, "58.53 MB")]
    [TestCase(1405248UL, "1.34 MB")]
    [TestCase(93696UL, "91.5 KB")]
    [TestCase(1023UL, "1023 B")]
    [TestCase(1048575UL, "1 MB")]
    [TestCase(0UL, "0 B")]
    [TestCase(ulong.MaxValue, "16 EB")]
    public void Sizes_are_written_in_their_largest_unit(ulong bytes, string expected) =>
        Assert.That(ByteText.Format(bytes), Is.EqualTo(expected));

    [Test]
    public void An_unknown_time_is_a_dash() => Assert.That(AgeText.Format(null), Is.EqualTo("-"));

    [Test]
    public void Ticks_of_15_625_ms_give_the_wait_of_the_published_case() =>
        Assert.That(AgeText.Format(TimeSpan.FromTicks(5466 * 156_250L)), Is.EqualTo("1m:25.406"));

    [Test]
    public void A_phrase_keeps_its_objects_apart_from_its_text()
    {
        ObjectReference message = new(ObjectKind.Message, 0xffffce0e5b04dcf0);

        Phrase phrase = Phrase.Of($"reply to {message}, {5:000} times");

        Assert.That(phrase.ToString(), Is.EqualTo("reply to ffffce0e5b04dcf0, 005 times"));
        Assert.That(phrase.Parts[1].Reference, Is.EqualTo(message));
    }
}
