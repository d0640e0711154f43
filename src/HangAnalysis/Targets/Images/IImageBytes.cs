using System.Buffers.Binary;

namespace HangAnalysis.Targets.Images;

/// <summary>The bytes of one image as they lie when it is loaded, read by RVA.</summary>
public interface IImageBytes
{
    /// <summary>Copies bytes from <paramref name="rva"/> on into <paramref name="buffer"/>.</summary>
    /// <returns>
    /// The number of bytes copied from the start of the range: fewer than asked where the image ends or a page is
    /// absent. Never throws for an address.
    /// </returns>
    int Read(uint rva, Span<byte> buffer);
}

/// <summary>Little-endian reads of single values of an image: false, and a zero, where any byte is absent.</summary>
public static class ImageReading
{
    /// <summary>Fills the whole of <paramref name="buffer"/>, or says that it could not.</summary>
    public static bool TryRead(this IImageBytes bytes, uint rva, Span<byte> buffer) =>
        bytes.Read(rva, buffer) == buffer.Length;

    /// <summary>Reads four bytes.</summary>
    public static bool TryReadUInt32(this IImageBytes bytes, uint rva, out uint value)
    {
        Span<byte> buffer = stackalloc byte[sizeof(uint)];
        bool read = bytes.TryRead(rva, buffer);
        value = read ? BinaryPrimitives.ReadUInt32LittleEndian(buffer) : 0;
        return read;
    }
}
