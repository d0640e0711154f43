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
