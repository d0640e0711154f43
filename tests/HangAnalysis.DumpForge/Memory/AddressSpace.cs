using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge.Memory;

/// <summary>
/// An x64 address space: page tables of four or five levels in physical memory. The kernel's half belongs to one
/// address space, whose top-level entries all others copy, as Windows does; writing to it through any of them is the
/// same. Writing maps what is not mapped.
/// </summary>
public sealed class AddressSpace
{
    private const ulong FrameMask = 0xffffffffff000, Present = 1, Large = 0x80, KernelFlags = 0x63, UserFlags = 0x67;
    private const int PageSize = PhysicalMemory.PageSize;
    private readonly AddressSpace? _kernel;
    private readonly List<AddressSpace> _users = [];
    private readonly int _topShift;
    private ulong _lastPage = ulong.MaxValue;
    private byte[] _lastBytes = [];
    private int _lastRemappings;

    /// <summary>Makes the kernel's address space, or with <paramref name="kernel"/> a process's own.</summary>
    public AddressSpace(PhysicalMemory memory, AddressSpace? kernel = null, int levels = 4)
    {
        Memory = memory;
        _kernel = kernel;
        Levels = kernel?.Levels ?? levels;
        _topShift = 12 + 9 * (Levels - 1);
        RootPfn = memory.Allocate();
        if (kernel is not null)
        {
            kernel._users.Add(this);
            memory.PageAt(kernel.RootPfn).AsSpan(PageSize / 2).CopyTo(memory.PageAt(RootPfn).AsSpan(PageSize / 2));
        }
    }

    public PhysicalMemory Memory { get; }

    public int Levels { get; }

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
        for (int shift = _topShift; ; shift -= 9)
        {
            ulong entry = ReadEntry(table, va, shift);
            if ((entry & Present) == 0)
                return null;
            if (shift == 12 || shift <= 30 && (entry & Large) != 0)
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

    public ushort ReadUInt16(ulong va) => BinaryPrimitives.ReadUInt16LittleEndian(Read(va, 2));

    public uint ReadUInt32(ulong va) => BinaryPrimitives.ReadUInt32LittleEndian(Read(va, 4));

    public ulong ReadUInt64(ulong va) => BinaryPrimitives.ReadUInt64LittleEndian(Read(va, 8));

    /// <summary>Writes a UNICODE_STRING and its text, which goes to <paramref name="buffer"/>.</summary>
    public void WriteUnicodeString(ulong va, ulong buffer, string text)
    {
        Write(buffer, Encoding.Unicode.GetBytes(text + '\0'));
        WriteUInt16(va, (ushort)(text.Length * 2));
        WriteUInt16(va + 2, (ushort)(text.Length * 2 + 2));
        WriteUInt64(va + 8, buffer);
    }

    /// <summary>Makes a LIST_ENTRY an empty ring.</summary>
    public void InitializeList(ulong head)
    {
        WriteUInt64(head, head);
        WriteUInt64(head + 8, head);
    }

    /// <summary>Puts an entry at the end of a ring.</summary>
    public void AppendToList(ulong head, ulong entry)
    {
        ulong last = ReadUInt64(head + 8);
        WriteUInt64(entry, head);
        WriteUInt64(entry + 8, last);
        WriteUInt64(last, entry);
        WriteUInt64(head + 8, entry);
    }

    private ulong MapLarge(ulong va, int shift)
    {
        if (Translate(va) is { } physical)
            return physical >> 12;
        ulong pfn = Memory.Reserve(1ul << shift - 12);
        SetEntry(va, shift, pfn << 12 | Flags(va) | Large);
        return pfn;
    }

    private static ulong Flags(ulong va) => va >> 63 != 0 ? KernelFlags : UserFlags;

    private ulong ReadEntry(ulong table, ulong va, int shift) =>
        BinaryPrimitives.ReadUInt64LittleEndian(Memory.PageAt(table).AsSpan(Index(va, shift) * 8));

    private static int Index(ulong va, int shift) => (int)(va >> shift & 0x1ff);

    private void SetEntry(ulong va, int level, ulong value)
    {
        if (va >> 63 != 0 && _kernel is not null)
        {
            _kernel.SetEntry(va, level, value);
            return;
        }
        ulong table = RootPfn;
        for (int shift = _topShift; shift > level; shift -= 9)
        {
            ulong entry = ReadEntry(table, va, shift);
            if ((entry & Present) == 0)
            {
                entry = Memory.Allocate() << 12 | Flags(va);
                WriteEntry(table, va, shift, entry);
                if (shift == _topShift && va >> 63 != 0)
                    foreach (AddressSpace user in _users)
                        user.WriteEntry(user.RootPfn, va, shift, entry);
            }
            else if ((entry & Large) != 0 && shift <= 30)
                throw new InvalidOperationException($"{va:x} lies in a large page");
            table = (entry & FrameMask) >> 12;
        }
        WriteEntry(table, va, level, value);
    }

    private void WriteEntry(ulong table, ulong va, int shift, ulong value)
    {
        Span<byte> entry = Memory.PageAt(table).AsSpan(Index(va, shift) * 8, 8);
        if ((BinaryPrimitives.ReadUInt64LittleEndian(entry) & Present) != 0)
            Memory.Remappings++;
        BinaryPrimitives.WriteUInt64LittleEndian(entry, value);
    }
}
