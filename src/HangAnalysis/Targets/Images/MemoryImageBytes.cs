namespace HangAnalysis.Targets.Images;

/// <summary>The bytes of an image that is loaded in an address space.</summary>
/// <param name="memory">The address space.</param>
/// <param name="baseAddress">Address of the image's first byte.</param>
/// <param name="size">SizeOfImage as the loader recorded it: nothing beyond it is read.</param>
public sealed class MemoryImageBytes(IMemory memory, ulong baseAddress, uint size) : IImageBytes
{
    /// <inheritdoc/>
    public int Read(uint rva, Span<byte> buffer)
    {
        if (rva >= size || baseAddress > ulong.MaxValue - size)
            return 0;
        int length = (int)Math.Min((uint)buffer.Length, size - rva);
        return Math.Clamp(memory.Read(baseAddress + rva, buffer[..length]), 0, length);
    }
}
