using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Log;

/// <summary>
/// An array of structures in memory that is read in blocks; a page that is absent costs only its own entries.
/// </summary>
internal sealed class RecordTable(IMemory memory, ulong address, int size)
{
    private const int BlockEntries = 256;

    private readonly byte[] _bytes = new byte[BlockEntries * size];
    private long _first = -1;
    private int _read;

    /// <summary>The bytes of an entry; empty where they are not in the dump.</summary>
    public ReadOnlySpan<byte> Get(long index)
    {
        long first = index - index % BlockEntries;
        if (first != _first)
        {
            _first = first;
            _read = memory.Read(unchecked(address + (ulong)(first * size)), _bytes);
        }
        Span<byte> entry = _bytes.AsSpan((int)(index - first) * size, size);
        return (index - first + 1) * size <= _read || memory.TryRead(unchecked(address + (ulong)(index * size)), entry)
            ? entry : [];
    }
}
