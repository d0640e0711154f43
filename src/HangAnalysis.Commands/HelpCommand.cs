using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!hahelp</c>: what there is, and how each command is called.</summary>
public sealed class HelpCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new("hahelp", "lists the commands, or explains one", "!hahelp [COMMAND]", [],
        [("!hahelp us", "explains !us")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments) =>
        new(arguments.Words.Count == 0 ? List() : Describe(Find(arguments.Words[0])), () => "null", []);

    /// <summary>The help of one command.</summary>
    public static Document Describe(CommandHelp help)
    {
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
            document.Add(new LineBlock([new Span(call, Tone.Normal, call)], [], 4));
            document.Add(new LineBlock([new Span(effect, Tone.Muted)], [], 8));
        }
        return document;
    }

    private static CommandHelp Find(string name) =>
        CommandTable.Find(name.TrimStart('!').ToLowerInvariant())?.Help
            ?? throw new CommandUsageException($"no command is called '{name}'; !hahelp lists them");

    private static Document List()
    {
        Document document = new();
        foreach (ICommand command in CommandTable.All)
            document.Add(new LineBlock(
                [new Span($"!{command.Help.Name}".PadRight(12), Tone.Strong, $"!hahelp {command.Help.Name}"), command.Help.Summary],
                [], 2, 12));
        return document;
    }
}
