using HangAnalysis.Analysis.Rules;
using HangAnalysis.Cli.Prompting;
using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Cli;

/// <summary>One run of the program: commands of the command line, a script, or the prompt.</summary>
internal sealed class ProgramRun(CommandLineOptions options, ConsoleStreams streams)
{
    /// <summary>Opens the dump and runs what was asked for; returns the exit code.</summary>
    public int Run()
    {
        IReadOnlyList<string> lines = options.Commands.Count == 0 ? ["!hangwhy"] : options.Commands;
        try
        {
            // A prompt and a script tell of a wrong line when they come to it.
            if (!options.Interactive && options.Script is null)
                CheckEarly(lines);
        }
        catch (CommandUsageException exception)
        {
            return Fail(exception.Message, CommandLine.ExitUsage);
        }
        using Interruption interruption = new();
        void Cancel(object? sender, ConsoleCancelEventArgs e)
        {
            // Ctrl+C ends the reading and shows what is there, then the printing, and last the program; at a prompt never that.
            e.Cancel = interruption.Press() || IsPrompt;
        }
        Console.CancelKeyPress += Cancel;
        using ProgressLine progress = new(streams.Error, isVisible: !streams.ErrorRedirected);
        try
        {
            using TextReader? script = OpenScript();
            using DumpSession session = DumpSession.Open(options, streams.Error, interruption, progress, streams.Input);
            if (IsPrompt)
                return RunPrompt(session);
            if (script is not null)
                return new CommandScript(session, streams, options.Json).Run(
                    script, options.Script is null or "-" ? "standard input" : options.Script);
            return RunCommands(session, Parse(lines, session.Commands.Commands));
        }
        catch (CommandUsageException exception)
        {
            progress.Clear();
            return Fail(exception.Message, CommandLine.ExitUsage);
        }
        catch (RuleFileException exception)
        {
            progress.Clear();
            return Fail(exception.Message, CommandLine.ExitUsage);
        }
        catch (Exception exception) when (exception is DumpFormatException or CommandDeclinedException)
        {
            progress.Clear();
            return Fail(exception.Message, CommandLine.ExitUnreadable);
        }
        catch (OperationCanceledException)
        {
            progress.Clear();
            return Fail("interrupted", CommandLine.ExitInterrupted);
        }
        finally
        {
            Console.CancelKeyPress -= Cancel;
        }
    }

    /// <summary>
    /// What no system's commands understand is refused before a dump is opened, which may take its time; what only those of
    /// another system understand, when it is known which one it is.
    /// </summary>
    private static void CheckEarly(IReadOnlyList<string> lines)
    {
        foreach (string line in lines)
        {
            CommandUsageException? first = null;
            bool isUnderstood = false;
            foreach (CommandSet set in CommandTable.Sets)
                try
                {
                    isUnderstood |= set.Find(CommandArguments.Parse(line, set).Name) is not null;
                }
                catch (CommandUsageException exception)
                {
                    first ??= exception;
                }
            if (isUnderstood)
                continue;
            throw first ?? UnknownCommand(line);
        }
    }

    private static CommandUsageException UnknownCommand(string line)
    {
        string name = CommandArguments.Parse(line).Name;
        IEnumerable<string> known = CommandTable.Sets.SelectMany(s => s.All).Select(c => "!" + c.Help.Name).Distinct();
        return new CommandUsageException($"unknown command '!{name}'; there are {string.Join(", ", known)}");
    }

    private static List<(ICommand Command, CommandArguments Arguments)> Parse(IReadOnlyList<string> lines, CommandSet set)
    {
        List<(ICommand, CommandArguments)> commands = [];
        foreach (string line in lines)
        {
            CommandArguments arguments = CommandArguments.Parse(line, set);
            commands.Add((set.Require(arguments), arguments));
        }
        return commands;
    }

    private bool IsPrompt => options.Interactive && streams.Terminal is not null;

    /// <summary>The script, if there is one: the file's, or what is piped in where a prompt was asked for.</summary>
    private TextReader? OpenScript()
    {
        if (IsPrompt || (options.Script is null && !options.Interactive))
            return null;
        if (options.Script is null or "-")
            // Commands of the command line come first.
            return new CommandsBefore(options.Commands, streams.Input());
        try
        {
            return new StreamReader(options.Script);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new CommandUsageException(exception.Message, exception);
        }
    }

