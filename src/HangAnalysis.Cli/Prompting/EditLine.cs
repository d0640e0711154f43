namespace HangAnalysis.Cli.Prompting;

/// <summary>A line that is being typed: its text, and where the cursor stands.</summary>
internal sealed class EditLine
{
    /// <summary>The text.</summary>
    public string Text { get; private set; } = "";

    /// <summary>Characters before the cursor.</summary>
    public int Cursor { get; private set; }

    /// <summary>Puts another text in place, with the cursor at its end.</summary>
    public void Set(string text)
    {
        Text = text;
        Cursor = text.Length;
    }

    /// <summary>Inserts at the cursor.</summary>
    public void Insert(string text)
    {
        Text = Text.Insert(Cursor, text);
        Cursor += text.Length;
    }

    /// <summary>Puts a text in the place of what stands from a position to the cursor.</summary>
    public void Replace(int start, string text)
    {
        Cut(start, Cursor);
        Insert(text);
    }

    /// <summary>Moves the cursor; the line's ends stop it.</summary>
    public void MoveTo(int position) => Cursor = Math.Clamp(position, 0, Text.Length);

    /// <summary>Position one character to the left; a character may be of two units.</summary>
    public int Left() => Cursor == 0 ? 0 : Cursor - (Cursor > 1 && char.IsLowSurrogate(Text[Cursor - 1]) ? 2 : 1);

    /// <summary>Position one character to the right.</summary>
    public int Right() => Cursor == Text.Length ? Cursor
        : Cursor + (Cursor + 1 < Text.Length && char.IsHighSurrogate(Text[Cursor]) ? 2 : 1);

    /// <summary>Start of the word to the left.</summary>
    public int WordLeft()
    {
        int i = Cursor;
        while (i > 0 && Text[i - 1] == ' ')
            i--;
        while (i > 0 && Text[i - 1] != ' ')
            i--;
        return i;
    }

    /// <summary>End of the word to the right.</summary>
    public int WordRight()
    {
        int i = Cursor;
        while (i < Text.Length && Text[i] == ' ')
            i++;
        while (i < Text.Length && Text[i] != ' ')
            i++;
        return i;
    }

    /// <summary>Takes out what stands between two positions; the cursor goes to the first.</summary>
    public void Cut(int start, int end)
    {
        Text = Text.Remove(start, end - start);
        Cursor = start;
    }
}
