using System.CommandLine;
using System.Diagnostics;
using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Cli;

/// <summary>Where the program writes, and whether a person reads there.</summary>
/// <param name="Output">Receives reports.</param>
/// <param name="Error">Receives errors and progress.</param>
/// <param name="OutputRedirected">Whether the output goes into a file or pipe.</param>
/// <param name="ErrorRedirected">Whether errors go into a file or pipe: then there is no progress.</param>
public sealed record ConsoleStreams(TextWriter Output, TextWriter Error, bool OutputRedirected, bool ErrorRedirected);

/// <summary>The command line <c>hangwhy</c>.</summary>
public static class CommandLine
{
    /// <summary>The dump was analysed.</summary>
    public const int ExitAnalysed = 0;

    /// <summary>The program was called in a wrong way.</summary>
    public const int ExitUsage = 2;

    /// <summary>The dump cannot be read.</summary>
    public const int ExitUnreadable = 3;

    /// <summary>Ctrl+C: 128 + SIGINT, as shells have it.</summary>
    private const int ExitInterrupted = 130;

    /// <summary>Runs the program; returns its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, ConsoleStreams streams)
    {
        Argument<string> dump = new("DUMP") { Description = "a Windows kernel dump" };
        Argument<string[]> commands = new("COMMAND")
        {
            Description = "commands such as '!us -k' (quoted); '!hangwhy' if none is given; '!hahelp' lists them",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<string> symbols = new("--symbols")
        {
            Description = "symbol path as in WinDbg; also from _NT_SYMBOL_PATH. The dump's folder is always looked at",
            HelpName = "PATH",
        };
        Option<bool> json = new("--json") { Description = "print JSON and nothing else" };
        Option<bool> noColor = new("--no-color") { Description = "no colours; also by the variable NO_COLOR" };
        RootCommand root = new("Says from a Windows kernel dump why the machine hung.") { dump, commands, symbols, json, noColor };
        root.SetAction(result => Run(result.GetRequiredValue(dump), result.GetValue(commands) ?? [], result.GetValue(symbols),
            result.GetValue(json), result.GetValue(noColor), streams));
        ParseResult parsed = root.Parse(arguments);
        List<string> errors = [.. parsed.Errors.Select(e => e.Message)];
        foreach (string word in errors.Count > 0 ? [] : parsed.GetValue(commands) ?? [])
            if (word.StartsWith('-'))
                errors.Add($"unknown option {word}; options of a command are quoted with it: '!us {word}'");
        if (errors.Count > 0)
        {
            foreach (string error in errors)
                await streams.Error.WriteLineAsync($"hangwhy: {DumpText.Clean(error)}").ConfigureAwait(false);
            await streams.Error.WriteLineAsync("usage: hangwhy DUMP [COMMAND…] [--symbols PATH] [--json] [--no-color]")
                .ConfigureAwait(false);
            return ExitUsage;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = streams.Output, Error = streams.Error, EnableDefaultExceptionHandler = false,
        }).ConfigureAwait(false);
    }

    private static int Run(
        string dump, string[] lines, string? symbols, bool json, bool noColor, ConsoleStreams streams)
    {
        List<(ICommand Command, CommandArguments Arguments)> commands = [];
        try
        {
            foreach (string line in lines.Length == 0 ? ["!hangwhy"] : lines)
            {
                CommandArguments arguments = CommandArguments.Parse(line);
                commands.Add((CommandTable.Require(arguments), arguments));
            }
        }
        catch (CommandUsageException exception)
        {
            return Fail(streams, exception.Message, ExitUsage);
        }
        using CancellationTokenSource cancellation = new();
        void Cancel(object? sender, ConsoleCancelEventArgs e)
        {
            // The first Ctrl+C ends the sweep and shows what is there; the second one ends the program.
            e.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }
        Console.CancelKeyPress += Cancel;
        using ProgressLine progress = new(streams.Error, isVisible: !streams.ErrorRedirected);
        try
        {
            long start = Stopwatch.GetTimestamp();
            KernelDumpTarget target = KernelDumpTarget.Open(dump, new DumpOpenOptions
            {
                SymbolPath = symbols ?? Environment.GetEnvironmentVariable("_NT_SYMBOL_PATH"),
                DownloadProgress = progress,
                Warn = warning => progress.Interrupt(() => streams.Error.WriteLine($"hangwhy: {DumpText.Clean(warning)}")),
                Cancellation = cancellation.Token,
            });
            using CommandSession session = new(target, Stopwatch.GetElapsedTime(start), progress, cancellation.Token);
            OutputWriter writer = new(streams, json, noColor, commands.Count);
            foreach ((ICommand command, CommandArguments arguments) in commands)
            {
                CommandOutput? output = arguments.WantsHelp ? null : command.Run(session, arguments);
                progress.Clear();
                if (output is null)
                    writer.WriteHelp(command.Help);
                else
                    writer.Write(output, arguments);
            }
            writer.Finish();
            return ExitAnalysed;
        }
        catch (CommandUsageException exception)
        {
            progress.Clear();
            return Fail(streams, exception.Message, ExitUsage);
        }
        catch (Exception exception) when (exception is DumpFormatException or CommandDeclinedException)
        {
            progress.Clear();
            return Fail(streams, exception.Message, ExitUnreadable);
        }
        catch (OperationCanceledException)
        {
            progress.Clear();
            return Fail(streams, "interrupted", ExitInterrupted);
        }
        finally
        {
            Console.CancelKeyPress -= Cancel;
        }
    }

    private static int Fail(ConsoleStreams streams, string message, int exitCode)
    {
        streams.Error.WriteLine($"hangwhy: {DumpText.Clean(message)}");
        return exitCode;
    }
}
