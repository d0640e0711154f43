using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>The kernel and its modules as reports show them, and whose they are.</summary>
/// <remarks>
/// A module tells itself where it comes from: the kernel taints it when it is loaded (P proprietary, O out of tree, F by force,
/// E unsigned where signatures are checked). Everything else was built with the kernel.
/// </remarks>
internal sealed class LinuxModuleCatalog
{
    private const string ForeignTaints = "POFE";

    private readonly LinuxSession _session;
    private readonly Dictionary<LinuxModule, ModuleFacts> _modules = [];
    private readonly ulong _start, _end;

    public LinuxModuleCatalog(LinuxSession session)
    {
        _session = session;
        _start = session.AddressOf("_stext") is not 0 and var text ? text : session.AddressOf("_text");
        _end = session.AddressOf("_end");
        if (_end == 0)
            _end = session.AddressOf("__bss_stop");
        Kernel = new ModuleFacts("vmlinux", "vmlinux", _start, false)
        {
            Origin = ModuleOrigin.Core,
            Notation = SymbolNotation.Absent,
            Version = session.Target.Info.OsRelease,
        };
    }

    /// <summary>The kernel itself.</summary>
    public ModuleFacts Kernel { get; }

    /// <summary>What a program executes: its files are not in a dump of the kernel.</summary>
    public ModuleFacts User { get; } = new("user program", "user program", 0, true) { Origin = ModuleOrigin.Unknown };

    /// <summary>All modules, the kernel not among them, in the order of the list.</summary>
    public IEnumerable<(LinuxModule Module, ModuleFacts Facts)> All
    {
        get
        {
            foreach (LinuxModule module in _session.Symbols.Modules.All)
                yield return (module, Describe(module));
        }
    }

    /// <summary>The module at an address, the kernel too; null where it is in none.</summary>
    public ModuleFacts? Find(ulong address) =>
        address >= _start && address < _end && _start != 0 ? Kernel
        : _session.Symbols.Modules.FindByAddress(address) is { } module ? Describe(module) : null;

    /// <summary>A module as reports show it.</summary>
    public ModuleFacts Describe(LinuxModule module)
    {
        if (!_modules.TryGetValue(module, out ModuleFacts? facts))
            _modules[module] = facts = new ModuleFacts(module.Name, module.Name, module.Base, false)
            {
                Origin = module.Taints.AsSpan().ContainsAny(ForeignTaints) ? ModuleOrigin.ThirdParty : ModuleOrigin.System,
                Notation = SymbolNotation.Behind,
                Version = module.Version,
                Remark = TaintFlags.Describe(module.Taints),
            };
        return facts;
    }
}
