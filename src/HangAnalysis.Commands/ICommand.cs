using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>An option of a command.</summary>
/// <param name="Name">Its name without the dash.</param>
/// <param name="Value">What follows it, such as <c>PROCESS</c>; null where nothing does.</param>
/// <param name="Meaning">What it does.</param>
public sealed record OptionHelp(string Name, string? Value, string Meaning);

/// <summary>Categories, in the order in which help shows them.</summary>
public static class CommandCategories
{
    /// <summary>What is wrong, and why.</summary>
    public const string Verdicts = "Verdicts";

    /// <summary>Threads, processes and their stacks.</summary>
    public const string Threads = "Threads and stacks";

    /// <summary>Who waits for whom.</summary>
    public const string Waits = "Waits";

    /// <summary>The system that the dump is of.</summary>
    public const string System = "System";

    /// <summary>About the commands themselves.</summary>
    public const string Help = "Help";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Verdicts, Threads, Waits, System, Help];
}

/// <summary>Help of a command.</summary>
/// <param name="Category">One of <see cref="CommandCategories"/>.</param>
/// <param name="Name">Its name without the '!'.</param>
/// <param name="Summary">One line.</param>
/// <param name="Usage">How it is called.</param>
/// <param name="Options">Its options.</param>
/// <param name="Examples">Calls with what they do.</param>
public sealed record CommandHelp(
    string Category, string Name, string Summary, string Usage, IReadOnlyList<OptionHelp> Options,
    IReadOnlyList<(string Call, string Effect)> Examples)
{
    /// <summary>
    /// Whether the line of another command follows: all from the first word that is no option, with that word, is left as it
    /// was typed, in <see cref="CommandArguments.Rest"/>.
    /// </summary>
    public bool TakesCommand { get; init; }

    /// <summary>
    /// What only its system has and other systems do not, several of it: <c>ALPC ports</c>; null where others have that too,
    /// or have a command of the same name.
    /// </summary>
    public string? Subject { get; init; }

    /// <summary>Options that every listing has.</summary>
    public static IReadOnlyList<OptionHelp> ListingOptions { get; } =
    [
        new("q", null, "addresses only, one a line, and nothing else"),
        new("json", null, "the same facts as JSON, and nothing else"),
    ];
}

/// <summary>What a command found: as a document, as JSON, and as bare addresses.</summary>
/// <param name="Document">For people.</param>
/// <param name="Json">For programs; made only when asked for.</param>
/// <param name="Addresses">For <c>.foreach</c>: one a line.</param>
public sealed record CommandOutput(Document Document, Func<string> Json, IReadOnlyList<ulong> Addresses)
{
    /// <summary>
    /// The line that was run instead of the one that was given, whose options say in which form the output is wanted; null
    /// for the one that was given.
    /// </summary>
    public CommandArguments? Form { get; init; }
}

/// <summary>A bang command: arguments in, document out. It arranges what the library knows, and knows nothing itself.</summary>
public interface ICommand
{
    /// <summary>What it is for and how it is called.</summary>
    CommandHelp Help { get; }

    /// <summary>Runs it; throws <see cref="CommandUsageException"/> for arguments that it does not understand.</summary>
    CommandOutput Run(CommandSession session, CommandArguments arguments);
}
