using System.Globalization;

namespace HangAnalysis.Cli.Prompting;

/// <summary>Addresses that were printed in this session, for completion.</summary>
internal sealed class SeenAddresses
{
    /// <summary>Addresses that are remembered at least.</summary>
    public const int Most = 4096;

    private const int Digits = 16;

    private readonly Dictionary<ulong, long> _turns = [];
    private long _turn;

    /// <summary>Notes the addresses in a printed text: words of sixteen hexadecimal digits.</summary>
    public void Note(string text)
    {
        int start = -1;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i < text.Length && char.IsAsciiLetterOrDigit(text[i]))
            {
                start = start < 0 ? i : start;
                continue;
            }
            if (start >= 0 && i - start == Digits && ulong.TryParse(
                text.AsSpan(start, Digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address))
                Add(address);
            start = -1;
        }
    }

    /// <summary>Addresses whose digits begin with some, or, where none does, hold them: kernel addresses begin alike.</summary>
    public List<ulong> Find(string digits)
    {
        List<(long Turn, ulong Address)> begin = [];
        List<(long Turn, ulong Address)> hold = [];
        foreach ((ulong address, long turn) in _turns)
        {
            string text = $"{address:x16}";
            if (text.StartsWith(digits, StringComparison.OrdinalIgnoreCase))
                begin.Add((turn, address));
            else if (text.Contains(digits, StringComparison.OrdinalIgnoreCase))
                hold.Add((turn, address));
        }
        List<(long Turn, ulong Address)> found = begin.Count > 0 ? begin : hold;
        found.Sort((a, b) => b.Turn.CompareTo(a.Turn));
        return found.ConvertAll(f => f.Address);
    }

    private void Add(ulong address)
    {
        _turns[address] = ++_turn;
        if (_turns.Count <= 2 * Most)
            return;
        List<KeyValuePair<ulong, long>> all = [.. _turns];
        all.Sort((a, b) => b.Value.CompareTo(a.Value));
        _turns.Clear();
        foreach ((ulong kept, long turn) in all.Take(Most))
            _turns.Add(kept, turn);
    }
}
