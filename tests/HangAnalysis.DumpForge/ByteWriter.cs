using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge;

/// <summary>Little-endian bytes that grow, with places that can be written again.</summary>
public sealed class ByteWriter
{
    private byte[] _bytes = new byte[256];

    /// <summary>Number of bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes so far; valid until the next write.</summary>
    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public ByteWriter U8(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    public ByteWriter U16(int value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), unchecked((ushort)value));
        return this;
    }

    public ByteWriter U32(long value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Take(4), unchecked((uint)value));
        return this;
    }

    public ByteWriter U64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
        return this;
    }

    public ByteWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Take(bytes.Length));
        return this;
    }

    public ByteWriter Zero(int count)
    {
        Take(count).Clear();
        return this;
    }

    public ByteWriter Fill(byte value, int count)
    {
        Take(count).Fill(value);
        return this;
    }

    /// <summary>UTF-8 with a terminating 0.</summary>
    public ByteWriter Text(string text) => Bytes(Encoding.UTF8.GetBytes(text)).U8(0);

    /// <summary>UTF-16 with a terminating 0.</summary>
    public ByteWriter WideText(string text) => Bytes(Encoding.Unicode.GetBytes(text)).U16(0);

    /// <summary>Zeros up to a multiple.</summary>
    public ByteWriter Align(int multiple, byte fill = 0) => Fill(fill, (multiple - Length % multiple) % multiple);

    /// <summary>Writes a number again at a place that is already written.</summary>
    public void PatchU16(int at, int value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(At(at, 2), unchecked((ushort)value));

    /// <summary>Writes a number again at a place that is already written.</summary>
    public void PatchU32(int at, long value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(At(at, 4), unchecked((uint)value));

    public byte[] ToArray() => Written.ToArray();

    private Span<byte> At(int at, int count) => _bytes.AsSpan(0, Length).Slice(at, count);

    private Span<byte> Take(int count)
    {
        if (Length + count > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        Span<byte> taken = _bytes.AsSpan(Length, count);
        Length += count;
        return taken;
    }
}
