using System.Globalization;
using System.Text.RegularExpressions;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>What llvm-pdbutil says about a PDB.</summary>
internal sealed partial class PdbDump
{
    private static readonly Dictionary<uint, int> s_simpleSizes = new()
    {
        [0x03] = 0, [0x10] = 1, [0x20] = 1, [0x70] = 1, [0x30] = 1, [0x71] = 2, [0x11] = 2, [0x21] = 2, [0x12] = 4,
        [0x22] = 4, [0x74] = 4, [0x75] = 4, [0x13] = 8, [0x23] = 8, [0x40] = 4, [0x41] = 8,
    };

    private PdbDump() { }

    public static PdbDump Sample => s_sample.Value;

    /// <summary>What llvm-pdbutil says about the forge's PDB of a kernel.</summary>
    public static PdbDump Forged => s_forged.Value;

    private static readonly Lazy<PdbDump> s_sample = new(() => Read(Toolchain.SamplePdb));
    private static readonly Lazy<PdbDump> s_forged = new(() => Read(ForgedPdb.Path));

    public Dictionary<uint, Record> Types { get; } = [];

    public List<Symbol> Publics { get; } = [];

    public List<Symbol> Privates { get; } = [];

    public List<(uint Start, uint Size)> Sections { get; } = [];

    public Guid Guid { get; private set; }

    public uint Age { get; private set; }

    /// <summary>Size of a type, from its record and those that it names.</summary>
    public int SizeOf(uint index)
    {
        if (index < 0x1000)
            return (index & 0xf00) == 0x600 ? 8 : s_simpleSizes[index];
        Record record = Types[index];
        string text = record.Text;
        return record.Leaf switch
        {
            "LF_POINTER" => 8,
            "LF_BITFIELD" => SizeOf(Hex(text, @"type = 0x(\w+)")),
            "LF_MODIFIER" => SizeOf(Hex(text, @"referent = 0x(\w+)")),
            "LF_ARRAY" => Number(text, @"size: (\d+)"),
            "LF_ENUM" => SizeOf(Hex(text, @"underlying type: 0x(\w+)")),
            _ when record.IsForward => ForwardTarget(text) is { } target ? SizeOf(target) : 0,
            _ => Number(text, @"sizeof (\d+)"),
        };
    }

    public uint Rva(Symbol symbol) => Sections[symbol.Section - 1].Start + symbol.Offset;

    private static uint? ForwardTarget(string text)
    {
        Match match = Regex.Match(text, @"forward ref \(-> 0x(\w+)\)");
        return match.Success ? uint.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber) : null;
    }

    public static uint Hex(string text, string pattern) =>
        uint.Parse(Regex.Match(text, pattern).Groups[1].ValueSpan, NumberStyles.HexNumber);

    public static int Number(string text, string pattern) =>
        int.Parse(Regex.Match(text, pattern).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    private static PdbDump Read(string pdb)
    {
        string text = Toolchain.Run("llvm-pdbutil-19", null, "dump", "--types", "--publics", "--globals", "--symbols",
            "--section-headers", "--summary", pdb);
        PdbDump dump = new();
        // The identifiers of the IPI stream look like types and come after them; this dump does not ask for them.
        foreach (Match match in TypeRecord().Matches(text))
        {
            uint index = uint.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber);
            dump.Types.TryAdd(index, new Record(match.Groups[2].Value, match.Groups[3].Value, match.Value));
        }

        foreach (Match match in PublicRecord().Matches(text))
            dump.Publics.Add(SymbolOf(match));
        foreach (Match match in PrivateRecord().Matches(text))
            dump.Privates.Add(SymbolOf(match));
        foreach (Match match in SectionHeader().Matches(text))
            dump.Sections.Add((uint.Parse(match.Groups[2].ValueSpan, NumberStyles.HexNumber),
                uint.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber)));
        dump.Guid = Guid.Parse(Regex.Match(text, @"GUID: (\{[^}]*\})").Groups[1].Value);
        dump.Age = (uint)Number(text, @"  Age: (\d+)");
        return dump;
    }

    private static Symbol SymbolOf(Match match) => new(
        match.Groups[1].Value, ushort.Parse(match.Groups[2].ValueSpan), uint.Parse(match.Groups[3].ValueSpan));

    [GeneratedRegex(
        @"^ +0x([0-9A-F]+) \| (LF_\w+) \[size = \d+\](?: `(.*)`)?\n(?:           .*\n)*", RegexOptions.Multiline)]
    private static partial Regex TypeRecord();

    [GeneratedRegex(@"S_PUB32 \[size = \d+\] `(.*)`\n +flags = .*, addr = (\d+):(\d+)")]
    private static partial Regex PublicRecord();

    [GeneratedRegex(@"S_[GL]PROC32(?:_ID)? \[size = \d+\] `(.*)`\n +parent = .*addr = (\d+):(\d+)")]
    private static partial Regex PrivateRecord();

    [GeneratedRegex(@"SECTION HEADER #.*\n.*\n +(\w+) virtual size\n +(\w+) virtual address")]
    private static partial Regex SectionHeader();

    public sealed record Record(string Leaf, string Name, string Text)
    {
        public bool IsForward => Text.Contains("forward ref", StringComparison.Ordinal);

        public bool IsStructure => Leaf is "LF_STRUCTURE" or "LF_CLASS" or "LF_UNION";
    }

    public readonly record struct Symbol(string Name, ushort Section, uint Offset);
}
