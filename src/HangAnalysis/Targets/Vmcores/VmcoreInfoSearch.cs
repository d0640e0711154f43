using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>Finds VMCOREINFO in memory, where no note has it: QEMU has one only where the guest told it.</summary>
/// <remarks>
/// The kernel keeps the text at the start of a page (vmcoreinfo_data) and, as a note, at +18 of another (vmcoreinfo_note).
/// It begins with OSRELEASE= and a digit; the format string in the kernel's image has a % there. What an earlier kernel
/// left in memory looks the same, so that each one found must prove itself.
/// </remarks>
internal static class VmcoreInfoSearch
{
    /// <summary>Looks from the lowest pages up; null where the searched pages hold none that proves itself.</summary>
    public static VmcoreInfo? Find(VmcoreMemory memory, Func<VmcoreInfo, bool> isProved)
    {
        // The note's text may go on in the next page.
        byte[] buffer = new byte[2 * PageMap.PageSize];
        Span<byte> page = buffer.AsSpan(0, PageMap.PageSize);
        int searched = 0;
        for (ulong number = memory.NextHeld(0); number < memory.EndPage && searched < VmcoreLimits.SearchedPages;
            number = memory.NextHeld(number + 1), searched++)
        {
            int read = memory.Read(number * PageMap.PageSize, page);
            for (int at = 0; Next(page[..read], ref at); at++)
            {
                int more = memory.Read((number + 1) * PageMap.PageSize, buffer.AsSpan(PageMap.PageSize));
                VmcoreInfo info = VmcoreInfo.Parse(buffer.AsSpan(0, PageMap.PageSize + more)[at..]);
                if (isProved(info))
                    return info;
            }
        }
        return null;
    }

    private static bool Next(ReadOnlySpan<byte> page, ref int at)
    {
        ReadOnlySpan<byte> key = "OSRELEASE="u8;
        while (page[at..].IndexOf(key) is int found and >= 0)
        {
            at += found;
            if (at + key.Length < page.Length && char.IsAsciiDigit((char)page[at + key.Length]))
                return true;
            at++;
        }
        return false;
    }
}
