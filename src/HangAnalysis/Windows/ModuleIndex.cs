using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using HangAnalysis.Targets.Unwinding.Arm64;

namespace HangAnalysis.Windows;

/// <summary>Finds the module at an address: of the kernel, or of one process.</summary>
internal sealed class ModuleIndex : IUnwindImages
{
    private readonly ITarget _target;
    private readonly TargetModule[] _modules;
    private readonly ulong[] _bases;
    private readonly UnwindImage?[] _images;

    /// <summary>The module that was found last: most frames lie in the module of the frame before.</summary>
    private int _latest;

    public ModuleIndex(ITarget target, IReadOnlyList<TargetModule> modules)
    {
        _target = target;
        _modules = [.. modules];
        Array.Sort(_modules, (a, b) => a.BaseAddress.CompareTo(b.BaseAddress));
        _bases = Array.ConvertAll(_modules, m => m.BaseAddress);
        _images = new UnwindImage?[_modules.Length];
    }

    /// <inheritdoc/>
    public Arm64TrapFrame? Arm64TrapFrame { get; set; }

    /// <summary>Number of modules.</summary>
    public int Count => _modules.Length;

    /// <summary>The module that contains an address, or null.</summary>
    public TargetModule? FindModule(ulong address)
    {
        int index = FindIndex(address);
        return index < 0 ? null : _modules[index];
    }

    /// <summary>The module of a name as it stands before the '!'; null where there is none.</summary>
    public TargetModule? FindByName(string name)
    {
        foreach (TargetModule module in _modules)
            if (module.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                return module;
        return null;
    }

    /// <inheritdoc/>
    public UnwindImage? Find(ulong address)
    {
        int index = FindIndex(address);
        return index < 0 ? null : _images[index] ??= _target.GetUnwindImage(_modules[index]);
    }

    private int FindIndex(ulong address)
    {
        int index = _latest;
        if (index < _modules.Length && _modules[index].Contains(address) && !BeginsLater(index + 1, address))
            return index;
        index = Array.BinarySearch(_bases, address);
        if (index < 0)
            index = ~index - 1;
        if (index < 0 || !_modules[index].Contains(address))
            return -1;
        _latest = index;
        return index;
    }

    /// <summary>Modules of a damaged list may overlap: then the one that begins last has the address.</summary>
    private bool BeginsLater(int index, ulong address) => index < _bases.Length && _bases[index] <= address;
}
