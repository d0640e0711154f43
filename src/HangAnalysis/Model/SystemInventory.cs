namespace HangAnalysis.Model;

/// <summary>What a system keeps lists of, by name: the modules it has and had, and what its memory is used for.</summary>
public sealed record SystemInventory
{
    /// <summary>The number of its stop, where stops have one.</summary>
    public uint? StopCode { get; init; }

    /// <summary>Parameters of the stop.</summary>
    public IReadOnlyList<ulong> StopParameters { get; init; } = [];

    /// <summary>Modules of the kernel that are loaded.</summary>
    public IReadOnlyList<ListedModule> Modules { get; init; } = [];

    /// <summary>Modules that had been unloaded.</summary>
    public IReadOnlyList<ListedModule> UnloadedModules { get; init; } = [];

    /// <summary>Memory by the tag of who asked for it; empty where that is not counted, or not in the dump.</summary>
    public IReadOnlyList<TaggedMemory> PoolTags { get; init; } = [];
}

/// <summary>A module of a list.</summary>
/// <param name="Name">Name beside its symbols. Text from the dump.</param>
/// <param name="Start">First address.</param>
/// <param name="End">First address after it.</param>
public sealed record ListedModule(string Name, ulong Start, ulong End);

/// <summary>What is allocated under one tag.</summary>
/// <param name="Tag">The tag, four characters. Text from the dump.</param>
/// <param name="IsPaged">Whether it may be paged out.</param>
/// <param name="Bytes">Bytes that are allocated now.</param>
public sealed record TaggedMemory(string Tag, bool IsPaged, ulong Bytes);

/// <summary>A system that keeps such lists.</summary>
public interface IInventorySource
{
    /// <summary>The lists. Read when first asked for.</summary>
    SystemInventory Inventory { get; }
}
