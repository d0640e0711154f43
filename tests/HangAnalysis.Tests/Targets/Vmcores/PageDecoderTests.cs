using HangAnalysis.Targets.Vmcores;
using HangAnalysis.Targets.Vmcores.Packing;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Vmcores;

/// <summary>The decoders against what the reference encoders made, and against what nobody made.</summary>
public class PageDecoderTests
{
    private const byte Untouched = 0xa5;

    private static readonly (string Encoder, uint Flags)[] s_encoders =
        [("Zlib", 1), ("Lzo", 2), ("Lzo999", 2), ("Snappy", 4), ("Zstd1", 0x20), ("Zstd19", 0x20), ("ZstdBlocks", 0x20)];

    private static readonly string[] s_pages = ["Text", "Pointers", "Mixed", "Zeros"];

    private static IEnumerable<TestCaseData> Vectors()
    {
        foreach ((string encoder, uint flags) in s_encoders)
            foreach (string page in s_pages)
                yield return new TestCaseData(encoder, flags, page).SetArgDisplayNames(encoder, page);
    }

    [TestCaseSource(nameof(Vectors))]
    public void A_page_is_what_went_into_the_encoder(string encoder, uint flags, string page)
    {
        byte[] unpacked = new byte[PackedPages.PageSize];
        byte[] packed = PackedPages.Packed(encoder, page);
        Assert.That(Unpack(new PageDecoder(PackedPages.PageSize), flags, packed, unpacked), Is.Null);
        Assert.That(unpacked, Is.EqualTo(PackedPages.Page(page)));
    }

    [TestCaseSource(nameof(Vectors))]
    public void A_page_that_is_cut_is_refused(string encoder, uint flags, string page)
    {
        PageDecoder decoder = new(PackedPages.PageSize);
        byte[] packed = PackedPages.Packed(encoder, page);
        byte[] unpacked = new byte[PackedPages.PageSize];
        // zlib ends with the code of the end and a check sum of four bytes; when they are cut the page itself is whole.
        int needed = encoder == "Zlib" ? packed.Length - 6 : packed.Length;
        for (int length = 0; length < needed; length++)
            Assert.That(Unpack(decoder, flags, packed[..length], unpacked), Is.EqualTo(PageFault.Bad), $"{length} bytes");
    }

    /// <summary>Most flips cannot be told from other pages; none may write elsewhere, throw or take long.</summary>
    [TestCaseSource(nameof(Vectors))]
    public void A_flipped_bit_stays_in_its_page(string encoder, uint flags, string page)
    {
        PageDecoder decoder = new(PackedPages.PageSize);
        byte[] packed = PackedPages.Packed(encoder, page);
        byte[] around = new byte[3 * PackedPages.PageSize];
        for (int bit = 0; bit < packed.Length * 8; bit += 3)
        {
            byte[] bad = (byte[])packed.Clone();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            Array.Fill(around, Untouched);
            PageFault? fault = Unpack(decoder, flags, bad, around.AsSpan(PackedPages.PageSize, PackedPages.PageSize));
            Assert.That(fault, Is.Null.Or.EqualTo(PageFault.Bad));
        }
        Assert.That(around.AsSpan(0, PackedPages.PageSize).IndexOfAnyExcept(Untouched), Is.EqualTo(-1));
        Assert.That(around.AsSpan(2 * PackedPages.PageSize).IndexOfAnyExcept(Untouched), Is.EqualTo(-1));
        // And the decoder is as good as before.
        byte[] unpacked = new byte[PackedPages.PageSize];
        Assert.That(Unpack(decoder, flags, packed, unpacked), Is.Null);
        Assert.That(unpacked, Is.EqualTo(PackedPages.Page(page)));
    }

