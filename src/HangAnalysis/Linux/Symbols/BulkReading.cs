using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>Whole tables in one read, and values within them.</summary>
internal static class BulkReading
{
    // What real tables need at most; a longer one is read in growing steps, so that only a dump that holds as much can
    // make us allocate it.
    private const int FirstStep = 8 * 1024 * 1024;

    /// <summary>
    /// Reads <paramref name="wanted"/> bytes, at most <paramref name="limit"/>; fewer where a page of them is absent.
    /// </summary>
    public static byte[] ReadTable(this IMemory memory, ulong address, ulong wanted, int limit)
    {
        int length = (int)Math.Min(wanted, (ulong)limit);
        byte[] bytes = new byte[Math.Min(length, FirstStep)];
        int have = 0;
        while (true)
        {
            int got = memory.Read(unchecked(address + (ulong)have), bytes.AsSpan(have));
            have += Math.Clamp(got, 0, bytes.Length - have);
            if (have < bytes.Length || have == length)
                break;
            Array.Resize(ref bytes, (int)Math.Min(length, bytes.Length * 4L));
        }
        if (have < bytes.Length)
            Array.Resize(ref bytes, have);
        return bytes;
    }

    /// <summary>
    /// Reads text up to its zero byte or <paramref name="limit"/> bytes; null where its first byte is absent.
    /// </summary>
    public static string? ReadText(this IMemory memory, ulong address, int limit)
    {
        Span<byte> bytes = stackalloc byte[Math.Min(limit, SymbolLimits.Name)];
        int got = Math.Clamp(memory.Read(address, bytes), 0, bytes.Length);
        return got == 0 ? null : TextOf(bytes[..got]);
    }

    /// <summary>Reads a number that is a member of a structure, with as many bytes as the member has.</summary>
    public static bool TryReadMember(
        this IMemory memory, Btf types, string type, string member, ulong address, out ulong value)
    {
        value = 0;
        if (types.OffsetOf(type, member) is not int offset)
            return false;
        int size = Math.Clamp(types.SizeOf(type, member) ?? 8, 1, 8);
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        if (!memory.TryRead(unchecked(address + (ulong)offset), bytes[..size]))
            return false;
        value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return true;
    }

    /// <summary>Text up to its first zero byte.</summary>
    public static string TextOf(ReadOnlySpan<byte> bytes) => System.Text.Encoding.UTF8.GetString(NameAt(bytes, 0));

    /// <summary>The bytes from <paramref name="offset"/> to before the next zero byte; none where it lies outside.</summary>
    public static ReadOnlySpan<byte> NameAt(ReadOnlySpan<byte> table, long offset)
    {
        if (offset < 0 || offset >= table.Length)
            return [];
        ReadOnlySpan<byte> rest = table[(int)offset..];
        int end = rest.IndexOf((byte)0);
        return end < 0 ? rest : rest[..end];
    }

    /// <summary>The value of four bytes.</summary>
    public static uint UInt32(this ReadOnlySpan<byte> table, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(table[offset..]);

    /// <summary>The value of eight bytes.</summary>
    public static ulong UInt64(this ReadOnlySpan<byte> table, int offset) =>
        BinaryPrimitives.ReadUInt64LittleEndian(table[offset..]);

    /// <summary>Index of the last of sorted addresses that is not above <paramref name="address"/>, or -1.</summary>
    public static int LastNotAbove(ReadOnlySpan<ulong> sorted, ulong address)
    {
        int low = 0;
        int high = sorted.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (sorted[middle] <= address)
                low = middle + 1;
            else
                high = middle;
        }
        return low - 1;
    }
}
