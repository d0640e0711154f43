namespace HangAnalysis.Cli.Prompting;

/// <summary>A pager of our own: stops after each screenful and asks for a key. What was shown stays in the terminal.</summary>
internal sealed class ScreenPager(ITerminal terminal) : IPager
{
    private const string Question = "-- more --  Space: a page, Enter: a line, a: all, q: stop";
    private const string EraseRow = "\r\e[K";

    private int _room = terminal.Height - 1;
    private bool _showsAll;

    /// <inheritdoc/>
    public bool IsClosed { get; private set; }

    /// <inheritdoc/>
    public void WriteLine(string line, int rows)
    {
        if (!_showsAll && !IsClosed && rows > _room)
            Ask();
        if (IsClosed)
            return;
        terminal.Write(line + "\n");
        _room -= rows;
    }

    /// <inheritdoc/>
    public void Finish()
    {
    }

    private void Ask()
    {
        terminal.ControlCIsKey = true;
        try
        {
            terminal.Write(Question[..Math.Min(Question.Length, terminal.Width - 1)]);
            while (true)
                switch (terminal.ReadKey())
                {
                    case null or { KeyChar: 'q' or 'Q' } or { Key: ConsoleKey.Escape }
                        or { Key: ConsoleKey.C or ConsoleKey.D, Modifiers: ConsoleModifiers.Control }:
                        IsClosed = true;
                        return;
                    case { KeyChar: 'a' or 'A' }:
                        _showsAll = true;
                        return;
                    case { Key: ConsoleKey.Enter or ConsoleKey.DownArrow }:
                        _room = 1;
                        return;
                    case { Key: ConsoleKey.Spacebar or ConsoleKey.PageDown }:
                        _room = terminal.Height - 1;
                        return;
                }
        }
        finally
        {
            terminal.Write(EraseRow);
            terminal.ControlCIsKey = false;
        }
    }
}
