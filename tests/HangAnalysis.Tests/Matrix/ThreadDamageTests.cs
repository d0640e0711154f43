using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Matrix;

/// <summary>Seeded damage to what <c>!t</c> shows: each thread is still shown, within the width of the screen and as JSON.</summary>
public class ThreadDamageTests
{
    private const int Seeds = 60, MostThreads = 24;

    [TestCase("wait-objects", "6.1.7601")]
    [TestCase("wait-objects", "10.0.22000")]
    [TestCase("stuck-io", "6.3.9600")]
    [TestCase("eresource-cycle", "10.0.17763")]
    [TestCase("alpc-four-processes", "10.0.14393")]
    public void Every_thread_of_a_damaged_dump_is_shown(string scenario, string layout)
    {
        SystemBuilder system = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(system);
        using CommandSession whole = forged.Open();
        // The threads that have more to show than a wait for work.
        ulong[] threads = [.. system.Threads.Where(t => t.WaitsInProgram()).Select(t => t.Address).TakeLast(MostThreads)];
        Dictionary<ulong, string> sound = threads.ToDictionary(t => t, t => ForgedFolder.Run(whole, $"!t -v {t:x}"));
        OverlaidTarget target = new(whole.Windows.Target);
        WaitDamage damage = new(system, system.Pool.Blocks.Count, new HashSet<ulong>());
        int changed = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            damage.Strike(new Random(seed), target.Words);
            string what = $"seed {seed}: " + string.Join(", ", target.Words.Select(w => $"{w.Key:x16} = {w.Value:x16}"));
            using CommandSession session = new(target);
            foreach (ulong thread in threads)
            {
                // A thread that the damage has taken off every list is not found, and said to be so.
                if (session.System.FindThread(thread) is null)
                    continue;
                string text = "";
                Assert.That(() => text = ForgedFolder.Run(session, $"!t -v {thread:x}"), Throws.Nothing, what);
                Assert.That(() => ForgedFolder.RunJson(session, $"!t {thread:x}"), Throws.Nothing, what);
                Assert.That(text.Split('\n').Max(l => l.Length), Is.LessThanOrEqualTo(120), what);
                changed += text == sound[thread] ? 0 : 1;
            }
        }
        Assert.That(changed, Is.Positive, "damage that shows");
    }
}
