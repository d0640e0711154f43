using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Tests.Linux;

/// <summary>Memory that holds what a test put into it and nothing else.</summary>
internal sealed class SparseMemory : IMemory
{
    private readonly Dictionary<ulong, byte> _bytes = [];

    /// <summary>Bytes that were asked for: how much a hostile count made the reader read.</summary>
    public long Asked { get; private set; }

    public SparseMemory Put(ulong address, params ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
            _bytes[address++] = value;
        return this;
    }

    public SparseMemory PutWords(ulong address, params ReadOnlySpan<ulong> words)
    {
        Span<byte> bytes = stackalloc byte[8];
        foreach (ulong word in words)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, word);
            Put(address, bytes);
            address += 8;
        }
        return this;
    }

    public SparseMemory PutText(ulong address, string text) =>
        Put(address, [.. System.Text.Encoding.UTF8.GetBytes(text), 0]);

    /// <summary>Flips one bit of some bytes, and takes some others away.</summary>
    public void Damage(Random random, int flips, int holes)
    {
        ulong[] addresses = [.. _bytes.Keys];
        for (int i = 0; i < flips; i++)
            _bytes[addresses[random.Next(addresses.Length)]] ^= (byte)(1 << random.Next(8));
        for (int i = 0; i < holes; i++)
            _bytes.Remove(addresses[random.Next(addresses.Length)]);
    }

    public int Read(ulong address, Span<byte> buffer)
    {
        Asked += buffer.Length;
        int count = 0;
        while (count < buffer.Length && _bytes.TryGetValue(address + (ulong)count, out byte value))
            buffer[count++] = value;
        return count;
    }
}
