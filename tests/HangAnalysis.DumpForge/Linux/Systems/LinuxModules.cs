using System.Text;
using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A module: its memory, functions, variables and types.</summary>
public sealed class LinuxModule
{
    internal const int TextSize = 0x4000, DataSize = 0x4000, ReadOnlySize = 0x8000;
    private readonly LinuxMachine _machine;
    private readonly Dictionary<string, LinuxFunction> _functions = new(StringComparer.Ordinal);
    private readonly List<LinuxSymbolLine> _symbols = [];
    private ulong _textNext, _dataNext, _readOnlyNext;

    internal LinuxModule(LinuxMachine machine, string name, ulong taints)
    {
        (_machine, Name, Taints) = (machine, name, taints);
        // Up to 6.3 one piece of memory; since then one of each kind.
        Text = machine.Memory.TakeModule(machine.Layout.Is61 ? TextSize + ReadOnlySize + DataSize : TextSize);
        ReadOnly = machine.Layout.Is61 ? Text + TextSize : machine.Memory.TakeModule(ReadOnlySize);
        Data = machine.Layout.Is61 ? ReadOnly + ReadOnlySize : machine.Memory.TakeModule(DataSize);
        (_textNext, _readOnlyNext, _dataNext) = (Text, ReadOnly, Data);
        Object = machine.Object("module", TakeData(machine.Layout.SizeOf("module"), 64));
    }

    public string Name { get; }

    /// <summary>Bits of TAINT_*: 12 out of tree, 13 unsigned, 0 proprietary.</summary>
    public ulong Taints { get; }

    public LinuxObject Object { get; }

    public ulong Text { get; }

    public ulong ReadOnly { get; }

    public ulong Data { get; }

    /// <summary>Types of the module itself, for its own BTF.</summary>
    internal List<CType> Types { get; } = [];

    internal IEnumerable<LinuxFunction> Functions => _functions.Values;

    internal IReadOnlyList<LinuxSymbolLine> Symbols => _symbols;

    /// <summary>Makes a variable with a symbol.</summary>
    public LinuxObject Variable(string name, string type)
    {
        ulong at = TakeData(_machine.Layout.SizeOf(type), 32);
        _symbols.Add(new LinuxSymbolLine(name, at, 'b'));
        return _machine.Object(type, at);
    }

    /// <summary>Makes bytes with a symbol, as a table of operations is.</summary>
    public ulong Bytes(string name, int size)
    {
        ulong at = TakeData(size, 32);
        _symbols.Add(new LinuxSymbolLine(name, at, 'd'));
        return at;
    }

    internal LinuxFunction Function(string name)
    {
        if (_functions.TryGetValue(name, out LinuxFunction? known))
            return known;
        ulong at = Take(ref _textNext, 0x200, 16, Text + TextSize);
        LinuxFunction function = LinuxText.Make(name, Name, at, _machine.Layout);
        _symbols.Add(new LinuxSymbolLine(name, at, 't'));
        return _functions[name] = function;
    }

    internal ulong TakeReadOnly(int size, int alignment = 8) => 
        Take(ref _readOnlyNext, size, alignment, ReadOnly + ReadOnlySize);

    private ulong TakeData(int size, int alignment) => Take(ref _dataNext, size, alignment, Data + DataSize);

    private ulong Take(ref ulong next, int size, int alignment, ulong end)
    {
        ulong at = (next + (ulong)alignment - 1) / (ulong)alignment * (ulong)alignment;
        next = at + (ulong)size;
        return next <= end ? at : throw new InvalidOperationException($"module {Name} is full");
    }
}

/// <summary>The list of modules with their kallsyms, unwind data and split BTF.</summary>
public sealed class LinuxModules
{
    private readonly LinuxMachine _machine;
    private readonly Dictionary<string, LinuxModule> _all = new(StringComparer.Ordinal);

    internal LinuxModules(LinuxMachine machine) => _machine = machine;

    public IEnumerable<LinuxModule> All => _all.Values;

    public LinuxModule Add(string name, ulong taints = 0) => _all[name] = new LinuxModule(_machine, name, taints);

    public LinuxModule Find(string name) => _all[name];

