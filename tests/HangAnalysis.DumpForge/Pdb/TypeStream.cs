namespace HangAnalysis.DumpForge.Pdb;

/// <summary>Writes a TPI or IPI stream and its hash stream (format: LLVM's "The PDB TPI and IPI Streams").</summary>
internal static class TypeStream
{
    private const uint FirstIndex = 0x1000, Buckets = 0x3ffff;

    // A reader that looks for a type by number starts at the last listed offset before it: one for every 8 KB of
    // records.
    private const int IndexStep = 8192;

    public static (byte[] Types, byte[] Hashes) Write(List<(byte[] Bytes, uint Hash)> records, int hashStream)
    {
        ByteWriter data = new(), hashes = new(), offsets = new();
        for (int i = 0; i < records.Count; i++)
        {
            (byte[] bytes, uint hash) = records[i];
            if (i == 0 || data.Length / IndexStep != (data.Length + bytes.Length) / IndexStep)
                offsets.U32(FirstIndex + i).U32(data.Length);
            data.Bytes(bytes);
            hashes.U32(hash % Buckets);
        }
        int hashSize = hashes.Length;
        hashes.Bytes(offsets.Written);
        ByteWriter stream = new();
        stream.U32(20040203).U32(56).U32(FirstIndex).U32(FirstIndex + records.Count).U32(data.Length)
            .U16(hashStream).U16(0xffff).U32(4).U32(Buckets)
            .U32(0).U32(hashSize).U32(hashSize).U32(offsets.Length).U32(hashes.Length).U32(0);
        return (stream.Bytes(data.Written).ToArray(), hashes.ToArray());
    }
}
