using System.Text;

namespace HangAnalysis.Cli.Prompting;

/// <summary>
/// Writes to the terminal what fits onto the screen, and hands everything to a pager as soon as it is longer. What comes
/// later is made while it is read: closing the pager ends the making.
/// </summary>
/// <param name="terminal">The screen.</param>
/// <param name="openPager">Opens the pager; null where there is none.</param>
/// <param name="keptRows">Rows of the screen that something else will take.</param>
internal sealed class PagedWriter(ITerminal terminal, Func<IPager>? openPager, int keptRows = 1) : TextWriter
{
    private readonly StringBuilder _line = new();
    private readonly List<(string Text, int Rows)> _first = [];
    private int _rows;
    private IPager? _pager;

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>Whether the person has seen enough.</summary>
    public bool IsClosed => _pager is { IsClosed: true };

    /// <inheritdoc/>
    public override void Write(char value)
    {
        if (value == '\n')
            EndLine();
        else
            _line.Append(value);
    }

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        ReadOnlySpan<char> rest = value;
        for (int end = rest.IndexOf('\n'); end >= 0; end = rest.IndexOf('\n'))
        {
            _line.Append(rest[..end]);
            EndLine();
            rest = rest[(end + 1)..];
        }
        _line.Append(rest);
    }

    /// <summary>Shows what is left, and waits for the reader of a pager that has the screen for itself.</summary>
    public void Finish()
    {
        if (_line.Length > 0)
            EndLine();
        ShowFirst();
        _pager?.Finish();
    }

    private void EndLine()
    {
        string line = _line.ToString();
        _line.Clear();
        int rows = TerminalText.RowsOf(line, terminal.Width);
        if (_pager is not null)
        {
            _pager.WriteLine(line, rows);
            return;
        }
        _first.Add((line, rows));
        _rows += rows;
        if (openPager is null)
            ShowFirst();
        else if (_rows > terminal.Height - keptRows)
        {
            _pager = openPager();
            foreach ((string text, int height) in _first)
                _pager.WriteLine(text, height);
            _first.Clear();
        }
    }

    private void ShowFirst()
    {
        foreach ((string text, _) in _first)
            terminal.Write(text + "\n");
        _first.Clear();
    }
}
