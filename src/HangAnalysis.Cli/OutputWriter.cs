using HangAnalysis.Commands;
using HangAnalysis.Reports;
using Spectre.Console;

namespace HangAnalysis.Cli;

/// <summary>Writes what commands found: as text with or without colours, as JSON, or as addresses.</summary>
internal sealed class OutputWriter
{
    private readonly ConsoleStreams _streams;
    private readonly bool _json;
    private readonly int _commands;
    private readonly ITextSink _sink;
    private int _written;

    public OutputWriter(ConsoleStreams streams, bool json, bool noColor, int commands)
    {
        _streams = streams;
        _json = json;
        _commands = commands;
        bool plain = noColor || streams.OutputRedirected
            || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        _sink = plain ? new PlainTextSink(streams.Output) : new ColorSink(streams.Output);
    }

    /// <summary>Writes what one command found. With <c>--json</c> and several commands the output is one array.</summary>
    public void Write(CommandOutput output, CommandArguments arguments)
    {
        if (_json)
        {
            if (_commands > 1)
                _streams.Output.Write(_written == 0 ? "[\n" : ",\n");
            _streams.Output.Write(output.Json());
            if (_commands == 1)
                _streams.Output.Write('\n');
        }
        else if (arguments.Has("q"))
            foreach (ulong address in output.Addresses)
                _streams.Output.Write($"{address:x16}\n");
        else if (arguments.Has("json"))
            _streams.Output.Write(output.Json() + "\n");
        else
            WriteDocument(output.Document);
        _written++;
    }

    /// <summary>Writes the help of a command.</summary>
    public void WriteHelp(CommandHelp help) => WriteDocument(HelpCommand.Describe(help));

    /// <summary>Ends the output.</summary>
    public void Finish()
    {
        if (_json && _commands > 1)
            _streams.Output.Write("\n]\n");
        _streams.Output.Flush();
    }

    private void WriteDocument(Document document)
    {
        if (_written > 0)
            _sink.EndLine();
        new TextLayout(_sink).Write(document);
    }

    /// <summary>Writes through Spectre.Console, which knows what the terminal can show.</summary>
    private sealed class ColorSink(TextWriter writer) : ITextSink
    {
        private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer), Interactive = InteractionSupport.No,
        });

        public void Write(Span span)
        {
            // Only the style is Spectre's: laying out in a width of its own would break our columns.
            if (span.Tone == Tone.Normal)
                writer.Write(span.Text);
            else
                _console.Write(new SpanText(span.Text, StyleOf(span.Tone)));
        }

        public void EndLine() => writer.Write('\n');

        private static Style StyleOf(Tone tone) => tone switch
        {
            Tone.Strong => new Style(decoration: Decoration.Bold),
            Tone.Bad => new Style(Color.Red),
            Tone.Caution => new Style(Color.Yellow),
            Tone.Good => new Style(Color.Green),
            _ => new Style(Color.Grey),
        };
    }

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
