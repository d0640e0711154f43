using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;
using HangAnalysis.Windows.Memory;

namespace HangAnalysis.Commands;

/// <summary><c>!poolwho</c>: the kernel's pool by tag, and whose code allocates with it.</summary>
internal sealed class PoolWhoCommand : ICommand
{
    private const int UsualTags = 20;

    /// <summary>Tags whose owners are searched for at once.</summary>
    private const int MostSearched = 256;

    private const string Unused = ".";

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "poolwho",
        "lists the kernel's pool by tag, largest first, with the driver whose code allocates with it",
        "!poolwho [TAG] [-np | -p] [-n N] [-sort bytes|allocs|frees|live] [-tags FILE] [/json] [/q]",
        [
            new("np", null, "nonpaged pool only"),
            new("p", null, "paged pool only"),
            new("n", "N", $"the N largest; without it {UsualTags}"),
            new("sort", "COLUMN", "bytes (as without it), allocs, frees, or live: what was allocated and not freed"),
            new("tags", "FILE", "a pooltag.txt; without it that beside the debugger is used where there is one"),
            new("q", null, "the addresses of the code that uses the tags, one a line"),
            new("json", null, "the same facts as JSON, and nothing else"),
        ],
        [
            ("!poolwho", "the tags that have most"), ("!poolwho -np -n 5", "five of nonpaged pool"),
            ("!poolwho Leak", "one tag, with the code that allocates with it"),
        ])
    {
        Subject = "pool tags",
    };

    /// <summary>What a call asks for.</summary>
    private sealed record Selection(uint? Tag, bool NonPaged, bool Paged, int Count, Func<PoolTagUse, bool, long> Key)
    {
        public long Weight(PoolTagUse use) =>
            unchecked((NonPaged ? Key(use, false) : 0) + (Paged ? Key(use, true) : 0));
    }

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        session.Commands.RequireOwn(Help.Name);
        Selection selection = Select(arguments);
        WindowsSystem system = session.Windows;
        PoolTagFile? file = OpenTagFile(arguments.Value("tags"));
        PoolFacts pool = system.Pool;
        if (pool.Tags.Count == 0 && selection.Tag is null)
            throw new CommandDeclinedException($"!poolwho needs the pool's trackers: " +
                (!system.Target.Description.HoldsPages ? "a small dump does not hold them" : pool.Problems.Count > 0 ? pool.Problems[0] : "they are empty"));
        List<PoolTagUse> fitting = [];
        foreach (PoolTagUse use in pool.Tags)
            if (selection.Tag is { } tag ? use.Tag == tag
                : (selection.NonPaged && use.NonPaged.IsUsed) || (selection.Paged && use.Paged.IsUsed))
                fitting.Add(use);
        if (fitting.Count == 0 && selection.Tag is { } asked)
            fitting.Add(new PoolTagUse(asked, default, default));
        fitting.Sort((a, b) => selection.Weight(b) is var right && selection.Weight(a) is var left && right != left
            ? right.CompareTo(left) : string.CompareOrdinal(a.Name, b.Name));
        int shown = Math.Min(fitting.Count, selection.Count);
        List<PoolTagUse> tags = fitting.GetRange(0, shown);
        IReadOnlyList<PoolSuspect> suspects = PoolSuspects.Find(pool);
        Dictionary<uint, PoolTagOwners> owners = FindOwners(system, tags, suspects);
        return new CommandOutput(
            new PoolWhoDocument(system, pool, owners, file).Arrange(tags, fitting.Count - shown, suspects,
                selection.NonPaged, selection.Paged, selection.Tag is not null),
            () => JsonSerializer.Serialize(PoolWhoDocument.ToJson(pool, tags, fitting.Count - shown, suspects, owners, file),
                ReportJsonContext.Default.PoolWhoJson),
            [.. tags.Where(t => owners.ContainsKey(t.Tag)).SelectMany(t => owners[t.Tag].Owners.Select(o => o.Site.Address)).Distinct()]);
    }

    private static Selection Select(CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!poolwho: one tag at a time; put one with spaces into quotation marks; see !poolwho /?");
        uint? tag = arguments.Words.Count == 0 ? null : PoolTagUse.Parse(arguments.Words[0])
            ?? throw new CommandUsageException($"!poolwho: '{arguments.Words[0]}' is no tag: a tag has up to four characters");
        bool nonPaged = arguments.Has("np");
        bool paged = arguments.Has("p");
        Func<PoolTagUse, bool, long> key = arguments.Value("sort") switch
        {
            null or "bytes" => (use, isPaged) => Of(use, isPaged).Bytes,
            "allocs" => (use, isPaged) => (long)Math.Min(long.MaxValue / 2, Of(use, isPaged).Allocations),
            "frees" => (use, isPaged) => (long)Math.Min(long.MaxValue / 2, Of(use, isPaged).Frees),
            "live" => (use, isPaged) => Of(use, isPaged).Outstanding,
            { } other => throw new CommandUsageException($"!poolwho: no column '{other}'; there are bytes, allocs, frees, live"),
        };
        int count = arguments.Number("n", "tags") ?? UsualTags;
        return new Selection(tag, nonPaged || !paged, paged || !nonPaged, count, key);
    }

    private static PoolCount Of(PoolTagUse use, bool isPaged) => isPaged ? use.Paged : use.NonPaged;

    private static Dictionary<uint, PoolTagOwners> FindOwners(
        IPoolSource system, List<PoolTagUse> tags, IReadOnlyList<PoolSuspect> suspects)
    {
        List<uint> searched = [];
        foreach (uint tag in tags.Select(t => t.Tag).Concat(suspects.Select(s => s.Use.Tag)))
            if (searched.Count < MostSearched && !searched.Contains(tag))
                searched.Add(tag);
        return system.FindPoolOwners(searched).ToDictionary(o => o.Tag);
    }

    /// <summary>The list of tags that was named, or the one of the debugger in whose process this runs.</summary>
    private static PoolTagFile? OpenTagFile(string? path)
    {
        if (path is not null)
        {
            try
            {
                using StreamReader reader = new(path);
                return PoolTagFile.Read(reader);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                throw new CommandUsageException($"!poolwho: {path}: {FileErrorText.Of(exception)}", exception);
            }
        }
        string? folder = Path.GetDirectoryName(Environment.ProcessPath);
        foreach (string place in folder is null ? [] : (string[])[Path.Combine(folder, "triage", "pooltag.txt"), Path.Combine(folder, "pooltag.txt")])
            if (File.Exists(place))
            {
                try
                {
                    using StreamReader reader = new(place);
                    return PoolTagFile.Read(reader);
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    return null;
                }
            }
        return null;
    }

    /// <summary>A count, or the sign for none.</summary>
    internal static string Number(ulong count) => count == 0 ? Unused : $"{count:N0}";

    /// <summary>A difference of counters, which may contradict each other.</summary>
    internal static string Number(long count) => count == 0 ? Unused : $"{count:N0}";

    /// <summary>Bytes of a count.</summary>
    internal static string Bytes(PoolCount count) => !count.IsUsed ? Unused
        : count.Bytes < 0 ? $"-{ByteText.Format((ulong)-(count.Bytes + 1) + 1)}" : ByteText.Format((ulong)count.Bytes);
}
