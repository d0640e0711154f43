namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A symbol as nm prints it.</summary>
public readonly record struct LinuxSymbolLine(string Name, ulong Address, char Kind);

/// <summary>Symbols of the kernel's image; those of per-CPU data are offsets and have the kind 'A'.</summary>
public sealed class LinuxSymbols
{
    private readonly Dictionary<string, ulong> _byName = new(StringComparer.Ordinal);
    private readonly List<LinuxSymbolLine> _lines = [];

    public void Add(string name, ulong address, char kind)
    {
        _byName[name] = address;
        _lines.Add(new LinuxSymbolLine(name, address, kind));
    }

    public ulong? Find(string name) => _byName.TryGetValue(name, out ulong address) ? address : null;

    public ulong this[string name] => _byName[name];

    /// <summary>By address, as kallsyms has them; those of one address stay in their order.</summary>
    public IReadOnlyList<LinuxSymbolLine> Sorted() => [.. _lines.OrderBy(line => line.Address)];
}
