using System.Diagnostics;
using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// Seeded damage to the structures of waits, over all scenarios. Each dump holds the hang of the scenario, which is damaged,
/// and four independent ones (<see cref="IndependentHangs"/>), of which no byte is.
/// </summary>
/// <remarks>
/// Asserted for each damaged dump:
/// (1) <c>!hangwhy</c> makes a verdict, without an exception, in less than five seconds.
/// (2) Each of the four independent chains has the links and the certainties that it has in the whole dump. One exception:
/// the system's one list of ERESOURCEs leads through damaged ones, so that blows on both sides of the chain's own may cut it
/// off; then "unknown" has the line that says that the list is damaged.
/// (3) No step from a lock, a message or a request to a thread, a process or a driver is called proven unless the whole
/// dump has that step: a wrong owner is never proven. Except if a blow has put the address of one object where that of
/// another of the same type was: then the dump is that of another system, in which no field contradicts it.
/// (4) A culprit that the verdict names with high confidence is a module in whose code a thread waits, or at which a chain of
/// the whole dump ends, with the same exception.
/// A failing case names scenario, kernel and seed, which make it again.
/// </remarks>
[Parallelizable(ParallelScope.Children)]
public class WaitDamageMatrixTests
{
    private const int AllMutations = 10_000, PartMutations = 1_500, PartScenarios = 12;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(5);

