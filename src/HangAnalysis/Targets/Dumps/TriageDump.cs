using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>The part of a small ("triage") dump behind its header: where its blocks and lists lie.</summary>
/// <remarks>
/// Layout: eighteen 32-bit words at 0x2000 (0x1000 for 32-bit dumps), then TopOfStack; on x64 and ARM64 the debugger data
/// at +70 and the data blocks at +78, on x86 at +58 and +60. Checked on real small dumps of builds 19041 to 26100 and on
/// written ones; that of x86 follows the public description of the format and was not checked on a real dump.
/// </remarks>
internal sealed class TriageDump
{
    private const uint EndMarker = 0x44475254; // 'TRGD'
    private const int DataBlockSize = 16;
    private const int LargestUnloadedEntry = 0x38;
    private const int MemoryBlockSize = 0x50;

    private readonly DumpFile _file;
    private readonly bool _is64Bit;
    private readonly uint _driverListOffset;
    private readonly uint _driverCount;
    private readonly uint _unloadedOffset;

    private TriageDump(DumpFile file, bool is64Bit, ReadOnlySpan<byte> words)
    {
        _file = file;
        _is64Bit = is64Bit;
        ProcessorBlockOffset = U32(words, 7);
        ProcessOffset = U32(words, 8);
        ThreadOffset = U32(words, 9);
        _unloadedOffset = U32(words, 6);
        _driverListOffset = U32(words, 12);
        _driverCount = U32(words, 13);
    }

    /// <summary>File offset of the raw KPRCB of the crash processor; 0 where absent.</summary>
    public uint ProcessorBlockOffset { get; }

    /// <summary>File offset of the raw EPROCESS that was current; 0 where absent.</summary>
    public uint ProcessOffset { get; }

    /// <summary>File offset of the raw ETHREAD that was current; 0 where absent.</summary>
    public uint ThreadOffset { get; }

    /// <summary>The memory blocks of the dump.</summary>
    public required List<MemoryBlock> Blocks { get; init; }

    /// <summary>Reads the tables; what does not fit into the file is left out and told in <paramref name="damage"/>.</summary>
    public static TriageDump Read(DumpFile file, DumpHeader header, string path, List<string> damage)
    {
        int length = header.Is64Bit ? 0x80 : 0x70;
        ReadOnlySpan<byte> b = file.ReadBytes(header.Size, length);
        if (b.Length < length)
            throw new DumpFormatException(
                $"{path}: truncated: the file ends at 0x{file.Length:x}, inside the small dump's header at 0x{header.Size:x}");
        uint validOffset = U32(b, 2);
        ReadOnlySpan<byte> marker = file.ReadBytes(validOffset, 4);
        if (marker.Length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(marker) != EndMarker)
            damage.Add($"truncated or damaged: no end marker 'TRGD' at 0x{validOffset:x} of 0x{file.Length:x} bytes");
        List<MemoryBlock> blocks = [];
        ulong topOfStack = header.Is64Bit
            ? BinaryPrimitives.ReadUInt64LittleEndian(b[0x48..])
            : BinaryPrimitives.ReadUInt32LittleEndian(b[0x48..]);
        uint stackOffset = U32(b, 10);
        uint stackSize = U32(b, 11);
        AddBlock(file, blocks, topOfStack, stackOffset, stackSize, "call stack", damage);
        int tables = header.Is64Bit ? 0x70 : 0x58;
        AddBlock(file, blocks, header.KdDebuggerDataBlock, BinaryPrimitives.ReadUInt32LittleEndian(b[tables..]),
            BinaryPrimitives.ReadUInt32LittleEndian(b[(tables + 4)..]), "debugger data", damage);
        AddDataBlocks(file, blocks, BinaryPrimitives.ReadUInt32LittleEndian(b[(tables + 8)..]),
            BinaryPrimitives.ReadUInt32LittleEndian(b[(tables + 12)..]), header.Is64Bit ? ulong.MaxValue : uint.MaxValue, damage);
        return new TriageDump(file, header.Is64Bit, b)
        {
            Blocks = blocks,
        };
    }

