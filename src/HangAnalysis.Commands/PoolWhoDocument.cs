using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows.Memory;

namespace HangAnalysis.Commands;

/// <summary>The document and the JSON of <c>!poolwho</c>.</summary>
internal sealed class PoolWhoDocument(
    ISystemFacts system, PoolFacts pool, Dictionary<uint, PoolTagOwners> owners, PoolTagFile? file)
{
    private const int MostOwners = 6;

    /// <summary>The whole of it.</summary>
    public Document Arrange(List<PoolTagUse> tags, int more, IReadOnlyList<PoolSuspect> suspects, bool nonPaged, bool paged, bool isOne)
    {
        Document document = new();
        foreach (PoolSuspect suspect in suspects)
            if ((suspect.IsPaged ? paged : nonPaged) && (!isOne || tags.Exists(t => t.Tag == suspect.Use.Tag)))
                AddSuspect(document, suspect, isOne);
        if (pool.Tags.Count > 0)
            document.Add(Table(tags, nonPaged, paged));
        if (isOne)
            foreach (PoolTagUse tag in tags)
                AddOwners(document, tag.Tag);
        document.Blank();
        document.Add(Summary(tags.Count, more));
        foreach (string problem in pool.Problems)
            document.Add(new LineBlock([new Span("not known: ", Tone.Caution), problem], [], 0, 2));
        return document;
    }

    private void AddSuspect(Document document, PoolSuspect suspect, bool isOne)
    {
        string name = suspect.Use.Name;
        document.Add(new LineBlock([new Span("!! ", Tone.Bad), new Span(name, Tone.Strong), $" {suspect.Sentence}"], [], 0, 3));
        if (!isOne)
            AddOwners(document, suspect.Use.Tag);
        document.Add(new LineBlock(
            [new Span("whether it grows one dump does not tell: compare with a second one, hours later", Tone.Muted)], [], 3, 3));
        document.Blank();
    }

    private void AddOwners(Document document, uint tag)
    {
        if (!owners.TryGetValue(tag, out PoolTagOwners? found))
            return;
        int shown = 0;
        foreach (PoolTagOwner owner in found.Owners)
        {
            if (shown++ == MostOwners)
            {
                document.Add(new LineBlock([$"and {found.Owners.Count - MostOwners} more modules"], [], 3));
                break;
            }
            string company = owner.Module.Company is { } c ? $" ({c})" : "";
            document.Add(new LineBlock(
                [Links.To(owner.Module, system, owner.Module.FileName, Tone.Strong), $"{company} at {owner.Site.Place}: {owner.Reason}"],
                [VerdictWords.Of(owner.Certainty)], 3, 2));
            // The code of the first alone: others are in JSON.
            int width = owner.Site.Code.Count == 0 ? 0 : owner.Site.Code.Max(c => c.Bytes.Length);
            if (shown == 1)
                foreach (PoolCodeLine line in owner.Site.Code)
                    document.Add(new LineBlock(Line(line, width, tag), [], 5, 4));
        }
        if (found.Note is { } note)
            document.Add(new LineBlock([new Span(note, Tone.Caution)], [], 3, 2));
    }

    private static IReadOnlyList<Span> Line(PoolCodeLine line, int width, uint tag) =>
    [
        new Span($"{line.Address:x16} {line.Bytes.PadRight(width)} ", Tone.Muted),
        line.HasTag ? new Span($"{line.Text}  ; '{PoolTagUse.Format(tag)}'", Tone.Strong) : line.Text,
    ];

    private TableBlock Table(List<PoolTagUse> tags, bool nonPaged, bool paged)
    {
        bool both = nonPaged && paged;
        List<Column> columns = [new("Tag")];
        foreach (bool isPaged in (ReadOnlySpan<bool>)[false, true])
            if (isPaged ? paged : nonPaged)
            {
                columns.AddRange([new(isPaged ? "Paged" : "Nonpaged", Align.Right), new("Live", Align.Right)]);
                if (!both)
                    columns.AddRange([new("Allocs", Align.Right), new("Frees", Align.Right), new("Large", Align.Right)]);
            }
        if (both)
            columns.AddRange([new("Allocs", Align.Right), new("Frees", Align.Right)]);
        columns.AddRange([new("Who", CanShrink: true), new("Known as", CanShrink: true)]);
        return new TableBlock(columns, tags.Select(t => Row(t, nonPaged, paged)));
    }

    private IReadOnlyList<Span> Row(PoolTagUse use, bool nonPaged, bool paged)
    {
        bool both = nonPaged && paged;
        List<Span> cells = [new Span(use.Name, Tone.Strong, Link(use))];
        foreach (bool isPaged in (ReadOnlySpan<bool>)[false, true])
        {
            if (!(isPaged ? paged : nonPaged))
                continue;
            PoolCount count = isPaged ? use.Paged : use.NonPaged;
            cells.AddRange([PoolWhoCommand.Bytes(count), PoolWhoCommand.Number(count.Outstanding)]);
            if (!both)
                cells.AddRange([PoolWhoCommand.Number(count.Allocations), PoolWhoCommand.Number(count.Frees),
                    PoolWhoCommand.Number((long)(isPaged ? use.LargePaged : use.LargeNonPaged).Count)]);
        }
        if (both)
            cells.AddRange([PoolWhoCommand.Number(use.NonPaged.Allocations + use.Paged.Allocations),
                PoolWhoCommand.Number(use.NonPaged.Frees + use.Paged.Frees)]);
        cells.AddRange([Who(use.Tag), KnownAs(use.Tag) ?? "-"]);
        return cells;
    }

    /// <summary>A tag comes from the dump: one with signs that a debugger would take for a command is no link.</summary>
    private static string? Link(PoolTagUse use)
    {
        foreach (char c in use.Name)
            if (!char.IsAsciiLetterOrDigit(c) && c != ' ')
                return null;
        return PoolTagUse.Parse(use.Name) == use.Tag ? $"!poolwho \"{use.Name}\"" : null;
    }

    private Span Who(uint tag)
    {
        if (!owners.TryGetValue(tag, out PoolTagOwners? found) || found.Owners.Count == 0)
            return new Span("not known", Tone.Muted);
        PoolTagOwner first = found.Owners[0];
        return first.Certainty == Certainty.Candidate
            ? new Span($"{found.Owners.Count} candidate{(found.Owners.Count == 1 ? "" : "s")}: {first.Module.FileName}", Tone.Muted)
            : Links.To(first.Module, system, $"{first.Module.FileName}, {VerdictWords.Of(first.Certainty)}");
    }

    private string? KnownAs(uint tag) => owners.GetValueOrDefault(tag)?.KnownAs ?? file?.Find(tag);

    private string Summary(int shown, int more)
    {
        string tables = pool.Source is null ? "no trackers"
            : pool.ProcessorTables > 0 ? $"{pool.Source} of {pool.ProcessorTables:N0} processor{(pool.ProcessorTables == 1 ? "" : "s")}"
            : pool.Source;
        string rest = more > 0 ? $", {more:N0} more" : "";
        return $"{shown:N0} tag{(shown == 1 ? "" : "s")}{rest}; nonpaged {ByteText.Format((ulong)PoolSuspects.Total(pool, false))}, " +
            $"paged {ByteText.Format((ulong)PoolSuspects.Total(pool, true))} in all by {tables}; {pool.LargeBlocks:N0} large blocks; " +
            "Live is what was allocated and not freed";
    }

    /// <summary>The same facts for programs.</summary>
    public static PoolWhoJson ToJson(PoolFacts pool, List<PoolTagUse> tags, int more, IReadOnlyList<PoolSuspect> suspects,
        Dictionary<uint, PoolTagOwners> owners, PoolTagFile? file) => new("hanganalysis-poolwho/1", pool.Source, pool.ProcessorTables,
            PoolSuspects.Total(pool, false), PoolSuspects.Total(pool, true),
            [.. tags.Select(t => ToJson(t, owners.GetValueOrDefault(t.Tag), file))], more,
            [.. suspects.Select(s => $"{s.Use.Name} {s.Sentence}")], pool.Problems);

    private static PoolTagJson ToJson(PoolTagUse use, PoolTagOwners? owners, PoolTagFile? file) => new(use.Name, $"0x{use.Tag:x8}",
        ToJson(use.NonPaged, use.LargeNonPaged), ToJson(use.Paged, use.LargePaged), owners?.KnownAs, file?.Find(use.Tag),
        owners is null ? [] : [.. owners.Owners.Select(ToJson)], owners?.Note);

    private static PoolCountJson ToJson(PoolCount count, PoolLargeBlocks large) =>
        new(count.Allocations, count.Frees, count.Outstanding, count.Bytes, large.Count, large.Bytes);

    private static PoolOwnerJson ToJson(PoolTagOwner owner) => new(owner.Module.FileName, owner.Module.Company, owner.Module.Version,
        VerdictWords.Of(owner.Certainty), owner.Reason, Word(owner.Site.Usage), owner.Site.Function,
        VerdictJsonMapper.Hex(owner.Site.Address), owner.Site.Place, owner.Sites, owner.Site.Distance,
        [.. owner.Site.Code.Select(c => new PoolCodeJson(VerdictJsonMapper.Hex(c.Address), c.Bytes, c.Text, c.HasTag))]);

    private static string Word(PoolTagUsage usage) => usage switch
    {
        PoolTagUsage.Allocates => "allocates",
        PoolTagUsage.Frees => "frees",
        _ => "mentions",
    };
}
