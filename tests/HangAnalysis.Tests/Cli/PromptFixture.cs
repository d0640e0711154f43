using HangAnalysis.Cli;
using HangAnalysis.Cli.Prompting;
using HangAnalysis.Reports;

namespace HangAnalysis.Tests.Cli;

/// <summary>The prompt on a dump, with a terminal and a history of its own.</summary>
internal sealed class PromptFixture : IDisposable
{
    private readonly ProgressLine _progress = new(TextWriter.Null, isVisible: false);

    public PromptFixture(string? dumpPath = null, FakeTerminal? terminal = null, bool withPager = false)
    {
        Terminal = terminal ?? new FakeTerminal();
        Dump = DumpSession.Open(new CommandLineOptions(dumpPath ?? Sample, []), TextWriter.Null, Interruption, _progress);
        Prompt = new CommandPrompt(Dump, Terminal,
            (writer, isClosed) => new ListeningSink(new PlainTextSink(writer, isClosed), s => Heard?.Invoke(s)),
            withPager ? () => new ScreenPager(Terminal) : null);
    }

    public static string Sample { get; } = Path.Combine(SharedMaterial.RepositoryRoot, "samples", "logoff-hang", "memory.dmp");

    public FakeTerminal Terminal { get; }

    public Interruption Interruption { get; } = new();

    public DumpSession Dump { get; }

    public CommandPrompt Prompt { get; }

    public PromptHistory History { get; } = new(null);

    /// <summary>Is told of everything that is printed.</summary>
    public Action<Span>? Heard { get; set; }

    /// <summary>Types lines at the prompt; returns what the screen shows of them.</summary>
    public string Type(string lines)
    {
        int before = Terminal.Rows.Count - 1;
        Terminal.Type(lines);
        Prompt.Run(new LineEditor(Terminal, History, Prompt.Completer), History);
        return string.Join('\n', Terminal.Rows.Skip(before));
    }

    public void Dispose()
    {
        Dump.Dispose();
        Interruption.Dispose();
        _progress.Dispose();
    }
}
