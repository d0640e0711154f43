using System.Runtime.CompilerServices;
using System.Text;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Where the entries of a name may be: sorted pairs of a name's hash and a 32-bit position, eight bytes each. Names
/// themselves stay in the file; whoever looks one up compares the name at each position that comes back.
/// </summary>
internal sealed class NameIndex
{
    private readonly ulong[] _pairs;

    private NameIndex(ulong[] pairs) => _pairs = pairs;

    /// <summary>An index of nothing.</summary>
    public static NameIndex Empty { get; } = new([]);

    /// <summary>FNV-1a over the bytes of a name.</summary>
    // Runs over all names of a kernel before the JIT would optimise it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static uint Hash(ReadOnlySpan<byte> utf8)
    {
        uint hash = 2166136261;
        foreach (byte value in utf8)
            hash = (hash ^ value) * 16777619;
        return hash;
    }

    /// <summary>FNV-1a over the UTF-8 bytes of a name.</summary>
    public static uint Hash(string name)
    {
        Span<byte> small = stackalloc byte[512];
        if (name.Length > small.Length / 3)
            return Hash(Encoding.UTF8.GetBytes(name));
        return Hash(small[..Encoding.UTF8.GetBytes(name, small)]);
    }

    /// <summary>Positions whose names have this hash, in rising order.</summary>
    public Matches Find(uint hash)
    {
        int low = 0;
        int high = _pairs.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if ((uint)(_pairs[middle] >> 32) < hash)
                low = middle + 1;
            else
                high = middle;
        }

        return new Matches(_pairs, low, hash);
    }

    /// <summary>Collects pairs.</summary>
    public sealed class Builder
    {
        private readonly List<ulong> _pairs = [];

        /// <summary>Adds one entry.</summary>
        public void Add(uint hash, uint position) => _pairs.Add((ulong)hash << 32 | position);

        /// <summary>Sorts what was added.</summary>
        public NameIndex Build()
        {
            ulong[] pairs = [.. _pairs];
            Array.Sort(pairs);
            return new NameIndex(pairs);
        }
    }

    /// <summary>Walks the positions of one hash.</summary>
    public ref struct Matches(ulong[] pairs, int next, uint hash)
    {
        private int _next = next;

        /// <summary>The position reached.</summary>
        public uint Current { get; private set; }

        /// <summary>Goes to the next position.</summary>
        public bool MoveNext()
        {
            if (_next >= pairs.Length || (uint)(pairs[_next] >> 32) != hash)
                return false;
            Current = (uint)pairs[_next++];
            return true;
        }

        /// <summary>For foreach.</summary>
        public readonly Matches GetEnumerator() => this;
    }
}
