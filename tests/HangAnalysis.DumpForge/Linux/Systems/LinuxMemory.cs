using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>
/// The kernel's areas of addresses (Documentation/arch/x86/x86_64/mm.rst), all at places that KASLR might have chosen: the
/// image, the direct map in large pages, vmalloc with the stacks, the map of pages, and modules.
/// </summary>
public sealed class LinuxMemory
{
    /// <summary>Where the image would be without KASLR; <c>__START_KERNEL_map</c>.</summary>
    public const ulong KernelMap = 0xffffffff80000000;

    /// <summary>Bytes of a kernel stack.</summary>
    public const int StackSize = 0x4000;

    private const int PageSize = PhysicalMemory.PageSize, SlabPages = 16;
    private const ulong ImagePhysical = 0x400000, ReadOnlyAt = 0x200000, DataAt = 0x400000, FirstFreePfn = 0x1000;
    private readonly ulong _zeroPfn;
    private ulong _textNext, _readOnlyNext, _dataNext, _vmallocNext, _moduleNext, _slabNext, _slabEnd;

    public LinuxMemory(LinuxOptions options)
    {
        Mix mix = new(Mix.Hash(options.Layout.Name + options.HasFiveLevels));
        Slide = (ulong)(0x40 + mix.Next(0x100)) << 21;
        TextBase = 0xffffffff81000000 + Slide;
        PhysBase = unchecked((long)(ImagePhysical - (TextBase - KernelMap)));
        DirectBase = options.HasFiveLevels
            ? 0xff11000000000000 + ((ulong)mix.Next(0x4000) << 30)
            : 0xffff888000000000 + ((ulong)mix.Next(0x2000) << 30);
        VmallocBase = options.HasFiveLevels ? 0xff38bf44c0000000 : 0xffffb2e740000000;
        PageMap = options.HasFiveLevels ? 0xffbbe4b500000000 : 0xffffdc8440000000;
        (_textNext, _readOnlyNext, _dataNext) = (TextBase, TextBase + ReadOnlyAt, TextBase + DataAt);
        (_vmallocNext, _moduleNext) = (VmallocBase, 0xffffffffc0400000 + (ulong)mix.Next(0x100) * PageSize);
        Physical = new PhysicalMemory(FirstFreePfn);
        Space = new AddressSpace(Physical, levels: options.HasFiveLevels ? 5 : 4);
        RamBytes = (ulong)options.RamMegabytes << 20;
        // A machine with 1 GB and more has pages of that size in its direct map.
        for (ulong at = 0; at < RamBytes;)
        {
            int shift = (at & 0x3fffffff) == 0 && RamBytes - at >= 1ul << 30 ? 30 : 21;
            Space.MapLargeTo(DirectBase + at, at >> 12, shift);
            at += 1ul << shift;
        }
        for (ulong at = 0; at < ReadOnlyAt; at += 1ul << 21)
            Space.MapLargeTo(TextBase + at, ImagePhysical + at >> 12, 21);
        MapImage(ImageOf(Space.DirectoryTableBase), PageSize);
        _zeroPfn = Physical.Allocate();
    }

    public AddressSpace Space { get; }

    public PhysicalMemory Physical { get; }

    public ulong RamBytes { get; }

    /// <summary>How far KASLR moved the image: KERNELOFFSET of VMCOREINFO.</summary>
    public ulong Slide { get; }

    public ulong TextBase { get; }

    /// <summary>Where text ends that is in use.</summary>
    public ulong TextEnd => _textNext;

    /// <summary>Physical address of the image minus its place in <see cref="KernelMap"/>; may be negative.</summary>
    public long PhysBase { get; }

    public ulong DirectBase { get; }

    public ulong VmallocBase { get; }

    public ulong PageMap { get; }

    /// <summary>The address in the image of a physical one.</summary>
    public ulong ImageOf(ulong physical) => unchecked(KernelMap + physical - (ulong)PhysBase);

    /// <summary>Physical address of something in the image or the direct map.</summary>
    public ulong PhysicalOf(ulong address) =>
        Space.Translate(address) ?? throw new InvalidOperationException($"{address:x} is not mapped");

    public ulong DirectOf(ulong physical) => DirectBase + physical;

    public ulong TakeText(int size) => Take(ref _textNext, size, 16);

    public ulong TakeReadOnly(int size, int alignment = 8) => MapImage(Take(ref _readOnlyNext, size, alignment), size);

    public ulong TakeData(int size, int alignment = 8) => MapImage(Take(ref _dataNext, size, alignment), size);

    /// <summary>An object of the direct map, zeroed; page-aligned ones begin a page.</summary>
    public ulong Allocate(int size, int alignment = 8)
    {
        ulong at = Up(_slabNext, alignment);
        if (_slabEnd == 0 || at + (ulong)size > _slabEnd)
        {
            ulong pages = SlabPages;
            while (pages * PageSize < (ulong)size + (ulong)alignment)
                pages *= 2;
            ulong first = Physical.Reserve(pages);
            at = Up(DirectOf(first << 12), alignment);
            _slabEnd = DirectOf(first + pages << 12);
        }
        _slabNext = at + (ulong)size;
        for (ulong page = at & ~0xffful; page < _slabNext; page += PageSize)
            Physical.PageAt(page - DirectBase >> 12);
        if (_slabNext > RamBytes + DirectBase)
            throw new InvalidOperationException("the machine has too little memory for its objects");
        return at;
    }

    /// <summary>
    /// A kernel stack with a guard before it; its pages exist as they are written, and share one of zeros until then.
    /// </summary>
    public ulong TakeStack()
    {
        ulong at = Up(_vmallocNext, StackSize) + StackSize;
        _vmallocNext = at + StackSize;
        return at;
    }

    /// <summary>Maps what a stack has never used to one page of zeros.</summary>
    public void FinishStack(ulong stack)
    {
        for (ulong page = stack; page < stack + StackSize; page += PageSize)
            if (Space.Translate(page) is null)
                Space.MapTo(page, _zeroPfn);
    }

    /// <summary>Memory of a module, at pages of its own.</summary>
    public ulong TakeModule(int size)
    {
        ulong at = Up(_moduleNext, PageSize);
        _moduleNext = at + (ulong)size + PageSize;
        Space.MapRange(at, (ulong)size);
        return at;
    }

    /// <summary>The struct page of a page frame.</summary>
    public ulong PageStruct(ulong pfn) => PageMap + pfn * 64;

    private static ulong Up(ulong value, int multiple) => (value + (ulong)multiple - 1) / (ulong)multiple * (ulong)multiple;

    private static ulong Take(ref ulong next, int size, int alignment)
    {
        ulong at = Up(next, alignment);
        next = at + (ulong)size;
        return at;
    }

    // The image is linear: the page of an address follows from it.
    private ulong MapImage(ulong at, int size)
    {
        for (ulong page = at & ~0xffful; page < at + (ulong)size; page += PageSize)
            Space.MapTo(page, unchecked(page - KernelMap + (ulong)PhysBase) >> 12);
        return at;
    }
}
