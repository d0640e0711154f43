using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>Threads grouped by the addresses of their stacks.</summary>
public class StackGroupsTests
{
    private readonly FakeSystem _system = new();

    [Test]
    public void Reasons_that_differ_by_an_address_are_one_kind_and_the_first_is_told()
    {
        ThreadFacts[] threads = [.. Enumerable.Range(1, 5).Select(i => _system.AddThread((ulong)i))];

        StackGroups groups = StackGroups.Group(threads, t => ([], t.Address.Value < 4
            ? $"the saved stack pointer {t.Address.Value:x16} lies outside the stack"
            : "the kernel stack is paged out"));

        Assert.That(groups.Missing, Is.EqualTo(new[]
        {
            new MissingStacks("the saved stack pointer 0000000000000001 lies outside the stack", 3, true),
            new MissingStacks("the kernel stack is paged out", 2, false),
        }));
    }

    [Test]
    public void A_stack_that_is_cut_for_some_of_its_threads_says_for_how_many()
    {
        ThreadFacts[] threads = [.. Enumerable.Range(1, 3).Select(i => _system.AddThread((ulong)i, seconds: i))];

        StackGroup group = StackGroups.Group(
            threads, t => ([1, 2, 3], t.Address.Value == 2 ? "no unwind data" : null)).Groups.Single();

        Assert.That((group.Threads.Count, group.CutThreads, group.EndNote), Is.EqualTo((3, 1, "no unwind data")));
        Assert.That(group.Threads.Select(t => t.Address.Value), Is.EqualTo(new ulong[] { 3, 2, 1 }), "the longest first");
    }

    [Test]
    public void The_longest_wait_is_one_of_a_thread_that_waits()
    {
        ThreadFacts running = _system.AddThread(1, seconds: 5000, activity: ThreadActivity.Running);
        ThreadFacts waiting = _system.AddThread(2, seconds: 10);
        ThreadFacts other = _system.AddThread(3, seconds: 20);

        IReadOnlyList<StackGroup> groups = StackGroups.Group([running, waiting, other],
            t => t == other ? ([7], null) : ([8], null), StackOrder.Wait).Groups;

        Assert.That(groups.Select(g => g.LongestWait),
            Is.EqualTo(new TimeSpan?[] { TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(10) }));
        Assert.That(groups[0].Threads, Is.EqualTo(new[] { other }));
    }

    [Test]
    public void An_interrupted_walk_tells_how_far_it_came()
    {
        using CancellationTokenSource source = new();
        ThreadFacts[] threads = [.. Enumerable.Range(1, 5).Select(i => _system.AddThread((ulong)i))];

        StackGroups groups = StackGroups.Group(threads, t =>
        {
            if (t.Address.Value == 2)
                source.Cancel();
            return ([1], null);
        }, cancellation: source.Token);

        Assert.That((groups.Threads, groups.Groups.Single().Threads.Count), Is.EqualTo((2, 2)));
    }
}