    private int RunCommands(DumpSession session, List<(ICommand Command, CommandArguments Arguments)> commands)
    {
        Interruption interruption = session.Interruption;
        JsonOutput json = new(streams.Output, isArray: commands.Count > 1);
        TextOutput text = new(streams.Output, writer => HasColors
            ? new ColorSink(writer, () => interruption.IsPrintingStopped)
            : new PlainTextSink(writer, () => interruption.IsPrintingStopped));
        bool any = false;
        int exitCode = CommandLine.ExitAnalysed;
        foreach ((ICommand command, CommandArguments arguments) in commands)
        {
            any |= TryRun(command, arguments, any);
            if (interruption.WasPressed)
                break;
        }
        if (options.Json)
            json.Finish();
        streams.Output.Flush();
        return interruption.WasPressed ? Fail(CommandPrompt.Interrupted, CommandLine.ExitInterrupted) : exitCode;

        // What one command does not find in the dump, the next may: each is answered, and the exit code tells of the first refusal.
        bool TryRun(ICommand command, CommandArguments arguments, bool isLater)
        {
            try
            {
                Run(command, arguments, isLater);
                return true;
            }
            catch (Exception exception) when (exception is CommandUsageException or CommandDeclinedException)
            {
                session.Progress.Clear();
                streams.Output.Flush();
                if (options.Json && commands.Count > 1)
                    json.Write("null");
                int refused = Fail(exception.Message,
                    exception is CommandUsageException ? CommandLine.ExitUsage : CommandLine.ExitUnreadable);
                exitCode = exitCode == CommandLine.ExitAnalysed ? refused : exitCode;
                return false;
            }
        }

        void Run(ICommand command, CommandArguments arguments, bool isLater) => session.Run(
            () => arguments.WantsHelp
                ? new CommandOutput(HelpCommand.Describe(command.Help, session.Commands.Commands), () => "null", [])
                : session.Commands.Run(command, arguments),
            output =>
            {
                OutputForm form = TextOutput.FormOf(output.Form ?? arguments);
                if (isLater && !options.Json && form == OutputForm.Report)
                    text.WriteLine("");
                if (options.Json)
                    json.Write(output.Json());
                else
                    text.Write(output, arguments.WantsHelp ? OutputForm.Report : form);
            });
    }

    private int RunPrompt(DumpSession session)
    {
        ITerminal terminal = streams.Terminal!;
        CommandPrompt prompt = new(session, terminal,
            (writer, isClosed) => HasColors ? new ColorSink(writer, isClosed) : new PlainTextSink(writer, isClosed),
            options.NoPager || !streams.TerminalHasCursor ? null : ChoosePager(terminal, session.Progress));
        PromptHistory history = new(PromptHistory.DefaultPath());
        prompt.Greet();
        foreach (string line in options.Commands)
        {
            terminal.Write($"{CommandPrompt.Mark}{DumpText.Clean(line)}\n");
            prompt.RunLine(line);
        }
        prompt.Run(streams.TerminalHasCursor
            ? new LineEditor(terminal, history, prompt.Completer)
            : new PlainLineReader(streams.Input, streams.Output), history);
        return CommandLine.ExitAnalysed;
    }

    private static Func<IPager>? ChoosePager(ITerminal terminal, ProgressLine progress) => ExternalPager.FindCommand() switch
    {
        "" => null,
        null => () => new ScreenPager(terminal),
        { } command => () => (IPager?)ExternalPager.TryStart(command, progress) ?? new ScreenPager(terminal),
    };

    private bool HasColors =>
        !options.NoColor && !streams.OutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    private int Fail(string message, int exitCode)
    {
        streams.Error.WriteLine($"hangwhy: {DumpText.Clean(message)}");
        return exitCode;
    }

    /// <summary>Lines of the command line, then those of a reader.</summary>
    private sealed class CommandsBefore(IReadOnlyList<string> commands, TextReader rest) : TextReader
    {
        private int _next;

        public override string? ReadLine() => _next < commands.Count ? commands[_next++] : rest.ReadLine();
    }
}
