using System.Globalization;

namespace HangAnalysis.Commands;

/// <summary>A command was called in a way that it does not understand. The message is one line for the user.</summary>
public sealed class CommandUsageException : Exception
{
    /// <summary>Makes the exception with its one-line message.</summary>
    public CommandUsageException(string message) : base(message) { }

    /// <summary>Makes the exception with its message and cause.</summary>
    public CommandUsageException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Makes an exception without a message of its own; only for serialisers.</summary>
    public CommandUsageException() { }
}

/// <summary>A command cannot serve this dump. The message says why, in one line; another tool may be able to.</summary>
public sealed class CommandDeclinedException : Exception
{
    /// <summary>Makes the exception with its one-line message.</summary>
    public CommandDeclinedException(string message) : base(message) { }

    /// <summary>Makes the exception with its message and cause.</summary>
    public CommandDeclinedException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Makes an exception without a message of its own; only for serialisers.</summary>
    public CommandDeclinedException() { }
}

/// <summary>A command line such as <c>!us -p ffffab06b8137800 /q</c>, taken apart.</summary>
public sealed class CommandArguments
{
    private readonly List<string> _words = [];
    private readonly Dictionary<string, string?> _options = new(StringComparer.OrdinalIgnoreCase);

    private CommandArguments(string name) => Name = name;

    /// <summary>Name of the command, without the '!', in lower case.</summary>
    public string Name { get; }

    /// <summary>Words that are no options.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>The rest of the line, for a command that runs another one; null for all others.</summary>
    /// <seealso cref="CommandHelp.TakesCommand"/>
    public string? Rest { get; private set; }

    /// <summary>Whether help is asked for: <c>/?</c>, <c>-?</c>, <c>-h</c>.</summary>
    public bool WantsHelp => Has("?") || Has("h") || Has("help");

    /// <summary>Whether nothing was given but options without values.</summary>
    public bool HasOnlyFlags => _words.Count == 0 && string.IsNullOrEmpty(Rest) && _options.Values.All(v => v is null);

    /// <summary>Takes a line of the debugger extension apart by what the command's help says of its options.</summary>
    public static CommandArguments Parse(string line) => Parse(line, CommandTable.Windows);

    /// <summary>Takes a line apart by what the command's help says of its options.</summary>
    public static CommandArguments Parse(string line, CommandSet commands)
    {
        List<(string Word, int Start)> tokens = Split(line);
        string name = tokens.Count == 0 ? "" : tokens[0].Word.TrimStart('!').ToLowerInvariant();
        int dot = name.LastIndexOf('.');
        CommandArguments arguments = new(dot < 0 ? name : name[(dot + 1)..]);
        CommandHelp? help = commands.Find(arguments.Name)?.Help;
        if (help is { TakesCommand: true })
            arguments.Rest = "";
        for (int i = 1; i < tokens.Count; i++)
        {
            (string token, int start) = tokens[i];
            if (token.Length < 2 || token[0] is not ('-' or '/'))
            {
                if (arguments.Rest is not null)
                {
                    arguments.Rest = line[start..].TrimEnd();
                    break;
                }
                arguments._words.Add(token);
                continue;
            }
            string option = token[1..];
            if (option is "?" or "h" or "help")
            {
                arguments._options[option] = null;
                continue;
            }
            OptionHelp? known = help?.Options.FirstOrDefault(o => o.Name.Equals(option, StringComparison.OrdinalIgnoreCase));
            if (help is not null && known is null)
                throw new CommandUsageException($"!{arguments.Name}: unknown option {token}; see !{arguments.Name} /?");
            if (known?.Value is null)
                arguments._options[option] = null;
            else if (arguments.Has(option))
                throw new CommandUsageException($"!{arguments.Name}: option {token} is given twice");
            else if (++i < tokens.Count)
                arguments._options[option] = tokens[i].Word;
            else
                throw new CommandUsageException($"!{arguments.Name}: option {token} needs {known.Value}");
        }
        return arguments;
    }

    /// <summary>Whether an option was given.</summary>
    public bool Has(string option) => _options.ContainsKey(option);

    /// <summary>The value of an option, or null where it was not given.</summary>
    public string? Value(string option) => _options.GetValueOrDefault(option);

    /// <summary>The decimal number of an option, or null where it was not given.</summary>
    /// <param name="option">Name of the option.</param>
    /// <param name="what">What is counted, for the message: <c>threads</c>.</param>
    public int? Number(string option, string what) => Value(option) is not { } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number
        : throw new CommandUsageException($"!{Name}: '{text}' is no number of {what} (decimal)");

    /// <summary>
    /// An address as debuggers write it: hexadecimal with or without <c>0x</c> and back-tick, or decimal after <c>0n</c>.
    /// False for everything else, which may be an expression.
    /// </summary>
    public static bool TryParseAddress(string text, out ulong address)
    {
        string digits = text.Replace("`", "", StringComparison.Ordinal);
        if (digits.StartsWith("0n", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(digits.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out address);
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            digits = digits[2..];
        return ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out address);
    }

    /// <summary>The first word of a text, and what follows it.</summary>
    internal static (string Word, string Others) SplitFirst(string text)
    {
        List<(string Word, int Start)> words = Split(text);
        return words.Count == 0 ? ("", "") : (words[0].Word, words.Count == 1 ? "" : text[words[1].Start..]);
    }

    /// <summary>
    /// Words of a line, and where each begins. What is in parentheses or quotation marks is one word, so that an expression may
    /// have spaces; the marks around a whole word are taken off.
    /// </summary>
    private static List<(string Word, int Start)> Split(string line)
    {
        List<(string Word, int Start)> words = [];
        int start = -1;
        int depth = 0;
        bool quoted = false;
        for (int i = 0; i <= line.Length; i++)
        {
            bool isBreak = i == line.Length || (depth == 0 && !quoted && char.IsWhiteSpace(line[i]));
            if (isBreak && start >= 0)
            {
                string word = line[start..i];
                words.Add((word.Length > 1 && word[0] == '"' && word[^1] == '"' ? word[1..^1] : word, start));
                start = -1;
            }
            if (isBreak)
                continue;
            if (start < 0)
                start = i;
            quoted ^= line[i] == '"';
            if (!quoted && line[i] == '(')
                depth++;
            else if (!quoted && line[i] == ')' && depth > 0)
                depth--;
        }
        return words;
    }
}
