using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge.Memory;

/// <summary>
/// An address space: page tables of a processor's <see cref="PagingMode"/> in physical memory. The kernel's half belongs to
/// one address space, whose top-level entries all others copy, as Windows does; writing to it through any of them is the
/// same. Writing maps what is not mapped. Addresses of 32 bits are zero-extended.
/// </summary>
public sealed class AddressSpace
{
    private const ulong FrameMask = 0xffffffffff000, Present = 1, Large = 0x80;
    private const int PageSize = PhysicalMemory.PageSize;
    private readonly AddressSpace? _kernel;
    private readonly List<AddressSpace> _users = [];
    private readonly PagingMode _mode;
    private ulong _lastPage = ulong.MaxValue;
    private byte[] _lastBytes = [];
    private int _lastRemappings;

    /// <summary>Makes the kernel's address space, or with <paramref name="kernel"/> a process's own.</summary>
    public AddressSpace(PhysicalMemory memory, AddressSpace? kernel = null, int levels = 4, PagingMode? mode = null)
    {
        Memory = memory;
        _kernel = kernel;
        _mode = kernel?._mode ?? mode ?? PagingMode.X64(levels);
        RootPfn = memory.Allocate();
        if (kernel is not null)
        {
            kernel._users.Add(this);
            int size = _mode.TopEntries * _mode.EntrySize, half = size / 2;
            memory.PageAt(kernel.RootPfn).AsSpan(half, half).CopyTo(memory.PageAt(RootPfn).AsSpan(half));
        }
    }

    public PhysicalMemory Memory { get; }

    public int Levels => _mode.Levels;

    public int PointerSize => _mode.PointerSize;

    /// <summary>Whether page tables are those of x86 with physical address extension, or wider.</summary>
    public bool HasWideEntries => _mode.EntrySize == 8;

    public ulong RootPfn { get; }

    /// <summary>What CR3 and KPROCESS.DirectoryTableBase hold.</summary>
    public ulong DirectoryTableBase => RootPfn << 12;

    /// <summary>Maps the page of an address and says its page frame number; a mapped one stays as it is.</summary>
    public ulong Map(ulong va)
    {
        if (Translate(va) is { } physical)
            return physical >> 12;
        ulong pfn = Memory.Allocate();
        MapTo(va, pfn);
        return pfn;
    }

    /// <summary>Maps a page at a chosen page frame number.</summary>
    public void MapTo(ulong va, ulong pfn)
    {
        Memory.PageAt(pfn);
        SetEntry(va, 12, pfn << 12 | Flags(va));
    }

    /// <summary>Maps a range of zeros.</summary>
    public void MapRange(ulong va, ulong size)
    {
        for (ulong page = va & ~0xffful; page < va + size; page += PageSize)
            Map(page);
    }

    /// <summary>Maps a page of 2 MB; the address is a multiple of it.</summary>
    public ulong MapLarge(ulong va) => MapLarge(va, 21);

    /// <summary>Maps a page of 1 GB; the address is a multiple of it.</summary>
    public ulong MapHuge(ulong va) => MapLarge(va, 30);

    /// <summary>Maps a page of 2 MB (shift 21) or 1 GB (30) at a chosen page frame number.</summary>
    public void MapLargeTo(ulong va, ulong pfn, int shift) => SetEntry(va, shift, pfn << 12 | Flags(va) | Large);

    /// <summary>Makes a page absent: its entry becomes 0, or another value that is not present.</summary>
    public void Unmap(ulong va, ulong entry = 0) => SetEntry(va, 12, entry);

    /// <summary>
    /// Puts a mapped page on the standby or modified list: the entry is not present, but the page is still in memory
    /// (MMPTE_TRANSITION: bit 11 set, bit 10 clear, protection 4 read-write from bit 5).
    /// </summary>
    public void MakeTransition(ulong va)
    {
        ulong physical = Translate(va) ?? throw new InvalidOperationException($"{va:x} is not mapped");
        SetEntry(va, 12, physical & FrameMask | 0x880);
    }

    /// <summary>The physical address of a virtual one; null where it is not present.</summary>
    public ulong? Translate(ulong va)
    {
        ulong table = RootPfn;
        for (int shift = _mode.TopShift; ; shift -= _mode.IndexBits)
        {
            ulong entry = ReadEntry(table, va, shift);
            if ((entry & Present) == 0)
                return null;
            if (shift == 12 || shift <= 30 && shift < _mode.TopShift && (entry & Large) != 0)
            {
                ulong inside = (1ul << shift) - 1;
                return entry & FrameMask & ~inside | va & inside;
            }
            table = (entry & FrameMask) >> 12;
        }
    }

