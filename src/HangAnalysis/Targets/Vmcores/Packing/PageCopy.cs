namespace HangAnalysis.Targets.Vmcores.Packing;

/// <summary>What all decoders of pages do: copy bytes that were unpacked before.</summary>
internal static class PageCopy
{
    /// <summary>
    /// Copies <paramref name="length"/> bytes from <paramref name="distance"/> bytes before the end of what is done; they
    /// may overlap, which repeats them. False where they lie before the page or do not fit.
    /// </summary>
    public static bool TryCopyMatch(Span<byte> target, ref int done, int distance, int length)
    {
        if (distance <= 0 || distance > done || length > target.Length - done)
            return false;
        Span<byte> rest = target.Slice(done, length);
        ReadOnlySpan<byte> from = target[(done - distance)..];
        if (distance == 1)
            rest.Fill(from[0]);
        else if (distance >= length)
            from[..length].CopyTo(rest);
        else
            for (int i = 0; i < rest.Length; i++)
                rest[i] = from[i];
        done += length;
        return true;
    }
}
