namespace HangAnalysis.Targets.Dumps;

/// <summary>A block of memory that a small dump holds.</summary>
internal readonly record struct MemoryBlock(ulong Address, long FileOffset, uint Size);

/// <summary>The memory of a small dump: blocks at addresses, possibly overlapping.</summary>
internal sealed class BlockMemory : IMemory
{
    private readonly DumpFile _file;
    private readonly MemoryBlock[] _blocks;
    private readonly ulong[] _starts;

    /// <summary>The highest end of any block up to each index: says when to stop looking leftwards.</summary>
    private readonly ulong[] _highestEnd;

    public BlockMemory(DumpFile file, List<MemoryBlock> blocks, int pointerSize)
    {
        PointerSize = pointerSize;
        _file = file;
        _blocks = [.. blocks];
        Array.Sort(_blocks, (a, b) => a.Address.CompareTo(b.Address));
        _starts = Array.ConvertAll(_blocks, b => b.Address);
        _highestEnd = new ulong[_blocks.Length];
        ulong highest = 0;
        for (int i = 0; i < _blocks.Length; i++)
        {
            ulong end = _blocks[i].Address + _blocks[i].Size;
            highest = Math.Max(highest, end < _blocks[i].Address ? ulong.MaxValue : end);
            _highestEnd[i] = highest;
        }
    }

    /// <inheritdoc/>
    public int PointerSize { get; }

    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            int read = ReadBlock(address, buffer[done..]);
            done += read;
            address += (ulong)read;
            if (read == 0 || address == 0)
                break;
        }
        return done;
    }

    /// <summary>Reads from the block that holds an address, as far as it goes.</summary>
    private int ReadBlock(ulong address, Span<byte> buffer)
    {
        int index = Array.BinarySearch(_starts, address);
        if (index < 0)
            index = ~index - 1;
        else
            while (index + 1 < _starts.Length && _starts[index + 1] == address)
                index++;
        // Overlaps are few in real dumps; the bound keeps a forged dump of a million nested blocks linear.
        for (int tries = 0; index >= 0 && _highestEnd[index] > address && tries < 64; index--, tries++)
        {
            ulong inside = address - _blocks[index].Address;
            if (inside < _blocks[index].Size)
            {
                int count = (int)Math.Min((ulong)buffer.Length, _blocks[index].Size - inside);
                return _file.Read(_blocks[index].FileOffset + (long)inside, buffer[..count]);
            }
        }
        return 0;
    }
}
