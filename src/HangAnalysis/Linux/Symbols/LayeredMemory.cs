using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>Memory of which some is absent, and another that may have it.</summary>
/// <param name="first">What is read.</param>
/// <param name="second">What is read from where the first has nothing.</param>
internal sealed class LayeredMemory(IMemory first, IMemory second) : IMemory
{
    /// <inheritdoc/>
    public int Read(ulong address, Span<byte> buffer)
    {
        int done = 0;
        while (done < buffer.Length)
        {
            ulong at = unchecked(address + (ulong)done);
            int got = first.Read(at, buffer[done..]);
            if (got <= 0)
            {
                // To the end of the page only: the next one may be there.
                int page = (int)Math.Min((ulong)(buffer.Length - done), 0x1000 - (at & 0xfff));
                got = second.Read(at, buffer.Slice(done, page));
            }
            if (got <= 0)
                break;
            done += Math.Min(got, buffer.Length - done);
        }
        return done;
    }
}
