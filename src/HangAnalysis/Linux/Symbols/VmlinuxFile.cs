using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;
using Microsoft.Win32.SafeHandles;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// A kernel's vmlinux file, for what a dump lacks: names from its symbol table, types from its .BTF section, and the bytes
/// of its read-only sections. Its DWARF is not read.
/// </summary>
public sealed class VmlinuxFile : IDisposable
{
    // ELF-64 specification: sizes of the header and of a section's header.
    private const int HeaderSize = 64;
    private const int SectionSize = 64;
    private const int MostSections = 65_536;
    private const int NamesSize = 4 * 1024 * 1024;
    private const ushort MachineX64 = 62;
    private const uint NoBits = 8;
    private const ulong Writable = 1;
    private const ulong Allocated = 2;
    private const ulong Executable = 4;
    private const uint NoteType = 7;

    // Where a kernel that was not moved begins; per-CPU symbols before 6.15 lie at zero and do not move.
    private const ulong KernelMap = 0xffff_ffff_8000_0000;

    private readonly SafeFileHandle _file;
    private readonly long _length;
    private readonly List<Section> _sections = [];

    private VmlinuxFile(string path, SafeFileHandle file)
    {
        Path = path;
        _file = file;
        _length = RandomAccess.GetLength(file);
        ReadSections();
        BuildId = FindBuildId();
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Its build-id in hexadecimal, or null.</summary>
    public string? BuildId { get; }

    /// <summary>Opens a vmlinux.</summary>
    /// <exception cref="DumpFormatException">It cannot be read, or is no ELF file of x86-64.</exception>
    public static VmlinuxFile Open(string path)
    {
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path);
            return new VmlinuxFile(path, file);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            throw new DumpFormatException($"{path}: {problem.Message}", problem);
        }
        catch (DumpFormatException)
        {
            file?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>
    /// Refuses a file of another kernel with <see cref="DumpFormatException"/>. Without a build-id on either side nothing can be
    /// said.
    /// </summary>
    public void CheckBelongsTo(VmcoreInfo info)
    {
        if (BuildId is not null && info.TryGetValue("BUILD-ID", out string wanted)
            && !wanted.Equals(BuildId, StringComparison.OrdinalIgnoreCase))
            throw new DumpFormatException($"{Path} is another kernel: its build-id is {BuildId}, the dump's {wanted}");
    }

    /// <summary>The whole of a section; null where there is none or its bytes are not in the file.</summary>
    internal byte[]? Read(string name, int limit)
    {
        foreach (Section section in _sections)
            if (section.Name == name && section.Type != NoBits)
                return Read(section.Offset, section.Size, limit);
        return null;
    }

    /// <summary>Its symbol table, at the addresses that they have in the dump.</summary>
    /// <param name="slide">By how much the kernel was moved (KASLR).</param>
    internal ElfSymbolTable? ReadNames(ulong slide)
    {
        byte[]? symbols = Read(".symtab", SymbolLimits.Symbols * ElfSymbolTable.EntrySize);
        byte[]? names = Read(".strtab", SymbolLimits.NameBytes);
        if (symbols is null || names is null)
            return null;
        byte[] letters = new byte[symbols.Length / ElfSymbolTable.EntrySize];
        for (int i = 0; i < letters.Length; i++)
            letters[i] = (byte)LetterOf(symbols.AsSpan(i * ElfSymbolTable.EntrySize, ElfSymbolTable.EntrySize));
        return ElfSymbolTable.Create(
            symbols, names, letters, (value, _) => value >= KernelMap ? unchecked(value + slide) : value, null);
    }

    /// <summary>Its read-only sections as memory: they are the same in every dump of this kernel.</summary>
    internal IMemory Memory(ulong slide) => new Image(this, slide);

    private char LetterOf(ReadOnlySpan<byte> symbol)
    {
        int number = symbol[6] | symbol[7] << 8;
        bool global = symbol[4] >> 4 != 0;
        char letter = 'a';
        if (number > 0 && number < _sections.Count)
        {
            Section section = _sections[number];
            letter = (section.Flags & Allocated) == 0 ? 'n'
                : (section.Flags & Executable) != 0 ? 't'
                : section.Type == NoBits ? 'b'
                : (section.Flags & Writable) != 0 ? 'd' : 'r';
        }
        return global ? char.ToUpperInvariant(letter) : letter;
    }

    private void ReadSections()
    {
        ReadOnlySpan<byte> header = Read(0, HeaderSize, HeaderSize);
        if (header.Length < HeaderSize || header.UInt32(0) != 0x464c457f)
            throw new DumpFormatException($"{Path} is no ELF file: a vmlinux is one, a vmlinuz holds one compressed");
        if (header[4] != 2 || header[5] != 1 || (header[18] | header[19] << 8) != MachineX64)
            throw new DumpFormatException($"{Path} is an ELF file, but not of x86-64");
        ulong table = header.UInt64(40);
        long count = header[60] | header[61] << 8;
        int names = header[62] | header[63] << 8;
        // A count that does not fit is in the first section's size.
        ReadOnlySpan<byte> first = Read(table, SectionSize, SectionSize);
        if (count == 0 && first.Length == SectionSize)
            count = (long)Math.Min(first.UInt64(32), MostSections);
        ReadOnlySpan<byte> raw = Read(table, (ulong)count * SectionSize, MostSections * SectionSize);
        if (count == 0 || raw.Length < count * SectionSize)
            throw new DumpFormatException($"{Path} is cut off: its sections are not in it");
        List<uint> nameOffsets = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> one = raw.Slice(i * SectionSize, SectionSize);
            nameOffsets.Add(one.UInt32(0));
            _sections.Add(new Section("", one.UInt32(4), one.UInt64(8), one.UInt64(16), one.UInt64(24), one.UInt64(32)));
        }
        byte[] text = names < _sections.Count ? Read(_sections[names].Offset, _sections[names].Size, NamesSize) : [];
        for (int i = 0; i < _sections.Count; i++)
            _sections[i] = _sections[i] with { Name = NameAt(text, nameOffsets[i]) };
    }

