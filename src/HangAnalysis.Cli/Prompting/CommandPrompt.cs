using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Cli.Prompting;

/// <summary>The prompt: reads a line, runs it, shows what it found; over and over.</summary>
/// <param name="dump">The opened dump.</param>
/// <param name="terminal">The screen.</param>
/// <param name="makeSink">Makes what lays text on a writer, with colours or without.</param>
/// <param name="openPager">Opens a pager for output that is longer than the screen; null for none.</param>
internal sealed class CommandPrompt(
    DumpSession dump, ITerminal terminal, Func<TextWriter, Func<bool>, ITextSink> makeSink, Func<IPager>? openPager)
{
    /// <summary>What stands before each line.</summary>
    public const string Mark = "hang> ";

    /// <summary>What is told where Ctrl+C has cut an output.</summary>
    public const string Interrupted = "interrupted: what is shown is what was read until then";

    /// <summary>Columns below which reports are not laid out; narrower screens wrap them.</summary>
    private const int LeastWidth = 80;

    private readonly PromptInterpreter _interpreter = new(dump);

    /// <summary>What completion knows.</summary>
    public ICompleter Completer => new PromptCompleter(dump.Commands, _interpreter.Seen);

    private int Width => Math.Clamp(terminal.Width, LeastWidth, TextLayout.DefaultWidth);

    /// <summary>Says what is open, and how to go on.</summary>
    public void Greet()
    {
        TargetDescription description = dump.Commands.Description;
        string time = description.Time is { } taken ? $" of {taken:yyyy-MM-dd HH:mm:ss} UTC" : "";
        Show(output =>
        {
            output.Write(new Document().Add(new Span($"{description.Path}: {description.OperatingSystem} " +
                $"{description.Architecture.ToString().ToLowerInvariant()}, {description.Kind} {description.Form}{time}", Tone.Muted)));
            output.WriteLine("hangwhy says why it hung · help lists the commands · Tab completes · Ctrl+D ends", Tone.Muted);
        }, () => false);
    }

    /// <summary>Reads and runs lines until the input or the user ends it.</summary>
    public void Run(ILineReader reader, PromptHistory history)
    {
        while (!_interpreter.WantsToEnd && reader.ReadLine(Mark) is { } line)
        {
            history.Add(line.TrimEnd());
            RunLine(line);
        }
    }

    /// <summary>Runs one line. Whatever goes wrong costs the line and not the session.</summary>
    public void RunLine(string text)
    {
        try
        {
            PromptLine line = PromptLine.Parse(text);
            if (line.Command.Length > 0)
                dump.Run(() => _interpreter.Run(line.Command), answer => Print(answer, line));
        }
        catch (Exception exception) when (exception is CommandUsageException or CommandDeclinedException or DumpFormatException
            || AnswerPrinter.IsFileError(exception))
        {
            ShowError(exception.Message);
        }
        catch (OperationCanceledException)
        {
            ShowError("interrupted");
        }
        catch (Exception exception)
        {
            ShowError($"{text.Trim().Split(' ')[0]} failed: {exception.GetType().Name}: {exception.Message}");
        }
    }

    private void Print(Answer? answer, PromptLine line)
    {
        if (answer is null)
            return;
        bool wasCut = dump.Interruption.WasPressed;
        if (line.File is not null)
        {
            string told = AnswerPrinter.WriteFile(answer, line, _interpreter, () => dump.Interruption.IsPrintingStopped);
            Show(output => output.WriteLine(told, Tone.Muted), () => false);
            return;
        }
        _interpreter.BeginOutput();
        if (answer.Ran is { } ran)
            Show(output => output.WriteLine($"{Mark}{ran}", Tone.Muted), () => false);
        Show(output => output.Write(answer.Output, answer.Form), () => dump.Interruption.IsPrintingStopped, openPager);
        _interpreter.EndOutput();
        string links = answer.Form == OutputForm.Report ? _interpreter.Links.Describe(Width) : "";
        Show(output =>
        {
            if (links.Length > 0)
                output.WriteLine(links, Tone.Muted);
            if (wasCut)
                output.WriteLine(Interrupted, Tone.Caution);
        }, () => false);
    }

    private void ShowError(string message) =>
        Show(output => output.WriteLine(message, Tone.Bad), () => false);

    private void Show(Action<TextOutput> write, Func<bool> isStopped, Func<IPager>? pager = null)
    {
        // The line of links, and the prompt below it.
        const int RowsBelow = 2;
        using PagedWriter writer = new(terminal, pager, RowsBelow);
        write(new TextOutput(writer, Sink, Width));
        writer.Finish();

        ITextSink Sink(TextWriter to) =>
            new ListeningSink(makeSink(to, () => writer.IsClosed || isStopped()), _interpreter.Note);
    }
}
