using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>A PDB made by hand, of an image whose functions were moved after linking.</summary>
public class PdbMovedCodeTests
{
    private const int BlockSize = 512;

    // Linked at 1000: First 1000 to 1040, Second 1040 to 1080. In the image Second comes first, from 2000; First is at
    // 2040, and its part from 1020 on was moved away to 2100.
    private static readonly uint[] s_fromSource = [0x1000, 0x2040, 0x1020, 0x2100, 0x1040, 0x2000, 0x1080, 0];
    private static readonly uint[] s_toSource = [0x2000, 0x1040, 0x2040, 0x1000, 0x2060, 0, 0x2100, 0x1020];

    [TestCase("First", 0x2040u)]
    [TestCase("Second", 0x2000u)]
    public void A_symbol_is_found_where_its_function_was_moved_to(string name, uint expected)
    {
        using PdbFile pdb = PdbFile.Open(Build(), "moved.pdb");

        Assert.That(pdb.TryFindSymbol(name, out uint rva) ? rva : 0, Is.EqualTo(expected));
        Assert.That(pdb.Identity!.Value.Age, Is.EqualTo(7));
    }

    [TestCase(0x2003u, "Second", 0x2000u)]
    [TestCase(0x2045u, "First", 0x2040u)]
    [TestCase(0x2105u, "First", 0x2040u)]
    [TestCase(0x2070u, "", 0u)]
    [TestCase(0x1fffu, "", 0u)]
    public void An_address_belongs_to_the_function_that_it_was_linked_with(uint rva, string name, uint start)
    {
        using PdbFile pdb = PdbFile.Open(Build(), "moved.pdb");

        bool found = pdb.TryFindNearest(rva, out NearestSymbol symbol);
        Assert.That(found, Is.EqualTo(name.Length > 0));
        if (found)
            Assert.That(symbol, Is.EqualTo(new NearestSymbol(name, start)));
    }

    private static MemoryStream Build()
    {
        byte[] first = Public("First", 0);
        byte[] second = Public("Second", 0x40);
        byte[] section = new byte[40];
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(8), 0x80);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(12), 0x1000);
        BinaryPrimitives.WriteUInt32LittleEndian(section.AsSpan(36), 0x60000020);

        // Stream 1: version, time, age, GUID. Stream 3: signature, version, age 7; streams of globals (none), publics
        // (5) and records (6); 22 bytes of debug streams: to source (entry 3) is 8, from source (4) is 9, and the
        // original section headers (10) are 7.
        byte[] debugInfo = new byte[64 + 22];
        BinaryPrimitives.WriteUInt32LittleEndian(debugInfo, uint.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(debugInfo.AsSpan(8), 7);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(12), ushort.MaxValue);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(16), 5);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(20), 6);
        BinaryPrimitives.WriteUInt32LittleEndian(debugInfo.AsSpan(48), 22);
        debugInfo.AsSpan(64).Fill(0xff);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(64 + 6), 8);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(64 + 8), 9);
        BinaryPrimitives.WriteUInt16LittleEndian(debugInfo.AsSpan(64 + 20), 7);

        // The publics: sizes of hash table and address map, then the hash records (offset plus one, references).
        uint at = (uint)first.Length;
        byte[] publics = Words(
            32, 8, 0, 0, 0, 0, 0, uint.MaxValue, 0xeffe0000 + 19990810, 16, 0, 1, 1, at + 1, 1, 0, at);
        return Container([], new byte[28], [], debugInfo, [], publics, [.. first, .. second], section,
            Words(s_toSource), Words(s_fromSource));
    }

    private static byte[] Public(string name, uint offset)
    {
        byte[] record = new byte[14 + name.Length + 1];
        BinaryPrimitives.WriteUInt16LittleEndian(record, (ushort)(record.Length - 2));
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(2), 0x110e);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(12), 1);
        Encoding.ASCII.GetBytes(name, record.AsSpan(14));
        return record;
    }

    private static byte[] Words(params uint[] values)
    {
        byte[] bytes = new byte[values.Length * 4];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * 4), values[i]);
        return bytes;
    }

    // Block 0 is the super block, 1 the block map, 2 the directory; each stream has one block or none.
    private static MemoryStream Container(params byte[][] streams)
    {
        byte[] file = new byte[(3 + streams.Length) * BlockSize];
        List<uint> directory = [(uint)streams.Length];
        foreach (byte[] stream in streams)
            directory.Add((uint)stream.Length);
        for (int i = 0; i < streams.Length; i++)
        {
            if (streams[i].Length > 0)
                directory.Add((uint)(3 + i));
            streams[i].CopyTo(file, (3 + i) * BlockSize);
        }

        "Microsoft C/C++ MSF 7.00\r\n\u001aDS\0\0\0"u8.CopyTo(file);
        Words(BlockSize, 1, (uint)(3 + streams.Length), (uint)directory.Count * 4, 0, 1).CopyTo(file, 32);
        Words(2).CopyTo(file, BlockSize);
        Words([.. directory]).CopyTo(file, 2 * BlockSize);
        return new MemoryStream(file);
    }
}
