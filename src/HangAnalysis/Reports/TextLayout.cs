namespace HangAnalysis.Reports;

/// <summary>Receives the laid-out pieces of a document.</summary>
public interface ITextSink
{
    /// <summary>Writes a piece of a line. Its text is already harmless and holds no line break.</summary>
    void Write(Span span);

    /// <summary>Ends the line.</summary>
    void EndLine();

    /// <summary>Whether nobody reads any more: the rest need not be made.</summary>
    bool IsClosed => false;
}

/// <summary>Lays a document out in columns of characters: the same for the terminal, for files and for debuggers.</summary>
public sealed class TextLayout(ITextSink sink, int width = TextLayout.DefaultWidth)
{
    /// <summary>Columns that everything fits into.</summary>
    public const int DefaultWidth = 120;

    /// <summary>Columns between the cells of a table.</summary>
    private const int Gap = 1;

    /// <summary>Columns below which no cell is cut.</summary>
    private const int NarrowestCell = 8;

    private bool _isNarrow;

    /// <summary>Writes a document.</summary>
    public void Write(Document document)
    {
        _isNarrow = document.HasNarrowAddresses;
        Write(document.Blocks);
    }

    private void Write(IEnumerable<Block> blocks)
    {
        foreach (Block block in blocks)
        {
            if (sink.IsClosed)
                return;
            switch (block)
            {
                case LineBlock line:
                    WriteLine(line);
                    break;
                case TableBlock table:
                    WriteTable(table);
                    break;
                case DeferredBlock deferred:
                    Write(deferred.Blocks);
                    break;
                default:
                    sink.EndLine();
                    break;
            }
        }
    }

    private void WriteLine(LineBlock line)
    {
        List<Span> right = [.. line.Right.Select(Clean)];
        int rightWidth = right.Sum(s => s.Text.Length);
        int room = width - (rightWidth == 0 ? 0 : rightWidth + Gap);
        List<List<Span>> lines = Wrap([.. line.Left.Select(Clean)], room - line.Indent, room - line.Indent - line.Hanging);
        for (int i = 0; i < lines.Count; i++)
        {
            int indent = line.Indent + (i == 0 ? 0 : line.Hanging);
            WriteSpaces(lines[i].Count == 0 && right.Count == 0 ? 0 : indent);
            int column = indent;
            foreach (Span span in lines[i])
            {
                sink.Write(span);
                column += span.Text.Length;
            }
            if (i == (line.IsRightLast ? lines.Count - 1 : 0) && right.Count > 0)
            {
                WriteSpaces(Math.Max(1, width - rightWidth - column));
                foreach (Span span in right)
                    sink.Write(span);
            }
            sink.EndLine();
        }
    }

    /// <summary>Breaks spans into lines at spaces; a word that is longer than a line is broken anywhere.</summary>
    private static List<List<Span>> Wrap(List<Span> spans, int firstWidth, int laterWidth)
    {
        List<List<Span>> lines = [[]];
        int room = Math.Max(firstWidth, NarrowestCell);
        foreach (Span span in spans)
        {
            string text = span.Text;
            while (text.Length > room)
            {
                int cut = text.LastIndexOf(' ', Math.Max(room, 0));
                bool canMoveWhole = lines[^1].Count > 0;
                if (cut <= 0 && !canMoveWhole)
                    cut = room;
                if (cut > 0)
                {
                    lines[^1].Add(span with { Text = text[..cut] });
                    text = text[cut..].TrimStart(' ');
                }
                TrimEnd(lines[^1]);
                lines.Add([]);
                room = Math.Max(laterWidth, NarrowestCell);
            }
            if (text.Length > 0)
            {
                lines[^1].Add(span with { Text = lines[^1].Count == 0 && lines.Count > 1 ? text.TrimStart(' ') : text });
                room -= text.Length;
            }
        }
        return lines;
    }

    private static void TrimEnd(List<Span> line)
    {
        while (line.Count > 0)
        {
            string text = line[^1].Text.TrimEnd(' ');
            if (text.Length > 0)
            {
                line[^1] = line[^1] with { Text = text };
                return;
            }
            line.RemoveAt(line.Count - 1);
        }
    }

