using HangAnalysis.Commands;
using HangAnalysis.Reports;

namespace HangAnalysis.Cli.Prompting;

/// <summary>A link of printed output.</summary>
/// <param name="Text">What was printed.</param>
/// <param name="Command">What it runs.</param>
internal readonly record struct OutputLink(string Text, string Command);

/// <summary>The links of one output, numbered: commands that the output proposes first, then in the order of the text.</summary>
/// <remarks>
/// The numbers are not printed within the text: tables are laid out for 120 columns before a number is known, and one of
/// one to three digits behind every address would move what stands after it.
/// </remarks>
/// <param name="commands">The commands that run here: those of a debugger and of other systems do not.</param>
internal sealed class OutputLinks(CommandSet commands)
{
    /// <summary>Links that are numbered; nobody looks through more.</summary>
    public const int MostLinks = 999;

    private const int MostProposals = 20;
    private const string Separator = " · ";

    private readonly HashSet<string> _proposed = new(StringComparer.Ordinal);
    private readonly HashSet<string> _commands = new(StringComparer.Ordinal);
    private readonly List<OutputLink> _proposals = [];
    private readonly List<OutputLink> _others = [];

    /// <summary>Number of links.</summary>
    public int Count => _proposals.Count + _others.Count;

    /// <summary>Notes a piece of output.</summary>
    public void Note(Span span)
    {
        if (span.Command is not { } command || command.Contains(';') || !commands.Has(command))
            return;
        OutputLink link = new(span.Text.Trim(), command);
        // A command that is printed as such is a proposal; behind other text it is a way to see what the text names.
        if (link.Text == command && _proposed.Count < MostProposals && _proposed.Add(command))
        {
            int known = _commands.Add(command) ? -1 : _others.FindIndex(o => o.Command == command);
            _proposals.Add(known < 0 ? link : _others[known]);
            if (known >= 0)
                _others.RemoveAt(known);
        }
        else if (Count < MostLinks && _commands.Add(command))
            _others.Add(link);
    }

    /// <summary>The link of a number from 1; null where there is none.</summary>
    public OutputLink? Find(int number) =>
        number < 1 || number > Count ? null
        : number <= _proposals.Count ? _proposals[number - 1]
        : _others[number - 1 - _proposals.Count];

    /// <summary>The links whose text or command holds a word, with their numbers.</summary>
    public List<(int Number, OutputLink Link)> FindAll(string word)
    {
        List<(int, OutputLink)> found = [];
        for (int i = 1; i <= Count; i++)
            if (Find(i) is { } link && (link.Text.Contains(word, StringComparison.OrdinalIgnoreCase)
                || link.Command.Contains(word, StringComparison.OrdinalIgnoreCase)))
                found.Add((i, link));
        return found;
    }

    /// <summary>The first links in one line, such as <c>go 1 !us … · 2 !why … · go lists all 23</c>; empty without any.</summary>
    public string Describe(int width)
    {
        if (Count == 0)
            return "";
        string line = "";
        for (int i = 1; i <= Count; i++)
        {
            string next = (i == 1 ? "go 1 " : $"{Separator}{i} ") + DumpText.Clean(Find(i)!.Value.Command);
            string rest = i == Count ? "" : $"{Separator}go lists all {Count}";
            if (line.Length + next.Length + rest.Length > width)
                return line.Length == 0 ? $"go lists {Count} links" : $"{line}{Separator}go lists all {Count}";
            line += next;
        }
        return line;
    }
}

/// <summary>Hears what is printed.</summary>
internal sealed class ListeningSink(ITextSink sink, Action<Span> heard) : ITextSink
{
    /// <inheritdoc/>
    public bool IsClosed => sink.IsClosed;

    /// <inheritdoc/>
    public void Write(Span span)
    {
        heard(span);
        sink.Write(span);
    }

    /// <inheritdoc/>
    public void EndLine() => sink.EndLine();
}
