using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The modules that are loaded, in the order of the kernel's list: the last one loaded first.</summary>
public sealed class LinuxModules
{
    private readonly List<LinuxModule> _modules;
    private readonly ulong[] _starts;
    private readonly LinuxModule[] _owners;
    private readonly uint[] _sizes;

    private LinuxModules(List<LinuxModule> modules)
    {
        _modules = modules;
        List<(ulong Start, uint Size, LinuxModule Owner)> ranges = [];
        foreach (LinuxModule module in modules)
            foreach (LinuxModuleRange range in module.Ranges)
                ranges.Add((range.Start, range.Size, module));
        ranges.Sort(static (left, right) => left.Start.CompareTo(right.Start));
        _starts = new ulong[ranges.Count];
        _sizes = new uint[ranges.Count];
        _owners = new LinuxModule[ranges.Count];
        for (int i = 0; i < ranges.Count; i++)
            (_starts[i], _sizes[i], _owners[i]) = ranges[i];
    }

    /// <summary>All modules.</summary>
    public IReadOnlyList<LinuxModule> All => _modules;

    /// <summary>No modules.</summary>
    internal static LinuxModules Empty { get; } = new([]);

    /// <summary>The module in whose memory an address lies, or null.</summary>
    public LinuxModule? FindByAddress(ulong address)
    {
        int index = BulkReading.LastNotAbove(_starts, address);
        return index >= 0 && address - _starts[index] < _sizes[index] ? _owners[index] : null;
    }

    /// <summary>The module of a name, or null.</summary>
    public LinuxModule? Find(string name)
    {
        foreach (LinuxModule module in _modules)
            if (module.Name == name)
                return module;
        return null;
    }

    /// <summary>The module whose struct module is at an address, or null.</summary>
    internal LinuxModule? FindByStruct(ulong address)
    {
        foreach (LinuxModule module in _modules)
            if (module.Address == address)
                return module;
        return null;
    }

    /// <summary>Walks the list <c>modules</c>.</summary>
    /// <param name="memory">Memory of the kernel.</param>
    /// <param name="names">For the head of the list.</param>
    /// <param name="types">Layout of struct module.</param>
    /// <param name="format">Layout of unwind data; null where there is none.</param>
    /// <param name="why">What could not be read; empty where all could.</param>
    internal static LinuxModules Read(IMemory memory, Kallsyms names, Btf types, OrcFormat? format, out string why)
    {
        why = "";
        if (names.Count == 0)
            why = "without kallsyms they cannot be found";
        else if (names.Find("modules") is not ulong head)
            why = "kallsyms has no list of modules";
        else if (ModuleLayout.From(types) is not { } layout)
            why = "there is no struct module in BTF";
        else
            return Walk(memory, types, layout, format, head, out why);
        return Empty;
    }

    private static LinuxModules Walk(
        IMemory memory, Btf types, ModuleLayout layout, OrcFormat? format, ulong head, out string why)
    {
        why = "";
        List<LinuxModule> modules = [];
        HashSet<ulong> seen = [];
        byte[] bytes = new byte[layout.Size];
        ulong at = head;
        while (true)
        {
            if (!memory.TryReadUInt64(at, out ulong next))
                why = $"the list of modules breaks off behind {modules.Count}";
            if (why.Length > 0 || next == head)
                break;
            at = next;
            if (!seen.Add(at) || modules.Count == SymbolLimits.Modules)
            {
                why = "the list of modules does not end";
                break;
            }
            ulong address = unchecked(at - (ulong)layout.List);
            if (!memory.TryRead(address, bytes))
            {
                why = $"the module at {address:x} is not in the dump";
                break;
            }
            modules.Add(layout.Read(memory, types, format, address, bytes));
        }
        return new LinuxModules(modules);
    }
}
