using HangAnalysis.Commands;
using HangAnalysis.DbgEng;
using HangAnalysis.Reports;

namespace HangAnalysis.Extension;

/// <summary>Writes what commands found where the debugger's user, or the script that called, reads it.</summary>
internal sealed class EngineConsole(EngineConnection engine)
{
    /// <summary>The name by which the debuggers know the extension, and by which its commands are qualified.</summary>
    public const string FamilyName = "HangAnalysis";

    /// <summary>Writes a command's output in the form that was asked for.</summary>
    /// <param name="output">What was found.</param>
    /// <param name="arguments">May ask for addresses or for JSON: plain text then, whole, and nothing else.</param>
    /// <param name="watch">Ends long output.</param>
    public void Write(CommandOutput output, CommandArguments arguments, BreakWatch watch)
    {
        arguments = output.Form ?? arguments;
        if (!arguments.Has("q") && !arguments.Has("json"))
        {
            if (!WriteDocument(output.Document, watch.IsAskedWhilePrinting))
                WriteError("interrupted: the rest is not shown");
            return;
        }
        // A part of a list would be taken for the whole by the script that reads it.
        if (engine.Cancellation is { IsCancellationRequested: true })
            return;
        using EngineWriter writer = new(engine.Control, DebugControl.AmbientText, watch.IsAskedWhilePrinting);
        if (arguments.Has("q"))
            foreach (ulong address in output.Addresses)
                writer.Write(AddressText.Format(address, output.Document.HasNarrowAddresses) + "\n");
        else
            writer.Write(output.Json() + "\n");
    }

    /// <summary>Writes a document with links where the user prefers DML. False if it was cut short.</summary>
    public bool WriteDocument(Document document, Func<bool>? isInterrupted = null)
    {
        bool dml = (engine.Control.EngineOptions & DebugControl.OptionPreferDml) != 0;
        using EngineWriter writer = new(engine.Control, dml ? DebugControl.AmbientDml : DebugControl.AmbientText, isInterrupted);
        ITextSink sink = dml
            ? new DmlSink(writer, FamilyName, name => CommandTable.Find(name) is not null, writer.IsClosed)
            : new PlainTextSink(writer, writer.IsClosed);
        new TextLayout(sink).Write(document);
        writer.Flush();
        return !writer.IsCut;
    }

    /// <summary>Writes one line that says what is wrong.</summary>
    public void WriteError(string message)
    {
        try
        {
            engine.Control.Output(DebugControl.AmbientText, DebugControl.OutputError,
                $"{FamilyName}: {DumpText.Clean(message)}\n");
        }
        catch (DebugEngineException)
        {
            // Without a client there is nobody to tell.
        }
    }
}
