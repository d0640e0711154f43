using HangAnalysis.Commands;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using HangAnalysis.Model;
using NUnit.Framework;

namespace HangAnalysis.Tests.Scenarios;

/// <summary>Compares the stacks that are read from a forged dump with those that were written.</summary>
internal static class ForgedStacks
{
    /// <summary>Asserts that every waiting thread's stack is the one that was written; returns the number of threads.</summary>
    public static int AssertEqual(string scenario, string layout)
    {
        SystemBuilder builder = ScenarioSet.Build(scenario, KernelLayout.BuiltIn(layout));
        using ForgedFolder forged = new(builder);
        using CommandSession session = forged.Open();
        int whole = 0;
        foreach (ThreadBuilder truth in builder.Threads)
        {
            if (truth.Frames is null || session.System.FindThread(truth.Address) is not
                { Activity: ThreadActivity.Waiting, StackResident: true } thread)
                continue;
            StackFacts stack = session.System.GetStack(thread);
            Assert.That(stack.Frames.Select(f => f.InstructionPointer), Is.EqualTo(truth.Frames.Frames.Select(f => f.Address)),
                $"thread {truth.Tid:x}: {stack.EndNote}");
            Assert.That(stack.Frames.Select(f => f.Certainty), Is.All.EqualTo(Certainty.Proven), $"thread {truth.Tid:x}");
            Assert.That(stack.Frames.Where(f => f.Symbol is not null).Select(f => f.Symbol),
                Has.None.Contains("@"), "decorations are not shown");
            whole++;
        }
        return whole;
    }
}
