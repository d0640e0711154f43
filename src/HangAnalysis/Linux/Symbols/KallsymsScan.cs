using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// Finds the tables of kallsyms where VMCOREINFO does not name them (kernels before 6.0): by the table of tokens, from
/// which the others follow.
/// </summary>
/// <remarks>
/// scripts/kallsyms.c from 4.6 to 6.1 writes: offsets, relative base, number of symbols, names, markers (the position of
/// each 256th name), tokens, index of tokens; each begins at a multiple of eight.
/// </remarks>
internal static class KallsymsScan
{
    private const int Chunk = 1024 * 1024;
    private const int Tokens = 256;
    private const int IndexBytes = Tokens * 2;
    private const int NamesPerMarker = 256;

    // A kernel with fewer symbols is none, and fewer markers could be chance.
    private const int FewestMarkers = 16;
    private const int MarkerWindow = 128 * 1024;

    // The names behind the last marker: 255 of at most 127 bytes, as they were before 6.1.
    private const int LastNames = NamesPerMarker * 128;

    // Digits are in names everywhere, so their tokens are themselves and stand in a row.
    private static ReadOnlySpan<byte> Digits => "0\01\02\03\04\05\06\07\08\09\0"u8;

    /// <summary>Searches the kernel's image from <c>_stext</c> on; null where the tables are not found.</summary>
    public static KallsymsTables? Find(IMemory memory, VmcoreInfo info)
    {
        if (!info.TryGetSymbol("_stext", out ulong start))
            return null;
        byte[] bytes = new byte[Chunk + IndexBytes * 64];
        for (ulong done = 0; done < SymbolLimits.KernelImageBytes; done += Chunk)
        {
            ulong at = unchecked(start + done);
            int got = ReadWithHoles(memory, at, bytes);
            for (int i = 0; i < Math.Min(got, Chunk); i++)
            {
                int next = bytes.AsSpan(i, got - i).IndexOf(Digits);
                if (next < 0)
                    break;
                i += next;
                if (TryFindTokens(bytes.AsSpan(0, got), i, out int table, out int index)
                    && TryFindNames(memory, unchecked(at + (ulong)(long)table), unchecked(at + (ulong)index)) is { } tables)
                    return tables;
            }
        }
        return null;
    }

    // The parts of a kernel between its code and its constants may be absent: init code is freed.
    private static int ReadWithHoles(IMemory memory, ulong address, Span<byte> bytes)
    {
        bytes.Clear();
        int done = 0;
        while (done < bytes.Length)
        {
            done += Math.Clamp(memory.Read(unchecked(address + (ulong)done), bytes[done..]), 0, bytes.Length - done);
            if (done < bytes.Length)
                done = (int)Math.Min(bytes.Length, (long)(((address + (ulong)done) | 0xfff) + 1 - address));
        }
        return bytes.Length;
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

    private static KallsymsTables? TryFindNames(IMemory memory, ulong tokenTable, ulong tokenIndex)
    {
        // Markers have four bytes since 5.0 and eight before.
        foreach (int width in (ReadOnlySpan<int>)[4, 8])
        {
            if (!TryFindMarkers(memory, tokenTable, width, out ulong markers, out uint[] positions))
                continue;
            int window = (int)positions[^1] + LastNames + 8;
            byte[] bytes = memory.ReadTable(unchecked(markers - (ulong)window), (ulong)window, SymbolLimits.NameBytes);
            if (bytes.Length < window)
                continue;
            // The number of symbols stands before the names.
            for (int at = window - (int)positions[^1] - 8; at >= 0; at -= 8)
            {
                long count = (long)((ReadOnlySpan<byte>)bytes).UInt64(at);
                bool plausible = (count + NamesPerMarker - 1) / NamesPerMarker == positions.Length;
                if (!plausible || !Fits(bytes.AsSpan(at + 8), positions, count))
                    continue;
                ulong number = unchecked(markers - (ulong)(window - at));
                ulong offsets = unchecked(number - 8 - (((ulong)count * 4 + 7) & ~7UL));
                return new KallsymsTables(number, number + 8, tokenTable, tokenIndex, offsets, number - 8);
            }
        }
        return null;
    }

    private static bool TryFindMarkers(IMemory memory, ulong tokenTable, int width, out ulong markers, out uint[] positions)
    {
        markers = 0;
        positions = [];
        byte[] bytes = memory.ReadTable(unchecked(tokenTable - MarkerWindow), MarkerWindow, MarkerWindow);
        if (bytes.Length < MarkerWindow)
            return false;
        List<uint> found = [];
        int at = MarkerWindow - width;
        // Four bytes may fill up to the next table.
        if (width == 4 && ((ReadOnlySpan<byte>)bytes).UInt32(at) == 0)
            at -= width;
        for (; at >= 0; at -= width)
        {
            ulong value = width == 4 ? ((ReadOnlySpan<byte>)bytes).UInt32(at) : ((ReadOnlySpan<byte>)bytes).UInt64(at);
            if (value > SymbolLimits.NameBytes || (found.Count > 0 && value >= found[^1]))
                return false;
            found.Add((uint)value);
            if (value == 0)
                break;
        }
        if (found.Count < FewestMarkers || found[^1] != 0)
            return false;
        found.Reverse();
        positions = [.. found];
        markers = unchecked(tokenTable - MarkerWindow + (ulong)at);
        return true;
    }

    // Proof: walking the names from here meets each marker at its 256th name, and they end where the markers begin.
    private static bool Fits(ReadOnlySpan<byte> names, uint[] positions, long count)
    {
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            if (i % NamesPerMarker == 0 && positions[i / NamesPerMarker] != at)
                return false;
            int length = at < names.Length ? names[at] : 0;
            if (length == 0)
                return false;
            at++;
            if ((length & 0x80) != 0 && at < names.Length)
                length = (length & 0x7f) | names[at++] << 7;
            at += length;
        }
        return at <= names.Length && names.Length - at < 8;
    }
}
