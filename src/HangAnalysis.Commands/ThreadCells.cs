using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Cells of tables of threads: every table shows a thread in the same way.</summary>
internal static class ThreadCells
{
    /// <summary>What stands where something is not recorded.</summary>
    public const string NotRecorded = "-";

    /// <summary>The columns of <see cref="Of"/>.</summary>
    public static IReadOnlyList<Column> Columns { get; } =
    [
        new("Process", CanShrink: true), new("PID", Align.Right), new("Thread"), new("Id", Align.Right), new("State"),
        new("Time", Align.Right), new("Reason"),
    ];

    /// <summary>Process, PID, thread, identifier, state, time in it, and wait reason.</summary>
    public static IReadOnlyList<Span> Of(ThreadFacts thread) =>
    [
        Process(thread.Process), thread.Process.IdText, Links.To(thread.Address), thread.IdText, State(thread),
        AgeText.Format(thread.Age), thread.WaitReason ?? NotRecorded,
    ];

    /// <summary>The name of a process, with a link to it.</summary>
    public static Span Process(ProcessFacts process) => new(process.Name, Tone.Normal, Links.CommandFor(process));

    /// <summary>The state of a thread, with what keeps it from running besides.</summary>
    public static Span State(ThreadFacts thread) =>
        thread.IsSuspended && thread.WaitGroup != WaitGroup.Suspended ? $"{thread.State}, suspended" : thread.State;

    /// <summary>What a thread waits for: the first step of its chain, or its wait where nothing further is known.</summary>
    public static Phrase? WaitOf(ThreadFacts thread, CommandSession session) => session.Chains.HasSteps(thread)
        ? session.Chains.Follow(thread).Links[0].WaitsFor
        : session.System.DescribeWait(thread);
}
