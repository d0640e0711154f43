using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads UNICODE_STRINGs: two lengths, and behind them, aligned, a pointer.</summary>
internal static class UnicodeStrings
{
    /// <summary>The text of the UNICODE_STRING at an address; null where it cannot be one or is not in the dump.</summary>
    public static string? Read(IMemory memory, ulong address)
    {
        Span<byte> header = stackalloc byte[2 * sizeof(ulong)];
        header = header[..(2 * memory.PointerSize)];
        return memory.TryRead(address, header) ? Read(memory, header) : null;
    }

    /// <summary>The text of a UNICODE_STRING of which the bytes are given; null where they are too few.</summary>
    public static string? Read(IMemory memory, ReadOnlySpan<byte> header)
    {
        if (header.Length < 2 * memory.PointerSize)
            return null;
        int length = BinaryPrimitives.ReadUInt16LittleEndian(header);
        int maximum = BinaryPrimitives.ReadUInt16LittleEndian(header[2..]);
        ulong buffer = memory.PointerAt(header[memory.PointerSize..]);
        if (length == 0 || (length & 1) != 0 || length > maximum || buffer == 0)
            return null;
        byte[] text = new byte[length];
        return memory.TryRead(buffer, text) ? Encoding.Unicode.GetString(text) : null;
    }
}
