using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Tests.Linux;

/// <summary>Memory with a log in it, written as the kernel does; the layout is that of 6.1.</summary>
internal sealed class ForgedLog : IMemory
{
    public const int DescSize = 24, InfoSize = 88;
    private const ulong Base = 0xffff_8880_0000_0000;
    private const ulong IdMask = (1UL << 62) - 1;

    private readonly byte[] _bytes = new byte[64 * 1024];
    private readonly int _countBits, _sizeBits;
    private ulong _id, _position;

    /// <param name="countBits">Bits of the number of records.</param>
    /// <param name="sizeBits">Bits of the bytes of text.</param>
    /// <param name="first">Number of the first descriptor; the kernel begins so that it soon passes 2^62.</param>
    public ForgedLog(int countBits, int sizeBits, ulong first)
    {
        (_countBits, _sizeBits, _id) = (countBits, sizeBits, first & IdMask);
        _position = unchecked(0UL - (1UL << sizeBits));
        Put(0, Base + 0x100);
        Put32(0x100, (uint)countBits);
        Put(0x108, Base + DescTable);
        Put(0x110, Base + InfoTable);
        Put32(0x130, (uint)sizeBits);
        Put(0x138, Base + TextTable);
        Put(0x120, first & IdMask);
    }

    public const int DescTable = 0x1000, InfoTable = 0x4000, TextTable = 0x8000;

    /// <summary>Bytes that are not in the dump.</summary>
    public (int Start, int Length) Absent { get; set; }

    public byte[] Bytes => _bytes;

    /// <summary>
    /// Adds a record; where its text would pass the end of the ring, it goes to the start, as before 6.18.
    /// </summary>
    public ForgedLog Add(string text, int level = 6, ulong nanoseconds = 0)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        ulong size = 1UL << _sizeBits, length = (ulong)(8 + bytes.Length + 7) & ~7UL;
        ulong begin = _position, next = begin + length, start = begin % size;
        if (begin / size != next / size)
        {
            next = next / size * size + length;
            start = 0;
        }
        Put(TextTable + (int)(begin % size), _id);
        Put(TextTable + (int)start, _id);
        bytes.CopyTo(_bytes, TextTable + (int)start + 8);
        int index = (int)(_id % (1UL << _countBits)), desc = DescTable + index * DescSize,
            info = InfoTable + index * InfoSize;
        Put(desc, 2UL << 62 | _id);
        Put(desc + 8, begin);
        Put(desc + 16, next);
        Put(info, Sequence++);
        Put(info + 8, nanoseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(_bytes.AsSpan(info + 16), (ushort)bytes.Length);
        _bytes[info + 19] = (byte)(level << 5);
        Put32(info + 20, 97);
        Put(0x118, _id);
        _position = next;
        _id = _id + 1 & IdMask;
        return this;
    }

    public ulong Sequence { get; private set; }

    /// <summary>Sets the oldest record.</summary>
    public ForgedLog SetTail(ulong id)
    {
        Put(0x120, id & IdMask);
        return this;
    }

    public KernelLog Read() => KernelLog.Read(this, Info(), KernelSymbols.Read(this, Info()));

    public void Put(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(offset), value);

    public void Put32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(offset), value);

    int IMemory.Read(ulong address, Span<byte> buffer)
    {
        if (address < Base || address - Base >= (ulong)_bytes.Length)
            return 0;
        int start = (int)(address - Base), length = Math.Min(buffer.Length, _bytes.Length - start);
        if (start >= Absent.Start && start < Absent.Start + Absent.Length)
            return 0;
        if (start < Absent.Start && start + length > Absent.Start)
            length = Absent.Start - start;
        _bytes.AsSpan(start, length).CopyTo(buffer);
        return length;
    }

    private static VmcoreInfo Info() => VmcoreInfo.Parse(Encoding.ASCII.GetBytes($"""
        SYMBOL(prb)={Base:x}
        OFFSET(printk_ringbuffer.desc_ring)=0
        OFFSET(printk_ringbuffer.text_data_ring)=48
        OFFSET(prb_desc_ring.count_bits)=0
        OFFSET(prb_desc_ring.descs)=8
        OFFSET(prb_desc_ring.infos)=16
        OFFSET(prb_desc_ring.head_id)=24
        OFFSET(prb_desc_ring.tail_id)=32
        SIZE(prb_desc)=24
        OFFSET(prb_desc.state_var)=0
        OFFSET(prb_desc.text_blk_lpos)=8
        OFFSET(prb_data_blk_lpos.begin)=0
        OFFSET(prb_data_blk_lpos.next)=8
        SIZE(printk_info)=88
        OFFSET(printk_info.seq)=0
        OFFSET(printk_info.ts_nsec)=8
        OFFSET(printk_info.text_len)=16
        OFFSET(printk_info.caller_id)=20
        OFFSET(prb_data_ring.size_bits)=0
        OFFSET(prb_data_ring.data)=8
        """.ReplaceLineEndings("\n")));
}
