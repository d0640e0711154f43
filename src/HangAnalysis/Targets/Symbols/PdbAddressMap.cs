using System.Buffers.Binary;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Translates between the addresses of an image and those of a PDB's symbols, which are section and offset. An image
/// whose code was moved after linking (kernels up to Windows 7) has two further tables, OMAP, from and to the addresses
/// that the linker gave; symbols are searched by the linker's addresses, as debuggers do.
/// </summary>
/// <remarks>Section headers: the PE format. OMAP: DbiStream.html of LLVM; the OMAP structure of dbghelp.h.</remarks>
internal sealed class PdbAddressMap
{
    private const int SectionHeaderSize = 40;
    private const uint Executable = 0x2000_0000;
    // Symbols have two bytes for a section's number.
    private const int MaximumSections = ushort.MaxValue;

    private readonly Section[] _sections;
    private readonly uint[] _fromSource;
    private readonly uint[] _toSource;

    private PdbAddressMap(Section[] sections, uint[] fromSource, uint[] toSource)
    {
        _sections = sections;
        _fromSource = fromSource;
        _toSource = toSource;
    }

    /// <summary>Makes a map of the streams' bytes; the tables of moved code may be empty.</summary>
    public static PdbAddressMap Create(
        ReadOnlySpan<byte> sectionHeaders, ReadOnlySpan<byte> omapFromSource, ReadOnlySpan<byte> omapToSource)
    {
        Section[] sections = new Section[Math.Min(sectionHeaders.Length / SectionHeaderSize, MaximumSections)];
        for (int i = 0; i < sections.Length; i++)
        {
            ReadOnlySpan<byte> header = sectionHeaders.Slice(i * SectionHeaderSize, SectionHeaderSize);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            uint start = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
            uint raw = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(header[36..]);
            sections[i] = new Section(start, size == 0 ? raw : size, (flags & Executable) != 0);
        }

        return new PdbAddressMap(sections, ReadTable(omapFromSource), ReadTable(omapToSource));
    }

    /// <summary>The address of a section's byte in the image; false where the image lacks it.</summary>
    public bool TryToRva(ushort section, uint offset, out uint rva)
    {
        rva = 0;
        if (section == 0 || section > _sections.Length)
            return false;
        uint source = _sections[section - 1].Start + offset;
        if (source < offset)
            return false;
        return TryTranslate(_fromSource, source, out rva);
    }

    /// <summary>The address that the linker gave to what now lies at an address of the image.</summary>
    public bool TryToSource(uint rva, out uint source) => TryTranslate(_toSource, rva, out source);

    /// <summary>The section, from 1, and the offset of an address of the image.</summary>
    public bool TryToSection(uint rva, out ushort section, out uint offset, out bool isCode)
    {
        if (TryTranslate(_toSource, rva, out uint source))
        {
            for (int i = 0; i < _sections.Length; i++)
            {
                Section candidate = _sections[i];
                if (source < candidate.Start || source - candidate.Start >= candidate.Size)
                    continue;
                section = (ushort)(i + 1);
                offset = source - candidate.Start;
                isCode = candidate.IsCode;
                return true;
            }
        }

        section = 0;
        offset = 0;
        isCode = false;
        return false;
    }

    /// <summary>
    /// Steps from a section to the one before it, if that holds code and ends within a page of it; the offset is its last
    /// byte's.
    /// </summary>
    public bool TryToPreviousCode(ref ushort section, out uint offset)
    {
        const uint Alignment = 0x1000;
        offset = 0;
        if (section < 2)
            return false;
        Section before = _sections[section - 2];
        uint gap = unchecked(_sections[section - 1].Start - (before.Start + before.Size));
        if (!before.IsCode || before.Size == 0 || gap >= Alignment)
            return false;
        section--;
        offset = before.Size - 1;
        return true;
    }

    private static uint[] ReadTable(ReadOnlySpan<byte> bytes)
    {
        uint[] table = new uint[bytes.Length / 8 * 2];
        for (int i = 0; i < table.Length; i++)
            table[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(i * 4)..]);
        return table;
    }

    // An entry holds for the addresses up to the next one's; a target of 0 says that they were removed or added.
    private static bool TryTranslate(uint[] table, uint address, out uint translated)
    {
        translated = address;
        if (table.Length == 0)
            return true;
        int low = 0;
        int high = table.Length / 2;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (table[middle * 2] <= address)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == 0 || table[low * 2 - 1] == 0)
            return false;
        translated = table[low * 2 - 1] + (address - table[low * 2 - 2]);
        return true;
    }

    private readonly record struct Section(uint Start, uint Size, bool IsCode);
}
