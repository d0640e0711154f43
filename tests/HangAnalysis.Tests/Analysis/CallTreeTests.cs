using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>Stacks merged from their outermost function, with every bound.</summary>
public class CallTreeTests
{
    private static readonly ModuleFacts s_module = new("m", "m.sys", 0x1000, false);

    [Test]
    public void Stacks_part_where_their_functions_do_and_may_end_on_the_way()
    {
        CallTree tree = CallTree.Build([(Stack("c b a"), 3), (Stack("d b a"), 5), (Stack("b a"), 2), (Stack("z"), 1)]);

        Assert.That(tree.Roots, Is.EqualTo(2));
        Assert.That(tree.Top.Threads, Is.EqualTo(11));
        CallBranch common = tree.Top.Branches[0];
        Assert.That(common.Functions, Is.EqualTo(new[] { "m!a", "m!b" }));
        Assert.That((common.Threads, common.EndingThreads), Is.EqualTo((10, 2)));
        Assert.That(common.Branches.Select(b => (b.Functions[0], b.Threads, b.EndingThreads)),
            Is.EqualTo(new[] { ("m!d", 5, 5), ("m!c", 3, 3) }), "the most threads first");
        Assert.That(tree.Top.Branches[1].Functions, Is.EqualTo(new[] { "m!z" }));
    }

    [Test]
    public void A_stack_that_ends_where_one_other_goes_on_ends_the_piece()
    {
        CallTree tree = CallTree.Build([(Stack("b a"), 1), (Stack("c b a"), 1)]);

        Assert.That(tree.Top.Branches[0].Functions, Is.EqualTo(new[] { "m!a", "m!b" }));
        Assert.That(tree.Top.Branches[0].EndingThreads, Is.EqualTo(1));
        Assert.That(tree.Top.Branches[0].Branches.Single().Functions, Is.EqualTo(new[] { "m!c" }));
    }

    [Test]
    public void Of_the_waiting_functions_the_one_that_was_called_stays_and_guessed_frames_are_marked()
    {
        FrameFacts[] frames =
        [
            Frame("Swap") with { IsWaitPrimitive = true }, Frame("Commit") with { IsWaitPrimitive = true },
            Frame("WaitForObject") with { IsWaitPrimitive = true }, Frame("Caller"),
            Frame("Acquire") with { IsWaitPrimitive = true }, Frame("Guess") with { Certainty = Certainty.Candidate },
        ];
        CallTree tree = CallTree.Build([(new StackFacts(frames, null), 1)]);

        Assert.That(tree.Top.Branches.Single().Functions,
            Is.EqualTo(new[] { "m!Guess?", "m!Acquire", "m!Caller", "m!WaitForObject" }));
    }

    [Test]
    public void A_stack_of_nothing_but_waiting_keeps_a_function()
    {
        CallTree tree = CallTree.Build([(new StackFacts([Frame("Swap") with { IsWaitPrimitive = true }], null), 4)]);

        Assert.That(tree.Top.Branches.Single().Functions, Is.EqualTo(new[] { "m!Swap" }));
        Assert.That(tree.Top.Branches.Single().EndingThreads, Is.EqualTo(4));
    }

    [Test]
    public void Too_many_branches_are_counted()
    {
        CallTree tree = CallTree.Build(
            Enumerable.Range(0, CallTree.MostBranches + 7).Select(i => (Stack($"f{i:000} root"), i < 7 ? 1 : 2)));

        CallBranch root = tree.Top.Branches.Single();
        Assert.That(root.Branches, Has.Count.EqualTo(CallTree.MostBranches));
        Assert.That(root.Branches.Select(b => b.Threads), Is.All.EqualTo(2), "those with the fewest threads are left out");
        Assert.That((root.HiddenBranches, root.HiddenThreads, root.EndingThreads), Is.EqualTo((7, 7, 0)));
        CallTree roots = CallTree.Build(Enumerable.Range(0, 100).Select(i => (Stack($"f{i}"), 1)));
        Assert.That((roots.Roots, roots.Top.HiddenBranches), Is.EqualTo((100, 100 - CallTree.MostBranches)));
    }

    [Test]
    public void Too_many_levels_are_counted()
    {
        // Each stack is one function longer than the one before: a level for each.
        CallTree tree = CallTree.Build(Enumerable.Range(1, 60).Select(n =>
            (Stack(string.Join(' ', Enumerable.Range(0, n).Reverse().Select(i => $"f{i}"))), 1)));

        int levels = 0;
        CallBranch at = tree.Top;
        for (; at.Branches.Count > 0; levels++)
            at = at.Branches[0];
        Assert.That(levels, Is.EqualTo(CallTree.MostLevels));
        Assert.That((at.HiddenBranches, at.HiddenThreads), Is.EqualTo((1, 60 - CallTree.MostLevels)));
    }

    [Test]
    [CancelAfter(60_000)]
    public void Very_many_and_very_deep_stacks_are_bounded_and_the_rest_is_counted()
    {
        // 250 functions each, nothing in common: more than the tree has room for.
        const int Stacks = 2_000;
        CallTree tree = CallTree.Build(Enumerable.Range(0, Stacks).Select(s =>
            (Stack(string.Join(' ', Enumerable.Range(0, 250).Select(i => $"f{s}_{i}"))), 1)));

        Assert.That(tree.Roots, Is.EqualTo((CallTree.MostNodes - 1 + 249) / 250));
        Assert.That(tree.CutThreads, Is.EqualTo(Stacks - (CallTree.MostNodes - 1) / 250));
        Assert.That(tree.Top.Threads, Is.EqualTo(Stacks));
    }

    private static StackFacts Stack(string functions) => new([.. functions.Split(' ').Select(Frame)], null);

    private static FrameFacts Frame(string function) => new(0, 0x1000, s_module, function, 4, Certainty.Proven);
}
