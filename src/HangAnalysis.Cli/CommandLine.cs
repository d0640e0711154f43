using System.CommandLine;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli;

/// <summary>What the program was called with.</summary>
internal sealed record CommandLineOptions(string Dump, IReadOnlyList<string> Commands)
{
    /// <summary>The symbol path; null for that of the environment.</summary>
    public string? Symbols { get; init; }

    /// <summary>Further parts of a dump that was split.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [];

    /// <summary>Files and folders with rules of known issues.</summary>
    public IReadOnlyList<string> Rules { get; init; } = [];

    /// <summary>Whether JSON is printed and nothing else.</summary>
    public bool Json { get; init; }

    /// <summary>Whether nothing is coloured.</summary>
    public bool NoColor { get; init; }

    /// <summary>Whether commands are asked for at a prompt.</summary>
    public bool Interactive { get; init; }

    /// <summary>Whether output that is longer than the screen is printed all the same.</summary>
    public bool NoPager { get; init; }

    /// <summary>The file with commands; <c>-</c> for the standard input, null for none.</summary>
    public string? Script { get; init; }
}

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
    public const int ExitInterrupted = 130;

    /// <summary>Runs the program; returns its exit code.</summary>
    public static async Task<int> RunAsync(string[] arguments, ConsoleStreams streams)
    {
        Argument<string> dump = new("DUMP")
        {
            Description = "a kernel dump of Windows, a vmcore of Linux, or a text with an ESXi purple screen ('-': piped in)",
        };
        Argument<string[]> commands = new("COMMAND")
        {
            Description = "commands such as '!us -k' (quoted); '!hangwhy' if none is given; '!hahelp' lists them",
            Arity = ArgumentArity.ZeroOrMore,
        };
        Option<bool> interactive = new("--interactive", "-i")
        {
            Description = "open the dump once and ask for commands, after those that are given",
        };
        Option<string> script = new("--commands", "-c")
        {
            Description = "run the commands of a file, one a line; '-' for the standard input",
            HelpName = "FILE",
        };
        Option<string> symbols = new("--symbols")
        {
            Description = "symbol path as in WinDbg; also from _NT_SYMBOL_PATH. The dump's folder is always looked at. " +
                "For a vmcore: the kernel's vmlinux, needed only where the dump lacks BTF or kallsyms",
            HelpName = "PATH",
        };
        Option<string[]> parts = new("--part")
        {
            Description = "a further part of a vmcore that makedumpfile has split; may be given several times",
            HelpName = "FILE",
        };
        Option<string[]> rules = new("--rules")
        {
            Description = "a file with rules of known issues, or a folder of such files, beside those that are built in " +
                "(docs/rules.md); may be given several times",
            HelpName = "PATH",
        };
        Option<bool> json = new("--json") { Description = "print JSON and nothing else" };
        Option<bool> noColor = new("--no-color") { Description = "no colours; also by the variable NO_COLOR" };
        Option<bool> noPager = new("--no-pager") { Description = "with -i: print what is longer than the screen all the same" };
        RootCommand root = new("Says from a kernel dump of Windows or Linux, or from an ESXi purple screen, why the machine hung.")
        {
            dump, commands, interactive, script, symbols, parts, rules, json, noColor, noPager,
        };
        root.SetAction(result => new ProgramRun(
            new CommandLineOptions(result.GetRequiredValue(dump), result.GetValue(commands) ?? [])
            {
                Symbols = result.GetValue(symbols),
                Parts = result.GetValue(parts) ?? [],
                Rules = result.GetValue(rules) ?? [],
                Json = result.GetValue(json),
                NoColor = result.GetValue(noColor),
                Interactive = result.GetValue(interactive),
                NoPager = result.GetValue(noPager),
                Script = result.GetValue(script),
            }, streams).Run());
        ParseResult parsed = root.Parse(arguments);
        List<string> errors = [.. parsed.Errors.Select(e => e.Message)];
        foreach (string word in errors.Count > 0 ? [] : parsed.GetValue(commands) ?? [])
            if (word.StartsWith('-'))
                errors.Add($"unknown option {word}; options of a command are quoted with it: '!us {word}'");
        if (errors.Count == 0 && parsed.GetValue(script) is not null
            && (parsed.GetValue(interactive) || parsed.GetValue(commands) is { Length: > 0 }))
            errors.Add("-c takes the place of commands and of -i");
        if (errors.Count == 0 && parsed.GetResult(dump)?.Tokens is [{ Value: "-" }]
            && (parsed.GetValue(interactive) || parsed.GetValue(script) == "-"))
            errors.Add("'-' takes the text from the standard input: commands cannot come from there too");
        if (errors.Count == 0 && parsed.GetValue(interactive) && parsed.GetValue(json) && streams.Terminal is not null)
            errors.Add("--json prints no prompt: at the prompt give /json to a command");
        if (errors.Count > 0)
        {
            foreach (string error in errors)
                await streams.Error.WriteLineAsync($"hangwhy: {DumpText.Clean(error)}").ConfigureAwait(false);
            await streams.Error.WriteLineAsync(
                "usage: hangwhy DUMP [COMMAND… | -i | -c FILE] [--symbols PATH] [--part FILE]… [--rules PATH]… [--json] " +
                "[--no-color] [--no-pager]")
                .ConfigureAwait(false);
            return ExitUsage;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration
        {
            Output = streams.Output, Error = streams.Error, EnableDefaultExceptionHandler = false,
            // Ctrl+C stops a command and not the program.
            ProcessTerminationTimeout = null,
        }).ConfigureAwait(false);
    }
}
