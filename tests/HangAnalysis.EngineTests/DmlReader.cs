using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace HangAnalysis.EngineTests;

/// <summary>Reads the DML that the extension may print, and refuses everything else.</summary>
/// <remarks>
/// Stricter than the debuggers, which take nearly anything: a tag that a name from a dump brought along must not pass. After
/// "Customizing Debugger Output Using DML": four characters are escaped; tags are balanced; tags end with their line, since
/// lines may arrive in different pieces.
/// </remarks>
internal sealed partial class DmlReader
{
    private readonly StringBuilder _text = new();
    private readonly List<string> _commands = [];
    private readonly Stack<string> _open = new();

    private DmlReader() { }

    /// <summary>The text without tags, and the commands of the links; throws where the DML is not well formed.</summary>
    public static (string Text, IReadOnlyList<string> Commands) Read(string dml)
    {
        DmlReader reader = new();
        int at = 0;
        while (at < dml.Length)
            at = reader.Take(dml, at);
        if (reader._open.Count > 0)
            throw Wrong(dml, dml.Length, $"<{reader._open.Peek()}> is not closed");
        return (reader._text.ToString(), reader._commands);
    }

    private int Take(string dml, int at)
    {
        char c = dml[at];
        switch (c)
        {
            case '<' when Tag().Match(dml, at) is { Success: true } tag:
                TakeTag(dml, at, tag);
                return at + tag.Length;
            case '&' when Entity().Match(dml, at) is { Success: true } entity:
                _text.Append(Unescape(entity.Value));
                return at + entity.Length;
            case '<' or '>' or '&' or '"':
                throw Wrong(dml, at, $"a bare {c}");
            case '\n' when _open.Count > 0:
                throw Wrong(dml, at, $"<{_open.Peek()}> goes over the end of the line");
            case '\n':
                break;
            default:
                RequireHarmless(dml, at, c);
                break;
        }
        _text.Append(c);
        return at + 1;
    }

    private void TakeTag(string dml, int at, Match tag)
    {
        string name = tag.Groups["name"].Value;
        if (tag.Groups["close"].Success)
        {
            if (!_open.TryPop(out string? open) || open != name)
                throw Wrong(dml, at, $"</{name}> without <{name}>");
            return;
        }
        if (_open.Contains(name))
            throw Wrong(dml, at, $"<{name}> inside of <{name}>");
        _open.Push(name);
        if (tag.Groups["cmd"] is not { Success: true } value)
            return;
        string command = Unescape(value.Value);
        foreach (char c in command)
            RequireHarmless(dml, at, c);
        _commands.Add(command);
    }

    private static void RequireHarmless(string dml, int at, char c)
    {
        if (char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate)
            throw Wrong(dml, at, $"the character U+{(int)c:X4}");
    }

    private static string Unescape(string text) => text.Replace("&lt;", "<", StringComparison.Ordinal)
        .Replace("&gt;", ">", StringComparison.Ordinal).Replace("&quot;", "\"", StringComparison.Ordinal)
        .Replace("&amp;", "&", StringComparison.Ordinal);

    private static FormatException Wrong(string dml, int at, string what)
    {
        int start = Math.Max(0, at - 60);
        return new FormatException($"{what} behind {dml[start..at]}");
    }

    [GeneratedRegex("\\G<(?:(?<close>/)(?<name>exec|col|b)|(?<name>b)|(?<name>col) fg=\"[a-z]+\"" +
        "|(?<name>exec) cmd=\"(?<cmd>(?:[^<>&\"]|&(?:amp|lt|gt|quot);)+)\")>")]
    private static partial Regex Tag();

    [GeneratedRegex(@"\G&(?:amp|lt|gt|quot);")]
    private static partial Regex Entity();
}
