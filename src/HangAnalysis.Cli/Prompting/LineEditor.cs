using System.Text;

namespace HangAnalysis.Cli.Prompting;

/// <summary>Reads lines from a terminal, with the keys that shells have.</summary>
/// <remarks>
/// One row of the screen: a longer line moves under the prompt. That needs four escape sequences, and none that asks the
/// terminal a question.
/// </remarks>
internal sealed class LineEditor(ITerminal terminal, PromptHistory history, ICompleter completer) : ILineReader
{
    private const string EraseToEnd = "\e[K";
    private const string EraseScreen = "\e[H\e[2J";

    private readonly EditLine _line = new();
    private string _prompt = "";
    private int _recalled;
    private string _typed = "";

    /// <inheritdoc/>
    public string? ReadLine(string prompt)
    {
        _prompt = prompt;
        _line.Set("");
        _recalled = history.Lines.Count;
        terminal.ControlCIsKey = true;
        try
        {
            Draw();
            ConsoleKeyInfo? pressed = terminal.ReadKey();
            while (pressed is { } key)
            {
                if (IsControl(key, ConsoleKey.R))
                {
                    pressed = Search();
                    continue;
                }
                if (key.Key == ConsoleKey.Enter || key.KeyChar is '\r' or '\n')
                {
                    _line.MoveTo(_line.Text.Length);
                    Draw();
                    terminal.Write("\n");
                    return _line.Text;
                }
                if (IsControl(key, ConsoleKey.D) && _line.Text.Length == 0)
                    break;
                Handle(key);
                Draw();
                pressed = terminal.ReadKey();
            }
            terminal.Write("\n");
            return null;
        }
        finally
        {
            terminal.ControlCIsKey = false;
        }
    }

    private static bool IsControl(ConsoleKeyInfo key, ConsoleKey which) =>
        key.Modifiers == ConsoleModifiers.Control && key.Key == which;

    private void Handle(ConsoleKeyInfo key)
    {
        if (key.Modifiers.HasFlag(ConsoleModifiers.Control))
            HandleControl(key.Key);
        else if (key.Modifiers.HasFlag(ConsoleModifiers.Alt) && key.Key is ConsoleKey.B or ConsoleKey.F)
            _line.MoveTo(key.Key == ConsoleKey.B ? _line.WordLeft() : _line.WordRight());
        else
            HandlePlain(key);
    }

    private void HandleControl(ConsoleKey key)
    {
        switch (key)
        {
            case ConsoleKey.A:
                _line.MoveTo(0);
                break;
            case ConsoleKey.E:
                _line.MoveTo(_line.Text.Length);
                break;
            case ConsoleKey.B:
                _line.MoveTo(_line.Left());
                break;
            case ConsoleKey.F:
                _line.MoveTo(_line.Right());
                break;
            case ConsoleKey.LeftArrow:
                _line.MoveTo(_line.WordLeft());
                break;
            case ConsoleKey.RightArrow:
                _line.MoveTo(_line.WordRight());
                break;
            case ConsoleKey.P:
                Recall(_recalled - 1);
                break;
            case ConsoleKey.N:
                Recall(_recalled + 1);
                break;
            case ConsoleKey.D:
                _line.Cut(_line.Cursor, _line.Right());
                break;
            case ConsoleKey.H or ConsoleKey.Backspace:
                _line.Cut(_line.Left(), _line.Cursor);
                break;
            case ConsoleKey.W:
                _line.Cut(_line.WordLeft(), _line.Cursor);
                break;
            case ConsoleKey.U:
                _line.Cut(0, _line.Cursor);
                break;
            case ConsoleKey.K:
                _line.Cut(_line.Cursor, _line.Text.Length);
                break;
            case ConsoleKey.L:
                terminal.Write(EraseScreen);
                break;
            case ConsoleKey.I:
                Complete();
                break;
            case ConsoleKey.C:
                terminal.Write("^C\n");
                _line.Set("");
                _recalled = history.Lines.Count;
                break;
        }
    }

