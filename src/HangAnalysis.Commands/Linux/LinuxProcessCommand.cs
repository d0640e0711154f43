using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!p</c>: everything about one process.</summary>
internal sealed class LinuxProcessCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Threads, "p",
        "shows one process: program, command line, parent, children, memory, files, user, threads and waits",
        "!p [PID | TASK | NAME] [-t] [-e] [/json] [/q]",
        [
            new("t", null, "all its threads; with /q their addresses"), new("e", null, "its environment variables"),
            .. CommandHelp.ListingOptions,
        ],
        [("!p 96", "one process, by the PID or address of any of its tasks"), ("!p sshd", "by name; where several have it, all"),
            ("!p", "that of the first processor")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!p: one process at a time; see !p /?");
        LinuxSystem system = LinuxCommands.Require(session, Help.Name);
        IReadOnlyList<ProcessFacts> processes = Choose(session, system, arguments);
        List<LinuxProcessDetails> all = [.. processes.Where(p => p.Threads.Count > 0).Select(system.GetDetails)];
        LinuxProcessParts parts = new(arguments.Has("t"), arguments.Has("e"));
        return new CommandOutput(Arrange(session, system, all, parts),
            () => JsonSerializer.Serialize(new LinuxProcessesJson("hanganalysis-linux-p/1",
                [.. all.Select(d => LinuxProcessJsonMapper.Map(session, system, d, parts.WithThreads))]),
                ReportJsonContext.Default.LinuxProcessesJson),
            parts.WithThreads
                ? [.. processes.SelectMany(p => p.Threads).Select(t => t.Address.Value)]
                : [.. processes.Select(p => p.Address.Value)]);
    }

    /// <summary>The processes that were started by one.</summary>
    public static IEnumerable<ProcessFacts> ChildrenOf(ProcessFacts parent, LinuxSystem system)
    {
        foreach (ProcessFacts process in system.Processes)
            if (process.ParentId == parent.Id && process != parent && process.Id != 0)
                yield return process;
    }

    private static IReadOnlyList<ProcessFacts> Choose(CommandSession session, LinuxSystem system, CommandArguments arguments)
    {
        if (arguments.Words.Count == 0)
            return [session.DefaultProcess ?? throw new CommandUsageException("!p: name a process, as in !p 1; see !tl")];
        string word = arguments.Words[0];
        if (ProcessSearch.TryFind(session, word) is { Count: > 0 } found)
            return found;
        // A task that does not lead its group stands for its process.
        bool isId = system.Words.TryParseId(word, out ulong id);
        foreach (ThreadFacts thread in system.Threads)
            if ((isId && thread.Id == id) || (CommandArguments.TryParseAddress(word, out ulong address) && thread.Address.Value == address))
                return [thread.Process];
        return ProcessSearch.Find(session, word);
    }

    private static Document Arrange(
        CommandSession session, LinuxSystem system, List<LinuxProcessDetails> all, LinuxProcessParts parts)
    {
        Document document = new();
        for (int i = 0; i < all.Count && !session.Cancellation.IsCancellationRequested; i++)
        {
            if (i > 0)
                document.Blank();
            new LinuxProcessDocument(session, system, all[i], document).Add(parts);
        }
        return document;
    }
}
