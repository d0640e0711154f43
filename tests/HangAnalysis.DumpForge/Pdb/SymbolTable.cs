using System.Text;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Writes symbol records with their hash tables and address map (format: LLVM's "The PDB Public Symbol Stream" and
/// GSIStreamBuilder.cpp).
/// </summary>
internal sealed class SymbolTable
{
    private const int HashBuckets = 4096;
    private readonly ByteWriter _records = new();

    /// <summary>All records, one after the other.</summary>
    public byte[] Records => _records.ToArray();

    /// <summary>Writes public symbols; the result is the publics stream.</summary>
    public byte[] Publics(IEnumerable<(string Name, int Segment, uint Offset, bool IsFunction)> symbols)
    {
        List<(string Name, int Record)> entries = [];
        List<(int Segment, uint Offset, string Name, int Record)> addresses = [];
        foreach ((string name, int segment, uint offset, bool isFunction) in symbols)
        {
            int at = Record(0x110e, isFunction ? 2u : 0, offset, segment, name);
            entries.Add((name, at));
            addresses.Add((segment, offset, name, at));
        }
        addresses.Sort((a, b) => a.Segment != b.Segment ? a.Segment.CompareTo(b.Segment)
            : a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset)
            : string.CompareOrdinal(a.Name, b.Name));
        byte[] hash = HashTable(entries);
        ByteWriter stream = new();
        stream.U32(hash.Length).U32(4 * addresses.Count).Zero(20).Bytes(hash);
        foreach ((int _, uint _, string _, int record) in addresses)
            stream.U32(record);
        return stream.ToArray();
    }

    /// <summary>Writes global data symbols; the result is the globals stream.</summary>
    public byte[] Globals(IEnumerable<(string Name, int Segment, uint Offset, uint Type)> symbols)
    {
        List<(string Name, int Record)> entries = [];
        foreach ((string name, int segment, uint offset, uint type) in symbols)
            entries.Add((name, Record(0x110d, type, offset, segment, name)));
        return HashTable(entries);
    }

    // S_PUB32 and S_GDATA32 have the same form; the first number is flags or a type.
    private int Record(int kind, uint first, uint offset, int segment, string name)
    {
        int start = _records.Length;
        _records.U16(0).U16(kind).U32(first).U32(offset).U16(segment).Text(name).Align(4);
        _records.PatchU16(start, _records.Length - start - 2);
        return start;
    }

    private static byte[] HashTable(List<(string Name, int Record)> entries)
    {
        List<(string Name, int Record)>[] buckets = new List<(string, int)>[HashBuckets];
        foreach ((string Name, int Record) entry in entries)
            (buckets[PdbHash.OfName(entry.Name) % HashBuckets] ??= []).Add(entry);
        ByteWriter records = new(), starts = new();
        byte[] present = new byte[(HashBuckets / 32 + 1) * 4];
        int count = 0;
        for (int bucket = 0; bucket < HashBuckets; bucket++)
        {
            if (buckets[bucket] is not { } members)
                continue;
            members.Sort(Compare);
            present[bucket / 8] |= (byte)(1 << bucket % 8);
            // Offsets are those of 12-byte records in the memory of a 32-bit linker; the file's records have 8 bytes.
            starts.U32(count * 12);
            foreach ((string _, int record) in members)
                records.U32(record + 1).U32(1);
            count += members.Count;
        }
        ByteWriter table = new();
        table.U32(0xffffffff).U32(0xeffe0000 + 19990810).U32(records.Length).U32(present.Length + starts.Length);
        return table.Bytes(records.Written).Bytes(present).Bytes(starts.Written).ToArray();
    }

    // Inside a bucket: shorter names first, then without regard to case.
    private static int Compare((string Name, int Record) a, (string Name, int Record) b)
    {
        int length = Encoding.UTF8.GetByteCount(a.Name).CompareTo(Encoding.UTF8.GetByteCount(b.Name));
        if (length != 0)
            return length;
        int name = string.Compare(a.Name, b.Name, StringComparison.OrdinalIgnoreCase);
        return name != 0 ? name : a.Record.CompareTo(b.Record);
    }
}