    private void HandlePlain(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow:
                _line.MoveTo(_line.Left());
                break;
            case ConsoleKey.RightArrow:
                _line.MoveTo(_line.Right());
                break;
            case ConsoleKey.Home:
                _line.MoveTo(0);
                break;
            case ConsoleKey.End:
                _line.MoveTo(_line.Text.Length);
                break;
            case ConsoleKey.UpArrow:
                Recall(_recalled - 1);
                break;
            case ConsoleKey.DownArrow:
                Recall(_recalled + 1);
                break;
            case ConsoleKey.Backspace:
                _line.Cut(_line.Left(), _line.Cursor);
                break;
            case ConsoleKey.Delete:
                _line.Cut(_line.Cursor, _line.Right());
                break;
            case ConsoleKey.Escape:
                _line.Set("");
                break;
            case ConsoleKey.Tab:
                Complete();
                break;
            default:
                if (key.KeyChar != '\0' && !char.IsControl(key.KeyChar))
                    _line.Insert(key.KeyChar.ToString());
                break;
        }
    }

    private void Recall(int index)
    {
        if (index < 0 || index > history.Lines.Count || index == _recalled)
            return;
        if (_recalled == history.Lines.Count)
            _typed = _line.Text;
        _recalled = index;
        _line.Set(index == history.Lines.Count ? _typed : history.Lines[index]);
    }

    private void Complete()
    {
        Completion completion = completer.Complete(_line.Text[.._line.Cursor]);
        if (completion.Candidates.Count == 1)
        {
            string ended = _line.Cursor == _line.Text.Length || _line.Text[_line.Cursor] != ' ' ? " " : "";
            _line.Replace(completion.Start, completion.Candidates[0].Text + ended);
            return;
        }
        string typed = _line.Text[completion.Start.._line.Cursor];
        string common = completion.CommonStart();
        // What was typed may be the end of an address, or the name of a process that its address stands for.
        if (common.Length > typed.Length && common.StartsWith(typed, StringComparison.OrdinalIgnoreCase))
        {
            _line.Replace(completion.Start, common);
            return;
        }
        if (completion.Candidates.Count == 0)
            return;
        terminal.Write("\n");
        foreach (string row in completion.Describe(terminal.Width - 1, terminal.Height - 2))
            terminal.Write(row + "\n");
    }

    /// <summary>Ctrl+R: the latest line that holds what is typed. Returns the key that ended the search, for the line.</summary>
    private ConsoleKeyInfo? Search()
    {
        string before = _line.Text;
        StringBuilder wanted = new();
        int at = history.Lines.Count;
        while (true)
        {
            DrawText($"(search '{wanted}'): ", _line.Text, _line.Text.Length);
            if (terminal.ReadKey() is not { } key)
                return null;
            if (IsControl(key, ConsoleKey.R))
                Find(at - 1);
            else if (key.Key == ConsoleKey.Backspace && wanted.Length > 0)
            {
                wanted.Length--;
                Find(history.Lines.Count - 1);
            }
            else if (key.Key == ConsoleKey.Escape || IsControl(key, ConsoleKey.G) || IsControl(key, ConsoleKey.C))
            {
                _line.Set(before);
                Draw();
                return terminal.ReadKey();
            }
            else if (key.KeyChar != '\0' && !char.IsControl(key.KeyChar))
            {
                wanted.Append(key.KeyChar);
                Find(Math.Min(at, history.Lines.Count - 1));
            }
            else
                return key;
        }

        void Find(int from)
        {
            for (int i = from; i >= 0; i--)
                if (history.Lines[i].Contains(wanted.ToString(), StringComparison.OrdinalIgnoreCase))
                {
                    at = _recalled = i;
                    _line.Set(history.Lines[i]);
                    return;
                }
        }
    }

    private void Draw() => DrawText(_prompt, _line.Text, _line.Cursor);

    /// <summary>Writes the row anew, with the part of the text that the cursor is in, and sets the cursor.</summary>
    private void DrawText(string prompt, string text, int cursor)
    {
        int room = Math.Max(8, terminal.Width - 1 - prompt.Length);
        int start = 0;
        while (Columns(text, start, cursor) > room)
            start++;
        int end = cursor;
        while (end < text.Length && Columns(text, start, end + 1) <= room)
            end++;
        int column = prompt.Length + Columns(text, start, cursor);
        terminal.Write($"\r{prompt}{text[start..end]}{EraseToEnd}\r" + (column > 0 ? $"\e[{column}C" : ""));
    }

    private static int Columns(string text, int start, int end)
    {
        int columns = 0;
        for (int i = start; i < end; i++)
            columns += TerminalText.ColumnsOf(text[i]);
        return columns;
    }
}
