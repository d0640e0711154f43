using HangAnalysis.Targets;

namespace HangAnalysis.Tests.Windows;

/// <summary>Memory that holds what a test puts into it, and nothing else.</summary>
/// <param name="pointerSize">Bytes of a pointer.</param>
internal sealed class SparseMemory(int pointerSize) : IMemory
{
    private readonly Dictionary<ulong, byte> _bytes = [];

    public int PointerSize => pointerSize;

    public void Put(ulong address, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            _bytes[address++] = value;
    }

    public int Read(ulong address, Span<byte> buffer)
    {
        int count = 0;
        while (count < buffer.Length && _bytes.TryGetValue(address + (ulong)count, out byte value))
            buffer[count++] = value;
        return count;
    }
}
