using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>Finds the processes that a word means: an address, an identifier, or a name.</summary>
internal static class ProcessSearch
{
    private const string Suffix = ".exe";

    /// <summary>
    /// The process of an address or identifier, else all of a name, in any case, with or without <c>.exe</c>, else that of an
    /// expression which the debugger understands. Empty where there is none.
    /// </summary>
    public static IReadOnlyList<ProcessFacts> TryFind(CommandSession session, string word)
    {
        // A number first: a process may be called 'cafe', and an address never looks like a name.
        bool isId = session.System.Words.TryParseId(word, out ulong number);
        bool isNumber = isId || CommandArguments.TryParseAddress(word, out number);
        if (isNumber && Find(session, number, isId || !session.System.Words.HasDecimalIds) is { } process)
            return [process];
        List<ProcessFacts> named = [];
        foreach (ProcessFacts candidate in All(session))
            if (IsName(candidate.Name, word))
                named.Add(candidate);
        if (named.Count > 0 || isNumber)
            return named;
        return session.Evaluator?.Invoke(word) is { } value && Find(session, value, canBeId: true) is { } evaluated
            ? [evaluated]
            : [];
    }

    /// <summary>The same; <see cref="CommandUsageException"/> where there is none.</summary>
    public static IReadOnlyList<ProcessFacts> Find(CommandSession session, string word) => TryFind(session, word) is { Count: > 0 } found
        ? found
        : throw new CommandUsageException($"no process has the address, the identifier or the name '{word}'; see !tl");

    private static ProcessFacts? Find(CommandSession session, ulong addressOrId, bool canBeId)
    {
        if (session.System.FindProcess(addressOrId) is { } process)
            return process;
        foreach (ProcessFacts candidate in All(session))
            if (canBeId && candidate.Id == addressOrId)
                return candidate;
        return null;
    }

    /// <summary>All processes; the one that idle threads belong to is in no list.</summary>
    private static IEnumerable<ProcessFacts> All(CommandSession session)
    {
        HashSet<ProcessFacts> listed = new(session.System.Processes, ReferenceEqualityComparer.Instance);
        foreach (ProcessFacts process in session.System.Processes)
            yield return process;
        foreach (ProcessorFacts processor in session.System.Processors)
            if (processor.Current?.Process is { } current && listed.Add(current))
                yield return current;
    }

    private static bool IsName(string name, string word) =>
        name.Equals(word, StringComparison.OrdinalIgnoreCase)
        || (name.Length == word.Length + Suffix.Length && name.EndsWith(Suffix, StringComparison.OrdinalIgnoreCase)
            && name.StartsWith(word, StringComparison.OrdinalIgnoreCase));
}
