namespace HangAnalysis.Reports;

/// <summary>How a piece of text is meant; writers choose colours for it, and never say anything by colour alone.</summary>
public enum Tone
{
    /// <summary>Plain text.</summary>
    Normal,

    /// <summary>A heading, or what to look at first.</summary>
    Strong,

    /// <summary>What is bad.</summary>
    Bad,

    /// <summary>What needs care.</summary>
    Caution,

    /// <summary>What is in order.</summary>
    Good,

    /// <summary>What matters less.</summary>
    Muted,
}

/// <summary>A piece of text in one tone, with the command that a click runs.</summary>
/// <param name="Text">The text. It may come from the dump: writers make it harmless.</param>
/// <param name="Tone">How it is meant.</param>
/// <param name="Command">A debugger command to offer as a link, or null.</param>
public readonly record struct Span(string Text, Tone Tone = Tone.Normal, string? Command = null)
{
    /// <summary>Plain text.</summary>
    public static implicit operator Span(string text) => new(text);

    /// <summary>Plain text; for languages without implicit conversions.</summary>
    public static Span FromString(string text) => new(text);
}

/// <summary>A part of a document.</summary>
public abstract record Block;

/// <summary>An empty line.</summary>
public sealed record BlankBlock : Block;

/// <summary>
/// A line with a left part, and a right part that ends at the right margin. The left part wraps under itself if it must.
/// </summary>
/// <param name="Left">The left part.</param>
/// <param name="Right">The right part; empty for a plain paragraph.</param>
/// <param name="Indent">Columns before the left part.</param>
/// <param name="Hanging">Further columns before the second and later lines of the left part.</param>
public sealed record LineBlock(IReadOnlyList<Span> Left, IReadOnlyList<Span> Right, int Indent = 0, int Hanging = 0) : Block
{
    /// <summary>Whether the right part stands beside the last line of the left part, and not the first.</summary>
    public bool IsRightLast { get; init; }
}

/// <summary>On which side a column's text stands.</summary>
public enum Align
{
    /// <summary>At the left.</summary>
    Left,

    /// <summary>At the right, as numbers do.</summary>
    Right,
}

/// <summary>A column of a table.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="Align">Where its text stands.</param>
/// <param name="CanShrink">Whether its texts may be cut in the middle where the table would be too wide.</param>
/// <param name="Wraps">Whether a text that would be cut goes on below itself instead: for sentences, which end with what matters.</param>
public sealed record Column(string Title, Align Align = Align.Left, bool CanShrink = false, bool Wraps = false);

/// <summary>A table.</summary>
/// <param name="Columns">The columns.</param>
/// <param name="Rows">
/// The rows, with one cell for each column. They are asked for twice, to measure and to print: long tables make them anew
/// each time and keep none.
/// </param>
/// <param name="Indent">Columns before the table.</param>
public sealed record TableBlock(IReadOnlyList<Column> Columns, IEnumerable<IReadOnlyList<Span>> Rows, int Indent = 0) : Block;

/// <summary>Blocks that are made while they are printed: what nobody waits for is not looked up.</summary>
/// <param name="Blocks">The blocks, once.</param>
public sealed record DeferredBlock(IEnumerable<Block> Blocks) : Block;

/// <summary>What a command has to say: paragraphs and tables, in reading order, with no form of their own.</summary>
public sealed class Document
{
    private readonly List<Block> _blocks = [];

    /// <summary>The blocks in reading order.</summary>
    public IReadOnlyList<Block> Blocks => _blocks;

    /// <summary>Whether it is of a 32-bit system, whose addresses have eight digits; see <see cref="AddressText"/>.</summary>
    public bool HasNarrowAddresses { get; set; }

    /// <summary>Adds a line or paragraph.</summary>
    public Document Add(params IReadOnlyList<Span> spans) => Add(new LineBlock(spans, []));

    /// <summary>Adds a block.</summary>
    public Document Add(Block block)
    {
        _blocks.Add(block);
        return this;
    }

    /// <summary>Adds an empty line.</summary>
    public Document Blank() => Add(new BlankBlock());
}
