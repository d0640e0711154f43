using System.Globalization;
using System.Text;
using HangAnalysis.Cli.Prompting;

namespace HangAnalysis.Tests.Cli;

/// <summary>A terminal of its own: keys that were laid ready, and a screen that understands what ours writes.</summary>
internal sealed class FakeTerminal(int width = 120, int height = 40) : ITerminal
{
    private readonly Queue<ConsoleKeyInfo?> _keys = new();
    private readonly Queue<Action> _before = new();
    private readonly List<StringBuilder> _rows = [new()];
    private int _row;
    private int _column;

    public int Width { get; set; } = width;

    public int Height { get; set; } = height;

    public bool ControlCIsKey { get; set; }

    /// <summary>Column of the cursor, from 0.</summary>
    public int Column => _column;

    /// <summary>All rows that were ever written, without blanks at their ends.</summary>
    public IReadOnlyList<string> Rows => [.. _rows.Select(r => r.ToString().TrimEnd())];

    /// <summary>The row of the cursor.</summary>
    public string Row => Rows[_row];

    /// <summary>Everything as one text.</summary>
    public string Text => string.Join('\n', Rows);

    /// <summary>Whether each key was read with Ctrl+C as a key.</summary>
    public bool ReadKeysOnlyAsKeys { get; private set; } = true;

    /// <summary>Lays keys ready that type a text; '\n' is Enter.</summary>
    public FakeTerminal Type(string text)
    {
        foreach (char c in text)
            Add(c == '\n' ? new ConsoleKeyInfo('\r', ConsoleKey.Enter, false, false, false)
                : new ConsoleKeyInfo(c, char.IsAsciiLetter(c) ? Enum.Parse<ConsoleKey>(char.ToUpperInvariant(c).ToString())
                    : c == ' ' ? ConsoleKey.Spacebar : ConsoleKey.None, char.IsUpper(c), false, false));
        return this;
    }

    /// <summary>Lays keys ready that type nothing.</summary>
    public FakeTerminal Press(params ConsoleKey[] keys)
    {
        foreach (ConsoleKey key in keys)
            Add(new ConsoleKeyInfo(
                key switch { ConsoleKey.Tab => '\t', ConsoleKey.Backspace => '\x7f', ConsoleKey.Escape => '\e', _ => '\0' },
                key, false, false, false));
        return this;
    }

    /// <summary>Lays keys ready that are pressed with Ctrl.</summary>
    public FakeTerminal Control(params ConsoleKey[] keys)
    {
        foreach (ConsoleKey key in keys)
            Add(new ConsoleKeyInfo(key is >= ConsoleKey.A and <= ConsoleKey.Z ? (char)(key - ConsoleKey.A + 1) : '\0',
                key, false, false, true));
        return this;
    }

    /// <summary>Does something before the next key is read, such as looking at the screen.</summary>
    public FakeTerminal Then(Action action)
    {
        _keys.Enqueue(null);
        _before.Enqueue(action);
        return this;
    }

    public ConsoleKeyInfo? ReadKey()
    {
        ReadKeysOnlyAsKeys &= ControlCIsKey;
        while (_keys.Count > 0)
        {
            if (_keys.Dequeue() is { } key)
                return key;
            _before.Dequeue()();
        }
        return null;
    }

    public void Write(string text)
    {
        for (int i = 0; i < text.Length; i++)
            if (text[i] == '\r')
                _column = 0;
            else if (text[i] == '\n')
                NewLine();
            else if (text[i] == '\e')
                i = Obey(text, i + 2);
            else
                Put(text[i]);
    }

    private void Add(ConsoleKeyInfo key) => _keys.Enqueue(key);

    private void NewLine()
    {
        _row++;
        _column = 0;
        if (_row == _rows.Count)
            _rows.Add(new StringBuilder());
    }

    private void Put(char c)
    {
        if (_column >= Width)
            NewLine();
        StringBuilder row = _rows[_row];
        row.Append(' ', Math.Max(0, _column - row.Length));
        if (_column < row.Length)
            row[_column] = c;
        else
            row.Append(c);
        _column++;
    }

    private int Obey(string text, int at)
    {
        int end = at;
        while (!char.IsAsciiLetter(text[end]))
            end++;
        int number = int.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 1;
        switch (text[end])
        {
            case 'K':
                _rows[_row].Length = Math.Min(_rows[_row].Length, _column);
                break;
            case 'C':
                _column += number;
                break;
            case 'H':
                _row = _column = 0;
                break;
            case 'J':
                _rows.Clear();
                _rows.Add(new StringBuilder());
                break;
            case 'm':
                break;
            default:
                throw new InvalidOperationException($"no terminal knows ESC [ {text[at..(end + 1)]}");
        }
        return end;
    }
}
