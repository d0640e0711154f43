using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>Threads with one stack share one list of addresses, and no others do.</summary>
public class DistinctStacksTests
{
    private readonly DistinctStacks _stacks = new();

    [Test]
    public void Stacks_are_one_when_all_their_addresses_and_their_ends_are_the_same()
    {
        DistinctStack first = Keep(1, null, 0x10, 0x20, 0x30);

        // Where a frame's stack pointer is does not matter: each thread has a stack of its own.
        Assert.That(Keep(2, null, 0x10, 0x20, 0x30), Is.SameAs(first));
        Assert.That(Keep(3, null, 0x10, 0x20), Is.Not.SameAs(first));
        Assert.That(Keep(4, null, 0x10, 0x30, 0x20), Is.Not.SameAs(first));
        DistinctStack cut = Keep(5, "the stack is not in the dump", 0x10, 0x20, 0x30);
        Assert.That(cut, Is.Not.SameAs(first));
        Assert.That(cut.EndNote, Is.EqualTo("the stack is not in the dump"));
        Assert.That(Keep(6, null, 0x10, 0x20, 0x30), Is.SameAs(first));
        Assert.That(first.Frames, Is.EqualTo(new ulong[] { 0x10, 0x20, 0x30 }));
    }

    [Test]
    public void A_thread_that_was_seen_is_found_again()
    {
        DistinctStack stack = Keep(1, null, 0x10);

        Assert.That(_stacks.TryFind(new ThreadAddress(1), out DistinctStack? again));
        Assert.That(again, Is.SameAs(stack));
        Assert.That(_stacks.TryFind(new ThreadAddress(2), out _), Is.False);
    }

    [Test]
    public void More_frames_than_the_limit_are_told_and_not_kept()
    {
        ulong[] frames = new ulong[Limits.Frames];
        int most = Limits.KeptFrames / frames.Length;
        for (int i = 0; i <= most; i++)
        {
            frames[0] = (ulong)i;
            Assert.That(Keep((ulong)i + 1, null, frames).Frames[0], Is.EqualTo((ulong)i));
        }

        Assert.That(_stacks.TryFind(new ThreadAddress((ulong)most), out _));
        Assert.That(_stacks.TryFind(new ThreadAddress((ulong)most + 1), out _), Is.False);
    }

    private DistinctStack Keep(ulong thread, string? endNote, params ulong[] addresses) => _stacks.Keep(
        new ThreadAddress(thread),
        Array.ConvertAll(addresses, a => new RawFrame(thread * 0x1000 + a, a, 0, FrameKind.Unwound)), endNote);
}
