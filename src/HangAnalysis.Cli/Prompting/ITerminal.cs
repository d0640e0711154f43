namespace HangAnalysis.Cli.Prompting;

/// <summary>A terminal with a person before it.</summary>
internal interface ITerminal
{
    /// <summary>Columns of the screen.</summary>
    int Width { get; }

    /// <summary>Rows of the screen.</summary>
    int Height { get; }

    /// <summary>Whether Ctrl+C is read as a key; otherwise it interrupts.</summary>
    bool ControlCIsKey { get; set; }

    /// <summary>Waits for a key; null where there will be none any more.</summary>
    ConsoleKeyInfo? ReadKey();

    /// <summary>Writes text, with escape sequences where the screen is to be changed.</summary>
    void Write(string text);
}

/// <summary>Reads the lines that a person types.</summary>
internal interface ILineReader
{
    /// <summary>Reads a line; null at the end of the input.</summary>
    string? ReadLine(string prompt);
}

/// <summary>Shows lines a screenful at a time.</summary>
internal interface IPager
{
    /// <summary>Whether the person has seen enough.</summary>
    bool IsClosed { get; }

    /// <summary>Shows a line.</summary>
    /// <param name="line">The line without its end; it may hold escape sequences for colours.</param>
    /// <param name="rows">Rows of the screen that it takes.</param>
    void WriteLine(string line, int rows);

    /// <summary>Waits until the person has read the last line, where the pager has the screen for itself.</summary>
    void Finish();
}
