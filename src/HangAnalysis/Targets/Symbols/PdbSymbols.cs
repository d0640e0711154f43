using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Public and global symbols of a PDB. An address is searched with the publics' own address map; a name with an index
/// of hashes, made at the first lookup by one pass over the records, because the hash tables of a PDB know decorated
/// names only. Names are never held.
/// </summary>
/// <remarks>Format: llvm.org/docs/PDB/PublicStream.html, GlobalStream.html.</remarks>
internal sealed class PdbSymbols
{
    private const int PublicsHeaderSize = 28;
    private const int MaximumAliases = 256;
    private const uint HashVersion = 0xeffe0000 + 19990810;

    private readonly MsfFile _file;
    private readonly PdbDebugInfo _debugInfo;
    private readonly PdbSymbolRecords _records;
    private readonly PdbModuleSymbols _modules;
    private uint[]? _publicsByAddress;
    private PdbModuleSymbols.Table? _data;
    private uint[]? _liveRecords;
    private NameIndex? _names;
    private NameIndex? _undecorated;

    public PdbSymbols(MsfFile file, PdbDebugInfo debugInfo)
    {
        _file = file;
        _debugInfo = debugInfo;
        _records = new PdbSymbolRecords(file);
        _modules = new PdbModuleSymbols(file, debugInfo, _records);
    }

    /// <summary>Finds a symbol by its name in the file, or undecorated.</summary>
    public bool TryFind(string name, out uint rva)
    {
        uint hash = NameIndex.Hash(name);
        _names ??= BuildNames();
        if (TryFind(_names, hash, name, undecorate: false, out rva))
            return true;
        _undecorated ??= BuildUndecorated();
        return TryFind(_undecorated, hash, name, undecorate: true, out rva)
            // The name as debuggers show it, where the file has one underscore more.
            || TryFind(_names, NameIndex.Hash("_" + name), "_" + name, undecorate: false, out rva);
    }

    /// <summary>
    /// Finds the last symbol that begins at or before a section's byte. Of a private and a public name at one address
    /// the private one is taken, as debuggers do: it is what the source says.
    /// </summary>
    public bool TryFindNearest(ushort section, uint offset, bool isCode, out PdbSymbol symbol)
    {
        bool found = TryFindPublic(section, offset, out symbol);
        if (!isCode)
        {
            _data ??= BuildData();
            if (_data.TryFindNearest(section, offset, _records, out PdbSymbol data)
                && (!found || data.Offset >= symbol.Offset))
            {
                symbol = data;
                found = true;
            }
        }

        if (_modules.TryFindNearest(section, offset, out PdbSymbol own) && (!found || own.Offset >= symbol.Offset))
        {
            symbol = own;
            found = true;
        }

        return found;
    }

    private bool TryFind(NameIndex index, uint hash, string name, bool undecorate, out uint rva)
    {
        rva = 0;
        bool found = false;
        foreach (uint record in index.Find(hash))
        {
            if (!TryResolve(record, out PdbSymbol symbol, out string recordName))
                continue;
            if (name != (undecorate ? Undecorate(recordName) : recordName))
                continue;
            if (found && symbol.IsLocal || !_debugInfo.Addresses.TryToRva(symbol.Section, symbol.Offset, out uint at))
                continue;
            rva = at;
            found = true;
            // A static function of any one object file counts only where nothing is known by that name everywhere.
            if (!symbol.IsLocal)
                return true;
        }

        return found;
    }

    private bool TryResolve(uint record, out PdbSymbol symbol, out string name)
    {
        int stream = _debugInfo.RecordsStream;
        if (_records.TryRead(stream, record, out symbol))
        {
            name = symbol.Name;
            return true;
        }

        name = Encoding.UTF8.GetString(_records.ReadName(stream, record, out _));
        if (!_records.TryReadReference(stream, record, out int module, out uint offset, out bool isLocal))
            return false;
        bool read = _records.TryRead(_debugInfo.FindModule(module).Stream, offset, out symbol);
        symbol = symbol with { IsLocal = isLocal };
        return read;
    }

