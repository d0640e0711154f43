using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// Finds the tables of kallsyms where VMCOREINFO does not name them (kernels before 6.0): by the table of tokens, from
/// which the others follow.
/// </summary>
/// <remarks>
/// scripts/kallsyms.c from 4.6 to 6.1 writes: offsets, relative base, number of symbols, names, markers (the position of
/// each 256th name), tokens, index of tokens; each begins at a multiple of eight. Since 6.2 the order of names stands before
/// the tokens.
/// </remarks>
internal static class KallsymsScan
{
    private const int Chunk = 1024 * 1024;
    private const int Tokens = 256;
    private const int IndexBytes = Tokens * 2;
    private const int NamesPerMarker = 256;
    private const int MostBytesPerMarker = NamesPerMarker * (SymbolLimits.CompressedName + 2);

    // A kernel with fewer symbols is none, and fewer markers could be chance.
    private const int FewestMarkers = 16;

    // Places that look like the tables and are not them; a real kernel has none.
    private const int MostTries = 16;

    // Names, markers and what is between them and the tokens: 3 MB for 200,000 symbols.
    private const int Window = 12 * 1024 * 1024;

    // Digits are in names everywhere, so their tokens are themselves and stand in a row.
    private static ReadOnlySpan<byte> Digits => "0\01\02\03\04\05\06\07\08\09\0"u8;

    /// <summary>Searches the kernel's image from <c>_stext</c> on; null where the tables are not found.</summary>
    public static KallsymsTables? Find(IMemory memory, VmcoreInfo info)
    {
        if (!info.TryGetSymbol("_stext", out ulong start))
            return null;
        byte[] bytes = new byte[Chunk + IndexBytes * 64];
        int tries = 0;
        for (ulong done = 0; done < SymbolLimits.KernelImageBytes; done += Chunk)
        {
            ulong at = unchecked(start + done);
            ReadWithHoles(memory, at, bytes);
            for (int i = 0; i < Chunk; i++)
            {
                int next = bytes.AsSpan(i).IndexOf(Digits);
                if (next < 0 || ++tries > MostTries)
                    break;
                i += next;
                if (!TryFindTokens(bytes, i, out int table, out int index))
                    continue;
                ulong tokenTable = unchecked(at + (ulong)(long)table);
                if (tokenTable > start && TryFindNames(memory, tokenTable, at + (ulong)index, start) is { } tables)
                    return tables;
            }
        }
        return null;
    }

    // The parts of a kernel between its code and its constants may be absent: init code is freed.
    private static void ReadWithHoles(IMemory memory, ulong address, Span<byte> bytes)
    {
        bytes.Clear();
        int done = 0;
        while (done < bytes.Length)
        {
            done += Math.Clamp(memory.Read(unchecked(address + (ulong)done), bytes[done..]), 0, bytes.Length - done);
            if (done < bytes.Length)
                done = (int)Math.Min(bytes.Length, (long)(((address + (ulong)done) | 0xfff) + 1 - address));
        }
    }

    // The index follows the tokens: 256 rising positions, the first 0, and those of the digits two apart.
    private static bool TryFindTokens(ReadOnlySpan<byte> bytes, int zero, out int table, out int index)
    {
        table = 0;
        int last = Math.Min(bytes.Length - IndexBytes, zero + IndexBytes * 32);
        for (index = (zero + 7) & ~7; index <= last; index += 8)
        {
            if (Position(bytes, index, 0) != 0 || Position(bytes, index, '9') - Position(bytes, index, '0') != 18)
                continue;
            int token = 1;
            while (token < Tokens && Position(bytes, index, token) > Position(bytes, index, token - 1))
                token++;
            table = zero - Position(bytes, index, '0');
            if (token == Tokens)
                return true;
        }
        return false;
    }

    private static int Position(ReadOnlySpan<byte> bytes, int index, int token) =>
        bytes[index + token * 2] | bytes[index + token * 2 + 1] << 8;

    private static KallsymsTables? TryFindNames(IMemory memory, ulong tokenTable, ulong tokenIndex, ulong lowest)
    {
        byte[] bytes = new byte[(int)Math.Min(Window, tokenTable - lowest) & ~7];
        ulong start = tokenTable - (ulong)bytes.Length;
        ReadWithHoles(memory, start, bytes);
        // Markers have four bytes since 5.0 and eight before.
        foreach (int width in (ReadOnlySpan<int>)[4, 8])
        {
            int tries = 0;
            for (int markers = bytes.Length - FewestMarkers * width & ~7; markers > 0 && tries < MostTries; markers -= 8)
            {
                if (!AreMarkers(bytes.AsSpan(markers), width))
                    continue;
                tries++;
                if (!TryFindCount(bytes, markers, width, out int number, out uint count))
                    continue;
                ulong at = start + (ulong)number;
                ulong offsets = unchecked(at - 8 - (((ulong)count * 4 + 7) & ~7UL));
                return new KallsymsTables(at, at + 8, tokenTable, tokenIndex, offsets, at - 8);
            }
        }
        return null;
    }

    private static bool AreMarkers(ReadOnlySpan<byte> bytes, int width)
    {
        if (bytes.UInt64(0) << (width == 4 ? 32 : 0) != 0)
            return false;
        for (int i = 1; i < FewestMarkers; i++)
        {
            // A name takes two bytes at least.
            ulong step = MarkerAt(bytes, i, width) - MarkerAt(bytes, i - 1, width);
            if (step is < NamesPerMarker * 2 or > MostBytesPerMarker)
                return false;
        }
        return true;
    }

    private static ulong MarkerAt(ReadOnlySpan<byte> bytes, long index, int width)
    {
        if ((index + 1) * width > bytes.Length)
            return ulong.MaxValue;
        return width == 4 ? bytes.UInt32((int)index * width) : bytes.UInt64((int)index * width);
    }

    // The number of symbols stands before the names, and the names before the markers.
    private static bool TryFindCount(ReadOnlySpan<byte> bytes, int markers, int width, out int number, out uint count)
    {
        count = 0;
        for (number = markers - 16; number >= 0; number -= 8)
        {
            ulong value = bytes.UInt64(number);
            if (value is < (FewestMarkers - 1) * NamesPerMarker or > SymbolLimits.Symbols)
                continue;
            count = (uint)value;
            ulong last = MarkerAt(bytes[markers..], (count - 1) / NamesPerMarker, width);
            ulong length = (ulong)(markers - number - 8);
            if (last < length && length - last <= MostBytesPerMarker
                && Fits(bytes[(number + 8)..markers], bytes[markers..], width, count))
                return true;
        }
        return false;
    }

    // Proof: walking the names from here meets each marker at its 256th name, and they end where the markers begin.
    private static bool Fits(ReadOnlySpan<byte> names, ReadOnlySpan<byte> markers, int width, uint count)
    {
        int at = 0;
        for (uint i = 0; i < count; i++)
        {
            if (i % NamesPerMarker == 0 && MarkerAt(markers, i / NamesPerMarker, width) != (ulong)at)
                return false;
            if (!KallsymsNames.TryGetRecord(names, at, out int start, out int length))
                return false;
            at = start + length;
        }
        return names.Length - at < 8;
    }
}
