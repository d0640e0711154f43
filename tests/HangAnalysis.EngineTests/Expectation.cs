using System.Text.Json.Nodes;
using HangAnalysis.Commands;
using HangAnalysis.Reports;

namespace HangAnalysis.EngineTests;

/// <summary>What the extension has to print for a command line: what the command classes say over the dump's own reader.</summary>
internal static class Expectation
{
    /// <summary>Name by which the debugger knows the extension.</summary>
    public const string Family = "HangAnalysis";

    /// <summary>As text, as it arrives at a reader that takes text.</summary>
    public static string Text(CommandSession session, string line) => Print(session, line, isDml: false);

    /// <summary>As DML. The engine escapes what the extension prints as text.</summary>
    public static string Dml(CommandSession session, string line) => Print(session, line, isDml: true);

    /// <summary>
    /// Takes out of JSON what differs between two runs: how long it took, and the dump's folder, to which links may lead.
    /// </summary>
    public static string Comparable(string json)
    {
        if (!json.StartsWith('{') || JsonNode.Parse(json) is not JsonObject root)
            return json; // an error is no JSON
        root.Remove("timings");
        if (root["dump"] is JsonObject dump && dump["path"] is JsonNode path)
            dump["path"] = Path.GetFileName(path.GetValue<string>().Replace('\\', '/'));
        return root.ToJsonString();
    }

    private static string Print(CommandSession session, string line, bool isDml)
    {
        using StringWriter writer = new();
        try
        {
            CommandArguments arguments = CommandArguments.Parse(line);
            ICommand command = CommandTable.Require(arguments);
            if (arguments.WantsHelp)
                return Print(HelpCommand.Describe(command.Help), isDml);
            CommandOutput output = session.Run(command, arguments);
            if (!arguments.Has("q") && !arguments.Has("json"))
                return Print(output.Document, isDml);
            if (arguments.Has("q"))
                foreach (ulong address in output.Addresses)
                    writer.Write(AddressText.Format(address, output.Document.HasNarrowAddresses) + "\n");
            else
                writer.Write(output.Json() + "\n");
        }
        catch (CommandDeclinedException) when (line.Contains("/q", StringComparison.Ordinal) || line.Contains("/json", StringComparison.Ordinal))
        {
            // .foreach would take the words of a message for addresses.
        }
        catch (Exception exception) when (exception is CommandUsageException or CommandDeclinedException)
        {
            writer.Write($"{Family}: {DumpText.Clean(exception.Message)}\n");
        }
        return isDml ? DmlSink.Escape(writer.ToString()) : writer.ToString();
    }

    private static string Print(Document document, bool isDml)
    {
        using StringWriter writer = new();
        new TextLayout(isDml
            ? new DmlSink(writer, Family, name => CommandTable.Find(name) is not null)
            : new PlainTextSink(writer)).Write(document);
        return writer.ToString();
    }
}
