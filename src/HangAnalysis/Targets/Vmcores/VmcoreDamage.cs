using System.Collections;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>Why a page that the file should hold cannot be read.</summary>
internal enum PageFault
{
    /// <summary>Its entry in the page table, or its bytes, lie behind the end of the file.</summary>
    Cut,

    /// <summary>It is not what its compression makes, or not of a page's size.</summary>
    Bad,

    /// <summary>Its compression is not known.</summary>
    Unknown,
}

/// <summary>
/// What is damaged or missing in a vmcore. Lines may come while pages are read; pages are counted and not told one by one.
/// </summary>
internal sealed class VmcoreDamage : IReadOnlyList<string>
{
    /// <summary>More than this says nothing new.</summary>
    private const int MostLines = 100;

    private readonly List<string> _lines = [];
    private readonly long[] _counts = new long[3];
    private readonly ulong[] _first = new ulong[3];

    /// <inheritdoc/>
    public int Count => _lines.Count + _counts.Count(c => c > 0);

    /// <inheritdoc/>
    public string this[int index] => this.ElementAt(index);

    /// <summary>Adds a line.</summary>
    public void Add(string line)
    {
        if (_lines.Count < MostLines)
            _lines.Add(line);
    }

    /// <summary>Counts a page that cannot be read.</summary>
    public void Add(PageFault fault, ulong address)
    {
        if (_counts[(int)fault]++ == 0)
            _first[(int)fault] = address;
    }

    /// <inheritdoc/>
    public IEnumerator<string> GetEnumerator()
    {
        foreach (string line in _lines)
            yield return line;
        for (int i = 0; i < _counts.Length; i++)
            if (_counts[i] > 0)
                yield return Describe((PageFault)i, _counts[i], _first[i]);
    }

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static string Describe(PageFault fault, long count, ulong first)
    {
        string reads = count == 1 ? $"the page at 0x{first:x}" : $"{count:N0} reads of pages, the first at 0x{first:x},";
        return fault switch
        {
            PageFault.Cut => $"{reads} met the end of the file",
            PageFault.Bad => $"{reads} could not be unpacked",
            _ => $"{reads} met an unknown compression",
        };
    }
}
