using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>Prints answers as plain text, into a file or for a script's reader.</summary>
internal static class AnswerPrinter
{
    /// <summary>Prints an answer, and takes note of its links.</summary>
    public static void WritePlain(Answer answer, TextWriter writer, PromptInterpreter interpreter, Func<bool> isClosed)
    {
        interpreter.BeginOutput();
        TextOutput output = new(writer, w => new ListeningSink(new PlainTextSink(w, isClosed), interpreter.Note));
        output.Write(answer.Output, answer.Form);
        interpreter.EndOutput();
    }

    /// <summary>
    /// Writes an answer into a file; returns the line that says so. Throws <see cref="IOException"/> and its like.
    /// </summary>
    public static string WriteFile(Answer answer, PromptLine line, PromptInterpreter interpreter, Func<bool> isClosed)
    {
        int lines = 0;
        using (StreamWriter file = new(line.File!, line.Appends))
        using (LineCounter counter = new(file, () => lines++))
            WritePlain(answer, counter, interpreter, isClosed);
        return $"{lines:N0} line{(lines == 1 ? "" : "s")} {(line.Appends ? "added" : "written")} to {line.File}" +
            (isClosed() ? ", then interrupted" : "");
    }

    /// <summary>Whether an error is one of a file that cannot be written.</summary>
    public static bool IsFileError(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

    private sealed class LineCounter(TextWriter writer, Action counted) : TextWriter
    {
        public override System.Text.Encoding Encoding => writer.Encoding;

        public override void Write(char value)
        {
            if (value == '\n')
                counted();
            writer.Write(value);
        }

        public override void Write(string? value)
        {
            foreach (char c in value ?? "")
                if (c == '\n')
                    counted();
            writer.Write(value);
        }
    }
}
