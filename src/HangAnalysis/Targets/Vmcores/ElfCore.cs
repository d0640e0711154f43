using System.Buffers.Binary;
using System.Runtime.InteropServices;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>
/// The headers of an ELF vmcore: /proc/vmcore as copied, of makedumpfile -E, or of QEMU's dump-guest-memory.
/// </summary>
/// <remarks>
/// Where a segment has more memory than bytes in the file, makedumpfile -E left pages out: zeros, or free and user pages by
/// its -d. The kernel's stacks have pages of zeros, which must not end a read, so that they are zeros for kernel memory, as
/// the ELF format has it, and absent for user memory, where they could be anything.
/// </remarks>
internal sealed class ElfCore
{
    /// <summary>Position of what is in no file: zeros. Large enough that no offset in a segment makes it positive.</summary>
    public const long NowhereInFile = long.MinValue / 2;

    private const int HeaderSize = 64;
    private const int ProgramHeaderSize = 56;
    private const int CoreType = 4;
    private const int X64Machine = 62;
    private const uint LoadSegment = 1;
    private const uint NoteSegment = 4;

    /// <summary>
    /// e_phnum where there are more segments than 16 bits count: sh_info of the first section has their number.
    /// </summary>
    private const int ExtendedNumber = 0xffff;

    /// <summary>Names of machines whose kernels write vmcores, by e_machine.</summary>
    private static readonly (int Machine, string Name)[] s_machines =
    [
        (3, "i386"), (8, "mips"), (20, "ppc"), (21, "ppc64"), (22, "s390x"), (40, "arm"), (183, "aarch64"), (243, "riscv64"),
        (258, "loongarch64"),
    ];

    private ElfCore(ExtentMap segments, ExtentMap segmentsWithZeros, VmcoreNotes notes) =>
        (Segments, SegmentsWithZeros, Notes) = (segments, segmentsWithZeros, notes);

    /// <summary>Memory that is in the file, by physical address.</summary>
    public ExtentMap Segments { get; }

    /// <summary>The same with what was left out.</summary>
    public ExtentMap SegmentsWithZeros { get; }

    /// <summary>The notes.</summary>
    public VmcoreNotes Notes { get; }

    /// <summary>
    /// Reads segments and notes; throws <see cref="DumpFormatException"/> where it is no vmcore of x86-64.
    /// </summary>
    public static ElfCore Read(IFileBytes file, string path, VmcoreDamage damage)
    {
        byte[] header = new byte[HeaderSize];
        if (file.Read(0, header) < HeaderSize)
            throw new DumpFormatException(
                $"{path}: the file ends inside the header of an ELF file (0x{file.Length:x} bytes)");
        CheckMachine(header, path);
        long table = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32));
        int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(54));
        long count = CountSegments(file, header);
        if (entrySize != ProgramHeaderSize || table < HeaderSize || table > file.Length || count == 0)
            throw new DumpFormatException($"{path}: an ELF file without segments");
        if (count > VmcoreLimits.Segments)
            throw new DumpFormatException($"{path}: the ELF header names {count:N0} segments");
        long present = Math.Min(count, (file.Length - table) / ProgramHeaderSize);
        if (present < count)
            damage.Add($"the file is cut: it ends at 0x{file.Length:x}, inside the table of its {count:N0} segments");
        return ReadSegments(file, path, table, (int)present, damage);
    }

    private static ElfCore ReadSegments(
        IFileBytes file, string path, long table, int count, VmcoreDamage damage)
    {
        List<Extent> segments = new(count);
        List<Extent> zeros = [];
        List<byte> notes = [];
        long end = 0;
        long leftOut = 0;
        byte[] entry = new byte[ProgramHeaderSize];
        for (int i = 0; i < count && file.Read(table + (long)i * ProgramHeaderSize, entry) == entry.Length; i++)
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(entry);
            long position = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(8));
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(entry.AsSpan(24));
            long size = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(32));
            long inMemory = BinaryPrimitives.ReadInt64LittleEndian(entry.AsSpan(40));
            const ulong MostBytes = VmcoreLimits.Pages * PageMap.PageSize;
            if (type is not (LoadSegment or NoteSegment))
                continue;
            if (position < 0 || size < 0 || size > (long)MostBytes || position > long.MaxValue - size
                || (type == LoadSegment && (address > MostBytes || inMemory > (long)MostBytes)))
                damage.Add($"segment {i} cannot be: 0x{size:x} bytes at 0x{position:x} of the file, address 0x{address:x}");
            else if (type == NoteSegment)
                AddNotes(file, position, size, notes);
            else
            {
                if (size > 0)
                    segments.Add(new Extent((long)address, size, position));
                if (inMemory > size)
                    zeros.Add(new Extent((long)address + size, inMemory - size, NowhereInFile));
                end = Math.Max(end, position + size);
                leftOut += Math.Max(inMemory - size, 0);
            }
        }
        if (segments.Count == 0)
            throw new DumpFormatException($"{path}: an ELF file without a segment of memory");
        if (end > file.Length)
            damage.Add($"the file is cut: it ends at 0x{file.Length:x}, its segments go on to 0x{end:x}");
        if (leftOut > 0)
            damage.Add($"0x{leftOut:x} bytes of memory were left out of the file; the kernel's are taken for zeros");
        VmcoreNotes read = VmcoreNotes.Read(CollectionsMarshal.AsSpan(notes), damage);
        ExtentMap map = new(segments);
        return new ElfCore(map, zeros.Count == 0 ? map : new ExtentMap([.. zeros, .. segments]), read);
    }

    private static void AddNotes(IFileBytes file, long position, long size, List<byte> notes)
    {
        byte[] bytes = new byte[Math.Clamp(Math.Min(size, file.Length - position), 0, VmcoreLimits.NoteBytes - notes.Count)];
        notes.AddRange(bytes.AsSpan(0, file.Read(position, bytes)));
    }

    private static long CountSegments(IFileBytes file, byte[] header)
    {
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(56));
        if (count != ExtendedNumber)
            return count;
        // sh_info of a 64-bit section header.
        const int InfoOffset = 44;
        Span<byte> info = stackalloc byte[sizeof(uint)];
        long sections = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
        return sections > 0 && sections < file.Length && file.Read(sections + InfoOffset, info) == info.Length
            ? BinaryPrimitives.ReadUInt32LittleEndian(info)
            : 0;
    }

    private static void CheckMachine(byte[] header, string path)
    {
        bool isBigEndian = header[5] == 2;
        int type = Word(header, 16, isBigEndian);
        int machine = Word(header, 18, isBigEndian);
        if (type != CoreType)
            throw new DumpFormatException($"{path}: an ELF file, but no core (type {type})");
        if (machine == X64Machine && header[4] == 2 && !isBigEndian)
            return;
        string name = machine == X64Machine ? "x86_64" : $"machine {machine}";
        foreach ((int known, string knownName) in s_machines)
            if (known == machine)
                name = knownName;
        string bits = header[4] == 1 ? ", 32-bit" : "";
        throw new DumpFormatException(
            $"{path}: a vmcore of {name}{bits}{(isBigEndian ? ", big-endian" : "")}; only 64-bit x86_64 can be read");
    }

    private static int Word(byte[] header, int offset, bool isBigEndian) => isBigEndian
        ? BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(offset))
        : BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(offset));
}
