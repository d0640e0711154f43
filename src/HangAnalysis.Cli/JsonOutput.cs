namespace HangAnalysis.Cli;

/// <summary>Writes JSON of one command, or of several as one array.</summary>
internal sealed class JsonOutput(TextWriter writer, bool isArray)
{
    private int _written;

    /// <summary>Writes what one command found.</summary>
    public void Write(string json)
    {
        if (isArray)
            writer.Write(_written == 0 ? "[\n" : ",\n");
        writer.Write(json);
        _written++;
    }

    /// <summary>Ends the output.</summary>
    public void Finish()
    {
        if (isArray)
            writer.Write(_written == 0 ? "[\n]" : "\n]");
        if (isArray || _written > 0)
            writer.Write('\n');
    }
}
