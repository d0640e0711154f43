using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>Finds the processes that a word means: an address, an identifier, or a name.</summary>
internal static class ProcessSearch
{
    private const string Suffix = ".exe";

    /// <summary>
    /// The process of an address or identifier, else all of a name, in any case, with or without <c>.exe</c>. Throws
    /// <see cref="CommandUsageException"/> where there is none.
    /// </summary>
    public static IReadOnlyList<ProcessFacts> Find(CommandSession session, string word)
    {
        if (CommandArguments.TryParseAddress(word, out ulong value))
        {
            if (session.System.FindProcess(value) is { } process)
                return [process];
            foreach (ProcessFacts candidate in session.System.Processes)
                if (candidate.Id == value)
                    return [candidate];
        }
        List<ProcessFacts> named = [];
        foreach (ProcessFacts candidate in session.System.Processes)
            if (IsName(candidate.Name, word))
                named.Add(candidate);
        // Idle threads belong to a process that is in no list.
        foreach (ProcessorFacts processor in session.System.Processors)
            if (processor.Current?.Process is { } current && !named.Contains(current)
                && (IsName(current.Name, word) || (named.Count == 0 && value == 0 && current.Id == 0 && word == "0")))
                named.Add(current);
        if (named.Count > 0)
            return named;
        // What is neither may be an expression that the debugger understands.
        return session.Evaluator?.Invoke(word) is { } address && session.System.FindProcess(address) is { } evaluated
            ? [evaluated]
            : throw new CommandUsageException($"no process has the address, the identifier or the name '{word}'");
    }

    private static bool IsName(string name, string word) =>
        name.Equals(word, StringComparison.OrdinalIgnoreCase)
        || (name.Length == word.Length + Suffix.Length && name.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase)
            && name.StartsWith(word, StringComparison.OrdinalIgnoreCase));
}
