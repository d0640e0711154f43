using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>Where struct module has what; from BTF.</summary>
internal sealed class ModuleLayout
{
    // MODULE_NAME_LEN is 56; the member itself tells.
    private const int LongestName = 256;

    private readonly int _name;
    private readonly int _nameBytes;
    private readonly List<Part> _parts = [];
    private readonly BtfMember? _state;
    private readonly BtfMember? _taints;
    private readonly BtfMember? _version;
    private readonly BtfMember? _parameters;
    private readonly BtfMember? _symbols;
    private readonly BtfMember? _orcAddresses;
    private readonly BtfMember? _orcEntries;
    private readonly BtfMember? _orcCount;

    private ModuleLayout(Btf types, BtfStruct module, int list, int name)
    {
        Size = module.Size;
        List = list;
        _name = name;
        _nameBytes = Math.Clamp(types.SizeOf("module", "name") ?? 0, 1, LongestName);
        _state = types.FindMember("module", "state");
        _taints = types.FindMember("module", "taints");
        _version = types.FindMember("module", "version");
        _parameters = types.FindMember("module", "num_kp");
        _symbols = types.FindMember("module", "kallsyms");
        _orcAddresses = types.FindMember("module", "arch.orc_unwind_ip");
        _orcEntries = types.FindMember("module", "arch.orc_unwind");
        _orcCount = types.FindMember("module", "arch.num_orcs");
        AddParts(types);
    }

    /// <summary>Bytes of a struct module.</summary>
    public int Size { get; }

    /// <summary>Offset of its link in the list.</summary>
    public int List { get; }

    /// <summary>The layout; null where BTF has none, or a size that no kernel has.</summary>
    public static ModuleLayout? From(Btf types) =>
        types.FindStruct("module") is { Size: > 0 and <= Limits.StructureBytes } module
        && types.OffsetOf("module", "list") is int list && types.OffsetOf("module", "name") is int name
            ? new ModuleLayout(types, module, list, name)
            : null;

    /// <summary>Makes a module of the bytes of its struct.</summary>
    public LinuxModule Read(IMemory memory, Btf types, OrcFormat? format, ulong address, ReadOnlySpan<byte> bytes)
    {
        List<LinuxModuleRange> ranges = [];
        foreach (Part part in _parts)
        {
            ulong start = Value(bytes, part.Start, 8);
            uint size = (uint)Value(bytes, part.Size, 4);
            uint text = part.TextSize < 0 ? 0 : Math.Min((uint)Value(bytes, part.TextSize, 4), size);
            // Before 6.4 one area held code and data, the code first.
            if (text > 0)
                Add(ranges, start, text, true, part.IsInit);
            Add(ranges, start + text, size - text, part.IsText, part.IsInit);
        }
        // Before 6.4 all parts are in place with the code first; since, mem[] begins with it as well.
        ulong version = Value(bytes, _version, 8);
        uint orcs = (uint)Value(bytes, _orcCount, 4);
        return new LinuxModule(memory, types, NameIn(bytes), address, ranges)
        {
            State = _state is not null && Value(bytes, _state, 4) is ulong state and <= 3 ? (LinuxModuleState)state : null,
            Taints = TaintFlags.Letters(Value(bytes, _taints, 8)),
            Version = version == 0 ? null : memory.ReadText(version, SymbolLimits.Name),
            Parameters = _parameters is null ? null : (int)Math.Min(Value(bytes, _parameters, 4), int.MaxValue),
            SymbolTableAddress = Value(bytes, _symbols, 8),
            Orc = format is null || orcs == 0 ? null : new OrcTable(
                memory, format, Value(bytes, _orcAddresses, 8), Value(bytes, _orcEntries, 8), orcs),
        };
    }

    // include/linux/module.h: since 6.4 mem[] has a part for each mod_mem_type; before, core_layout and init_layout (4.5).
    private void AddParts(Btf types)
    {
        if (types.OffsetOf("module", "mem") is int memories && types.SizeOf("module_memory") is int step
            && types.OffsetOf("module_memory", "base") is int start && types.OffsetOf("module_memory", "size") is int size)
        {
            long initText = types.FindEnumValue("MOD_INIT_TEXT", "mod_mem_type") ?? 4;
            long text = types.FindEnumValue("MOD_TEXT", "mod_mem_type") ?? 0;
            int count = Math.Clamp(types.CountOf("module", "mem") ?? 7, 1, 16);
            for (int i = 0; i < count; i++)
            {
                int at = memories + i * step;
                _parts.Add(new Part(at + start, at + size, -1, i == text || i == initText, i >= initText));
            }
            return;
        }
        foreach (string name in (ReadOnlySpan<string>)["core_layout", "init_layout"])
        {
            int text = types.OffsetOf("module", $"{name}.text_size") ?? -1;
            if (types.OffsetOf("module", $"{name}.base") is int from
                && types.OffsetOf("module", $"{name}.size") is int bytes)
                _parts.Add(new Part(from, bytes, text, false, name == "init_layout"));
        }
    }

    private string NameIn(ReadOnlySpan<byte> bytes) =>
        _name >= bytes.Length ? "" : BulkReading.TextOf(bytes.Slice(_name, Math.Min(_nameBytes, bytes.Length - _name)));

    private static void Add(List<LinuxModuleRange> ranges, ulong start, uint size, bool text, bool init)
    {
        if (start != 0 && size != 0 && start + size > start)
            ranges.Add(new LinuxModuleRange(start, size, text, init));
    }

    private static ulong Value(ReadOnlySpan<byte> bytes, BtfMember? member, int size) =>
        member is { } known ? Value(bytes, known.Offset, size) : 0;

    private static ulong Value(ReadOnlySpan<byte> bytes, int offset, int size)
    {
        if (offset < 0 || offset + size > bytes.Length)
            return 0;
        return size == 4 ? bytes.UInt32(offset) : bytes.UInt64(offset);
    }

    private readonly record struct Part(int Start, int Size, int TextSize, bool IsText, bool IsInit);
}
