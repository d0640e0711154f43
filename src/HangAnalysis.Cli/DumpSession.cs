using System.Diagnostics;
using HangAnalysis.Analysis.Rules;
using HangAnalysis.Commands;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Cli;

/// <summary>An opened dump whose commands can be interrupted one by one.</summary>
internal sealed class DumpSession : IDisposable
{
    private ulong? _currentProcess;

    private DumpSession(CommandSession commands, Interruption interruption, ProgressLine progress)
    {
        Commands = commands;
        Interruption = interruption;
        Progress = progress;
    }

    /// <summary>What commands share.</summary>
    public CommandSession Commands { get; }

    /// <summary>What Ctrl+C stops.</summary>
    public Interruption Interruption { get; }

    /// <summary>Tells how far long work is.</summary>
    public ProgressLine Progress { get; }

    /// <summary>The process that <c>.process</c> has set; null where none was.</summary>
    public ulong? CurrentProcess
    {
        get => _currentProcess;
        set
        {
            const string Current = "@$proc";
            _currentProcess = value;
            Commands.EvaluatorTakes = Current;
            Commands.Evaluator = value is null ? null
                : text => text.Equals(Current, StringComparison.OrdinalIgnoreCase) ? _currentProcess : null;
        }
    }

    /// <summary>Opens a dump.</summary>
    public static DumpSession Open(
        CommandLineOptions program, TextWriter error, Interruption interruption, ProgressLine progress,
        Func<TextReader>? input = null)
    {
        RuleBook rules = new();
        foreach (string path in program.Rules)
            rules.Add(path);
        CancellationToken cancellation = interruption.BeginReading();
        long start = Stopwatch.GetTimestamp();
        DumpOpenOptions options = new()
        {
            FurtherParts = program.Parts,
            SymbolPath = program.Symbols ?? Environment.GetEnvironmentVariable("_NT_SYMBOL_PATH"),
            DownloadProgress = progress,
            Warn = warning => progress.Interrupt(() => error.WriteLine($"hangwhy: {DumpText.Clean(warning)}")),
            Cancellation = cancellation,
        };
        DumpSource source = DumpFiles.Open(program.Dump, options, input);
        CommandSession commands = new(source, Stopwatch.GetElapsedTime(start), progress, cancellation)
        {
            Opener = new DumpOpener(options, progress, rules),
            RuleBook = rules,
        };
        interruption.End();
        return new DumpSession(commands, interruption, progress);
    }

    /// <summary>
    /// Does something that reads the dump, and prints. Ctrl+C ends the reading, then the printing; what the next command
    /// needs is read anew then.
    /// </summary>
    public void Run<T>(Func<T> read, Action<T> print)
    {
        CancellationToken cancellation = Interruption.BeginReading();
        try
        {
            Commands.SetDumpCancellation(cancellation);
            Commands.Renew(cancellation);
            Progress.Restart();
            T result = read();
            Commands.SetDumpCancellation(Interruption.BeginPrinting());
            Progress.Clear();
            print(result);
        }
        finally
        {
            Progress.Clear();
            Interruption.End();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Commands.Dispose();
}
