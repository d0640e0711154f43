using System.Globalization;
using HangAnalysis.Commands;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>What a line asked for.</summary>
/// <param name="Output">What was found.</param>
/// <param name="Form">How it is to be printed.</param>
/// <param name="Ran">The command that was run instead of what was typed (a link, an address); null for what was typed.</param>
internal sealed record Answer(CommandOutput Output, OutputForm Form, string? Ran = null);

/// <summary>Understands lines of the prompt and of scripts: bang commands with and without '!', and the prompt's own.</summary>
internal sealed class PromptInterpreter(DumpSession dump)
{
    /// <summary>Digits from which a number alone is an address and no misspelt command.</summary>
    private const int LeastDigits = 8;

    private OutputLinks _lastLinks = new(dump.Commands.Commands);

    /// <summary>Addresses that were printed.</summary>
    public SeenAddresses Seen { get; } = new();

    /// <summary>Links that are printed now; those of the last output that had any are followed by <c>go</c>.</summary>
    public OutputLinks Links { get; private set; } = new(dump.Commands.Commands);

    /// <summary>Whether the end was asked for.</summary>
    public bool WantsToEnd { get; private set; }

    /// <summary>Runs a command; throws as commands do. Null where there is nothing to print.</summary>
    public Answer? Run(string command)
    {
        int end = command.IndexOf(' ');
        string name = end < 0 ? command : command[..end];
        string rest = end < 0 ? "" : command[(end + 1)..].Trim();
        if (name.Length > 1 && name[0] == '?')
            (name, rest) = ("?", $"{name[1..]} {rest}".Trim());
        PromptCommand? own = PromptCommands.Find(name);
        if (own is not null && (rest is "/?" or "-?" or "-h" or "/h" || own == PromptCommands.Help))
            return Text(PromptCommands.Answer(own == PromptCommands.Help ? rest : name, dump.Commands.Commands));
        if (own == PromptCommands.Quit)
        {
            WantsToEnd = true;
            return null;
        }
        if (own == PromptCommands.Go)
            return Go(rest);
        if (own == PromptCommands.Process)
            return Text(Process(rest));
        if (name[0] != '!' && !IsCommand(name) && !name.Contains('.'))
            return RunAddress(command);
        return RunCommand(command);
    }

    /// <summary>What is printed from now on brings links of its own.</summary>
    public void BeginOutput() => Links = new OutputLinks(dump.Commands.Commands);

    /// <summary>Notes a piece of output.</summary>
    public void Note(Span span)
    {
        Links.Note(span);
        Seen.Note(span.Text);
    }

    /// <summary>The output is over: its links, if it has any, take the place of earlier ones.</summary>
    public void EndOutput()
    {
        if (Links.Count > 0)
            _lastLinks = Links;
    }

    private static Answer Text(Document document) =>
        new(new CommandOutput(document, () => "null", []), OutputForm.Report);

    private Answer RunCommand(string line)
    {
        CommandArguments arguments = dump.Commands.Parse(line);
        dump.Commands.Commands.RequireOwn(arguments.Name);
        ICommand command = dump.Commands.Commands.Find(arguments.Name)
            ?? throw new CommandUsageException($"unknown command '{line.Split(' ')[0]}'; help lists the commands");
        if (arguments.WantsHelp)
            return Text(HelpCommand.Describe(command.Help, dump.Commands.Commands));
        CommandOutput output = dump.Commands.Run(command, arguments);
        return new Answer(output, TextOutput.FormOf(output.Form ?? arguments));
    }

    private Answer RunAddress(string word)
    {
        ulong address = 0;
        if (IsIdentifier(word))
            address = dump.Commands.ParseAddress(word);
        else if (word.Length < LeastDigits || !CommandArguments.TryParseAddress(word, out address))
            throw new CommandUsageException($"unknown command '{word.Split(' ')[0]}'; help lists the commands");
        string? command = dump.Commands.CommandFor(address);
        if (command is null)
            throw new CommandUsageException($"{address:x16} is no thread, no process, and nothing that a thread waits for");
        if (!dump.Commands.Commands.Has(command))
            throw new CommandUsageException($"what is at {address:x16} is shown by a debugger: {command}");
        return RunCommand(command) with { Ran = command };
    }

    /// <summary>Whether a word is the identifier of a thread; asks the system only for what can be one.</summary>
    private bool IsIdentifier(string word) =>
        word.All(char.IsAsciiDigit) && dump.Commands.System.Words.TryParseId(word, out _);

    /// <summary>Whether a word is a command of any system: that of another one is declined.</summary>
    private static bool IsCommand(string name) => CommandTable.Sets.Any(s => s.Find(name.ToLowerInvariant()) is not null);

    private Answer Go(string argument)
    {
        if (_lastLinks.Count == 0)
            throw new CommandUsageException("go: nothing with links was printed yet");
        if (argument.Length == 0)
            return Text(List([.. Enumerable.Range(1, _lastLinks.Count).Select(n => (n, _lastLinks.Find(n)!.Value))]));
        if (argument.Length <= 3 && int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return Follow(_lastLinks.Find(number) ?? throw new CommandUsageException(
                $"go: there is no link {number}; the last output has {_lastLinks.Count}"));
        List<(int Number, OutputLink Link)> found = _lastLinks.FindAll(argument);
        return found.Count switch
        {
            0 => throw new CommandUsageException($"go: no link of the last output holds '{argument}'"),
            1 => Follow(found[0].Link),
            _ => Text(List(found)),
        };
    }

    private Answer Follow(OutputLink link) => RunCommand(link.Command) with { Ran = link.Command };

    /// <summary>The list has no links itself: the numbers that it shows stay true.</summary>
    private static Document List(List<(int Number, OutputLink Link)> links)
    {
        Document document = new();
        document.Add(new TableBlock(
            [new("#", Align.Right), new("Text", CanShrink: true), new("Command", CanShrink: true)],
            [.. links.Select(l => (IReadOnlyList<Span>)
                [$"{l.Number}", l.Link.Text == l.Link.Command ? "-" : l.Link.Text, l.Link.Command])]));
        return document;
    }

    private Document Process(string argument)
    {
        CommandSession session = dump.Commands;
        if (session.System.Threads.Count == 0)
            throw new CommandDeclinedException(".process: no process could be read");
        if (argument.Length > 0)
            dump.CurrentProcess = session.FindProcess(argument.Trim('"')).Address.Value;
        IReadOnlyList<ThreadFacts> threads = session.CurrentThreads;
        ProcessFacts? process = session.CurrentProcess
            ?? (threads == session.System.Threads || threads.Count == 0 ? null : threads[0].Process);
        Document document = new();
        if (process is null)
            return document.Add("no process is the current one: commands look at the threads of all");
        string address = $"{process.Address.Value:x16}";
        return document.Add($"{process.Title}  ", new Span(address, Tone.Normal, session.CommandFor(process.Address.Value)),
            $"  {process.Threads.Count:N0} thread{(process.Threads.Count == 1 ? "" : "s")}", new Span(dump.CurrentProcess is null
                ? "  the process of the crash, or of the first processor" : "", Tone.Muted));
    }
}
