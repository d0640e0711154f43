using System.Text.Json;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Symbols of a symbol table by name and by address; names are read from the text when needed.</summary>
internal sealed class IsfSymbols(byte[] json, IsfIndex index)
{
    private const int MaximumAliases = 256;

    private readonly Lazy<NameIndex> _undecorated = new(() => BuildUndecorated(json, index));

    /// <summary>Finds a symbol by its name in the table, or undecorated.</summary>
    public bool TryFind(string name, out uint rva)
    {
        foreach (uint position in index.Symbols.Find(NameIndex.Hash(name)))
        {
            if (NameAt(json, (int)position) != name)
                continue;
            int at = Array.IndexOf(index.SymbolPositions, (int)position);
            rva = at < 0 ? 0 : index.SymbolAddresses[at];
            return at >= 0;
        }

        foreach (uint at in _undecorated.Value.Find(NameIndex.Hash(name)))
        {
            if (MsvcUndecorator.UndecorateName(NameAt(json, index.SymbolPositions[at])) != name)
                continue;
            rva = index.SymbolAddresses[at];
            return true;
        }

        rva = 0;
        return false;
    }

    /// <summary>Finds the last symbol at or before an address, and of several at one address the plainest.</summary>
    public bool TryFindNearest(uint rva, out NearestSymbol symbol)
    {
        symbol = default;
        uint[] addresses = index.SymbolAddresses;
        int low = 0;
        int high = addresses.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (addresses[middle] <= rva)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0)
            return false;
        string name = "";
        int best = int.MaxValue;
        for (int i = low - 1; i >= 0 && i >= low - MaximumAliases && addresses[i] == addresses[low - 1]; i--)
        {
            string candidate = NameAt(json, index.SymbolPositions[i]);
            int rank = SymbolRanking.Rank(candidate);
            // The table's order says nothing: equals are taken by name, so that the choice is always the same.
            if (rank > best || (rank == best && string.CompareOrdinal(candidate, name) > 0))
                continue;
            best = rank;
            name = candidate;
        }

        symbol = new NearestSymbol(MsvcUndecorator.UndecoratePublic(name), addresses[low - 1]);
        return true;
    }

    private static NameIndex BuildUndecorated(byte[] json, IsfIndex index)
    {
        NameIndex.Builder builder = new();
        for (int i = 0; i < index.SymbolPositions.Length; i++)
        {
            // The name is a string: a question mark may follow its quote, or stand there escaped.
            if (json[index.SymbolPositions[i] + 1] is not ((byte)'?' or (byte)'\\'))
                continue;
            string name = NameAt(json, index.SymbolPositions[i]);
            string plain = MsvcUndecorator.UndecorateName(name);
            if (!ReferenceEquals(name, plain))
                builder.Add(NameIndex.Hash(plain), (uint)i);
        }

        return builder.Build();
    }

    private static string NameAt(byte[] json, int position)
    {
        Utf8JsonReader reader = new(json.AsSpan(position));
        return reader.Read() ? IsfIndex.Text(ref reader) : "";
    }
}
