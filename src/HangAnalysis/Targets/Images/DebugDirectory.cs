using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Images;

/// <summary>Finds the identity of an image's PDB in its debug directory.</summary>
/// <remarks>IMAGE_DEBUG_DIRECTORY: the PE format document. RSDS record: LLVM's codeview::PDB70DebugInfo.</remarks>
internal static class DebugDirectory
{
    private const int EntrySize = 28;
    private const int MaximumEntries = 64;
    private const uint TypeCodeView = 2;
    private const uint SignatureRsds = 0x5344_5352;
    private const int RecordHeaderSize = 24;
    private const int MaximumPathBytes = 1024;

    internal static bool TryReadPdbIdentity(PeImage image, out PdbIdentity identity)
    {
        identity = default;
        ImageDirectory directory = image[ImageDirectoryKind.Debug];
        Span<byte> entries = stackalloc byte[EntrySize * MaximumEntries];
        if (directory.Size < entries.Length)
            entries = entries[..(int)directory.Size];
        int count = image.Bytes.Read(directory.Rva, entries) / EntrySize;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(i * EntrySize, EntrySize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]) == TypeCodeView
                && TryReadRecord(image.Bytes, BinaryPrimitives.ReadUInt32LittleEndian(entry[20..]),
                    BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]), out identity))
                return true;
        }
        return false;
    }

    private static bool TryReadRecord(IImageBytes bytes, uint rva, uint size, out PdbIdentity identity)
    {
        identity = default;
        Span<byte> record = stackalloc byte[RecordHeaderSize + MaximumPathBytes];
        if (size < record.Length)
            record = record[..(int)size];
        record = record[..bytes.Read(rva, record)];
        if (record.Length <= RecordHeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(record) != SignatureRsds)
            return false;
        ReadOnlySpan<byte> path = record[RecordHeaderSize..];
        int end = path.IndexOf((byte)0);
        if (end < 0)
            return false;
        // A build path says more about its builder than about the PDB: only the file name is kept.
        path = path[..end];
        string name = Encoding.UTF8.GetString(path[(path.LastIndexOfAny((byte)'/', (byte)'\\') + 1)..]);
        if (!IsFileName(name))
            return false;
        identity = new PdbIdentity(
            name, new Guid(record.Slice(4, 16)), BinaryPrimitives.ReadUInt32LittleEndian(record[20..]));
        return true;
    }

    // The name becomes part of paths of symbol stores, so what could lead elsewhere is no name.
    private static bool IsFileName(string name)
    {
        if (name.Length == 0 || name is "." or "..")
            return false;
        foreach (char c in name)
            if (char.IsControl(c) || c is ':' or '*' or '?' or '"' or '<' or '>' or '|')
                return false;
        return true;
    }
}
