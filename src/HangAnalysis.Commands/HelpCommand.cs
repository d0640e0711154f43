using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!hahelp</c>: what there is, and how each command is called.</summary>
public sealed class HelpCommand : ICommand
{
    private const int NameWidth = 12;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Help, "hahelp",
        "lists the commands, explains one, or finds those that have to do with a word", "!hahelp [COMMAND | WORD]", [],
        [("!hahelp us", "explains !us"), ("!hahelp stack", "finds the commands that speak of stacks")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments) =>
        new(Answer(string.Join(' ', arguments.Words), session.Commands), () => "null", []);

    /// <summary>The help of one command.</summary>
    /// <param name="help">What it says.</param>
    /// <param name="commands">The commands that its examples call; null for those of the debugger extension.</param>
    public static Document Describe(CommandHelp help, CommandSet? commands = null)
    {
        commands ??= CommandTable.Windows;
        Document document = new();
        document.Add(new Span($"!{help.Name}", Tone.Strong), $"  {help.Summary}");
        document.Blank();
        document.Add(new LineBlock([$"Usage: {help.Usage}"], [], 2));
        if (help.Options.Count > 0)
        {
            document.Blank();
            foreach (OptionHelp option in help.Options)
                document.Add(new LineBlock([$"/{option.Name} {option.Value}".PadRight(14), option.Meaning], [], 4, 14));
        }
        document.Blank();
        foreach ((string call, string effect) in help.Examples)
        {
            document.Add(new LineBlock([new Span(call, Tone.Normal, IsComplete(call, commands) ? call : null)], [], 4));
            document.Add(new LineBlock([new Span(effect, Tone.Muted)], [], 8));
        }
        return document;
    }

    /// <summary>All commands, one, or those that a word finds. Needs no dump.</summary>
    /// <param name="word">The word; empty for all commands.</param>
    /// <param name="commands">The commands; null for those of the debugger extension.</param>
    public static Document Answer(string word, CommandSet? commands = null)
    {
        commands ??= CommandTable.Windows;
        if (word.Length == 0)
            return List(commands.All);
        string name = word.TrimStart('!').ToLowerInvariant();
        if (commands.Find(name) is { } command)
            return Describe(command.Help, commands);
        if (word[0] == '!')
            commands.RequireOwn(name);
        List<ICommand> found = [.. commands.All.Where(c => SpeaksOf(c.Help, word))];
        return found.Count > 0 ? List(found) : throw new CommandUsageException($"no command has to do with '{word}'; !hahelp lists them");
    }

    /// <summary>Whether a call can be made as it stands. One with a value names something of another dump.</summary>
    private static bool IsComplete(string call, CommandSet commands)
    {
        if (!call.StartsWith('!'))
            return false;
        CommandArguments arguments = CommandArguments.Parse(call, commands);
        return arguments.HasOnlyFlags || arguments.Name == "hahelp";
    }

    private static bool SpeaksOf(CommandHelp help, string word)
    {
        if (Has(help.Name) || Has(help.Category) || Has(help.Summary) || Has(help.Usage))
            return true;
        foreach (OptionHelp option in help.Options)
            if (Has(option.Meaning))
                return true;
        foreach ((string call, string effect) in help.Examples)
            if (Has(call) || Has(effect))
                return true;
        return false;

        bool Has(string text) => text.Contains(word, StringComparison.OrdinalIgnoreCase);
    }

    private static Document List(IReadOnlyList<ICommand> commands)
    {
        Document document = new();
        foreach (string category in CommandCategories.All)
        {
            bool any = false;
            foreach (ICommand command in commands)
            {
                if (command.Help.Category != category)
                    continue;
                if (!any)
                    document.Add(new Span(category, Tone.Strong));
                any = true;
                document.Add(new LineBlock(
                    [new Span($"!{command.Help.Name}".PadRight(NameWidth), Tone.Normal, $"!hahelp {command.Help.Name}"),
                        command.Help.Summary], [], 2, NameWidth));
            }
        }
        document.Blank();
        document.Add(new Span("every command: /? explains it; every listing: /q addresses only, /json for programs", Tone.Muted));
        return document;
    }
}
