using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!deadlocks</c>: every circle of waits.</summary>
internal sealed class DeadlocksCommand(CommandWords words) : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "deadlocks",
        "shows every circle of waits, over all kinds of locks and messages, with the evidence for each step",
        "!deadlocks [/json] [/q]", CommandHelp.ListingOptions,
        [("!deadlocks", "every deadlock, drawn once"),
            .. words.Loops((".foreach (t {!deadlocks /q}) {!why ${t}}", "runs a command for each thread in them"))]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!deadlocks: '{arguments.Words[0]}' is not understood; see !deadlocks /?");
        session.RequireThreads(Help.Name);
        IReadOnlyList<Chain> circles = session.Locks.Deadlocks;
        return new CommandOutput(Arrange(circles, session),
            () => JsonSerializer.Serialize(new DeadlocksJson("hanganalysis-deadlocks/1", session.Locks.Steps,
                session.Locks.Guesses, [.. circles.Select(VerdictJsonMapper.Map)]), ReportJsonContext.Default.DeadlocksJson),
            [.. circles.SelectMany(c => c.Links).Where(l => l.Thread is not null).Select(l => l.Reference.Address).Distinct()]);
    }

    private static Document Arrange(IReadOnlyList<Chain> circles, CommandSession session)
    {
        Document document = new();
        for (int i = 0; i < circles.Count; i++)
        {
            Chain circle = circles[i];
            int members = circle.Links.Where(l => l.Thread is not null).Select(l => l.Reference).Distinct().Count();
            document.Add(new Span($"Deadlock {i + 1}", Tone.Bad), $"  {ChainDocument.Count(members, "thread")} in a circle" +
                (circle.BlockedThreads > members ? $", {ChainDocument.Count(circle.BlockedThreads - members, "more thread")} behind" : "") +
                $"; longest wait {AgeText.Format(circle.LongestWait)}");
            ChainDocument.Add(document, circle, session, null, withEvidence: true);
            document.Blank();
        }
        string steps = ChainDocument.Count(session.Locks.Steps, "step");
        string guesses = session.Locks.Guesses == 0 ? "" : $", of which {session.Locks.Guesses:N0} guesses make none";
        document.Add(circles.Count == 0
            ? $"no deadlock among {steps} of waits{guesses}"
            : $"{ChainDocument.Count(circles.Count, "deadlock")} among {steps} of waits{guesses}");
        return document;
    }
}
