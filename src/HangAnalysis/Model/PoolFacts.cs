namespace HangAnalysis.Model;

/// <summary>What one tag has of one kind of pool.</summary>
/// <param name="Allocations">Allocations since start-up, as the tracker counts them.</param>
/// <param name="Frees">What was freed of these.</param>
/// <param name="Outstanding">Allocations that were not freed: the counters' difference, in their own width.</param>
/// <param name="Bytes">Bytes that these have; negative where the counters contradict each other.</param>
public readonly record struct PoolCount(ulong Allocations, ulong Frees, long Outstanding, long Bytes)
{
    /// <summary>Whether anything was ever counted.</summary>
    public bool IsUsed => Allocations != 0 || Frees != 0 || Bytes != 0;
}

/// <summary>Large allocations of one tag, which have whole pages of their own.</summary>
/// <param name="Count">How many there are.</param>
/// <param name="Bytes">Bytes of all of them.</param>
public readonly record struct PoolLargeBlocks(int Count, ulong Bytes);

/// <summary>One tag of the kernel's memory pools.</summary>
/// <param name="Tag">The tag as a number: its first character is the lowest byte.</param>
/// <param name="NonPaged">What it has of the pool that is always in memory.</param>
/// <param name="Paged">What it has of the pool that may be paged out.</param>
public sealed record PoolTagUse(uint Tag, PoolCount NonPaged, PoolCount Paged)
{
    /// <summary>Its large blocks that are always in memory.</summary>
    public PoolLargeBlocks LargeNonPaged { get; init; }

    /// <summary>Its large blocks that may be paged out.</summary>
    public PoolLargeBlocks LargePaged { get; init; }

    /// <summary>The tag as people write it: four characters, and a dot for what is none.</summary>
    public string Name => Format(Tag);

    /// <summary>A tag as people write it.</summary>
    public static string Format(uint tag) => string.Create(4, tag, static (text, value) =>
    {
        for (int i = 0; i < text.Length; i++)
        {
            // The highest bit marks a protected allocation and is no part of the name.
            uint c = value >> i * 8 & (i == 3 ? 0x7fu : 0xffu);
            text[i] = c is >= 0x20 and < 0x7f ? (char)c : '.';
        }
    });

    /// <summary>The number of a tag of at most four characters, which spaces fill up; null for other texts.</summary>
    public static uint? Parse(string text)
    {
        if (text.Length is 0 or > 4)
            return null;
        uint tag = 0;
        for (int i = 0; i < 4; i++)
        {
            char c = i < text.Length ? text[i] : ' ';
            if (c > 0x7e)
                return null;
            tag |= (uint)c << i * 8;
        }
        return tag;
    }
}

/// <summary>What the system counts of its memory pools by tag.</summary>
public sealed record PoolFacts
{
    /// <summary>The tags, in no order.</summary>
    public required IReadOnlyList<PoolTagUse> Tags { get; init; }

    /// <summary>From what it was read, in words; null where there was nothing to read.</summary>
    public string? Source { get; init; }

    /// <summary>Tables of single processors that were added up; 0 where there is but one table for all.</summary>
    public int ProcessorTables { get; init; }

    /// <summary>Large blocks that were counted.</summary>
    public int LargeBlocks { get; init; }

    /// <summary>What could not be read, a line each.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}

/// <summary>What a place in code does with a tag.</summary>
public enum PoolTagUsage
{
    /// <summary>It only has the number.</summary>
    Mentions,

    /// <summary>It frees what has the tag.</summary>
    Frees,

    /// <summary>It allocates with the tag.</summary>
    Allocates,
}

/// <summary>An instruction of such a place.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Bytes">Its bytes in hexadecimal.</param>
/// <param name="Text">The instruction.</param>
/// <param name="HasTag">Whether it holds the tag.</param>
public sealed record PoolCodeLine(ulong Address, string Bytes, string Text, bool HasTag);

/// <summary>A place in code that uses a tag.</summary>
/// <param name="Address">The instruction that holds the tag.</param>
/// <param name="Place">The same by its symbol or as an offset: <c>myfault+0x63f</c>.</param>
/// <param name="Usage">What it does with it.</param>
/// <param name="Function">The function that is called with it; null where none is known.</param>
/// <param name="Distance">Bytes from the tag to the call; 0 where there is none.</param>
public sealed record PoolTagSite(ulong Address, string Place, PoolTagUsage Usage, string? Function, int Distance)
{
    /// <summary>The instructions from the tag to the call.</summary>
    public IReadOnlyList<PoolCodeLine> Code { get; init; } = [];
}

/// <summary>A module that uses a tag, and how sure it is that the tag's memory is its own.</summary>
/// <param name="Module">The module.</param>
/// <param name="Site">The place that shows it best.</param>
/// <param name="Sites">Places of that kind in it.</param>
/// <param name="Certainty">How sure it is.</param>
/// <param name="Reason">Why, in words.</param>
public sealed record PoolTagOwner(ModuleFacts Module, PoolTagSite Site, int Sites, Certainty Certainty, string Reason);

/// <summary>Who uses a tag, by the code of all modules.</summary>
/// <param name="Tag">The tag.</param>
/// <param name="Owners">Modules that use it, the surest first; empty where none was found.</param>
/// <param name="KnownAs">What the tag is known for; null where it is not known.</param>
/// <param name="Note">Why the owner is not certain, or why none is named; null where one is.</param>
public sealed record PoolTagOwners(uint Tag, IReadOnlyList<PoolTagOwner> Owners, string? KnownAs, string? Note);

/// <summary>A system that counts its pools by tag, and whose code can be searched for who uses one.</summary>
public interface IPoolSource
{
    /// <summary>The counts by tag. Read when first asked for.</summary>
    PoolFacts Pool { get; }

    /// <summary>Searches the code of all kernel modules for tags, one pass for all of them.</summary>
    IReadOnlyList<PoolTagOwners> FindPoolOwners(IReadOnlyList<uint> tags);
}
