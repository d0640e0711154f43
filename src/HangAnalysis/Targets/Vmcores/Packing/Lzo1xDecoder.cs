namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>Unpacks LZO1X, as makedumpfile -l packs pages.</summary>
/// <remarks>
/// Documentation/staging/lzo.rst of the kernel describes the stream; makedumpfile's pages are without its run-length
/// extension (bitstream version 0). Every step consumes input or produces output, so the work is bounded by both sizes.
/// </remarks>
internal static class Lzo1xDecoder
{
    /// <summary>Unpacks one page: true where the stream is sound and makes exactly as many bytes as the page has.</summary>
    public static bool TryUnpack(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int position = 0;
        int done = 0;

        // How many literals the last step copied, as far as that changes what a small instruction means: 0 to 3, or 4.
        int state = 0;
        if (source.Length > 0 && source[0] > 17)
        {
            int literals = source[0] - 17;
            position = 1;
            if (!TryCopyLiterals(source, ref position, target, ref done, literals))
                return false;
            state = Math.Min(literals, 4);
        }
        while (position < source.Length)
        {
            int instruction = source[position++];
            int length;
            int distance;
            if (instruction < 16 && state == 0)
            {
                length = instruction;
                if ((length == 0 && !TryReadLength(source, ref position, 15, out length))
                    || !TryCopyLiterals(source, ref position, target, ref done, length + 3))
                    return false;
                state = 4;
                continue;
            }
            if (instruction < 16)
            {
                if (position >= source.Length)
                    return false;
                distance = (instruction >> 2) + (source[position++] << 2) + (state == 4 ? 2049 : 1);
                length = state == 4 ? 3 : 2;
                state = instruction & 3;
            }
            else if (instruction >= 64)
            {
                if (position >= source.Length)
                    return false;
                distance = (instruction >> 2 & 7) + (source[position++] << 3) + 1;
                length = (instruction >> 5) + 1;
                state = instruction & 3;
            }
            else
            {
                int mask = instruction >= 32 ? 31 : 7;
                length = instruction & mask;
                if ((length == 0 && !TryReadLength(source, ref position, mask, out length)) || position + 2 > source.Length)
                    return false;
                length += 2;
                int low = source[position] | source[position + 1] << 8;
                position += 2;
                state = low & 3;
                distance = (low >> 2) + 1;
                if (instruction < 32)
                {
                    distance += 16383 + ((instruction & 8) << 11);
                    // The end of the stream is a match of this distance, which has no bytes.
                    if (distance == 16384)
                        return length == 3 && done == target.Length;
                }
            }
            if (!PageCopy.TryCopyMatch(target, ref done, distance, length)
                || !TryCopyLiterals(source, ref position, target, ref done, state))
                return false;
        }
        return false;
    }

    /// <summary>
    /// A length that does not fit its instruction: each zero byte adds 255, the byte that ends them itself.
    /// </summary>
    private static bool TryReadLength(ReadOnlySpan<byte> source, ref int position, int offset, out int length)
    {
        length = offset;
        while (position < source.Length)
        {
            int value = source[position++];
            if (value != 0)
            {
                length += value;
                return true;
            }
            length += 255;
        }
        return false;
    }

    private static bool TryCopyLiterals(
        ReadOnlySpan<byte> source, ref int position, Span<byte> target, ref int done, int count)
    {
        if (count > source.Length - position || count > target.Length - done)
            return false;
        source.Slice(position, count).CopyTo(target[done..]);
        position += count;
        done += count;
        return true;
    }
}