    // A note: size of its name, size of its value, type, name, value; NT_GNU_BUILD_ID is 3 of "GNU".
    private string? FindBuildId()
    {
        foreach (Section section in _sections)
        {
            if (section.Type != NoteType)
                continue;
            ReadOnlySpan<byte> notes = Read(section.Offset, section.Size, 64 * 1024);
            while (notes.Length >= 12)
            {
                long name = (notes.UInt32(0) + 3L) & ~3;
                long value = notes.UInt32(4);
                if (12 + name + value > notes.Length)
                    break;
                if (notes.UInt32(8) == 3 && notes[12..].StartsWith("GNU\0"u8))
                    return Convert.ToHexStringLower(notes.Slice(12 + (int)name, (int)value));
                notes = notes[(int)Math.Min(notes.Length, 12 + name + ((value + 3) & ~3))..];
            }
        }
        return null;
    }

    private static string NameAt(byte[] text, uint offset) =>
        System.Text.Encoding.UTF8.GetString(BulkReading.NameAt(text, offset));

    private byte[] Read(ulong offset, ulong size, int limit)
    {
        if (offset >= (ulong)_length)
            return [];
        byte[] bytes = new byte[(int)Math.Min(Math.Min(size, (ulong)limit), (ulong)_length - offset)];
        int got = RandomAccess.Read(_file, bytes, (long)offset);
        return got == bytes.Length ? bytes : bytes[..got];
    }

    private readonly record struct Section(string Name, uint Type, ulong Flags, ulong Address, ulong Offset, ulong Size);

    private sealed class Image(VmlinuxFile file, ulong slide) : IMemory
    {
        public int Read(ulong address, Span<byte> buffer)
        {
            foreach (Section section in file._sections)
            {
                ulong offset = unchecked(address - slide - section.Address);
                bool constant = section.Type != NoBits && (section.Flags & (Allocated | Writable)) == Allocated;
                if (!constant || offset >= section.Size)
                    continue;
                int wanted = (int)Math.Min((ulong)buffer.Length, section.Size - offset);
                ulong from = unchecked(section.Offset + offset);
                return from < (ulong)file._length ? RandomAccess.Read(file._file, buffer[..wanted], (long)from) : 0;
            }
            return 0;
        }
    }
}
