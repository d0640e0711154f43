using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Says whose a damaged block of pool is, and whose the one before it: the one that may have been overrun.</summary>
/// <remarks>
/// A page of pool is a row of blocks, each with a header that says its size and that of the one before, in units of a header
/// ([S] _POOL_HEADER in all layouts). The heaps that pool is made of since 1809 keep these sizes elsewhere: then the row does
/// not fit together, and only the block's own tag is told.
/// </remarks>
internal static class PoolNeighbours
{
    private const int PageSize = 0x1000;

    private readonly record struct Header(int PreviousSize, int BlockSize, uint Tag);

    /// <summary>Adds lines on a block and its neighbours, as far as the dump holds them.</summary>
    /// <param name="crash">The crash.</param>
    /// <param name="address">The block.</param>
    /// <param name="isHeader">Whether that is its header and not its contents.</param>
    public static void Tell(CrashCase crash, ulong address, bool isHeader)
    {
        StructLayout layout = crash.Session.Types.Get("_POOL_HEADER");
        FieldSlot previous = layout.Optional("PreviousSize"), size = layout.Optional("BlockSize"), tag = layout.Optional("PoolTag");
        if (!layout.Exists || !previous.IsPresent || !size.IsPresent || !tag.IsPresent || !crash.Session.IsObject(address))
            return;
        ulong unit = (ulong)layout.Size, at = isHeader ? address : address - unit, page = at & ~(ulong)(PageSize - 1);
        byte[] bytes = new byte[PageSize];
        int held = crash.Session.Memory.Read(page, bytes);
        int place = (int)(at - page);
        if (place + layout.Size > held)
        {
            crash.AddUnknown($"the pool around {address:x16}", "the dump does not hold it");
            return;
        }
        Header read(int offset)
        {
            ReadOnlySpan<byte> header = bytes.AsSpan(offset, layout.Size);
            return new Header((int)previous.Read(header), (int)size.Read(header), (uint)tag.Read(header));
        }
        Header block = read(place);
        if (TagText(block.Tag) is { } own)
            crash.Tell("Block", Phrase.Of($"at {at:x16}, tag '{own}'{(block.BlockSize == 0 ? "" : $", {block.BlockSize * layout.Size:N0} bytes")}"));
        else
            crash.Tell("Block", Phrase.Of($"at {at:x16}: its header holds {block.Tag:x8} where a tag should be"));
        if (Before(place, layout.Size, read) is { } before && TagText(before.Header.Tag) is { } owner)
        {
            crash.Tell("Before it", Phrase.Of(
                $"at {page + (ulong)before.Offset:x16}, tag '{owner}', {before.Header.BlockSize * layout.Size:N0} bytes: may have been overrun"));
            crash.Suggest("!poolwho");
        }
        int next = place + block.BlockSize * layout.Size;
        if (block.BlockSize > 0 && next + layout.Size <= held && read(next) is var after && after.PreviousSize == block.BlockSize
            && TagText(after.Tag) is { } follower)
            crash.Tell("After it", Phrase.Of($"at {page + (ulong)next:x16}, tag '{follower}', {after.BlockSize * layout.Size:N0} bytes"));
        crash.Advise($"in the debugger: !pool {at:x}");
    }

    /// <summary>A tag as text; null where its bytes are none.</summary>
    public static string? TagText(uint tag)
    {
        Span<char> text = stackalloc char[4];
        for (int i = 0; i < 4; i++)
        {
            // The highest bit marks protected blocks of older builds.
            byte letter = (byte)(tag >> 8 * i & (i == 3 ? 0x7fu : 0xffu));
            if (letter is < 0x20 or > 0x7e)
                return null;
            text[i] = (char)letter;
        }
        return text.ToString();
    }

    /// <summary>
    /// The block before a place of a page, found from the page's start: the header at the place may be the damaged one. Null
    /// where the row does not lead there.
    /// </summary>
    private static (int Offset, Header Header)? Before(int place, int unit, Func<int, Header> read)
    {
        int offset = 0, size = 0;
        while (offset < place)
        {
            Header header = read(offset);
            if (header.BlockSize == 0 || header.PreviousSize != size)
                return null;
            size = header.BlockSize;
            if (offset + size * unit == place)
                return (offset, header);
            offset += size * unit;
        }
        return null;
    }
}
