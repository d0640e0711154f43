using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Says what an address is that could not be accessed.</summary>
internal static class AddressWords
{
    /// <summary>Below this an address is a null pointer with the offset of a field.</summary>
    public const ulong NullRegion = 0x1000;

    /// <summary>No allocation lies below this.</summary>
    private const ulong LowestAllocation = 0x10000;

    private const ulong HighestUser64 = 0x0000_7fff_ffff_ffff, HighestUser32 = 0x7fff_ffff;

    /// <summary>What the address is, as the end of a sentence: <c>a null pointer with offset 0x8</c>.</summary>
    public static string Describe(WindowsSystem system, ulong address)
    {
        bool isWide = system.Session.Memory.PointerSize == sizeof(ulong);
        if (address < NullRegion)
            return address == 0 ? "a null pointer" : $"a null pointer with offset 0x{address:x}";
        if (address < LowestAllocation)
            return $"a number, no address (0x{address:x})";
        if (isWide && address == ulong.MaxValue)
            return "the processor named no address, as in a general protection fault";
        if (isWide && !IsCanonical(address))
            return "no address at all: its upper bits do not repeat bit 47";
        if (FindUnloaded(system, address) is { } unloaded)
            return $"in {unloaded.Name}, which had been unloaded";
        if (system.FindModule(address) is { } module)
            return SectionOf(system, address) is { Length: > 0 } section ? $"in {module.FileName}, section {section}" : $"in {module.FileName}";
        if (address <= (isWide ? HighestUser64 : HighestUser32))
            return "an address of user mode";
        return "an address of the kernel";
    }

    /// <summary>Whether the bits above 47 repeat it.</summary>
    public static bool IsCanonical(ulong address) => (long)(address << 16) >> 16 == (long)address;

    /// <summary>The driver that had lain at an address; null where none had, or another image lies there now.</summary>
    public static UnloadedModule? FindUnloaded(WindowsSystem system, ulong address)
    {
        if (address == 0 || system.FindModule(address) is not null)
            return null;
        UnloadedModule? found = null;
        // The latest of several that had the same place is the one that a pointer is left from.
        foreach (UnloadedModule module in system.Target.UnloadedModules)
            if (address >= module.StartAddress && address < module.EndAddress)
                found = module;
        return found;
    }

    /// <summary>Name of the section of the image at an address; null where the dump does not hold its headers.</summary>
    public static string? SectionOf(WindowsSystem system, ulong address)
    {
        if (system.FindTargetModule(address) is not { } module
            || !PeImage.TryRead(new MemoryImageBytes(module.Memory, module.BaseAddress, module.Size), out PeImage? image))
            return null;
        uint rva = (uint)(address - module.BaseAddress);
        foreach (ImageSection section in image.Sections)
            if (section.Contains(rva))
                return section.Name;
        return null;
    }

    /// <summary>Whether the code or data at an address may be paged out: by convention such sections are called PAGE….</summary>
    public static bool IsPageable(WindowsSystem system, ulong address) =>
        SectionOf(system, address)?.StartsWith("PAGE", StringComparison.OrdinalIgnoreCase) == true;
}
