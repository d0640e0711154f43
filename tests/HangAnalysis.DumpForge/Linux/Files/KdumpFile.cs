using System.IO.Compression;
using System.Text;
using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Files;

/// <summary>Writes the kdump-compressed format (makedumpfile's IMPLEMENTATION.md), version 6.</summary>
internal sealed class KdumpFile
{
    private const int Block = 4096, Version = 6, SubHeaderBlocks = 1;
    private const uint Zlib = 1, Incomplete = 8;
    private readonly LinuxMachine _machine;
    private readonly VmcoreForm _form;
    private readonly Dictionary<ulong, (long At, uint Size, uint Flags)> _shared = [];

    public KdumpFile(LinuxMachine machine, VmcoreForm form) => (_machine, _form) = (machine, form);

    /// <summary>Writes pages from a page frame number up to another; all of them, or a part of a split dump.</summary>
    public void Write(Stream stream, ulong firstPfn = 0, ulong endPfn = ulong.MaxValue)
    {
        bool isSplit = endPfn != ulong.MaxValue;
        ulong max = _machine.Memory.RamBytes / Block;
        byte[] notes = VmcoreNotes.Write(_machine, _form);
        int bitmapBlocks = (int)((max / 8 + Block - 1) / Block);
        List<KeyValuePair<ulong, byte[]>> pages = [.. _machine.Memory.Physical.Pages
            .Where(page => page.Key >= firstPfn && page.Key < endPfn)];
        long descriptors = Block * (1 + SubHeaderBlocks + 2L * bitmapBlocks);
        // Notes follow the sub header where they fit, else they come last; here between descriptors and pages.
        long notesAt = descriptors + 24L * pages.Count, next = notesAt + notes.Length;
        stream.Write(Header(max, bitmapBlocks));
        stream.Write(SubHeader(notes, notesAt, max, isSplit, firstPfn, Math.Min(endPfn, max)));
        byte[] valid = new byte[bitmapBlocks * Block], dumped = new byte[bitmapBlocks * Block];
        valid.AsSpan(0, (int)(max / 8)).Fill(0xff);
        foreach (KeyValuePair<ulong, byte[]> page in pages)
            dumped[page.Key / 8] |= (byte)(1 << (int)(page.Key % 8));
        stream.Write(valid);
        stream.Write(dumped);
        ByteWriter table = new();
        List<byte[]> contents = [];
        foreach (KeyValuePair<ulong, byte[]> page in pages)
        {
            ulong hash = Hash(page.Value);
            // Equal pages of zeros share their bytes, as makedumpfile and QEMU write them.
            if (!_shared.TryGetValue(hash, out (long At, uint Size, uint Flags) place))
            {
                byte[] bytes = Encode(page.Value, out uint flags);
                contents.Add(bytes);
                place = (next, (uint)bytes.Length, flags);
                next += bytes.Length;
                if (hash == 0)
                    _shared[hash] = place;
            }
            table.U64((ulong)place.At).U32(place.Size).U32(place.Flags | _form.ClaimedCompression).U64(0);
        }
        stream.Write(table.Written);
        stream.Write(notes);
        foreach (byte[] bytes in contents)
            stream.Write(bytes);
    }

    private static ulong Hash(byte[] page) => page.AsSpan().ContainsAnyExcept((byte)0) ? 1ul : 0;

    private byte[] Encode(byte[] page, out uint flags)
    {
        flags = 0;
        if (_form.Pages == VmcorePages.Raw)
            return page;
        using MemoryStream packed = new();
        using (ZLibStream zlib = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            zlib.Write(page);
        if (packed.Length >= page.Length)
            return page;
        flags = Zlib;
        return packed.ToArray();
    }

    // struct disk_dump_header; utsname has six fields of 65 bytes.
    private byte[] Header(ulong max, int bitmapBlocks)
    {
        ByteWriter header = new();
        header.Bytes("KDUMP   "u8).U32(Version);
        LinuxIdentity identity = _machine.Identity;
        string[] names = ["Linux", identity.NodeName, identity.Release, identity.Version, "x86_64", "(none)"];
        for (int i = 0; i < names.Length; i++)
        {
            byte[] field = new byte[65];
            if (!_form.IsFromQemu || i == 4)
                Encoding.ASCII.GetBytes(names[i]).AsSpan().CopyTo(field);
            header.Bytes(field);
        }
        header.Align(8).U64(_form.IsFromQemu ? 0 : (ulong)identity.CrashTime).U64(0);
        uint status = (_form.Pages == VmcorePages.Zlib ? Zlib : 0) | (_form.IsIncomplete ? Incomplete : 0)
            | _form.ClaimedCompression;
        header.U32(status).U32(Block).U32(SubHeaderBlocks).U32(2 * bitmapBlocks).U32((long)Math.Min(max, uint.MaxValue))
            .U32((long)max).U32(0).U32(0).U32(0).U32(_machine.Processors.All.Count);
        return header.Align(Block).ToArray();
    }

    // struct kdump_sub_header.
    private byte[] SubHeader(byte[] notes, long notesAt, ulong max, bool isSplit, ulong first, ulong end)
    {
        long physBase = _machine.Memory.PhysBase;
        if (_form.IsFromQemu)
            // QEMU reads the decimal figure of VMCOREINFO as a hexadecimal one.
            physBase = Math.Sign(physBase) * Convert.ToInt64(Math.Abs(physBase).ToString(), 16);
        (int info, int length) = VmcoreNotes.FindVmcoreInfo(_form.HasVmcoreInfo ? notes : []);
        ByteWriter header = new();
        header.U64((ulong)physBase).U32(1).U32(isSplit ? 1 : 0).U64(first).U64(end)
            .U64(length > 0 ? (ulong)(notesAt + info) : 0).U64((ulong)length)
            .U64((ulong)notesAt).U64((ulong)notes.Length).U64(0).U64(0).U64(first).U64(end).U64(max);
        return header.Align(Block).ToArray();
    }
}
