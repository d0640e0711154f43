namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Functions and variables by address, from the object files' own symbols. A module's stream is read once, when an
/// address of it is looked up, and leaves twelve bytes per symbol.
/// </summary>
internal sealed class PdbModuleSymbols(MsfFile file, PdbDebugInfo debugInfo, PdbSymbolRecords records)
{
    private readonly Dictionary<int, Table> _tables = [];

    /// <summary>The last symbol at or before a section's byte, in the object file that the byte came from.</summary>
    public bool TryFindNearest(ushort section, uint offset, out PdbSymbol symbol)
    {
        symbol = default;
        int module = debugInfo.FindModuleAt(section, offset);
        if (module < 0)
            return false;
        if (!_tables.TryGetValue(module, out Table? table))
            _tables.Add(module, table = ReadModule(debugInfo.FindModule(module)));
        return table.TryFindNearest(section, offset, records, out symbol);
    }

    private Table ReadModule(PdbDebugInfo.Module module)
    {
        List<(ulong, uint)> found = [];
        long end = module.Stream < 0 ? 0 : Math.Min(module.SymbolBytes, file.StreamSize(module.Stream));
        // The first four bytes are a signature.
        long at = 4;
        while (at + 4 <= end && records.TryReadHeader(module.Stream, at, out ushort kind, out int length))
        {
            if (PdbSymbolRecords.IsModuleSymbol(kind))
                found.Add((records.ReadKey(module.Stream, at), (uint)at));
            at += 2 + length;
        }

        return new Table(module.Stream, found);
    }

    /// <summary>Records of one stream, sorted by section and offset.</summary>
    internal sealed class Table
    {
        private const int MaximumAliases = 256;

        private readonly int _stream;
        private readonly ulong[] _keys;
        private readonly uint[] _offsets;

        public Table(int stream, List<(ulong Key, uint Offset)> found)
        {
            _stream = stream;
            _keys = new ulong[found.Count];
            _offsets = new uint[found.Count];
            for (int i = 0; i < found.Count; i++)
                (_keys[i], _offsets[i]) = found[i];
            Array.Sort(_keys, _offsets);
        }

        /// <summary>The last symbol at or before a byte, and of several at one address the plainest.</summary>
        public bool TryFindNearest(ushort section, uint offset, PdbSymbolRecords records, out PdbSymbol symbol)
        {
            symbol = default;
            ulong wanted = (ulong)section << 32 | offset;
            int last = Array.BinarySearch(_keys, wanted);
            if (last < 0)
                last = ~last - 1;
            while (last + 1 < _keys.Length && last >= 0 && _keys[last + 1] == _keys[last])
                last++;
            if (last < 0 || _keys[last] >> 32 != section)
                return false;

            int best = int.MaxValue;
            for (int i = last; i >= 0 && i > last - MaximumAliases && _keys[i] == _keys[last]; i--)
            {
                if (!records.TryRead(_stream, _offsets[i], out PdbSymbol candidate))
                    continue;
                int rank = SymbolRanking.Rank(candidate.Name);
                if (rank > best)
                    continue;
                best = rank;
                symbol = candidate;
            }

            return best != int.MaxValue;
        }
    }
}
