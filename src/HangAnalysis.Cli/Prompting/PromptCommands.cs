using HangAnalysis.Commands;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>A command of the prompt itself; it says nothing of the dump.</summary>
/// <param name="Names">Its names, the usual one first.</param>
/// <param name="Argument">What may follow it; empty where nothing does.</param>
/// <param name="Summary">One line.</param>
internal sealed record PromptCommand(IReadOnlyList<string> Names, string Argument, string Summary);

/// <summary>The commands of the prompt itself, and help.</summary>
internal static class PromptCommands
{
    private const int NameWidth = 26;

    /// <summary>Follows a link.</summary>
    public static PromptCommand Go { get; } = new(["go"], "[N | WORD]",
        "runs link N of the last output, or the one that holds a word; without either lists the links");

    /// <summary>Shows help.</summary>
    public static PromptCommand Help { get; } = new(["help", "?"], "[COMMAND | WORD]",
        "lists the commands, explains one, or finds those that have to do with a word");

    /// <summary>Sets the process that commands look at.</summary>
    public static PromptCommand Process { get; } = new([".process"], "[PROCESS]",
        "sets the process that commands look at by its address, identifier or name; without one tells which it is");

    /// <summary>Ends the program.</summary>
    public static PromptCommand Quit { get; } = new(["quit", "exit", "q"], "", "ends the program, as Ctrl+D does");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<PromptCommand> All { get; } = [Go, Help, Process, Quit];

    private static readonly (string Call, string Effect)[] s_forms =
    [
        ("ADDRESS", "shows what is there: a thread, a process, a lock"),
        ("COMMAND > FILE", "writes the output into a file; >> adds it to the file"),
        ("Tab", "completes commands, options, processes and addresses that were printed: their last digits are enough"),
        ("Up, Down, Ctrl+R", "earlier lines, and those that hold what is typed"),
        ("Ctrl+C", "stops the command, or clears the line"),
    ];

    /// <summary>The command of a name, or null.</summary>
    public static PromptCommand? Find(string name)
    {
        foreach (PromptCommand command in All)
            if (command.Names.Contains(name, StringComparer.OrdinalIgnoreCase))
                return command;
        return null;
    }

    /// <summary>All commands, one, or those that a word finds.</summary>
    public static Document Answer(string word, CommandSet commands)
    {
        if (word.Length > 0)
            return word[0] != '!' && Find(word) is { } one ? Describe(one) : HelpCommand.Answer(word, commands);
        Document document = HelpCommand.Answer("", commands);
        document.Blank();
        document.Add(new Span("At this prompt", Tone.Strong), "  the '!' may be left out");
        foreach (PromptCommand command in All)
            AddLine(document, $"{string.Join(", ", command.Names)} {command.Argument}", command.Summary);
        foreach ((string call, string effect) in s_forms)
            AddLine(document, call, effect);
        return document;
    }

    private static Document Describe(PromptCommand command)
    {
        Document document = new();
        document.Add(new Span(command.Names[0], Tone.Strong), $"  {command.Summary}");
        document.Blank();
        foreach (string name in command.Names)
            document.Add(new LineBlock([$"Usage: {name} {command.Argument}"], [], 2));
        return document;
    }

    private static void AddLine(Document document, string call, string effect) =>
        document.Add(new LineBlock([call.PadRight(NameWidth), effect], [], 2, NameWidth));
}
