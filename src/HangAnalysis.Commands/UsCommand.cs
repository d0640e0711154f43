using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary><c>!us</c>: groups threads that have the same stack.</summary>
internal sealed class UsCommand : ICommand
{
    private const int MostLinks = 10;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "us",
        "groups threads by identical stacks, the rarest first",
        "!us [-p PROCESS | -k | -cpu] [/json] [/q]",
        [
            new("p", "PROCESS", "threads of one process, by its address or identifier; without an option: the current process"),
            new("k", null, "all threads of the system"),
            new("cpu", null, "the threads that are on processors"),
            .. CommandHelp.ListingOptions,
        ],
        [("!us -p ffffab06b8137800", "the stacks of one process"), ("!us -cpu", "what the processors do"),
            (".foreach (t {!us /q -k}) {!lpcchain ${t}}", "runs a command for each thread")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!us: '{arguments.Words[0]}' is not understood; see !us /?");
        WindowsSystem system = session.RequireThreads(Help.Name);
        IReadOnlyList<ThreadFacts> threads = Select(session, arguments);
        StackGroups groups = StackGroups.Group(threads, system.GetRawStack, session.Cancellation);
        return new CommandOutput(Arrange(groups, threads.Count, session),
            () => JsonSerializer.Serialize(ToJson(groups, threads.Count, system), ReportJsonContext.Default.StackGroupsJson),
            [.. threads.Select(t => t.Address.Value)]);
    }

    private static IReadOnlyList<ThreadFacts> Select(CommandSession session, CommandArguments arguments)
    {
        WindowsSystem system = session.System;
        if (arguments.Value("p") is { } named)
            return session.FindProcess(named).Threads;
        if (arguments.Has("k"))
            return system.Threads;
        if (arguments.Has("cpu"))
            return [.. system.Processors.Where(p => p.Current is not null).Select(p => p.Current!)];
        return session.CurrentThreads;
    }

    private static Document Arrange(StackGroups groups, int total, CommandSession session)
    {
        WindowsSystem system = session.System;
        Document document = new();
        int shown = 0;
        foreach (StackGroup group in groups.Groups)
        {
            shown += group.Threads.Count;
            List<Span> header = [new Span($"{group.Threads.Count:N0} thread{(group.Threads.Count == 1 ? "" : "s")}:", Tone.Strong)];
            for (int i = 0; i < group.Threads.Count && i < MostLinks; i++)
                header.AddRange([" ", Links.To(group.Threads[i].Address)]);
            if (group.Threads.Count > MostLinks)
                header.Add(" ...");
            document.Add(new LineBlock(header, [], 0, 4));
            StackDocument.AddFrames(document, system.GetStack(group.Threads[0]), 4);
            document.Blank();
        }
        document.Add($"{groups.Groups.Count:N0} stack(s) with {shown:N0} threads displayed ({total:N0} Total threads)");
        foreach ((string reason, int count) in groups.Missing)
            document.Add($"{count:N0} stack(s) were not displayed: {reason}");
        if (session.Cancellation.IsCancellationRequested)
            document.Add($"{total - shown - groups.Missing.Values.Sum():N0} thread(s) were not looked at: interrupted");
        return document;
    }

    private static StackGroupsJson ToJson(StackGroups groups, int total, WindowsSystem system) => new(
        "hanganalysis-us/1",
        [.. groups.Groups.Select(g => new StackGroupJson(
            [.. g.Threads.Select(t => VerdictJsonMapper.Hex(t.Address.Value))],
            [.. system.GetStack(g.Threads[0]).Frames.Select(VerdictJsonMapper.Map)], g.EndNote))],
        total,
        [.. groups.Missing.Select(m => new ReasonJson($"{m.Value:N0} threads", m.Key))]);
}
