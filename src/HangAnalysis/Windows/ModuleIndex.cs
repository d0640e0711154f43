using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>Finds the module at an address: of the kernel, or of one process.</summary>
internal sealed class ModuleIndex : IUnwindImages
{
    private readonly ITarget _target;
    private readonly TargetModule[] _modules;
    private readonly ulong[] _bases;
    private readonly UnwindImage?[] _images;

    public ModuleIndex(ITarget target, IReadOnlyList<TargetModule> modules)
    {
        _target = target;
        _modules = [.. modules];
        Array.Sort(_modules, (a, b) => a.BaseAddress.CompareTo(b.BaseAddress));
        _bases = Array.ConvertAll(_modules, m => m.BaseAddress);
        _images = new UnwindImage?[_modules.Length];
    }

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
        int index = Array.BinarySearch(_bases, address);
        if (index < 0)
            index = ~index - 1;
        return index >= 0 && _modules[index].Contains(address) ? index : -1;
    }
}
