using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Tests.Targets;

/// <summary>An image, or a piece of memory, that is one array.</summary>
internal sealed class ArrayBytes(byte[] bytes, ulong baseAddress = 0) : IImageBytes, IMemory
{
    public byte[] Bytes { get; } = bytes;

    public int ReadCount { get; private set; }

    public int Read(uint rva, Span<byte> buffer) => Read(baseAddress + rva, buffer);

    public int Read(ulong address, Span<byte> buffer)
    {
        ReadCount++;
        ulong offset = unchecked(address - baseAddress);
        if (offset >= (ulong)Bytes.Length)
            return 0;
        int count = Math.Min(buffer.Length, Bytes.Length - (int)offset);
        Bytes.AsSpan((int)offset, count).CopyTo(buffer);
        return count;
    }

    public void Put(ulong address, ulong value) =>
        BitConverter.TryWriteBytes(Bytes.AsSpan((int)(address - baseAddress)), value);
}
