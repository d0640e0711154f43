using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Reads the values of one CodeView record in order. After the first value that does not fit, every further one is zero
/// and <see cref="Failed"/> stays set, so that a reader checks once at the end.
/// </summary>
/// <remarks>Numeric leaves: cvinfo.h of microsoft-pdb (LF_NUMERIC and following).</remarks>
internal ref struct CodeViewReader(ReadOnlySpan<byte> bytes)
{
    private const ushort FirstNumericLeaf = 0x8000;

    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Whether a value lay outside the record.</summary>
    public bool Failed { get; private set; }

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>Passes over bytes.</summary>
    public void Skip(int count) => Take(count);

    /// <summary>The next byte, which is not consumed; zero at the end.</summary>
    public readonly byte Peek() => _rest.Length > 0 ? _rest[0] : (byte)0;

    /// <summary>Reads one byte.</summary>
    public byte Byte()
    {
        ReadOnlySpan<byte> value = Take(1);
        return value.Length == 1 ? value[0] : (byte)0;
    }

    /// <summary>Reads two bytes.</summary>
    public ushort UInt16()
    {
        ReadOnlySpan<byte> value = Take(2);
        return value.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(value) : (ushort)0;
    }

    /// <summary>Reads four bytes.</summary>
    public uint UInt32()
    {
        ReadOnlySpan<byte> value = Take(4);
        return value.Length == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(value) : 0;
    }

    /// <summary>Reads a number of variable length: two bytes, or a leaf that says how many follow.</summary>
    public long Number()
    {
        ushort leaf = UInt16();
        if (leaf < FirstNumericLeaf)
            return leaf;
        switch (leaf)
        {
            case 0x8000:
                return (sbyte)Byte();
            case 0x8001:
                return (short)UInt16();
            case 0x8002:
                return UInt16();
            case 0x8003:
                return (int)UInt32();
            case 0x8004:
                return UInt32();
            case 0x8009 or 0x800a:
                ReadOnlySpan<byte> value = Take(8);
                return value.Length == 8 ? BinaryPrimitives.ReadInt64LittleEndian(value) : 0;
            default:
                Fail();
                return 0;
        }
    }

    /// <summary>A zero-terminated name, as its bytes.</summary>
    public ReadOnlySpan<byte> NameBytes()
    {
        int length = _rest.IndexOf((byte)0);
        if (length < 0)
        {
            Fail();
            return default;
        }

        ReadOnlySpan<byte> name = _rest[..length];
        _rest = _rest[(length + 1)..];
        return name;
    }

    /// <summary>A zero-terminated name.</summary>
    public string Name() => Encoding.UTF8.GetString(NameBytes());

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            Fail();
            return default;
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private void Fail()
    {
        Failed = true;
        _rest = default;
    }
}
