using HangAnalysis.Commands;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>Completes commands, their options, and the processes, states and addresses that these take.</summary>
/// <remarks>Tab never reads the dump: what no command has read yet is not offered.</remarks>
internal sealed class PromptCompleter(CommandSession session, SeenAddresses seen) : ICompleter
{
    private const string ProcessValue = "PROCESS";
    private const string PathValue = "PATH";
    private const string ReasonValue = "REASON";
    private const string StateValue = "STATE";
    private const int MostAddresses = 200;

    /// <inheritdoc/>
    public Completion Complete(string typed)
    {
        int start = typed.LastIndexOf(' ') + 1;
        string word = typed[start..];
        string[] before = typed[..start].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (before.Length == 0)
            return new Completion(start, Commands(word));
        if (before[^1] is ">" or ">>")
            return new Completion(start, []);
        PromptCommand? own = PromptCommands.Find(before[0]);
        if (own == PromptCommands.Process)
            return new Completion(start, [.. Processes(word, byName: true), .. Addresses(word)]);
        CommandHelp? help = session.Commands.Find(before[0].TrimStart('!').ToLowerInvariant())?.Help;
        if (own == PromptCommands.Help || help?.Category == CommandCategories.Help)
            return new Completion(start, Commands(word));
        if (own is not null || help is null)
            return new Completion(start, []);
        if (word.Length > 0 && word[0] is '-' or '/')
            return new Completion(start, Options(help, word));
        OptionHelp? option = before[^1][0] is '-' or '/' ? help.Options.FirstOrDefault(
            o => o.Value is not null && o.Name.Equals(before[^1][1..], StringComparison.OrdinalIgnoreCase)) : null;
        // The last one of a list, as in -s Ready,Standby.
        int item = word.LastIndexOf(',') + 1;
        return option?.Value switch
        {
            ReasonValue => new Completion(start + item, Names(() => session.WaitReasonNames, word[item..])),
            StateValue => new Completion(start + item, Names(() => session.ThreadStateNames, word[item..])),
            PathValue => new Completion(start, []),
            ProcessValue => new Completion(start, [.. Processes(word, byName: true), .. Addresses(word)]),
            _ => new Completion(start, [.. Processes(word, byName: false), .. Addresses(word)]),
        };
    }

    private List<Candidate> Commands(string word)
    {
        bool bang = word.StartsWith('!');
        string name = word.TrimStart('!');
        List<Candidate> found = [];
        foreach (ICommand command in session.Commands.All)
            if (command.Help.Name.StartsWith(name, StringComparison.OrdinalIgnoreCase))
                found.Add(new Candidate((bang ? "!" : "") + command.Help.Name, command.Help.Summary));
        foreach (PromptCommand command in bang ? [] : PromptCommands.All)
            if (command.Names[0].StartsWith(word, StringComparison.OrdinalIgnoreCase))
                found.Add(new Candidate(command.Names[0], command.Summary));
        found.Sort((a, b) => string.CompareOrdinal(a.Text, b.Text));
        return found;
    }

    private static List<Candidate> Options(CommandHelp help, string word)
    {
        List<Candidate> found = [];
        foreach (OptionHelp option in help.Options)
            if (option.Name.StartsWith(word[1..], StringComparison.OrdinalIgnoreCase))
                found.Add(new Candidate($"{word[0]}{option.Name}",
                    option.Value is null ? option.Meaning : $"{option.Value}: {option.Meaning}"));
        return found;
    }

    private List<Candidate> Names(Func<IReadOnlyList<string>> names, string word) => !session.HasSystem ? []
        : [.. names().Where(n => n.StartsWith(word, StringComparison.OrdinalIgnoreCase)).Select(n => new Candidate(n))];

    /// <summary>
    /// Processes by the beginnings of their names: as the name where a command takes that and one process has it, otherwise as
    /// the address.
    /// </summary>
    private List<Candidate> Processes(string word, bool byName)
    {
        List<Candidate> found = [];
        if (!session.HasSystem || (!byName && word.Length == 0))
            return found;
        Dictionary<string, int> named = new(StringComparer.OrdinalIgnoreCase);
        foreach (ProcessFacts process in session.System.Processes)
            named[process.Name] = named.GetValueOrDefault(process.Name) + 1;
        foreach (ProcessFacts process in session.System.Processes)
        {
            if (!process.Name.StartsWith(word, StringComparison.OrdinalIgnoreCase))
                continue;
            string address = $"{process.Address.Value:x16}";
            // A name that a terminal or the command line would understand otherwise is not typed.
            bool canBeTyped = DumpText.Clean(process.Name) == process.Name && process.Name.IndexOfAny([' ', '"', '(', ')']) < 0
                && !CommandArguments.TryParseAddress(process.Name, out _);
            found.Add(byName && canBeTyped && named[process.Name] == 1
                ? new Candidate(process.Name, $"{address}  {process.IdText}")
                : new Candidate(address, process.Title));
        }
        return found;
    }

    private List<Candidate> Addresses(string word)
    {
        if (word.Length > 0 && !word.All(char.IsAsciiHexDigit))
            return [];
        List<Candidate> found = [];
        foreach (ulong address in seen.Find(word).Take(MostAddresses))
            found.Add(new Candidate($"{address:x16}", Meaning(address)));
        return found;
    }

    private string Meaning(ulong address) => !session.HasSystem ? ""
        : session.System.FindThread(address) is { } thread ? $"thread of {thread.Process.Title}"
        : session.System.FindProcess(address) is { } process ? process.Title
        : "";
}
