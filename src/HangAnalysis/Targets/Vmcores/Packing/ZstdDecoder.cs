using System.Buffers.Binary;

namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>Unpacks one frame of Zstandard into a page, as makedumpfile -z packs them (RFC 8878).</summary>
/// <remarks>
/// A page is its own window, so that no history is kept. Check sums are not computed, dictionaries do not come with dumps.
/// Holds tables that are used again; not safe for several threads at a time.
/// </remarks>
internal sealed class ZstdDecoder(int pageSize)
{
    private const uint Magic = 0xfd2f_b528;

    private readonly byte[] _literals = new byte[pageSize];
    private readonly HuffmanTable _huffman = new();
    private readonly ZstdSequences _sequences = new();

    /// <summary>Unpacks one page: true where the frame is sound and makes exactly as many bytes as the page has.</summary>
    public bool TryUnpack(ReadOnlySpan<byte> source, Span<byte> target)
    {
        if (!TryReadHeader(source, target.Length, out int position))
            return false;
        _huffman.Reset();
        _sequences.Reset();
        int done = 0;
        bool isLast = false;
        while (!isLast)
        {
            if (source.Length - position < 3)
                return false;
            int header = source[position] | source[position + 1] << 8 | source[position + 2] << 16;
            position += 3;
            isLast = (header & 1) != 0;
            int size = header >> 3;
            int kind = header >> 1 & 3;
            int inFile = kind == 1 ? 1 : size;
            if (kind == 3 || inFile > source.Length - position)
                return false;
            ReadOnlySpan<byte> block = source.Slice(position, inFile);
            position += inFile;
            if (kind == 2)
            {
                if (!TryUnpackBlock(block, target, ref done))
                    return false;
                continue;
            }
            if (size > target.Length - done)
                return false;
            if (kind == 0)
                block.CopyTo(target[done..]);
            else
                target.Slice(done, size).Fill(block[0]);
            done += size;
        }
        return done == target.Length;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> source, int pageSize, out int position)
    {
        position = 5;
        if (source.Length < 6 || BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
            return false;
        int descriptor = source[4];
        bool isSingle = (descriptor & 0x20) != 0;
        bool hasDictionary = (descriptor & 3) != 0;
        if ((descriptor & 8) != 0 || hasDictionary)
            return false;
        position += isSingle ? 0 : 1;
        int sizeBytes = (descriptor >> 6) switch { 0 => isSingle ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
        if (position + sizeBytes > source.Length)
            return false;
        ulong size = sizeBytes == 2 ? 256u : 0u;
        for (int i = 0; i < sizeBytes; i++)
            size += (ulong)source[position + i] << (i * 8);
        position += sizeBytes;
        return sizeBytes == 0 || size == (ulong)pageSize;
    }

    private bool TryUnpackBlock(ReadOnlySpan<byte> block, Span<byte> target, ref int done) =>
        TryReadLiterals(block, out int used, out int literals)
        && _sequences.TryApply(block[used..], _literals.AsSpan(0, literals), target, ref done);

    /// <summary>The literals section (RFC 8878, 3.1.1.3.1): stored, one byte repeated, or in Huffman codes.</summary>
    private bool TryReadLiterals(ReadOnlySpan<byte> block, out int used, out int count)
    {
        (used, count) = (0, 0);
        if (block.IsEmpty)
            return false;
        int kind = block[0] & 3;
        int format = block[0] >> 2 & 3;
        if (kind >= 2)
            return TryUnpackLiterals(block, kind == 3, format, out used, out count);
        int headerSize = format switch { 1 => 2, 3 => 3, _ => 1 };
        if (!TryReadHeaderBits(block, headerSize, out ulong header))
            return false;
        count = (int)(header >> (headerSize == 1 ? 3 : 4));
        int inFile = kind == 1 ? 1 : count;
        used = headerSize + inFile;
        if (count > _literals.Length || used > block.Length)
            return false;
        if (kind == 0)
            block.Slice(headerSize, count).CopyTo(_literals);
        else
            _literals.AsSpan(0, count).Fill(block[headerSize]);
        return true;
    }

    private bool TryUnpackLiterals(ReadOnlySpan<byte> block, bool sameTree, int format, out int used, out int count)
    {
        (used, count) = (0, 0);
        int headerSize = format switch { 2 => 4, 3 => 5, _ => 3 };
        int sizeBits = format switch { 2 => 14, 3 => 18, _ => 10 };
        if (!TryReadHeaderBits(block, headerSize, out ulong header))
            return false;
        uint mask = (1u << sizeBits) - 1;
        count = (int)((uint)(header >> 4) & mask);
        int packed = (int)((uint)(header >> (4 + sizeBits)) & mask);
        used = headerSize + packed;
        if (count > _literals.Length || used > block.Length)
            return false;
        ReadOnlySpan<byte> source = block.Slice(headerSize, packed);
        if (sameTree)
        {
            if (!_huffman.IsMade)
                return false;
        }
        else
        {
            if (!_huffman.TryRead(source, out int tree))
                return false;
            source = source[tree..];
        }
        return format == 0
            ? _huffman.TryUnpack(source, _literals.AsSpan(0, count))
            : TryUnpackFour(source, _literals.AsSpan(0, count));
    }

    /// <summary>Four streams side by side: the sizes of three come first.</summary>
    private bool TryUnpackFour(ReadOnlySpan<byte> source, Span<byte> target)
    {
        const int SizesSize = 6;
        int part = (target.Length + 3) / 4;
        if (source.Length < SizesSize || part * 3 > target.Length)
            return false;
        int position = SizesSize;
        for (int i = 0; i < 4; i++)
        {
            int size = i < 3 ? BinaryPrimitives.ReadUInt16LittleEndian(source[(i * 2)..]) : source.Length - position;
            if (size > source.Length - position)
                return false;
            Span<byte> piece = i < 3 ? target.Slice(i * part, part) : target[(3 * part)..];
            if (!_huffman.TryUnpack(source.Slice(position, size), piece))
                return false;
            position += size;
        }
        return true;
    }

    private static bool TryReadHeaderBits(ReadOnlySpan<byte> block, int size, out ulong header)
    {
        header = 0;
        if (size > block.Length)
            return false;
        for (int i = 0; i < size; i++)
            header |= (ulong)block[i] << (i * 8);
        return true;
    }
}
