namespace HangAnalysis.Linux.Symbols;

/// <summary>Symbols in the order of their addresses, and which of them an address is named after.</summary>
/// <param name="addresses">Rising; names and letters are asked for by index.</param>
/// <param name="module">Name of the module that they belong to; null for the kernel.</param>
internal abstract class SortedSymbols(ulong[] addresses, string? module)
{
    private readonly Dictionary<int, string> _known = [];

    /// <summary>Number of symbols.</summary>
    public int Count => addresses.Length;

    /// <summary>Address of a symbol.</summary>
    public ulong AddressOf(int index) => addresses[index];

    /// <summary>The symbol that an address lies in or behind.</summary>
    /// <param name="address">Any address.</param>
    /// <param name="low">No symbol below it is meant.</param>
    /// <param name="functions">
    /// Whether it must be a function. The nearest symbol decides: data behind code is in no function.
    /// </param>
    /// <param name="symbol">
    /// The first of those at its address that fits, as the kernel does; its size is that to the next.
    /// </param>
    public bool TryFind(ulong address, ulong low, bool functions, out LinuxSymbol symbol)
    {
        symbol = default;
        int index = BulkReading.LastNotAbove(addresses, address);
        while (index >= 0 && !IsPlace(index))
            index--;
        if (index < 0 || addresses[index] < low)
            return false;
        ulong start = addresses[index];
        int chosen = -1;
        for (; index >= 0 && addresses[index] == start; index--)
            if (IsPlace(index) && (!functions || LinuxSymbol.IsFunctionType(TypeOf(index))))
                chosen = index;
        if (chosen < 0)
            return false;
        int end = chosen + 1;
        while (end < addresses.Length && addresses[end] <= start)
            end++;
        ulong size = end < addresses.Length ? addresses[end] - start : 0;
        if (!_known.TryGetValue(chosen, out string? name))
            _known[chosen] = name = NameOf(chosen);
        symbol = new LinuxSymbol(name, start, size, TypeOf(chosen), module);
        return true;
    }

    /// <summary>The first symbol of a name, or -1.</summary>
    public abstract int Find(string name);

    /// <summary>Name of a symbol.</summary>
    protected abstract string NameOf(int index);

    /// <summary>Letter of a symbol's type.</summary>
    protected abstract char TypeOf(int index);

    /// <summary>Whether a symbol names a place: 'a' and 'A' are numbers, and the kernel passes them over as well.</summary>
    protected virtual bool IsPlace(int index) => TypeOf(index) is not ('a' or 'A');
}
