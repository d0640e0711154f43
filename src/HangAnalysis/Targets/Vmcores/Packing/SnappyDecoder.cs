namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>Unpacks raw Snappy, as makedumpfile -p and QEMU pack pages.</summary>
/// <remarks>
/// format_description.txt of Snappy: the size as a variable number, then literals and copies by the low two bits of a tag.
/// </remarks>
internal static class SnappyDecoder
{
    /// <summary>Unpacks one page: true where the stream is sound and makes exactly as many bytes as the page has.</summary>
    public static bool TryUnpack(ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (!TryReadSize(source, out int position, out uint size) || size != (uint)target.Length)
            return false;
        int done = 0;
        while (position < source.Length)
        {
            int tag = source[position++];
            int kind = tag & 3;
            int length = (tag >> 2) + 1;
            if (kind == 0)
            {
                if (!TryReadLiteralLength(source, ref position, ref length) || length > target.Length - done)
                    return false;
                source.Slice(position, length).CopyTo(target[done..]);
                position += length;
                done += length;
                continue;
            }
            int bytes = kind == 3 ? 4 : kind;
            if (bytes > source.Length - position)
                return false;
            uint distance = 0;
            for (int i = 0; i < bytes; i++)
                distance |= (uint)source[position + i] << (i * 8);
            position += bytes;
            if (kind == 1)
            {
                distance |= (uint)(tag & 0xe0) << 3;
                length = (tag >> 2 & 7) + 4;
            }
            if (distance > (uint)target.Length || !PageCopy.TryCopyMatch(target, ref done, (int)distance, length))
                return false;
        }
        return done == target.Length;
    }

    /// <summary>A literal longer than 60 bytes has its length less 1 in one to four bytes behind the tag.</summary>
    private static bool TryReadLiteralLength(ReadOnlySpan<byte> source, ref int position, ref int length)
    {
        int bytes = length - 60;
        if (bytes > 0)
        {
            if (bytes > source.Length - position)
                return false;
            uint value = 0;
            for (int i = 0; i < bytes; i++)
                value |= (uint)source[position + i] << (i * 8);
            position += bytes;
            if (value > (uint)source.Length)
                return false;
            length = (int)value + 1;
        }
        return length <= source.Length - position;
    }

    private static bool TryReadSize(ReadOnlySpan<byte> source, out int position, out uint size)
    {
        size = 0;
        position = 0;
        for (int shift = 0; shift < 32 && position < source.Length; shift += 7)
        {
            byte value = source[position++];
            size |= (uint)(value & 0x7f) << shift;
            if (value < 0x80)
                return true;
        }
        return false;
    }
}