    private static IEnumerable<TestCaseData> Cases()
    {
        // A dump of one thread has no waits, many threads only take longer, the four hangs are in each dump already, and
        // unique-stacks has none of the programs' modules that they need.
        string[] scenarios = [.. MatrixPlan.Scenarios.Where(s => s is not "crash-triage" and not "four-hangs" and not "unique-stacks"
            && !s.StartsWith("threads-", StringComparison.Ordinal))];
        int tried = MatrixPlan.IsAll ? scenarios.Length : Math.Min(PartScenarios, scenarios.Length);
        int seeds = ((MatrixPlan.IsAll ? AllMutations : PartMutations) + tried - 1) / tried;
        for (int i = 0; i < tried; i++)
        {
            int index = MatrixPlan.IsAll ? i : (MatrixPlan.Part % 1000 * tried + i) % scenarios.Length;
            string version = MatrixPlan.VersionsOf(scenarios[index], MatrixPlan.Part).Last();
            yield return new TestCaseData(scenarios[index], version, seeds).SetArgDisplayNames(scenarios[index], version, $"{seeds} seeds");
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Damage_is_survived_and_said_and_makes_no_owner(string scenario, string version, int seeds)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(version));
        // What the four hangs add comes later in pool, and so do what the end of the making adds; all of that is spared.
        int end = system.Pool.Blocks.Count;
        IReadOnlyList<IndependentHang> hangs = IndependentHangs.AddTo(system);
        using ForgedFolder forged = new(system, DumpKind.Full);
        using CommandSession opened = forged.Open();
        OverlaidTarget target = new(opened.Windows.Target);
        Outcome whole = Outcome.Of(target, hangs, withCulprits: true);
        foreach (IndependentHang hang in hangs)
            Assert.That(whole.Chains[hang.Kind], Has.Count.EqualTo(hang.Links.Count), hang.Kind);
        HashSet<ulong> spared = [.. system.Threads.Where(t => t.Process.Name.StartsWith("witness", StringComparison.Ordinal)).Select(t => t.Address)];
        WaitDamage damage = new(system, end, spared);
        int changed = 0, other = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            string what = $"{scenario} on {version}, seed {seed + MatrixPlan.Part % 1000 * seeds}";
            damage.Strike(new Random(seed + MatrixPlan.Part % 1000 * seeds), target.Words);
            what += ": " + string.Join(", ", target.Words.Select(w => $"{w.Key:x16} = {w.Value:x16}"));
            long start = Stopwatch.GetTimestamp();
            Outcome damaged;
            try
            {
                damaged = Outcome.Of(target, hangs);
            }
            catch (Exception exception)
            {
                Assert.Fail($"{what}: {exception}");
                return;
            }
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(s_longest), what);
            AssertUntouched(whole, damaged, what);
            if (damage.IsAnotherSystem(target.Words))
                other++;
            else
                AssertOwners(system, whole, damaged, what);
            if (damaged.Edges != whole.Edges || !damaged.Unknown.SetEquals(whole.Unknown))
                changed++;
        }
        TestContext.Out.WriteLine($"{changed} of {seeds} changed what is read, {other} made another system");
        // Damage that nobody notices would show nothing. A scenario whose truth has no chain has few waits to damage.
        if (system.Truth.Links.Count > 0)
            Assert.That(changed, Is.GreaterThan(seeds / 20), "damage that shows");
        Assert.That(other, Is.LessThan(seeds / 4), "damage that no field contradicts");
    }

    private static void AssertUntouched(Outcome whole, Outcome damaged, string what)
    {
        bool isListSaid = damaged.Unknown.Any(u => u.What == "some ERESOURCEs" && !whole.Unknown.Contains(u));
        foreach ((string kind, List<string> links) in whole.Chains)
            if (kind != "resource" || !isListSaid)
                Assert.That(damaged.Chains[kind], Is.EqualTo(links), $"{kind}: {what}");
    }

    private static void AssertOwners(SystemBuilder system, Outcome whole, Outcome damaged, string what)
    {
        foreach ((ObjectReference from, ObjectReference to) in damaged.ProvenOwners)
        {
            ObjectReference named = to;
            // A driver object that does not tell its image any more is named itself: the driver is the same.
            if (to.Kind == ObjectKind.Driver && system.Structures.TryGetValue(to.Address, out string? type) && type == "_DRIVER_OBJECT")
                named = to with { Address = system.Struct(type, to.Address).Get("DriverStart") };
            Assert.That(whole.Owners, Does.Contain((from, named)), what);
        }
        if (damaged.SureCulprit is { } culprit)
            Assert.That(whole.Culprits, Does.Contain(culprit), what);
    }

    /// <summary>What is compared of one analysis.</summary>
    private sealed class Outcome
    {
        public Dictionary<string, List<string>> Chains { get; } = [];

        /// <summary>How many steps the wait graph has.</summary>
        public int Edges { get; private init; }

        public HashSet<(ObjectReference From, ObjectReference To)> ProvenOwners { get; } = [];

        /// <summary>
        /// Also those that are not proven: an owner that has ended is inferred, and no field contradicts a blow to its state.
        /// </summary>
        public HashSet<(ObjectReference From, ObjectReference To)> Owners { get; } = [];

        public HashSet<Unknown> Unknown { get; private init; } = [];

        public HashSet<string> Culprits { get; } = [];

        public string? SureCulprit { get; private init; }

        public static Outcome Of(OverlaidTarget target, IReadOnlyList<IndependentHang> hangs, bool withCulprits = false)
        {
            using CommandSession session = new(target);
            Verdict verdict = session.Verdict;
            Outcome outcome = new()
            {
                Unknown = [.. session.System.Unknowns],
                Edges = session.System.Edges.Count,
                SureCulprit = verdict.Confidence == Confidence.High ? verdict.Culprit?.Module.FileName : null,
            };
            // The whole report is made, as the command makes it.
            ForgedFolder.RunJson(session, "!hangwhy");
            foreach (IndependentHang hang in hangs)
            {
                ThreadFacts? thread = session.System.FindThread(hang.Waiter.Address);
                outcome.Chains[hang.Kind] = thread is null ? []
                    : [.. session.Chains.Follow(thread).Links.Select(l => $"{l.Reference} {l.Certainty}")];
            }
            foreach (WaitEdge edge in session.System.Edges)
                if (edge.To.Kind is ObjectKind.Thread or ObjectKind.Process or ObjectKind.Driver
                    && edge.From.Kind is ObjectKind.Lock or ObjectKind.Message or ObjectKind.Request)
                {
                    outcome.Owners.Add((edge.From, edge.To));
                    if (edge.Certainty == Certainty.Proven)
                        outcome.ProvenOwners.Add((edge.From, edge.To));
                }
            if (withCulprits)
                outcome.FindCulprits(session);
            return outcome;
        }

        // Modules in whose code a thread waits, and drivers that chains end at.
        private void FindCulprits(CommandSession session)
        {
            foreach (ThreadFacts thread in session.System.Threads)
                foreach (FrameFacts frame in session.System.GetStack(thread).Frames)
                    if (frame.Module is { } module)
                        Culprits.Add(module.FileName);
            foreach (Chain chain in session.Verdict.Chains)
                foreach (ChainLink link in chain.Links)
                    if (link.Reference.Kind == ObjectKind.Driver)
                        Culprits.Add(link.Name);
        }
    }
}
