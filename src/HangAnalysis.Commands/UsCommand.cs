using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!us</c>: groups threads that have the same stack.</summary>
internal sealed class UsCommand(CommandWords words) : ICommand
{
    /// <summary>Threads of a group that its statistics list one by one, unless a limit is given.</summary>
    private const int MostListed = 100;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "us",
        "groups threads by identical stacks, the rarest first",
        "!us [-p PROCESS | -k | -cpu] [-w] [-wr REASON] [-s STATE] [-b] [-3] [TEXT] [-e TEXT] [-r] [-t] [-sort ORDER] [-l N] " +
        "[-stats THREAD] [/json] [/q]",
        [
            ThreadSelection.ProcessOption(words),
            new("k", null, "all threads of the system"),
            new("cpu", null, "the threads that are on processors"),
            .. ThreadSelection.FilterOptions(words),
            new("3", null,
                $"stacks through code that is not part of {words.System}; tells of how many the dump does not say it"),
            .. StackSelection.TextOptions,
            new("t", null, "behind the stacks a tree of the calls that they have in common, from the outermost function"),
            new("sort", "ORDER", "count (the fewest threads first, as without this) or wait (the longest wait first)"),
            new("l", "N", "at most so many stacks; 0 with -t for the tree alone"),
            new("stats", "THREAD", "the threads with this one's stack: states, reasons, times; in its process, or by -p or -k"),
            .. CommandHelp.ListingOptions,
        ],
        [
            ($"!us -p {words.Process}", "the stacks of one process"), ("!us -cpu", "what the processors do"),
            ($"!us -k {words.Function}",
                $"stacks that have this text in any frame, such as {words.FunctionForm}; of several texts, all of them"),
            ($"!us -k -r -e {words.IdleFunctions} -sort wait -l 10",
                "the ten longest waits, without worker and idle threads"),
            ("!us -k -t -l 0", "the calls that all threads have in common, as one tree"),
            .. words.Loops((".foreach (t {!us /q -k}) {!lpcchain ${t}}", "runs a command for each thread")),
        ]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        ISystemFacts system = session.RequireThreads(Help.Name);
        int? limit = arguments.Number("l", "stacks");
        StackOrder order = Order(arguments);
        StackMatcher matcher = new(Help.Name, arguments.Words, arguments.Value("e"), arguments.Has("r"));
        if (arguments.Value("stats") is { } named)
            return Statistics(session, arguments, session.FindThread(named), limit ?? MostListed);
        ThreadSelection threads = Select(session, arguments);
        StackSelection stacks = new(
            session, threads, ThreadSelection.HasFilter(arguments), matcher, arguments.Has("3"), order);
        IReadOnlyList<StackGroup> shown = limit < stacks.Groups.Count ? [.. stacks.Groups.Take(limit.Value)] : stacks.Groups;
        // Who is on a processor is not in a wait: there is nothing to be counted by.
        string? scope = arguments.Has("cpu") ? null : Scope(system, threads, arguments);
        CallTree? tree = arguments.Has("t")
            ? CallTree.Build(
                stacks.Groups.Select(g => (system.GetStack(g.Threads[0]), g.Threads.Count)), session.Cancellation)
            : null;
        return new CommandOutput(Arrange(system, stacks, shown, scope, tree),
            () => StackGroupsMapper.Serialize(system, stacks, shown, tree),
            [.. shown.SelectMany(g => g.Threads).Select(t => t.Address.Value)]);
    }

    private static ThreadSelection Select(CommandSession session, CommandArguments arguments) =>
        arguments.Has("cpu") && !arguments.Has("p") && !arguments.Has("k")
            ? ThreadSelection.Among(session, arguments,
                [.. session.System.Processors.Where(p => p.Current is not null).Select(p => p.Current!)])
            : ThreadSelection.Of(session, arguments, "k");

    private static Document Arrange(
        ISystemFacts system, StackSelection stacks, IReadOnlyList<StackGroup> shown, string? scope, CallTree? tree)
    {
        Document document = new();
        // Names and lines are made while they are printed: long output begins at once, and a break ends the work too.
        document.Add(new DeferredBlock(shown.SelectMany(g => StackGroupDocument.Arrange(system, g, scope).Blocks)));
        if (tree is not null)
            document.Add(new DeferredBlock(CallTreeDocument.Arrange(tree)));
        int threads = shown.Sum(g => g.Threads.Count);
        document.Add($"{shown.Count:N0} stack(s) with {threads:N0} threads displayed " +
            $"({stacks.Threads.Considered.Count:N0} Total threads)");
        if (shown.Count < stacks.Groups.Count)
            document.Add($"{stacks.Groups.Count - shown.Count:N0} more stack(s) with " +
                $"{stacks.Groups.Sum(g => g.Threads.Count) - threads:N0} threads are beyond the limit (-l {shown.Count})");
        foreach (string line in stacks.DescribeRest())
            document.Add(line);
        return document;
    }

    /// <summary>The group of one thread in figures.</summary>
    private CommandOutput Statistics(CommandSession session, CommandArguments arguments, ThreadFacts thread, int limit)
    {
        ISystemFacts system = session.System;
        bool hasScope = arguments.Has("p") || arguments.Has("k");
        ThreadSelection threads = hasScope
            ? ThreadSelection.Of(session, arguments, "k")
            : ThreadSelection.Among(session, arguments, thread.Process.Threads);
        StackSelection stacks = new(
            session, threads, ThreadSelection.HasFilter(arguments), new StackMatcher(Help.Name, [], null, false));
        StackGroup? group = stacks.Groups.FirstOrDefault(g => g.Threads.Contains(thread));
        if (group is null)
            throw new CommandUsageException(threads.Threads.Contains(thread)
                ? $"!us: thread {thread.Address.Value:x} has no stack: {system.GetStack(thread).EndNote ?? "it is empty"}"
                : $"!us: thread {thread.Address.Value:x} is not among the threads that were chosen");
        return new CommandOutput(StackStatisticsDocument.Arrange(system, group, threads, limit),
            () => StackGroupsMapper.Serialize(system, stacks, [group], null),
            [.. group.Threads.Select(t => t.Address.Value)]);
    }

    /// <summary>The options that lead a link to the same threads again, whatever the current process is then.</summary>
    private string Scope(ISystemFacts system, ThreadSelection threads, CommandArguments arguments)
    {
        string scope = ReferenceEquals(threads.Considered, system.Threads) || threads.Considered.Count == 0
            ? "-k"
            : $"-p {threads.Considered[0].Process.Address.Value:x16}";
        foreach (OptionHelp option in ThreadSelection.FilterOptions(words))
            if (arguments.Has(option.Name))
                scope += $" -{option.Name} {arguments.Value(option.Name)?.Replace(" ", "", StringComparison.Ordinal)}".TrimEnd();
        return scope;
    }

    private StackOrder Order(CommandArguments arguments) => arguments.Value("sort")?.ToLowerInvariant() switch
    {
        null or "count" => StackOrder.Count,
        "wait" => StackOrder.Wait,
        { } other => throw new CommandUsageException($"!{Help.Name}: stacks are sorted by count or wait, not by '{other}'"),
    };
}
