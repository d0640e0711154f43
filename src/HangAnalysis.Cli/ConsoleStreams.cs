using HangAnalysis.Cli.Prompting;

namespace HangAnalysis.Cli;

/// <summary>Where the program writes, and whether a person reads there.</summary>
/// <param name="Output">Receives reports.</param>
/// <param name="Error">Receives errors and progress.</param>
/// <param name="OutputRedirected">Whether the output goes into a file or pipe.</param>
/// <param name="ErrorRedirected">Whether errors go into a file or pipe: then there is no progress.</param>
public sealed record ConsoleStreams(TextWriter Output, TextWriter Error, bool OutputRedirected, bool ErrorRedirected)
{
    /// <summary>Where scripts are read from that are in no file.</summary>
    public Func<TextReader> Input { get; init; } = () => TextReader.Null;

    /// <summary>The terminal, where a person types and reads; null where either end is a file or pipe.</summary>
    internal ITerminal? Terminal { get; init; }

    /// <summary>Whether the terminal's cursor can be moved.</summary>
    internal bool TerminalHasCursor { get; init; }
}
