using FsCheck;
using FsCheck.Fluent;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Analysis;

/// <summary>What holds for every wait graph, whatever it looks like.</summary>
public class WaitGraphProperties
{
    private const int MostThreads = 12, MostLocks = 8;

    [Test]
    public void The_order_of_edges_and_threads_changes_nothing() => Check((edges, seed) =>
        Tell(HangAnalyzer.Analyze(Build(edges, null))) == Tell(HangAnalyzer.Analyze(Build(edges, new Random(seed)))));

    [Test]
    public void Every_step_that_is_told_is_in_the_graph() => Check((edges, _) =>
    {
        FakeSystem system = Build(edges, null);
        HashSet<(ObjectReference, ObjectReference)> known = [.. system.Edges.Select(e => (e.From, e.To))];
        foreach (Chain chain in HangAnalyzer.Analyze(system, judgesAll: true).Chains.Concat(new LockOverview(system).Deadlocks))
            for (int i = 0; i + 1 < chain.Links.Count; i++)
                if (chain.Links[i + 1].Reference.Kind != ObjectKind.Driver
                    && !known.Contains((chain.Links[i].Reference, chain.Links[i + 1].Reference)))
                    return false;
        return true;
    });

    [Test]
    public void Blocked_threads_are_those_from_which_a_walk_reaches_the_end() => Check((edges, _) =>
    {
        FakeSystem system = Build(edges, null);
        foreach (RootCause root in RootCause.FindAll(new WaitGraph(system.Edges), system))
        {
            HashSet<ObjectReference> waits = [];
            foreach (ThreadFacts thread in system.Threads)
                if (Reaches(system.Edges, ObjectReference.To(thread.Address), root.Ends))
                    waits.Add(ObjectReference.To(thread.Address));
            if (root.BlockedThreads != waits.Count || !waits.SetEquals(root.Blocked.Select(t => ObjectReference.To(t.Address))))
                return false;
        }
        return true;
    });

    [Test]
    public void A_circle_is_a_deadlock_exactly_if_a_walk_without_guesses_comes_back() => Check((edges, _) =>
    {
        FakeSystem system = Build(edges, null);
        List<WaitEdge> sure = [.. system.Edges.Where(e => e.Certainty != Certainty.Candidate)];
        HashSet<ObjectReference> expected = [.. sure.Where(e => Reaches(sure, e.To, [e.From])).Select(e => e.From)];
        List<ObjectReference> found = [.. new WaitGraph(system.Edges).Cycles().SelectMany(c => c)];
        return found.Count == expected.Count && expected.SetEquals(found);
    });

    [Test]
    public void Every_thread_that_waits_by_recorded_steps_stands_before_some_end() => Check((edges, _) =>
    {
        FakeSystem system = Build(edges, null);
        HashSet<ThreadAddress> told = [.. RootCause.FindAll(new WaitGraph(system.Edges), system).SelectMany(r => r.Blocked).Select(t => t.Address)];
        return system.Edges.Where(e => e.From.Kind == ObjectKind.Thread)
            .All(e => told.Contains(new ThreadAddress(e.From.Address)));
    });

    private static void Check(Func<(int From, int To, int Certainty)[], int, bool> property)
    {
        const int Nodes = MostThreads + MostLocks;
        Gen<(int, int, int)> edge = from at in Gen.Choose(0, Nodes - 1)
                                    from to in Gen.Choose(0, Nodes - 1)
                                    from certainty in Gen.Choose(0, 4)
                                    select (at, to, certainty);
        Gen<((int, int, int)[], int)> graphs = from count in Gen.Choose(0, 30)
                                               from edges in edge.ArrayOf(count)
                                               from seed in Gen.Choose(0, int.MaxValue)
                                               select (edges, seed);
        Prop.ForAll(graphs.ToArbitrary(), graph => property(graph.Item1, graph.Item2))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(400));
    }

    private static FakeSystem Build((int From, int To, int Certainty)[] edges, Random? shuffle)
    {
        int[] threads = [.. Enumerable.Range(0, MostThreads)];
        (int From, int To, int Certainty)[] order = [.. edges];
        shuffle?.Shuffle(threads);
        shuffle?.Shuffle(order);
        FakeSystem system = new();
        ProcessFacts vital = system.AddProcess(2, "csrss.exe", Importance.Vital);
        foreach (int i in threads)
        {
            // A few equal ages, so that ties occur.
            ThreadFacts thread = system.AddThread((ulong)i + 1, seconds: 60 + i % 3, process: i % 5 == 0 ? vital : null);
            if (i % 2 == 0)
                system.SetStack(thread, ("nt", ModuleOrigin.Core, true), ($"drv{i % 3}", ModuleOrigin.ThirdParty, false));
        }
        foreach ((int from, int to, int certainty) in order)
            system.AddWait(Node(from), Node(to), certainty > 1 ? Certainty.Proven : (Certainty)certainty);
        return system;
    }

    private static ObjectReference Node(int number) => number < MostThreads
        ? new ObjectReference(ObjectKind.Thread, (ulong)number + 1)
        : new ObjectReference(ObjectKind.Lock, (ulong)number + 1);

    private static bool Reaches(IReadOnlyList<WaitEdge> edges, ObjectReference start, IReadOnlyList<ObjectReference> ends)
    {
        HashSet<ObjectReference> seen = [start];
        bool grows = true;
        while (grows)
        {
            grows = false;
            foreach (WaitEdge edge in edges)
                grows |= seen.Contains(edge.From) && seen.Add(edge.To);
        }
        return ends.Any(seen.Contains);
    }

    private static string Tell(Verdict verdict) =>
        $"{verdict.Class} {verdict.Confidence} {verdict.Summary} {verdict.Culprit?.Module.Name} {verdict.BlockedThreads} {verdict.LongestWait}\n" +
        string.Join("\n", verdict.Chains.Select(c => $"{c.BlockedThreads} {c.LongestWait} {c.Similar} {c.End} " +
            string.Join(" ", c.Links.Select(l => $"{l.Reference} {l.Certainty} {l.AlikeThreads} {l.AlikeLongest}"))));
}
