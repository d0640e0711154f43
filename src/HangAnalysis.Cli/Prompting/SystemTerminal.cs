namespace HangAnalysis.Cli.Prompting;

/// <summary>The terminal that the program was started in.</summary>
internal sealed class SystemTerminal : ITerminal
{
    private const int UsualWidth = 80;
    private const int UsualHeight = 24;

    /// <inheritdoc/>
    public int Width => Console.WindowWidth is > 0 and var width ? width : UsualWidth;

    /// <inheritdoc/>
    public int Height => Console.WindowHeight is > 0 and var height ? height : UsualHeight;

    /// <inheritdoc/>
    public bool ControlCIsKey
    {
        get => Console.TreatControlCAsInput;
        set => Console.TreatControlCAsInput = value;
    }

    /// <inheritdoc/>
    public ConsoleKeyInfo? ReadKey()
    {
        try
        {
            return Console.ReadKey(intercept: true);
        }
        catch (InvalidOperationException)
        {
            // The terminal was closed.
            return null;
        }
    }

    /// <inheritdoc/>
    public void Write(string text)
    {
        Console.Out.Write(text);
        Console.Out.Flush();
    }
}

/// <summary>Reads lines from a terminal whose cursor cannot be moved, or from anything else that gives lines.</summary>
internal sealed class PlainLineReader(Func<TextReader> input, TextWriter output) : ILineReader
{
    /// <inheritdoc/>
    public string? ReadLine(string prompt)
    {
        output.Write(prompt);
        output.Flush();
        return input().ReadLine();
    }
}
