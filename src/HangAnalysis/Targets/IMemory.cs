using System.Buffers.Binary;

namespace HangAnalysis.Targets;

/// <summary>Reads of one address space: virtual, physical or an image's own.</summary>
public interface IMemory
{
    /// <summary>
    /// Copies bytes from <paramref name="address"/> on into <paramref name="buffer"/>.
    /// </summary>
    /// <returns>
    /// The number of bytes copied from the start of the range: fewer than asked where a page is absent, 0 where
    /// the first byte is. Never throws for an address.
    /// </returns>
    int Read(ulong address, Span<byte> buffer);

    /// <summary>Bytes of a pointer in it: 8, or 4 in memory of 32-bit systems and programs.</summary>
    int PointerSize => sizeof(ulong);
}

/// <summary>Little-endian reads of single values: false, and a zero, where any byte of the value is absent.</summary>
public static class MemoryReading
{
    /// <summary>Fills the whole of <paramref name="buffer"/>, or says that it could not.</summary>
    public static bool TryRead(this IMemory memory, ulong address, Span<byte> buffer) =>
        memory.Read(address, buffer) == buffer.Length;

    /// <summary>Reads one byte.</summary>
    public static bool TryReadByte(this IMemory memory, ulong address, out byte value)
    {
        value = 0;
        return memory.TryRead(address, new Span<byte>(ref value));
    }

    /// <summary>Reads two bytes.</summary>
    public static bool TryReadUInt16(this IMemory memory, ulong address, out ushort value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        bool read = memory.TryRead(address, bytes);
        value = read ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : (ushort)0;
        return read;
    }

    /// <summary>Reads four bytes.</summary>
    public static bool TryReadUInt32(this IMemory memory, ulong address, out uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        bool read = memory.TryRead(address, bytes);
        value = read ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;
        return read;
    }

    /// <summary>Reads a pointer, zero-extended: addresses of 32-bit systems are kept so everywhere.</summary>
    public static bool TryReadPointer(this IMemory memory, ulong address, out ulong value)
    {
        if (memory.PointerSize != sizeof(uint))
            return memory.TryReadUInt64(address, out value);
        bool read = memory.TryReadUInt32(address, out uint narrow);
        value = narrow;
        return read;
    }

    /// <summary>The pointer that bytes of a memory begin with, zero-extended.</summary>
    public static ulong PointerAt(this IMemory memory, ReadOnlySpan<byte> bytes) => memory.PointerSize == sizeof(uint)
        ? BinaryPrimitives.ReadUInt32LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    /// <summary>Reads eight bytes.</summary>
    public static bool TryReadUInt64(this IMemory memory, ulong address, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bool read = memory.TryRead(address, bytes);
        value = read ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
        return read;
    }
}
