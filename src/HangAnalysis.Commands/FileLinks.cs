using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>
/// Leads the links of what was found in a file to that file: elsewhere their addresses mean something else, or nothing.
/// Links to commands of a debugger are taken away.
/// </summary>
internal sealed class FileLinks
{
    private readonly CommandSet _commands;

    /// <summary>What stands before a command on the file; null where no line can name it.</summary>
    private readonly string? _prefix;

    /// <summary>Prepares the links to a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="commands">The commands that it has.</param>
    public FileLinks(string path, CommandSet commands)
    {
        _commands = commands;
        string whole = Path.GetFullPath(path);
        bool isPlain = whole.AsSpan().IndexOfAny(" \t()\"") < 0;
        if (isPlain || !whole.Contains('"', StringComparison.Ordinal))
            _prefix = $"!{HangWhyCommand.Name} -{FileCommand.Option} {(isPlain ? whole : $"\"{whole}\"")} ";
    }

    /// <summary>The same document with its links led to the file. What is made while it is printed stays so.</summary>
    public Document Wrap(Document document)
    {
        Document wrapped = new() { HasNarrowAddresses = document.HasNarrowAddresses };
        foreach (Block block in document.Blocks)
            wrapped.Add(Wrap(block));
        return wrapped;
    }

    private Block Wrap(Block block) => block switch
    {
        LineBlock line => line with { Left = Wrap(line.Left), Right = Wrap(line.Right) },
        TableBlock table => table with { Rows = table.Rows.Select(Wrap) },
        DeferredBlock deferred => new DeferredBlock(deferred.Blocks.Select(Wrap)),
        _ => block,
    };

    private IReadOnlyList<Span> Wrap(IReadOnlyList<Span> spans)
    {
        Span[] wrapped = new Span[spans.Count];
        for (int i = 0; i < wrapped.Length; i++)
            wrapped[i] = spans[i].Command is { } command
                ? spans[i] with { Command = _prefix is not null && _commands.Has(command) ? _prefix + command : null }
                : spans[i];
        return wrapped;
    }
}
