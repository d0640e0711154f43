using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux.Log;

/// <summary>Offsets and sizes of the log's structures: VMCOREINFO has them for readers of dumps, BTF has them too.</summary>
internal sealed class LogLayout(VmcoreInfo info, KernelSymbols symbols)
{
    private bool _isWhole = true;

    /// <summary>Whether everything that was asked for was there.</summary>
    public bool IsWhole => _isWhole;

    /// <summary>Address of a variable; 0 where it is in neither place.</summary>
    public ulong AddressOf(string symbol) =>
        info.TryGetSymbol(symbol, out ulong address) ? address : symbols.Find(symbol) ?? 0;

    /// <summary>Offset of a member.</summary>
    public int Offset(string type, string member) =>
        Check(Find(type, member) ?? -1);

    /// <summary>Offset of a member, or null where it is in neither place.</summary>
    public int? Find(string type, string member) => info.TryGetOffset($"{type}.{member}", out int offset)
        ? offset
        : symbols.Types.OffsetOf(type, member);

    /// <summary>Size of a structure.</summary>
    public int Size(string type) => Check(TryFindSize(type, out int size) ? size : -1);

    /// <summary>Whether a structure is known.</summary>
    public bool Has(string type) => TryFindSize(type, out _);

    /// <summary>A member with its bits.</summary>
    public BtfMember? Member(string type, string member) => symbols.Types.FindMember(type, member);

    private bool TryFindSize(string type, out int size)
    {
        if (info.TryGetSize(type, out size))
            return true;
        size = symbols.Types.SizeOf(type) ?? 0;
        return size > 0;
    }

    private int Check(int value)
    {
        if (value is >= 0 and <= LogLimits.StructureBytes)
            return value;
        _isWhole = false;
        return 0;
    }
}
