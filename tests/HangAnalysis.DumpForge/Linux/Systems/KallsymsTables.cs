namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>
/// The tables of scripts/kallsyms.c: names as numbers of tokens, with lengths of two bytes from 128 tokens on (since 6.1),
/// and addresses as offsets with CONFIG_KALLSYMS_ABSOLUTE_PERCPU.
/// </summary>
public sealed class KallsymsTables
{
    private static readonly string[] s_common =
    [
        "__", "mutex", "lock", "_wait", "queue", "tion", "_task", "sched", "read", "write", "init", "work", "_sys_", "__x64",
        "page", "folio", "rw", "sem", "user", "kernel", "irq", "rcu_", "struct", "_for_", "percpu", "_fn", "pfx_",
            "do_", "un",
        "er", "in", "on", "st", "ti", "re", "de", "_s", "_d", "_p", "le", "or", "ed", "te", "se", "al", "it", "at",
            "ar", "ro",
    ];

    private readonly string[] _tokens = new string[256];
    private readonly Dictionary<string, byte> _byText = new(StringComparer.Ordinal);

    /// <param name="symbols">By address.</param>
    /// <param name="isRelative">All addresses are distances from the first (x86 since 6.15).</param>
    public KallsymsTables(IReadOnlyList<LinuxSymbolLine> symbols, bool isRelative)
    {
        HashSet<char> letters = [.. symbols.SelectMany(symbol => symbol.Kind + symbol.Name)];
        foreach (char letter in letters)
            Set((byte)letter, letter.ToString());
        int next = 0;
        foreach (string text in s_common)
        {
            while (next < 256 && _tokens[next] is not null)
                next++;
            Set((byte)next, text);
        }
        for (int i = 0; i < 256; i++)
            _tokens[i] ??= "";
        Count = symbols.Count;
        RelativeBase = symbols.First(symbol => symbol.Address >> 63 != 0).Address;
        foreach (LinuxSymbolLine symbol in symbols)
        {
            if (Offsets.Length / 4 % 256 == 0)
                Markers.U32(Names.Length);
            WriteName(symbol.Kind + symbol.Name);
            // Relative to the base: negative, so that 0 and up can be absolute (kallsyms_sym_address()).
            long offset = isRelative ? (long)(symbol.Address - RelativeBase)
                : symbol.Address >> 63 == 0 ? (long)symbol.Address : (long)(RelativeBase - 1 - symbol.Address);
            Offsets.U32(offset);
        }
        foreach (string token in _tokens)
        {
            TokenIndex.U16(TokenTable.Length);
            TokenTable.Text(token);
        }
    }

    public int Count { get; }

    public ulong RelativeBase { get; }

    public ByteWriter Names { get; } = new();

    public ByteWriter Offsets { get; } = new();

    /// <summary>Where each 256th name begins.</summary>
    public ByteWriter Markers { get; } = new();

    public ByteWriter TokenTable { get; } = new();

    public ByteWriter TokenIndex { get; } = new();

    private void Set(byte index, string text)
    {
        _tokens[index] = text;
        _byText[text] = index;
    }

    private void WriteName(string text)
    {
        List<byte> tokens = [];
        for (int at = 0; at < text.Length;)
        {
            int length = Math.Min(8, text.Length - at);
            byte token;
            while (!_byText.TryGetValue(text.Substring(at, length), out token))
                length--;
            tokens.Add(token);
            at += length;
        }
        if (tokens.Count > 127)
            Names.U8((byte)(tokens.Count & 0x7f | 0x80)).U8((byte)(tokens.Count >> 7));
        else
            Names.U8((byte)tokens.Count);
        Names.Bytes(tokens.ToArray());
    }
}
