using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Where the parts of a system lie, which follows from its architecture. Addresses of 32 bits are zero-extended.</summary>
internal sealed class AddressMap
{
    private const ulong LowHalf = 0x70000000, HighHalf = 0xf0000000;
    private readonly bool _isNarrow;

    public AddressMap(SystemOptions options)
    {
        KernelLayout layout = options.Layout;
        _isNarrow = layout.Architecture == Architecture.X86;
        Paging = layout.Architecture switch
        {
            Architecture.X86 => options.HasPae ? PagingMode.Pae : PagingMode.TwoLevels,
            Architecture.Arm64 => PagingMode.Arm64,
            _ => PagingMode.X64(4),
        };
        KernelBase = _isNarrow && options.KernelBase >> 32 != 0 ? 0x80800000 : options.KernelBase;
        // A minimal system has all of its pool in one region of 2 MB: one page table.
        Pool = _isNarrow ? 0x85010000ul : 0xffffab06b0010000;
        Stacks = (_isNarrow, options.IsMinimal) switch
        {
            (true, true) => 0x85080000,
            (true, false) => 0xa0000000,
            (false, true) => 0xffffab06b0080000,
            _ => 0xffffdf0060000000,
        };
        Texts = (_isNarrow, options.IsMinimal) switch
        {
            (true, true) => 0x85060000,
            (true, false) => 0xe1010000,
            (false, true) => 0xffffab06b0060000,
            _ => 0xffffce0e40010000,
        };
    }

    public PagingMode Paging { get; }

    public ulong KernelBase { get; }

    /// <summary>Where non-paged pool, kernel stacks and texts begin.</summary>
    public ulong Pool { get; }

    public ulong Stacks { get; }

    public ulong Texts { get; }

    /// <summary>Where drivers and user modules lie that no scenario gives an address.</summary>
    public ulong FirstDriver => _isNarrow ? 0xf6000000ul : (KernelBase & ~0xfffffffful) - 0x100000000 + 0x40000000;

    public ulong FirstUserModule => _isNarrow ? 0x70000000ul : 0x7ffe70000000;

    /// <summary>KUSER_SHARED_DATA as the kernel sees it.</summary>
    public ulong SharedUserData => _isNarrow ? 0xffdf0000ul : 0xfffff78000000000;

    public ulong PfnDatabase => _isNarrow ? 0x81400000ul : 0xfffffa8000000000;

    // The 64 KB below the boundary are never mapped (documentation of MmHighestUserAddress).
    public ulong HighestUserAddress => _isNarrow ? 0x7ffefffful : 0x7ffffffeffff;

    public ulong SystemRangeStart => _isNarrow ? 0x80000000ul : 0xffff800000000000;

    public ulong UserProbeAddress => _isNarrow ? 0x7fff0000ul : 0x7fffffff0000;

    /// <summary>Image base of a program whose image is not in memory.</summary>
    public ulong ProgramBase => _isNarrow ? 0x00400000ul : 0x7ff700000000;

    /// <summary>Where modules lie whose images are not in memory.</summary>
    public ulong FirstUnseenModule => _isNarrow ? 0x60000000ul : 0x7ffc00000000;

    /// <summary>Where a process has what is its own: on x64 another region for each, so that mixing two up shows.</summary>
    public ulong ProcessRegion(uint pid) => _isNarrow ? 0x00800000ul : 0x8_0000_0000 + ((ulong)pid << 24);

    /// <summary>An image base that a scenario gives for 64 bits, brought into the same half of 32 bits.</summary>
    public ulong Image(ulong given, bool isUser) => !_isNarrow || given >> 32 == 0 ? given
        : isUser ? LowHalf | given & 0x0fffffff : HighHalf | given & 0x07ffffff;
}
