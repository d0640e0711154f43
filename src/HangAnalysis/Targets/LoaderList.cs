using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Targets;

/// <summary>Reads a loader's list of images: the kernel's, or a process's.</summary>
/// <remarks>
/// LDR_DATA_TABLE_ENTRY and the kernel's KLDR_DATA_TABLE_ENTRY begin alike, and these fields have not moved from XP to
/// Windows 11: DllBase, SizeOfImage, FullDllName, BaseDllName, CheckSum (kernel only). The debugger engine reads them at
/// fixed offsets too, so that modules are there before any symbol is. The link time stamp is taken from the image's own
/// header where that is in the dump: in the entries it moved (+80, but +9c in the KLDR entries of Windows 10, whose +80
/// is the low half of a pointer).
/// </remarks>
internal static class LoaderList
{
    private const int EntrySize64 = 0xa0;
    private const int EntrySize32 = 0x48;

    /// <summary>The images of a list, in its order.</summary>
    /// <param name="memory">The address space that holds the list and the images.</param>
    /// <param name="head">Address of the list's head.</param>
    /// <param name="isUserMode">Whether the images belong to a process.</param>
    /// <param name="problem">What is wrong with the list; null where it is whole.</param>
    /// <param name="is32Bit">Whether pointers have four bytes.</param>
    public static List<TargetModule> Read(
        IMemory memory, ulong head, bool isUserMode, out string? problem, bool is32Bit = false)
    {
        List<TargetModule> modules = [];
        Span<byte> entry = stackalloc byte[EntrySize64];
        entry = entry[..(is32Bit ? EntrySize32 : EntrySize64)];
        ulong previous = head;
        ulong current = ReadPointer(memory, head, is32Bit);
        problem = null;
        while (current != head && problem is null)
        {
            if (modules.Count >= Limits.Modules)
                problem = $"it has more than {Limits.Modules:N0} entries";
            else if (!memory.TryRead(current, entry))
                problem = $"the entry at {current:x16} is not in the dump";
            else if (Pointer(entry, is32Bit ? 4 : 8, is32Bit) != previous)
                problem = $"the entry at {current:x16} does not point back to {previous:x16}";
            else
            {
                if (ReadEntry(memory, entry, isUserMode, is32Bit) is { } module)
                    modules.Add(module);
                previous = current;
                current = Pointer(entry, 0, is32Bit);
            }
        }
        return modules;
    }

    private static TargetModule? ReadEntry(IMemory memory, ReadOnlySpan<byte> entry, bool isUserMode, bool is32Bit)
    {
        ulong baseAddress = Pointer(entry, is32Bit ? 0x18 : 0x30, is32Bit);
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(entry[(is32Bit ? 0x20 : 0x40)..]);
        if (baseAddress == 0 || size == 0)
            return null;
        string path = ReadString(memory, entry[(is32Bit ? 0x24 : 0x48)..], is32Bit);
        string name = ReadString(memory, entry[(is32Bit ? 0x2c : 0x58)..], is32Bit);
        uint checkSum = isUserMode || is32Bit ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(entry[0x78..]);
        if (!TryReadHeaderStamp(memory, baseAddress, size, out uint stamp))
        {
            stamp = isUserMode || is32Bit ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(entry[0x9c..]);
            if (stamp == 0)
                stamp = BinaryPrimitives.ReadUInt32LittleEndian(entry[(is32Bit ? 0x44 : 0x80)..]);
        }
        return ModuleNames.Create(path.Length == 0 ? name : path, baseAddress, size, stamp, checkSum, isUserMode, memory,
            name.Length == 0 ? null : name);
    }

    /// <summary>TimeDateStamp of the image's file header: at +8 behind the offset that +3c of the image holds.</summary>
    private static bool TryReadHeaderStamp(IMemory memory, ulong baseAddress, uint size, out uint stamp)
    {
        stamp = 0;
        return memory.TryReadUInt16(baseAddress, out ushort magic) && magic == 0x5a4d
            && memory.TryReadUInt32(baseAddress + 0x3c, out uint header) && header < size
            && memory.TryReadUInt32(baseAddress + header + 8, out stamp);
    }

    private static string ReadString(IMemory memory, ReadOnlySpan<byte> header, bool is32Bit)
    {
        int length = BinaryPrimitives.ReadUInt16LittleEndian(header) & ~1;
        ulong buffer = Pointer(header, is32Bit ? 4 : 8, is32Bit);
        // MAX_PATH is 260; the longest path that a loader takes has 32,767 characters.
        const int LongestPath = 4096;
        if (length is 0 or > LongestPath || buffer == 0)
            return "";
        byte[] text = new byte[length];
        return memory.TryRead(buffer, text) ? Encoding.Unicode.GetString(text) : "";
    }

    private static ulong ReadPointer(IMemory memory, ulong address, bool is32Bit)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes = bytes[..(is32Bit ? 4 : 8)];
        return memory.TryRead(address, bytes) ? Pointer(bytes, 0, is32Bit) : address;
    }

    /// <summary>A pointer; 32-bit kernel addresses are kept as debuggers show them, not sign-extended.</summary>
    private static ulong Pointer(ReadOnlySpan<byte> bytes, int offset, bool is32Bit) => is32Bit
        ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..])
        : BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
