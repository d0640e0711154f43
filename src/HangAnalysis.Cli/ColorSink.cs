using HangAnalysis.Reports;
using Spectre.Console;

namespace HangAnalysis.Cli;

/// <summary>Writes through Spectre.Console, which knows what the terminal can show.</summary>
/// <param name="writer">Receives the text. Text for the terminal may take a way through a buffer or a pager.</param>
/// <param name="isClosed">Whether nobody reads any more; null where that cannot be.</param>
internal sealed class ColorSink(TextWriter writer, Func<bool>? isClosed = null) : ITextSink
{
    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(writer),
        Interactive = InteractionSupport.No,
        // Whether a writer leads to a terminal only Console.Out itself tells.
        Ansi = writer == Console.Out || !TerminalHasAnsi ? AnsiSupport.Detect : AnsiSupport.Yes,
    });

    /// <summary>Whether the terminal understands escape sequences. On Windows asking switches them on.</summary>
    public static bool TerminalHasAnsi { get; } = AnsiConsole.Create(new AnsiConsoleSettings()).Profile.Capabilities.Ansi;

    /// <inheritdoc/>
    public bool IsClosed => isClosed?.Invoke() ?? false;

    /// <inheritdoc/>
    public void Write(Span span)
    {
        // Only the style is Spectre's: laying out in a width of its own would break our columns.
        if (span.Tone == Tone.Normal)
            writer.Write(span.Text);
        else
            _console.Write(new SpanText(span.Text, StyleOf(span.Tone)));
    }

    /// <inheritdoc/>
    public void EndLine() => writer.Write('\n');

    private static Style StyleOf(Tone tone) => tone switch
    {
        Tone.Strong => new Style(decoration: Decoration.Bold),
        Tone.Bad => new Style(Color.Red),
        Tone.Caution => new Style(Color.Yellow),
        Tone.Good => new Style(Color.Green),
        _ => new Style(Color.Grey),
    };

    /// <summary>One piece of a line in one style, never wrapped.</summary>
    private sealed class SpanText(string text, Style style) : Spectre.Console.Rendering.IRenderable
    {
        public Spectre.Console.Rendering.Measurement Measure(
            Spectre.Console.Rendering.RenderOptions options, int maxWidth) => new(text.Length, text.Length);

        public IEnumerable<Spectre.Console.Rendering.Segment> Render(
            Spectre.Console.Rendering.RenderOptions options, int maxWidth) =>
            [new Spectre.Console.Rendering.Segment(text, style)];
    }
}
