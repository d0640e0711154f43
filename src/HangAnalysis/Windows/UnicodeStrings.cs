using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads UNICODE_STRINGs of 64-bit systems.</summary>
internal static class UnicodeStrings
{
    /// <summary>Size of a UNICODE_STRING, in bytes.</summary>
    public const int Size = 16;

    /// <summary>The text of the UNICODE_STRING at an address; null where it cannot be one or is not in the dump.</summary>
    public static string? Read(IMemory memory, ulong address)
    {
        Span<byte> header = stackalloc byte[Size];
        return memory.TryRead(address, header) ? Read(memory, header) : null;
    }

    /// <summary>The text of a UNICODE_STRING of which the sixteen bytes are given.</summary>
    public static string? Read(IMemory memory, ReadOnlySpan<byte> header)
    {
        int length = BinaryPrimitives.ReadUInt16LittleEndian(header);
        int maximum = BinaryPrimitives.ReadUInt16LittleEndian(header[2..]);
        ulong buffer = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        if (length == 0 || (length & 1) != 0 || length > maximum || buffer == 0)
            return null;
        byte[] text = new byte[length];
        return memory.TryRead(buffer, text) ? Encoding.Unicode.GetString(text) : null;
    }
}
