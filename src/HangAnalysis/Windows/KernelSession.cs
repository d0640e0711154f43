using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>What every reader of kernel structures needs: memory, the kernel's symbols and types, and a place for failures.</summary>
internal sealed class KernelSession
{
    /// <summary>The same failure is told at most this often; a broken pool would otherwise fill the report.</summary>
    private const int MostUnknowns = 64;

    private const ulong LowestAddress64 = 0xffff_0800_0000_0000, HighestUserAddress64 = 0x0000_7fff_ffff_ffff;

    /// <summary>Where the kernel's half begins on x86 unless the system was started with a larger user half.</summary>
    private const ulong UsualStart32 = 0x8000_0000;

    private readonly List<Unknown> _unknowns = [];
    private readonly ulong _lowest, _highest, _misaligned;

    public KernelSession(ITarget target)
    {
        Target = target;
        Memory = target.KernelMemory;
        foreach (TargetModule module in target.KernelModules)
            if (module.Name == "nt")
                Kernel ??= module;
        Symbols = Kernel is null ? null : target.GetSymbols(Kernel);
        Types = new KernelTypes(Symbols);
        PointerSize = Memory.PointerSize;
        _misaligned = (ulong)PointerSize - 1;
        (_lowest, _highest) = Is32Bit ? (FindStart32(), uint.MaxValue) : (LowestAddress64, ulong.MaxValue);
    }

    public ITarget Target { get; }

    public IMemory Memory { get; }

    /// <summary>The kernel's image; null where the module list does not show it.</summary>
    public TargetModule? Kernel { get; }

    /// <summary>The kernel's symbols; null where none were found.</summary>
    public ISymbolFile? Symbols { get; }

    public KernelTypes Types { get; }

    /// <summary>Bytes of a pointer: 8, or 4 on x86.</summary>
    public int PointerSize { get; }

    /// <summary>Whether addresses have 32 bits.</summary>
    public bool Is32Bit => PointerSize == sizeof(uint);

    /// <summary>The highest address that programs can have.</summary>
    public ulong HighestUserAddress => Is32Bit ? _lowest - 1 : HighestUserAddress64;

    /// <summary>Stops a sweep early; what is known by then is shown.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<Unknown> Unknowns => _unknowns;

    /// <summary>Address of a kernel variable or function.</summary>
    public bool TryGetAddress(string symbol, out ulong address)
    {
        address = 0;
        if (Symbols is null || !Symbols.TryFindSymbol(symbol, out uint rva))
            return false;
        address = Kernel!.BaseAddress + rva;
        return true;
    }

    /// <summary>Value of a kernel variable of a pointer's size.</summary>
    public bool TryReadPointerVariable(string symbol, out ulong value)
    {
        value = 0;
        return TryGetAddress(symbol, out ulong address) && Memory.TryReadPointer(address, out value);
    }

    /// <summary>Records something that could not be found out; the same words are recorded once.</summary>
    public void AddUnknown(string what, string why)
    {
        Unknown unknown = new(what, why);
        if (_unknowns.Count < MostUnknowns && !_unknowns.Contains(unknown))
            _unknowns.Add(unknown);
    }

    /// <summary>An address as people and debuggers type it: of 32-bit systems also with its sign extended.</summary>
    public ulong Narrow(ulong address) => Is32Bit ? (uint)address : address;

    /// <summary>The pointer that bytes begin with.</summary>
    public ulong ReadPointer(ReadOnlySpan<byte> bytes) => Is32Bit
        ? BinaryPrimitives.ReadUInt32LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt64LittleEndian(bytes);

    /// <summary>
    /// Whether an address can be one of the kernel's: in its half, and aligned as its structures are, which is to a pointer.
    /// </summary>
    public bool IsObject(ulong address) => IsKernel(address) && (address & _misaligned) == 0;

    /// <summary>Whether an address can be one of the kernel's code or data, however aligned.</summary>
    public bool IsKernel(ulong address) => address >= _lowest && address <= _highest;

    /// <summary>
    /// nt!MmSystemRangeStart: 80000000, or up to c0000000 where the system was started for larger programs (/3GB, documented
    /// with bcdedit's increaseuserva). What cannot be it is not believed.
    /// </summary>
    private ulong FindStart32()
    {
        const ulong HighestStart = 0xc000_0000;
        return TryReadPointerVariable("MmSystemRangeStart", out ulong start) && start is >= UsualStart32 and <= HighestStart
            && (start & 0xfff) == 0 ? start : UsualStart32;
    }

    /// <summary>
    /// Of 64-bit systems alone: whether an address can be one of the kernel's: canonical, in the upper half, and aligned as pool allocations are.
    /// </summary>
    public static bool IsKernelObject(ulong address) => IsKernelAddress(address) && (address & 7) == 0;

    /// <summary>Of x86 alone, however its system was started: whether an address can be one of the kernel's structures.</summary>
    public static bool IsKernelObject32(ulong address) =>
        address is >= UsualStart32 and <= uint.MaxValue && (address & (sizeof(uint) - 1)) == 0;

    /// <summary>Of 64-bit systems alone: whether an address can be one of the kernel's code or data, however aligned.</summary>
    public static bool IsKernelAddress(ulong address) => address >= LowestAddress64;
}
