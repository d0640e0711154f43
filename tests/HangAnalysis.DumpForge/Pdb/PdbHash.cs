using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>The two hashes of PDB files, as LLVM's DebugInfo/PDB/Native/Hash.cpp documents them.</summary>
internal static class PdbHash
{
    private static readonly uint[] s_crc = MakeCrcTable();

    /// <summary>Hash of names: of types, publics and named streams.</summary>
    public static uint OfName(string name)
    {
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(name);
        uint result = 0;
        for (; bytes.Length >= 4; bytes = bytes[4..])
            result ^= BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (bytes.Length >= 2)
        {
            result ^= BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            bytes = bytes[2..];
        }
        if (bytes.Length == 1)
            result ^= bytes[0];
        result |= 0x20202020;
        result ^= result >> 11;
        return result ^ result >> 16;
    }

    /// <summary>Hash of whole records: CRC-32 that starts with 0 and is not inverted.</summary>
    public static uint OfBytes(ReadOnlySpan<byte> bytes)
    {
        uint crc = 0;
        foreach (byte one in bytes)
            crc = s_crc[(byte)(crc ^ one)] ^ crc >> 8;
        return crc;
    }

    private static uint[] MakeCrcTable()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            uint value = i;
            for (int bit = 0; bit < 8; bit++)
                value = (value & 1) != 0 ? value >> 1 ^ 0xedb88320 : value >> 1;
            table[i] = value;
        }
        return table;
    }
}
