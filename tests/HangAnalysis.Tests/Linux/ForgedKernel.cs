using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// A kernel of functions of 256 bytes each with one ORC entry, described by kallsyms and BTF of its own.
/// </summary>
/// <param name="isNew">Whether ORC entries are those of 6.4 and later, else those of 6.1.</param>
internal sealed class ForgedKernel(bool isNew)
{
    public const ulong Text = 0xffffffff81000000;
    public const ulong Stack = 0xffffc90000010000;

    private const ulong Tables = 0xffffffff82000000;
    private const ulong Types = 0xffffffff83000000;
    private const ulong Distances = 0xffffffff84000000;
    private const ulong Entries = 0xffffffff85000000;
    private const ulong Variables = 0xffffffff86000000;

    private readonly List<(string Name, ulong Entry)> _functions = [];
    private readonly List<(ulong Address, string Name)> _variables = [];

    public SparseMemory Memory { get; } = new();

    public ForgedBtf Btf { get; } = new();

    public bool IsUnsorted { get; init; }

    /// <summary>Types of ORC_TYPE_*: their numbers changed with 6.4.</summary>
    public static ulong TypeOf(OrcType type, bool isNew) => (type, isNew) switch
    {
        (OrcType.Undefined, _) or (OrcType.Call, false) => 0,
        (OrcType.End, true) or (OrcType.Registers, false) => 1,
        (OrcType.Call, true) or (OrcType.PartialRegisters, false) => 2,
        (OrcType.Registers, true) => 3,
        (OrcType.PartialRegisters, true) => 4,
        _ => 0,
    };

    /// <summary>Adds a function with its entry: arch/x86/include/asm/orc_types.h of 6.1 and of 6.12.</summary>
    public ulong Function(
        string name, OrcType type, int spRegister = 5, int spOffset = 8, int bpRegister = 0, int bpOffset = 0,
        bool signal = false)
    {
        ulong entry = (ushort)spOffset | (ulong)(ushort)bpOffset << 16 | (ulong)spRegister << 32 | (ulong)bpRegister << 36
            | TypeOf(type, isNew) << 40;
        if (type is OrcType.End or OrcType.Undefined && !isNew)
            entry &= 0xffff_fff0_ffff_ffff;
        if (!isNew && type == OrcType.End)
            entry |= 1UL << 42;
        if (isNew && signal)
            entry |= 1UL << 43;
        _functions.Add((name, entry));
        return Text + (ulong)_functions.Count * 0x100;
    }

    public ulong Variable(string name, params ReadOnlySpan<ulong> words)
    {
        ulong address = Variables + (ulong)_variables.Count * 0x100;
        _variables.Add((address, name));
        Memory.PutWords(address, words);
        return address;
    }

    public KernelSymbols Read(VmlinuxFile? vmlinux = null) => KernelSymbols.Read(Memory, Write(), vmlinux);

    public VmcoreInfo Write(bool withTypes = true)
    {
        ForgedKallsyms names = new(Text, true);
        names.Add(Text, 'T', "_stext");
        for (int i = 0; i < _functions.Count; i++)
        {
            ulong address = Text + (ulong)(i + 1) * 0x100;
            names.Add(address, 't', _functions[i].Name);
            ulong at = Distances + (ulong)i * 4;
            ulong target = IsUnsorted ? Text + (ulong)(i * 7 % 5 + 1) * 0x100 : address;
            Memory.Put(at, BitConverter.GetBytes((int)(long)(target - at)));
            Memory.Put(Entries + (ulong)i * 6, BitConverter.GetBytes(_functions[i].Entry).AsSpan(0, 6));
        }
        if (withTypes)
        {
            AddTypes();
            byte[] types = Btf.Build();
            Memory.Put(Types, types);
            names.Add(Types, 'R', "__start_BTF").Add(Types + (ulong)types.Length, 'R', "__stop_BTF");
        }
        names.Add(Distances, 'R', "__start_orc_unwind_ip")
            .Add(Distances + (ulong)_functions.Count * 4, 'R', "__stop_orc_unwind_ip")
            .Add(Entries, 'R', "__start_orc_unwind");
        foreach ((ulong address, string name) in _variables)
            names.Add(address, 'D', name);
        return names.Write(Memory, Tables);
    }

    private void AddTypes()
    {
        uint half = Btf.Int("short int", 2);
        uint word = Btf.Int("unsigned int", 4);
        uint wide = Btf.Int("unsigned long", 8);
        List<(string, uint, uint)> fields =
        [
            ("sp_offset", half, 0), ("bp_offset", half, 16), ("sp_reg", word, 4 << 24 | 32), ("bp_reg", word, 4 << 24 | 36),
            ("type", word, (isNew ? 3u : 2) << 24 | 40),
        ];
        fields.Add(isNew ? ("signal", word, 1u << 24 | 43) : ("end", word, 1u << 24 | 42));
        Btf.BitStruct("orc_entry", 6, [.. fields]);
        Btf.Struct("inactive_task_frame", 56, ("bp", wide, 40), ("ret_addr", wide, 48));
        Btf.Union("thread_union", 0x4000, ("stack", Btf.Array(wide, 0x800), 0));
    }
}
