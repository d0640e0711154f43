using System.IO.Compression;

namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>
/// Unpacks the pages of a kdump file. Holds the buffers that every page needs; not safe for several threads.
/// </summary>
internal sealed class PageDecoder(int pageSize)
{
    // Flags of a page descriptor (DUMP_DH_COMPRESSED_*).
    private const uint Zlib = 1;
    private const uint Lzo = 2;
    private const uint Snappy = 4;
    private const uint Zstd = 0x20;

    private readonly byte[] _packed = new byte[pageSize];
    private readonly ZstdDecoder _zstd = new(pageSize);

    /// <summary>Where the packed bytes of a page are put before <see cref="Unpack"/>: as many as a page has.</summary>
    public Span<byte> Packed => _packed;

    /// <summary>Unpacks one page; the whole of <paramref name="page"/> is filled, or the answer is a fault.</summary>
    /// <param name="flags">The descriptor's flags.</param>
    /// <param name="length">Number of bytes in <see cref="Packed"/>.</param>
    /// <param name="page">The page.</param>
    public PageFault? Unpack(uint flags, int length, Span<byte> page) => flags switch
    {
        Zlib => UnpackZlib(length, page) ? null : PageFault.Bad,
        Lzo => Lzo1xDecoder.TryUnpack(_packed.AsSpan(0, length), page) ? null : PageFault.Bad,
        Snappy => SnappyDecoder.TryUnpack(_packed.AsSpan(0, length), page) ? null : PageFault.Bad,
        Zstd => _zstd.TryUnpack(_packed.AsSpan(0, length), page) ? null : PageFault.Bad,
        _ => PageFault.Unknown,
    };

    private bool UnpackZlib(int length, Span<byte> page)
    {
        try
        {
            using ZLibStream stream = new(new MemoryStream(_packed, 0, length), CompressionMode.Decompress);
            // Asking for more than a page makes the stream compare its check sum.
            return stream.ReadAtLeast(page, page.Length, throwOnEndOfStream: false) == page.Length && stream.ReadByte() < 0;
        }
        // Damage to the header is invalid data; to what follows, an exception of zlib's own, which is one of reading.
        catch (Exception failure) when (failure is InvalidDataException or IOException)
        {
            return false;
        }
    }
}