    private void WriteTable(TableBlock table)
    {
        int[] widths = [.. table.Columns.Select(c => DumpText.Clean(c.Title).Length)];
        foreach (IReadOnlyList<Span> row in table.Rows)
            for (int i = 0; i < widths.Length; i++)
                widths[i] = Math.Max(widths[i], Clean(row[i]).Text.Length);
        Shrink(table.Columns, widths, width - table.Indent - Gap * (widths.Length - 1));
        WriteRow(table, widths, [.. table.Columns.Select(c => Clean(new Span(c.Title, Tone.Strong)))]);
        WriteRow(table, widths, [.. widths.Select(w => new Span(new string('=', w), Tone.Muted))]);
        Span[] cells = new Span[widths.Length];
        foreach (IReadOnlyList<Span> row in table.Rows)
        {
            if (sink.IsClosed)
                return;
            for (int i = 0; i < cells.Length; i++)
                cells[i] = Clean(row[i]);
            WriteRow(table, widths, cells);
        }
    }

    private static void Shrink(IReadOnlyList<Column> columns, int[] widths, int room)
    {
        while (widths.Sum() > room)
        {
            int widest = -1;
            for (int i = 0; i < widths.Length; i++)
                if ((columns[i].CanShrink || columns[i].Wraps) && widths[i] > NarrowestCell && (widest < 0 || widths[i] > widths[widest]))
                    widest = i;
            if (widest < 0)
                return;
            widths[widest]--;
        }
    }

    private void WriteRow(TableBlock table, int[] widths, Span[] row)
    {
        List<List<Span>>?[]? wrapped = null;
        int lines = 1;
        for (int i = 0; i < row.Length; i++)
            if (table.Columns[i].Wraps && row[i].Text.Length > widths[i])
            {
                wrapped ??= new List<List<Span>>?[row.Length];
                wrapped[i] = Wrap([row[i]], widths[i], widths[i]);
                lines = Math.Max(lines, wrapped[i]!.Count);
            }
        if (wrapped is null)
        {
            WriteRowLine(table, widths, row);
            return;
        }
        Span[] cells = new Span[row.Length];
        for (int line = 0; line < lines; line++)
        {
            for (int i = 0; i < cells.Length; i++)
                cells[i] = wrapped[i] is { } parts ? line < parts.Count && parts[line].Count > 0 ? parts[line][0] : new Span("")
                    : line == 0 ? row[i] : new Span("");
            WriteRowLine(table, widths, cells);
        }
    }

    private void WriteRowLine(TableBlock table, int[] widths, Span[] row)
    {
        WriteSpaces(table.Indent);
        int last = row.Length - 1;
        while (last > 0 && row[last].Text.Length == 0)
            last--;
        for (int i = 0; i <= last; i++)
        {
            Span cell = row[i] with { Text = CutMiddle(row[i].Text, widths[i]) };
            int padding = widths[i] - cell.Text.Length;
            if (table.Columns[i].Align == Align.Right)
                WriteSpaces(padding);
            sink.Write(cell);
            if (i < last)
                WriteSpaces(Gap + (table.Columns[i].Align == Align.Left ? padding : 0));
        }
        sink.EndLine();
    }

    /// <summary>A text cut in the middle, where names differ least.</summary>
    private static string CutMiddle(string text, int most)
    {
        if (text.Length <= most)
            return text;
        int head = (most - 1) / 2;
        return string.Concat(text.AsSpan(0, head), "~", text.AsSpan(text.Length - (most - 1 - head)));
    }

    private void WriteSpaces(int count)
    {
        if (count > 0)
            sink.Write(new string(' ', count));
    }

    private Span Clean(Span span)
    {
        Span clean = span with { Text = DumpText.Clean(span.Text) };
        return _isNarrow
            ? clean with { Text = AddressText.Narrow(clean.Text), Command = clean.Command is { } command ? AddressText.Narrow(command) : null }
            : clean;
    }
}

/// <summary>Writes plain text.</summary>
/// <param name="writer">Receives the text.</param>
/// <param name="isClosed">Whether nobody reads any more; null where that cannot be.</param>
public sealed class PlainTextSink(TextWriter writer, Func<bool>? isClosed = null) : ITextSink
{
    /// <inheritdoc/>
    public bool IsClosed => isClosed?.Invoke() ?? false;

    /// <inheritdoc/>
    public void Write(Span span) => writer.Write(span.Text);

    /// <inheritdoc/>
    public void EndLine() => writer.Write('\n');
}
