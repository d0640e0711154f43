using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Cli.Prompting;

/// <summary>Runs commands from a file or a pipe, one a line, without anything that only a person needs.</summary>
/// <param name="dump">The opened dump.</param>
/// <param name="streams">Receives reports and errors.</param>
/// <param name="json">Whether the output is one JSON array, with an element for each command.</param>
internal sealed class CommandScript(DumpSession dump, ConsoleStreams streams, bool json)
{
    private readonly PromptInterpreter _interpreter = new(dump);
    private readonly JsonOutput _array = new(streams.Output, isArray: true);
    private bool _hasWritten;

    /// <summary>Runs the commands; returns the exit code.</summary>
    /// <param name="lines">Where they come from.</param>
    /// <param name="name">How errors name that.</param>
    public int Run(TextReader lines, string name)
    {
        int exitCode = CommandLine.ExitAnalysed;
        int number = 0;
        while (!_interpreter.WantsToEnd && exitCode != CommandLine.ExitInterrupted && lines.ReadLine() is { } text)
        {
            number++;
            if (RunLine(text) is { } error)
            {
                exitCode = CommandLine.ExitUsage;
                streams.Output.Flush();
                streams.Error.WriteLine($"hangwhy: {DumpText.Clean($"{name}:{number}: {error}")}");
            }
            streams.Output.Flush();
            if (dump.Interruption.WasPressed)
            {
                streams.Error.WriteLine($"hangwhy: {name}:{number}: {CommandPrompt.Interrupted}");
                exitCode = CommandLine.ExitInterrupted;
            }
        }
        if (json)
            _array.Finish();
        streams.Output.Flush();
        return exitCode;
    }

    /// <summary>Runs a line; returns what went wrong, or null.</summary>
    private string? RunLine(string text)
    {
        bool isAnswered = false;
        try
        {
            PromptLine line = PromptLine.Parse(text);
            if (line.Command.Length == 0)
                return null;
            WriteMark(text);
            dump.Run(() => _interpreter.Run(line.Command), answer => isAnswered = Print(answer, line));
            return null;
        }
        catch (Exception exception) when (exception is CommandUsageException or CommandDeclinedException or DumpFormatException
            || AnswerPrinter.IsFileError(exception))
        {
            // The n-th element belongs to the n-th command, also where that has failed.
            if (json && !isAnswered)
                _array.Write("null");
            return exception.Message;
        }
        catch (OperationCanceledException)
        {
            return "interrupted";
        }
        catch (Exception exception)
        {
            return $"{text.Trim().Split(' ')[0]} failed: {exception.GetType().Name}: {exception.Message}";
        }
    }

    private void WriteMark(string text)
    {
        if (json)
            return;
        streams.Output.Write($"{(_hasWritten ? "\n" : "")}{CommandPrompt.Mark}{DumpText.Clean(text.Trim())}\n");
        _hasWritten = true;
    }

    private bool Print(Answer? answer, PromptLine line)
    {
        if (answer is null)
            return false;
        if (answer.Ran is { } ran && !json)
            streams.Output.Write($"{CommandPrompt.Mark}{DumpText.Clean(ran)}\n");
        bool IsStopped() => dump.Interruption.IsPrintingStopped;
        if (line.File is not null)
        {
            string told = AnswerPrinter.WriteFile(answer, line, _interpreter, IsStopped);
            if (json)
                _array.Write("null");
            else
                streams.Output.Write($"{DumpText.Clean(told)}\n");
        }
        else if (json)
            _array.Write(answer.Output.Json());
        else
            AnswerPrinter.WritePlain(answer, streams.Output, _interpreter, IsStopped);
        return true;
    }
}