    internal void Complete(BtfBuilder? kernel)
    {
        ulong head = _machine.Data("modules", 16, 16), btfHead = _machine.Data("btf_modules", 16, 16, 'd');
        _machine.Memory.Space.InitializeList(head);
        _machine.Memory.Space.InitializeList(btfHead);
        foreach (LinuxModule module in _all.Values)
        {
            module.Object.Text("name", module.Name).Set("state", 0ul).Set("taints", module.Taints).Set("refcnt", 1)
                .Set("version", _machine.String("1.0.3")).AppendTo(head, "list");
            WriteMemories(module);
            if (_machine.Options.HasOrc)
                WriteOrc(module);
            WriteSymbols(module);
            if (kernel is not null)
                WriteBtf(module, kernel, btfHead);
        }
    }

    private void WriteMemories(LinuxModule module)
    {
        foreach (LinuxFunction function in module.Functions)
            _machine.Memory.Space.Write(function.Address, function.Bytes());
        if (_machine.Layout.Is61)
            module.Object.Set("core_layout.base", module.Text)
                .Set("core_layout.size", LinuxModule.TextSize + LinuxModule.ReadOnlySize + LinuxModule.DataSize)
                .Set("core_layout.text_size", LinuxModule.TextSize)
                .Set("core_layout.ro_size", LinuxModule.TextSize + LinuxModule.ReadOnlySize);
        else
            module.Object.Set("mem[0].base", module.Text).Set("mem[0].size", LinuxModule.TextSize)
                .Set("mem[1].base", module.Data).Set("mem[1].size", LinuxModule.DataSize)
                .Set("mem[2].base", module.ReadOnly).Set("mem[2].size", LinuxModule.ReadOnlySize);
    }

    private void WriteOrc(LinuxModule module)
    {
        List<OrcLine> lines = OrcTables.Lines(module.Functions, module.Text + LinuxModule.TextSize);
        ulong ips = module.TakeReadOnly(4 * lines.Count), entries = module.TakeReadOnly(6 * lines.Count);
        OrcTables.Write(_machine, lines, ips, entries);
        module.Object.Set("arch.num_orcs", lines.Count).Set("arch.orc_unwind_ip", ips).Set("arch.orc_unwind", entries);
    }

    private void WriteSymbols(LinuxModule module)
    {
        // The first symbol of ELF is empty; a section's and a file's are left in while a module initialises.
        ByteWriter symbols = new(), text = new ByteWriter().U8(0), kinds = new ByteWriter().U8(0);
        symbols.Zero(24).U32(0).U8(3).U8(0).U16(1).U64(module.Text).U64(0);
        kinds.U8((byte)'t');
        foreach (LinuxSymbolLine symbol in module.Symbols.OrderBy(symbol => symbol.Address))
        {
            bool isText = symbol.Kind == 't';
            symbols.U32(text.Length).U8((byte)(isText ? 2 : 1)).U8(0).U16(isText ? 2 : 6).U64(symbol.Address).U64(0x40);
            text.Bytes(Encoding.UTF8.GetBytes(symbol.Name)).U8(0);
            kinds.U8((byte)symbol.Kind);
        }
        ulong table = Put(module, symbols), strings = Put(module, text), types = Put(module, kinds);
        module.Object.Set("kallsyms", module.Object.At("core_kallsyms"));
        module.Object.Inner("core_kallsyms", "mod_kallsyms").Set("symtab", table).Set("num_symtab", symbols.Length / 24)
            .Set("strtab", strings).Set("typetab", types);
    }

    private void WriteBtf(LinuxModule module, BtfBuilder kernel, ulong head)
    {
        IEnumerable<CType> shared = _machine.Layout.Types.Values.Where(type => type.Module == module.Name);
        List<CType> types = [.. shared.Concat(module.Types)];
        if (types.Count == 0)
            return;
        BtfBuilder btf = new(kernel);
        foreach (CType type in types)
            btf.Add(type);
        byte[] bytes = btf.ToBytes();
        ulong data = _machine.Memory.Allocate(bytes.Length, 64);
        _machine.Memory.Space.Write(data, bytes);
        LinuxObject own = _machine.New("btf").Set("data", data).Set("data_size", bytes.Length).Set("start_id", btf.StartId)
            .Set("start_str_off", btf.TextStart).Text("name", module.Name).Set("kernel_btf", 1)
            .Set("nr_types", btf.NextId - btf.StartId);
        _machine.New("btf_module").Set("module", module.Object).Set("btf", own).AppendTo(head, "list");
        module.Object.Set("btf_data", data).Set("btf_data_size", bytes.Length);
    }

    private ulong Put(LinuxModule module, ByteWriter bytes)
    {
        ulong at = module.TakeReadOnly(bytes.Length);
        _machine.Memory.Space.Write(at, bytes.Written);
        return at;
    }
}