    private bool TryFindPublic(ushort section, uint offset, out PdbSymbol symbol)
    {
        symbol = default;
        uint[] map = _publicsByAddress ??= ReadAddressMap();
        int stream = _debugInfo.RecordsStream;
        ulong wanted = (ulong)section << 32 | offset;
        int low = 0;
        int high = map.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_records.ReadKey(stream, map[middle]) <= wanted)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0)
            return false;
        ulong key = _records.ReadKey(stream, map[low - 1]);
        if (key >> 32 != section || key > wanted)
            return false;

        int best = int.MaxValue;
        for (int i = low - 1; i >= 0 && i >= low - MaximumAliases; i--)
        {
            if (!_records.TryRead(stream, map[i], out PdbSymbol candidate))
                continue;
            if (candidate.Key != key)
                break;
            int rank = SymbolRanking.Rank(candidate.Name);
            if (rank > best)
                continue;
            best = rank;
            symbol = candidate;
        }

        symbol = symbol with { Name = MsvcUndecorator.UndecoratePublic(symbol.Name ?? "") };
        return best != int.MaxValue;
    }

    private NameIndex BuildNames()
    {
        NameIndex.Builder builder = new();
        foreach (uint record in _liveRecords ??= ReadLiveRecords())
        {
            ReadOnlySpan<byte> name = _records.ReadName(_debugInfo.RecordsStream, record, out _);
            if (!name.IsEmpty)
                builder.Add(NameIndex.Hash(name), record);
        }

        return builder.Build();
    }

    private NameIndex BuildUndecorated()
    {
        NameIndex.Builder builder = new();
        foreach (uint record in _liveRecords ??= ReadLiveRecords())
        {
            ReadOnlySpan<byte> bytes = _records.ReadName(_debugInfo.RecordsStream, record, out _);
            if (bytes.IsEmpty || bytes[0] is not ((byte)'?' or (byte)'_' or (byte)'@'))
                continue;
            string name = Encoding.UTF8.GetString(bytes);
            string plain = Undecorate(name);
            if (!ReferenceEquals(name, plain))
                builder.Add(NameIndex.Hash(plain), record);
        }

        return builder.Build();
    }

    private static string Undecorate(string name) =>
        MsvcUndecorator.UndecorateCall(name) ?? MsvcUndecorator.UndecorateName(name);

    private PdbModuleSymbols.Table BuildData()
    {
        List<(ulong, uint)> found = [];
        int stream = _debugInfo.RecordsStream;
        foreach (uint record in _liveRecords ??= ReadLiveRecords())
            if (_records.TryReadHeader(stream, record, out ushort kind, out _) && PdbSymbolRecords.IsData(kind))
                found.Add((_records.ReadKey(stream, record), record));
        return new PdbModuleSymbols.Table(stream, found);
    }

    // Records that a table still names: an incremental link leaves those of removed functions behind.
    private uint[] ReadLiveRecords()
    {
        List<uint> live = [];
        AddHashRecords(live, _debugInfo.GlobalsStream, 0);
        AddHashRecords(live, _debugInfo.PublicsStream, PublicsHeaderSize);
        live.Sort();
        return [.. live];
    }

    private void AddHashRecords(List<uint> live, int stream, long at)
    {
        Span<byte> header = stackalloc byte[16];
        if (_file.Read(stream, at, header) < header.Length
            || BinaryPrimitives.ReadUInt32LittleEndian(header[4..]) != HashVersion)
            return;
        long end = at + 16 + BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        Span<byte> record = stackalloc byte[8];
        // Offsets are stored plus one.
        for (at += 16; at + 8 <= end && _file.Read(stream, at, record) == 8; at += 8)
            if (BinaryPrimitives.ReadUInt32LittleEndian(record) is > 0 and uint offset)
                live.Add(offset - 1);
    }

    private uint[] ReadAddressMap()
    {
        Span<byte> header = stackalloc byte[8];
        int stream = _debugInfo.PublicsStream;
        if (_file.Read(stream, 0, header) < header.Length)
            return [];
        long at = PublicsHeaderSize + (long)BinaryPrimitives.ReadUInt32LittleEndian(header);
        long size = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        size = Math.Clamp(_file.StreamSize(stream) - at, 0, size);
        uint[] map = new uint[size / 4];
        Span<byte> part = stackalloc byte[1024];
        for (int i = 0; i < map.Length;)
        {
            int read = _file.Read(stream, at + i * 4L, part) / 4;
            if (read == 0)
                return map[..i];
            for (int j = 0; j < read && i < map.Length; j++, i++)
                map[i] = BinaryPrimitives.ReadUInt32LittleEndian(part[(j * 4)..]);
        }

        return map;
    }
}