    /// <summary>
    /// The drivers, in the dump's order, without the memory in which their bytes lie.
    /// </summary>
    /// <param name="memory">The address space to give to the modules.</param>
    /// <param name="damage">Receives what could not be read.</param>
    public List<TargetModule> ReadDrivers(IMemory memory, List<string> damage)
    {
        List<TargetModule> modules = [];
        if (_driverCount > Limits.Modules)
            damage.Add($"the driver list announces {_driverCount:N0} drivers; {Limits.Modules:N0} are read");
        int count = (int)Math.Min(_driverCount, Limits.Modules);
        int stride = FindDriverStride(count);
        int unreadable = 0;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = _file.ReadBytes(_driverListOffset + (long)i * stride, stride);
            if (entry.Length < stride)
            {
                damage.Add($"truncated: driver {i} of {count} lies behind the end of the file");
                break;
            }
            string? path = ReadString(BinaryPrimitives.ReadUInt32LittleEndian(entry));
            TargetModule? module = path is null ? null : MakeModule(path, entry, memory);
            if (module is null)
                unreadable++;
            else
                modules.Add(module);
        }
        if (unreadable > 0)
            damage.Add($"{unreadable} of {count} entries of the driver list are not readable");
        return modules;
    }

    /// <summary>The drivers that had been unloaded.</summary>
    public List<UnloadedModule> ReadUnloaded()
    {
        List<UnloadedModule> unloaded = [];
        if (_unloadedOffset == 0)
            return unloaded;
        // A count in a pointer's room; then UNICODE_STRING, twelve characters of the name, start and end.
        int pointer = _is64Bit ? sizeof(ulong) : sizeof(uint);
        int name = 2 * pointer, size = _is64Bit ? LargestUnloadedEntry : 4 * pointer + 24;
        ReadOnlySpan<byte> count = _file.ReadBytes(_unloadedOffset, pointer);
        if (count.Length < pointer)
            return unloaded;
        // MI_UNLOADED_DRIVERS = 50 entries: the kernel keeps no more (public documentation of lm u and !unloaded).
        uint entries = Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(count), 64);
        for (int i = 0; i < entries; i++)
        {
            ReadOnlySpan<byte> entry = _file.ReadBytes(_unloadedOffset + pointer + (long)i * size, size);
            if (entry.Length < size)
                break;
            int bytes = Math.Min(BinaryPrimitives.ReadUInt16LittleEndian(entry), (ushort)24) & ~1;
            string text = Encoding.Unicode.GetString(entry.Slice(name, bytes)).TrimEnd('\0');
            ulong start = Address(entry[^(2 * pointer)..]);
            ulong end = Address(entry[^pointer..]);
            if (text.Length > 0 && end > start)
                unloaded.Add(new UnloadedModule(text, start, end));
        }
        return unloaded;
    }

    private ulong Address(ReadOnlySpan<byte> bytes) => _is64Bit
        ? BinaryPrimitives.ReadUInt64LittleEndian(bytes)
        : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    /// <summary>
    /// The memory manager's counters; null where the system did not fill them in, as it does when TriageOptions is 0x41.
    /// </summary>
    /// <remarks>
    /// crash-triage.md 2.7: {version 1, size 0x50} is constant in all real dumps that have the block [DUMP]; what the counters
    /// from +18 on mean follows from their order and from values that are plausible in ten dumps [I].
    /// </remarks>
    public static SmallDumpMemory? ReadMemory(DumpFile file, DumpHeader header)
    {
        ReadOnlySpan<byte> words = file.ReadBytes(header.Size, 0x48);
        if (!header.Is64Bit || words.Length < 0x48 || U32(words, 5) == 0)
            return null;
        ReadOnlySpan<byte> b = file.ReadBytes(U32(words, 5), MemoryBlockSize);
        if (b.Length < MemoryBlockSize || BinaryPrimitives.ReadUInt32LittleEndian(b) != 1
            || BinaryPrimitives.ReadUInt32LittleEndian(b[4..]) != MemoryBlockSize)
            return null;
        SmallDumpMemory memory =
            new(U64(b, 0x18), U64(b, 0x20), U64(b, 0x28), U64(b, 0x30), U64(b, 0x38), U64(b, 0x40), U64(b, 0x48));
        // Where TriageOptions is ffffffff all of them are 0 [DUMP], and a system without commit there is none.
        return memory.Committed == 0 ? null : memory;
    }

    private static ulong U64(ReadOnlySpan<byte> block, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(block[offset..]);

    private TargetModule? MakeModule(string path, ReadOnlySpan<byte> entry, IMemory memory)
    {
        ulong baseAddress = _is64Bit
            ? BinaryPrimitives.ReadUInt64LittleEndian(entry[0x38..])
            : BinaryPrimitives.ReadUInt32LittleEndian(entry[0x1c..]);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(entry[(_is64Bit ? 0x48 : 0x24)..]);
        if (baseAddress == 0 || size == 0)
            return null;
        return ModuleNames.Create(path, baseAddress, size,
            timeDateStamp: BinaryPrimitives.ReadUInt32LittleEndian(entry[(_is64Bit ? 0x88 : 0x48)..]),
            checkSum: _is64Bit ? BinaryPrimitives.ReadUInt32LittleEndian(entry[0x80..]) : 0,
            isUserMode: false, memory);
    }

    /// <summary>
    /// The size of a driver entry: 0x90 in every x64 dump seen. Older and 32-bit systems differ, so that the size is the
    /// first one that makes the second and third entries point at strings.
    /// </summary>
    private int FindDriverStride(int count)
    {
        ReadOnlySpan<int> candidates = _is64Bit ? [0x90, 0x98, 0xa0, 0xa8, 0xb0, 0x88] : [0x4c, 0x54, 0x50, 0x58, 0x5c, 0x60];
        foreach (int stride in candidates)
        {
            bool fits = true;
            for (int i = 1; i < Math.Min(count, 4) && fits; i++)
            {
                ReadOnlySpan<byte> offset = _file.ReadBytes(_driverListOffset + (long)i * stride, 4);
                fits = offset.Length == 4 && ReadString(BinaryPrimitives.ReadUInt32LittleEndian(offset)) is not null;
            }
            if (fits)
                return stride;
        }
        return candidates[0];
    }

    /// <summary>A string of the pool: its length in characters, then UTF-16; null where it cannot be one.</summary>
    private string? ReadString(uint offset)
    {
        ReadOnlySpan<byte> length = _file.ReadBytes(offset, 4);
        if (offset == 0 || length.Length < 4)
            return null;
        uint characters = BinaryPrimitives.ReadUInt32LittleEndian(length);
        if (characters is 0 or > 1024)
            return null;
        ReadOnlySpan<byte> text = _file.ReadBytes(offset + 4L, (int)characters * 2);
        return text.Length < characters * 2 ? null : Encoding.Unicode.GetString(text);
    }

    private static void AddDataBlocks(
        DumpFile file, List<MemoryBlock> blocks, uint offset, uint count, ulong addressMask, List<string> damage)
    {
        uint room = (uint)Math.Min(uint.MaxValue, Math.Max(0, file.Length - offset) / DataBlockSize);
        if (count > room)
        {
            damage.Add($"{count:N0} data blocks are announced, the file has room for {room:N0}");
            count = room;
        }
        for (uint i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = file.ReadBytes(offset + (long)i * DataBlockSize, DataBlockSize);
            AddBlock(file, blocks, BinaryPrimitives.ReadUInt64LittleEndian(entry) & addressMask,
                BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]), BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]),
                "data block", damage);
        }
    }

    private static void AddBlock(
        DumpFile file, List<MemoryBlock> blocks, ulong address, uint offset, uint size, string what, List<string> damage)
    {
        if (address == 0 || size == 0)
            return;
        long room = Math.Max(0, file.Length - offset);
        if (size > room)
        {
            if (damage.Count < 16)
                damage.Add($"truncated: a {what} of 0x{size:x} bytes at 0x{offset:x} lies behind the end of the file");
            size = (uint)room;
        }
        if (size != 0)
            blocks.Add(new MemoryBlock(address, offset, size));
    }

    private static uint U32(ReadOnlySpan<byte> words, int index) => BinaryPrimitives.ReadUInt32LittleEndian(words[(index * 4)..]);
}
