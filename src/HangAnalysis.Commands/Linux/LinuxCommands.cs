using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>What the commands of Linux dumps have in common.</summary>
internal static class LinuxCommands
{
    /// <summary>The system, where it is Linux and its tasks could be read; declines with the reason where not.</summary>
    public static LinuxSystem Require(CommandSession session, string command)
    {
        session.Commands.RequireOwn(command);
        return session.RequireThreads(command) as LinuxSystem
            ?? throw new CommandDeclinedException(
                $"!{command} is for dumps of Linux, and this one is of {session.System.Words.Name}");
    }

    /// <summary>The task that a word means: its address, its PID, or its name where only one task has it.</summary>
    public static ThreadFacts FindTask(CommandSession session, string word)
    {
        bool isNumber = session.System.Words.TryParseId(word, out ulong id);
        // There is an idle task of each processor, and all have PID 0.
        if (isNumber && id == 0)
            throw new CommandUsageException(
                "PID 0 is that of the idle task of every processor; name one by its address, see !lt swapper");
        if (isNumber || CommandArguments.TryParseAddress(word, out _))
            return session.FindThread(word);
        LinuxSystem system = (LinuxSystem)session.System;
        List<ThreadFacts> named = [.. system.Threads.Where(t => system.GetDetails(t).Name == word)];
        return named.Count switch
        {
            1 => named[0],
            0 => throw new CommandUsageException($"no task has the PID, the address or the name '{word}'; see !lt"),
            _ => throw new CommandUsageException($"{named.Count:N0} tasks are called {word}; see !lt {word}"),
        };
    }

    /// <summary>Name of a task as <c>ps</c> shows it: in brackets where it has no program.</summary>
    public static string Command(TaskDetails details) => details.MemoryAddress == 0 ? $"[{details.Name}]" : details.Name;

    /// <summary>Adds the line of further commands.</summary>
    public static void AddNext(Document document, IReadOnlyList<string> commands)
    {
        List<Span> line = [new Span("Next  ", Tone.Strong)];
        foreach (string command in commands)
            line.AddRange([line.Count > 1 ? " · " : "", new Span(command, Tone.Normal, command)]);
        document.Blank();
        document.Add(new LineBlock(line, [], 0, 6));
    }
}