    public void Write(ulong va, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            int at = (int)(va & 0xfff), count = Math.Min(bytes.Length, PageSize - at);
            bytes[..count].CopyTo(PageOf(va).AsSpan(at));
            bytes = bytes[count..];
            va += (ulong)count;
        }
    }

    // Structures are written field by field: the page of the last write is remembered.
    private byte[] PageOf(ulong va)
    {
        ulong page = va >> 12;
        if (page != _lastPage || _lastRemappings != Memory.Remappings)
        {
            _lastBytes = Memory.PageAt(Map(va));
            (_lastPage, _lastRemappings) = (page, Memory.Remappings);
        }
        return _lastBytes;
    }

    /// <summary>Reads bytes; an absent page is an error of the scenario.</summary>
    public byte[] Read(ulong va, int count)
    {
        byte[] result = new byte[count];
        for (int done = 0; done < count;)
        {
            ulong physical = Translate(va + (ulong)done)
                ?? throw new InvalidOperationException($"{va:x} is not mapped");
            int at = (int)(physical & 0xfff), part = Math.Min(count - done, PageSize - at);
            if (Memory.Find(physical >> 12) is { } page)
                page.AsSpan(at, part).CopyTo(result.AsSpan(done));
            done += part;
        }
        return result;
    }

    public void WriteUInt8(ulong va, byte value) => Write(va, [value]);

    public void WriteUInt16(ulong va, ushort value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
        Write(va, bytes);
    }

    public void WriteUInt32(ulong va, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Write(va, bytes);
    }

    public void WriteUInt64(ulong va, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Write(va, bytes);
    }

    public void WritePointer(ulong va, ulong value)
    {
        if (PointerSize == 8)
            WriteUInt64(va, value);
        else
            WriteUInt32(va, (uint)value);
    }

    public ulong ReadPointer(ulong va) => PointerSize == 8 ? ReadUInt64(va) : ReadUInt32(va);

    public ushort ReadUInt16(ulong va) => BinaryPrimitives.ReadUInt16LittleEndian(Read(va, 2));

    public uint ReadUInt32(ulong va) => BinaryPrimitives.ReadUInt32LittleEndian(Read(va, 4));

    public ulong ReadUInt64(ulong va) => BinaryPrimitives.ReadUInt64LittleEndian(Read(va, 8));

    /// <summary>Writes a UNICODE_STRING and its text, which goes to <paramref name="buffer"/>.</summary>
    public void WriteUnicodeString(ulong va, ulong buffer, string text)
    {
        Write(buffer, Encoding.Unicode.GetBytes(text + '\0'));
        WriteUInt16(va, (ushort)(text.Length * 2));
        WriteUInt16(va + 2, (ushort)(text.Length * 2 + 2));
        WritePointer(va + (ulong)PointerSize, buffer);
    }

    /// <summary>Makes a LIST_ENTRY an empty ring.</summary>
    public void InitializeList(ulong head)
    {
        WritePointer(head, head);
        WritePointer(head + (ulong)PointerSize, head);
    }

    /// <summary>Puts an entry at the end of a ring.</summary>
    public void AppendToList(ulong head, ulong entry)
    {
        ulong back = (ulong)PointerSize, last = ReadPointer(head + back);
        WritePointer(entry, head);
        WritePointer(entry + back, last);
        WritePointer(last, entry);
        WritePointer(head + back, entry);
    }

    private ulong MapLarge(ulong va, int shift)
    {
        if (Translate(va) is { } physical)
            return physical >> 12;
        ulong pfn = Memory.Reserve(1ul << shift - 12);
        SetEntry(va, shift, pfn << 12 | Flags(va) | Large);
        return pfn;
    }

    private ulong Flags(ulong va) => _mode.IsKernel(va) ? _mode.Flags.Kernel : _mode.Flags.User;

    private ulong ReadEntry(ulong table, ulong va, int shift)
    {
        ReadOnlySpan<byte> entry = Memory.PageAt(table).AsSpan(Index(va, shift));
        return _mode.EntrySize == 8
            ? BinaryPrimitives.ReadUInt64LittleEndian(entry) : BinaryPrimitives.ReadUInt32LittleEndian(entry);
    }

    private int Index(ulong va, int shift)
    {
        if (_mode.AddressBits < 64 && va >> _mode.AddressBits != 0)
            throw new ArgumentException($"{va:x} is no address of {_mode.AddressBits} bits");
        return (int)(va >> shift & (1ul << _mode.IndexBits) - 1) * _mode.EntrySize;
    }

    private void SetEntry(ulong va, int level, ulong value)
    {
        if (_mode.IsKernel(va) && _kernel is not null)
        {
            _kernel.SetEntry(va, level, value);
            return;
        }
        ulong table = RootPfn;
        for (int shift = _mode.TopShift; shift > level; shift -= _mode.IndexBits)
        {
            ulong entry = ReadEntry(table, va, shift);
            if ((entry & Present) == 0)
            {
                ulong flags = shift == _mode.TopShift ? _mode.TopFlags ?? Flags(va) : Flags(va);
                entry = Memory.Allocate() << 12 | flags;
                WriteEntry(table, va, shift, entry);
                if (shift == _mode.TopShift && _mode.IsKernel(va))
                    foreach (AddressSpace user in _users)
                        user.WriteEntry(user.RootPfn, va, shift, entry);
            }
            else if ((entry & Large) != 0 && shift <= 30 && shift < _mode.TopShift)
                throw new InvalidOperationException($"{va:x} lies in a large page");
            table = (entry & FrameMask) >> 12;
        }
        WriteEntry(table, va, level, value);
    }

    private void WriteEntry(ulong table, ulong va, int shift, ulong value)
    {
        Span<byte> entry = Memory.PageAt(table).AsSpan(Index(va, shift), _mode.EntrySize);
        if ((entry[0] & Present) != 0)
            Memory.Remappings++;
        if (_mode.EntrySize == 8)
            BinaryPrimitives.WriteUInt64LittleEndian(entry, value);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)value);
    }
}
