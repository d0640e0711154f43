namespace HangAnalysis.Reports;

/// <summary>Writes DML, the debugger's markup: links that run commands, colours by their role, bold.</summary>
/// <remarks>
/// Source: "Customizing Debugger Output Using DML". The engine drops the tags for readers that only take text, so that the
/// text has to be complete without them. Everything that may come from a dump passes through <see cref="Escape"/>: a
/// template's <c>&lt;</c> in a name would otherwise swallow the rest of the pane, and a quotation mark in a command would
/// end it.
/// </remarks>
/// <param name="writer">Receives the markup.</param>
/// <param name="family">Name of the extension, by which its own commands are qualified: other extensions have some of the
/// same names, and the last one loaded would get the click.</param>
/// <param name="isOwnCommand">Whether a name, without the '!', is one of the extension's commands.</param>
/// <param name="isClosed">Whether nobody reads any more; null where that cannot be.</param>
public sealed class DmlSink(TextWriter writer, string family, Predicate<string> isOwnCommand, Func<bool>? isClosed = null) : ITextSink
{
    /// <inheritdoc/>
    public bool IsClosed => isClosed?.Invoke() ?? false;

    /// <inheritdoc/>
    public void Write(Span span)
    {
        string? color = ColorOf(span.Tone);
        string? command = span.Command is { } wanted && IsOneCommand(wanted) ? wanted : null;
        if (command is not null)
        {
            writer.Write("<exec cmd=\"");
            writer.Write(Escape(Qualify(command)));
            writer.Write("\">");
        }
        if (color is not null)
            writer.Write($"<col fg=\"{color}\">");
        else if (span.Tone == Tone.Strong)
            writer.Write("<b>");
        writer.Write(Escape(span.Text));
        if (color is not null)
            writer.Write("</col>");
        else if (span.Tone == Tone.Strong)
            writer.Write("</b>");
        if (command is not null)
            writer.Write("</exec>");
    }

    /// <inheritdoc/>
    public void EndLine() => writer.Write('\n');

    /// <summary>The text with the four characters replaced that mean something in DML, in text and in attributes.</summary>
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny("&<>\"") < 0)
            return text;
        return text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);
    }

    /// <summary>
    /// A name from a dump may be a part of a command. With a semicolon or a line break it would bring a command of its own.
    /// </summary>
    private static bool IsOneCommand(string command)
    {
        foreach (char c in command)
            if (c == ';' || char.IsControl(c))
                return false;
        return true;
    }

    private string Qualify(string command)
    {
        if (command.Length < 2 || command[0] != '!')
            return command;
        int end = command.IndexOf(' ');
        string name = end < 0 ? command[1..] : command[1..end];
        return isOwnCommand(name) ? $"!{family}.{command[1..]}" : command;
    }

    /// <summary>Names of roles, which every colour scheme of the debuggers defines.</summary>
    private static string? ColorOf(Tone tone) => tone switch
    {
        Tone.Bad => "errfg",
        Tone.Caution => "warnfg",
        Tone.Good => "empfg",
        Tone.Muted => "subfg",
        _ => null,
    };
}
