using HangAnalysis.Commands;

namespace HangAnalysis.Cli.Prompting;

/// <summary>A line of the prompt or of a script: a command, and the file that its output goes to.</summary>
/// <param name="Command">The command; empty for blank lines and comments.</param>
/// <param name="File">The file after <c>&gt;</c> or <c>&gt;&gt;</c>; null for the screen.</param>
/// <param name="Appends">Whether the file is added to.</param>
internal sealed record PromptLine(string Command, string? File, bool Appends)
{
    /// <summary>Takes a line apart; throws <see cref="CommandUsageException"/> for what cannot be meant.</summary>
    public static PromptLine Parse(string line)
    {
        string text = line.Trim();
        if (text.Length == 0 || text[0] == '#')
            return new PromptLine("", null, false);
        int at = FindRedirection(text);
        if (at < 0)
            return new PromptLine(text, null, false);
        bool appends = at + 1 < text.Length && text[at + 1] == '>';
        string name = text[(at + (appends ? 2 : 1))..].Trim();
        string command = text[..at].TrimEnd();
        if (command.Length == 0)
            throw new CommandUsageException("there is no command before '>'");
        return new PromptLine(command, FileName(name), appends);
    }

    /// <summary>
    /// The first '>' that begins a word. In an expression in parentheses, in quotation marks or within a word
    /// (<c>nt!?A@@QEAA>x</c>) it is a part of an argument.
    /// </summary>
    private static int FindRedirection(string text)
    {
        int depth = 0;
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            quoted ^= text[i] == '"';
            if (quoted)
                continue;
            if (text[i] == '>' && depth == 0 && (i == 0 || char.IsWhiteSpace(text[i - 1])))
                return i;
            depth = Math.Max(0, depth + (text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0));
        }
        return -1;
    }

    private static string FileName(string name)
    {
        bool quoted = name.Length > 1 && name[0] == '"' && name[^1] == '"';
        if (quoted)
            name = name[1..^1];
        if (name.Length == 0)
            throw new CommandUsageException("'>' needs the name of a file");
        if (!quoted && name.Any(char.IsWhiteSpace))
            throw new CommandUsageException($"one file after '>', and \"{name}\" in quotation marks if it is one");
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return name.StartsWith("~/", StringComparison.Ordinal) && home.Length > 0 ? Path.Combine(home, name[2..]) : name;
    }
}
