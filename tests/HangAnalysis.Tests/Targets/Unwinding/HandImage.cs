using System.Buffers.Binary;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

/// <summary>An image written byte by byte: code from 1000, unwind data from 3000, the function table at 4000.</summary>
internal sealed class HandImage
{
    public const ulong Base = 0xfffff80000000000;
    private const int TableRva = 0x4000;

    private int _count;

    public HandImage()
    {
        "MZ"u8.CopyTo(Bytes);
        Put32(0x3c, 0x80);
        Put32(0x80, 0x4550);
        Put32(0x84, 0x8664 | (1 << 16));
        Put32(0x94, 240);
        Put32(0x98, 0x20b);
        Put32(0x98 + 32, 0x1000);
        Put32(0x98 + 56, (uint)Bytes.Length);
        Put32(0x98 + 60, 0x400);
        Put32(0x98 + 108, 16);
        Put32(0x98 + 112 + 3 * 8, TableRva);
        Bytes.AsSpan(0x1000, 0x2000).Fill(0xcc);
        const int Section = 0x98 + 240;
        ".text"u8.CopyTo(Bytes.AsSpan(Section));
        Put32(Section + 8, 0x2000);
        Put32(Section + 12, 0x1000);
        Put32(Section + 36, 0x60000020);
    }

    public byte[] Bytes { get; } = new byte[0x5000];

    public ArrayBytes? Reader { get; private set; }

    public void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Bytes.AsSpan(at), value);

    public void Put(int at, params byte[] bytes) => bytes.CopyTo(Bytes, at);

    public HandImage Function(uint begin, uint end, uint unwind)
    {
        int at = TableRva + _count++ * 12;
        Put32(at, begin);
        Put32(at + 4, end);
        Put32(at + 8, unwind);
        Put32(0x98 + 112 + 3 * 8 + 4, (uint)_count * 12);
        return this;
    }

    public FunctionTable? Table()
    {
        Reader = new ArrayBytes(Bytes);
        Assert.That(PeImage.TryRead(Reader, out PeImage? image));
        return FunctionTable.TryRead(image!);
    }

    public ImageList Load() =>
        new(UnwindImage.Load(Base, (uint)Bytes.Length, new ArrayBytes(Bytes)));
}

/// <summary>A few images.</summary>
internal sealed class ImageList(params UnwindImage[] images) : IUnwindImages
{
    public UnwindImage? Find(ulong address) => Array.Find(images, image => image.Contains(address));
}