    [TestCase(1u), TestCase(2u), TestCase(4u), TestCase(0x20u)]
    public void Noise_is_no_page(uint flags)
    {
        PageDecoder decoder = new(PackedPages.PageSize);
        byte[] unpacked = new byte[PackedPages.PageSize];
        Random random = new(6);
        for (int i = 0; i < 2_000; i++)
        {
            byte[] noise = new byte[random.Next(PackedPages.PageSize)];
            random.NextBytes(noise);
            if (flags == 0x20 && noise.Length > 8)
                ((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd, 0, 0x20]).CopyTo(noise);
            Assert.That(Unpack(decoder, flags, noise, unpacked), Is.EqualTo(PageFault.Bad));
        }
    }

    /// <summary>A page of another size is none: neither more nor less.</summary>
    [TestCase("Zlib", 1u), TestCase("Lzo", 2u), TestCase("Snappy", 4u)]
    [TestCase("Zstd1", 0x20u), TestCase("ZstdBlocks", 0x20u)]
    public void Another_size_is_refused(string encoder, uint flags)
    {
        byte[] packed = PackedPages.Packed(encoder, "Zeros");
        Assert.That(Unpack(new PageDecoder(8192), flags, packed, new byte[8192]), Is.EqualTo(PageFault.Bad));
        Assert.That(Unpack(new PageDecoder(2048), flags, packed, new byte[2048]), Is.EqualTo(PageFault.Bad));
    }

    /// <summary>
    /// By RFC 8878: magic, single segment with a size of two bytes (less 256), and blocks that are stored or repeated.
    /// </summary>
    [Test]
    public void Stored_and_repeated_blocks_make_a_page()
    {
        const string Header = "28b52ffd" + "60" + "000f";
        // A block's header: last, kind 2 bits, size. 0x1000 bytes of 2a; then 3 stored ones and 0xffd repeated.
        Assert.That(Zstd(Header + "038000" + "2a"), Is.EqualTo(Enumerable.Repeat((byte)0x2a, 4096)));
        byte[]? two = Zstd(Header + "180000" + "010203" + "eb7f00" + "2a");
        Assert.That(two?[..5], Is.EqualTo(new byte[] { 1, 2, 3, 0x2a, 0x2a }));
        Assert.That(Zstd(Header + "0b8000" + "2a"), Is.Null, "4,097 bytes");
        Assert.That(Zstd(Header + "fb7f00" + "2a"), Is.Null, "4,095 bytes");
        Assert.That(Zstd(Header + "feffff" + "2a"), Is.Null, "a block of 2 MB");
        Assert.That(Zstd("28b52ffd" + "61" + "07" + "000f" + "038000" + "2a"), Is.Null, "a dictionary");
    }

    /// <summary>By the kernel's lzo.rst: a literal run, a match that reaches before the page.</summary>
    [Test]
    public void A_match_before_the_page_is_refused()
    {
        byte[] page = new byte[PackedPages.PageSize];
        // 4 literals, then 001LLLLL with distance 5.
        byte[] packed = Convert.FromHexString("15" + "61626364" + "21" + "1000" + "110000");
        Assert.That(Lzo1xDecoder.TryUnpack(packed, page.AsSpan(0, 7)), Is.False);
        packed[6] = 0x0c;
        Assert.That(Lzo1xDecoder.TryUnpack(packed, page.AsSpan(0, 7)), Is.True);
        Assert.That(page[..7], Is.EqualTo("abcdabc"u8.ToArray()));
        // Snappy: size 7, the same.
        byte[] snappy = Convert.FromHexString("07" + "0c" + "61626364" + "0a" + "0400");
        Assert.That(SnappyDecoder.TryUnpack(snappy, page.AsSpan(0, 7)), Is.True);
        snappy[^2] = 5;
        Assert.That(SnappyDecoder.TryUnpack(snappy, page.AsSpan(0, 7)), Is.False);
    }

    private static byte[]? Zstd(string hex)
    {
        byte[] page = new byte[PackedPages.PageSize];
        return new ZstdDecoder(PackedPages.PageSize).TryUnpack(Convert.FromHexString(hex), page) ? page : null;
    }

    private static PageFault? Unpack(PageDecoder decoder, uint flags, byte[] packed, Span<byte> page)
    {
        packed.CopyTo(decoder.Packed);
        return decoder.Unpack(flags, packed.Length, page);
    }
}
