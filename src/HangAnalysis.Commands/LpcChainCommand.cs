using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!lpcchain</c>: follows threads that wait for answers of other processes.</summary>
internal sealed class LpcChainCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "lpcchain",
        "follows a thread, or all threads that wait for an answer, from message to message to the end",
        "!lpcchain [THREAD | PROCESS] [/json] [/q]",
        CommandHelp.ListingOptions,
        [("!lpcchain", "every thread that waits for an answer, the longest wait first"),
            ("!lpcchain ffffab06b1b28800", "the chain of one thread"),
            ("!lpcchain ffffab06b8137800", "the chains that lead through one process")])
    {
        Subject = "ALPC messages",
    };

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!lpcchain: one thread or process at a time; see !lpcchain /?");
        session.RequireWindows(Help.Name);
        List<Chain> chains = Select(session, arguments.Words.Count == 0 ? null : arguments.Words[0]);
        return new CommandOutput(Arrange(chains, session, arguments.Words.Count == 1),
            () => JsonSerializer.Serialize(
                new ChainsJson("hanganalysis-chains/1", [.. chains.Select(VerdictJsonMapper.Map)]),
                ReportJsonContext.Default.ChainsJson),
            [.. chains.SelectMany(c => c.Links).Where(l => l.Thread is not null).Select(l => l.Reference.Address).Distinct()]);
    }

    private static List<Chain> Select(CommandSession session, string? argument)
    {
        if (argument is not null && session.System.FindThread(session.ParseAddress(argument)) is { } thread)
            return [session.Chains.Follow(thread)];
        ProcessFacts? process = argument is null ? null : session.FindProcess(argument);
        List<Chain> chains = [];
        foreach (ThreadFacts waiting in session.System.Threads)
            if (!session.Cancellation.IsCancellationRequested && waiting.Message != 0 && session.Chains.HasSteps(waiting)
                && session.Chains.Follow(waiting) is var chain
                && (process is null || ChainFollower.LeadsThrough(chain, process)))
                chains.Add(chain);
        chains.Sort((a, b) => (b.LongestWait ?? TimeSpan.Zero).CompareTo(a.LongestWait ?? TimeSpan.Zero));
        return chains;
    }

    private static Document Arrange(List<Chain> chains, CommandSession session, bool named)
    {
        Document document = new();
        foreach (Chain chain in chains)
        {
            ChainDocument.Add(document, chain, session, Culprit(chain, session));
            document.Blank();
        }
        document.Add(chains.Count == 0
            ? named ? "no thread waits for an answer through this process" : "no thread waits for the answer of another process"
            : $"{chains.Count:N0} chain{(chains.Count == 1 ? "" : "s")}");
        return document;
    }

    /// <summary>The verdict's culprit, where the chain ends in the same thread.</summary>
    private static Culprit? Culprit(Chain chain, CommandSession session) =>
        session.Verdict is { Culprit: { } culprit, Stacks: [{ Thread: { } root }, ..] }
            && chain.Links.LastOrDefault(l => l.Thread is not null)?.Thread == root ? culprit : null;
}
