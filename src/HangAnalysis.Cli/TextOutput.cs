using HangAnalysis.Commands;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli;

/// <summary>In which form a command's output is wanted.</summary>
internal enum OutputForm
{
    /// <summary>As a report for people.</summary>
    Report,

    /// <summary>As bare addresses, one a line.</summary>
    Addresses,

    /// <summary>As JSON.</summary>
    Json,
}

/// <summary>Writes what commands found: as text, as JSON, or as addresses.</summary>
/// <param name="writer">Receives the text.</param>
/// <param name="makeSink">Makes what lays text on the writer: plain, with colours, with an ear for links.</param>
/// <param name="width">Columns that reports fit into.</param>
internal sealed class TextOutput(TextWriter writer, Func<TextWriter, ITextSink> makeSink, int width = TextLayout.DefaultWidth)
{
    private readonly ITextSink _sink = makeSink(writer);

    /// <summary>The form that a call's options ask for.</summary>
    public static OutputForm FormOf(CommandArguments arguments) =>
        arguments.Has("q") ? OutputForm.Addresses
        : arguments.Has("json") ? OutputForm.Json
        : OutputForm.Report;

    /// <summary>Writes what a command found.</summary>
    public void Write(CommandOutput output, OutputForm form)
    {
        switch (form)
        {
            case OutputForm.Addresses:
                foreach (ulong address in output.Addresses)
                {
                    if (_sink.IsClosed)
                        return;
                    _sink.Write(AddressText.Format(address, output.Document.HasNarrowAddresses));
                    _sink.EndLine();
                }
                break;
            case OutputForm.Json:
                writer.Write(output.Json() + "\n");
                break;
            default:
                Write(output.Document);
                break;
        }
    }

    /// <summary>Writes a document.</summary>
    public void Write(Document document) => new TextLayout(_sink, width).Write(document);

    /// <summary>Writes one line.</summary>
    public void WriteLine(string text, Tone tone = Tone.Normal)
    {
        if (text.Length > 0)
            _sink.Write(new Span(DumpText.Clean(text), tone));
        _sink.EndLine();
    }
}
