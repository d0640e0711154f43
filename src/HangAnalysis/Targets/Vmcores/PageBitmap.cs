using System.Numerics;
using System.Runtime.InteropServices;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>
/// Which pages a kdump file holds, and the how-manieth each is. The bits stay in the file; kept are sums for every 4,096
/// pages, 8 bytes for 16 MB of memory.
/// </summary>
internal sealed class PageBitmap
{
    private const int PagesPerSum = 4096;
    private const int BytesPerSum = PagesPerSum / 8;

    private readonly IFileBytes _file;
    private readonly long _offset;
    private readonly ulong[] _sums;
    private readonly byte[] _bits = new byte[BytesPerSum];
    private ulong _section = ulong.MaxValue;

    /// <summary>Counts the pages of a bitmap; pages behind the end of the file are absent.</summary>
    public PageBitmap(IFileBytes file, long offset, ulong pages)
    {
        _file = file;
        _offset = offset;
        long bytes = Math.Min((long)((pages + 7) / 8), Math.Max(file.Length - offset, 0));
        Pages = Math.Min(pages, (ulong)bytes * 8);
        _sums = new ulong[(bytes + BytesPerSum - 1) / BytesPerSum + 1];
        byte[] buffer = new byte[128 * BytesPerSum];
        int filled = 0;
        for (int i = 0; i + 1 < _sums.Length; i++)
        {
            int inBuffer = i % 128 * BytesPerSum;
            if (inBuffer == 0)
                filled = file.Read(offset + (long)i * BytesPerSum, buffer);
            int left = (int)Math.Min(BytesPerSum, bytes - (long)i * BytesPerSum);
            ReadOnlySpan<byte> section = buffer.AsSpan(0, filled)[Math.Min(inBuffer, filled)..];
            _sums[i + 1] = _sums[i] + Sum(section[..Math.Min(left, section.Length)]);
        }
    }

    /// <summary>One more than the highest page that has a bit.</summary>
    public ulong Pages { get; }

    /// <summary>Pages whose bit is set.</summary>
    public ulong Total => _sums[^1];

    /// <summary>Whether the page's bit is set, and how many are set below it.</summary>
    public bool TryGetIndex(ulong page, out ulong index)
    {
        index = 0;
        if (page >= Pages)
            return false;
        ReadOnlySpan<byte> bits = Section(page / PagesPerSum);
        int inSection = (int)(page % PagesPerSum);
        if ((bits[inSection / 8] >> (inSection % 8) & 1) == 0)
            return false;
        index = CountBelow(page);
        return true;
    }

    /// <summary>Number of set bits below a page.</summary>
    public ulong CountBelow(ulong page)
    {
        if (page >= Pages)
            return Total;
        ReadOnlySpan<byte> bits = Section(page / PagesPerSum);
        int inSection = (int)(page % PagesPerSum);
        int lowBits = bits[inSection / 8] & (1 << (inSection % 8)) - 1;
        return _sums[page / PagesPerSum] + Sum(bits[..(inSection / 8)]) + (ulong)BitOperations.PopCount((uint)lowBits);
    }

    /// <summary>The first page from one on whose bit is set, or <see cref="ulong.MaxValue"/>.</summary>
    public ulong Next(ulong page)
    {
        for (; page < Pages; page = (page / PagesPerSum + 1) * PagesPerSum)
        {
            ulong section = page / PagesPerSum;
            if (_sums[section] == _sums[section + 1])
                continue;
            ReadOnlySpan<byte> bits = Section(section);
            for (int i = (int)(page % PagesPerSum); i < PagesPerSum; i++)
                if ((bits[i / 8] >> (i % 8) & 1) != 0)
                    return section * PagesPerSum + (ulong)i is ulong found && found < Pages ? found : ulong.MaxValue;
        }
        return ulong.MaxValue;
    }

    private ReadOnlySpan<byte> Section(ulong section)
    {
        if (_section != section)
        {
            int read = _file.Read(_offset + (long)section * BytesPerSum, _bits);
            _bits.AsSpan(read).Clear();
            _section = section;
        }
        return _bits;
    }

    private static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
            sum += (ulong)BitOperations.PopCount(word);
        foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
            sum += (ulong)BitOperations.PopCount(rest);
        return sum;
    }
}
