using System.Text;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Log;

/// <summary>Reads the log of kernels since 5.10: a ring of descriptors, one of records' facts, and one of texts.</summary>
/// <remarks>
/// kernel/printk/printk_ringbuffer.c. Descriptors are numbered from tail_id to head_id; one is valid where its state word
/// has its own number and the state committed (1) or finalized (2). Its text lies from begin to next, both counted on
/// without end, behind a word with the descriptor's number. A text that would go over the end of the ring begins at its
/// start.
/// </remarks>
internal sealed class PrintkRing
{
    private const int StateShift = 62;
    private const ulong IdMask = (1UL << StateShift) - 1;
    private const int Committed = 1, Finalized = 2;
    private const int BlockIdBytes = 8;

    private readonly IMemory _memory;
    private readonly List<LogRecord> _records = [];
    private readonly byte[] _text = new byte[ushort.MaxValue];
    private readonly int _sequence, _time, _length, _facility, _level, _caller, _begin, _next;
    private readonly BtfMember? _levelBits;
    private ulong _data;
    private int _dataBits;
    private long _budget;
    private int _damaged;

    private PrintkRing(IMemory memory, LogLayout layout)
    {
        _memory = memory;
        _sequence = layout.Offset("printk_info", "seq");
        _time = layout.Offset("printk_info", "ts_nsec");
        _length = layout.Offset("printk_info", "text_len");
        // Behind the length, since the structure is there: one byte of facility, five bits of flags, three of level.
        _facility = layout.Find("printk_info", "facility") ?? _length + 2;
        _levelBits = layout.Member("printk_info", "level");
        _level = _levelBits?.Offset ?? _length + 3;
        _caller = layout.Find("printk_info", "caller_id") ?? -1;
        int block = layout.Offset("prb_desc", "text_blk_lpos");
        _begin = block + layout.Offset("prb_data_blk_lpos", "begin");
        _next = block + layout.Offset("prb_data_blk_lpos", "next");
    }

    /// <summary>Reads the ring to which the variable <c>prb</c> points.</summary>
    public static KernelLog Read(IMemory memory, LogLayout layout, ulong variable)
    {
        PrintkRing reader = new(memory, layout);
        int descriptors = layout.Offset("printk_ringbuffer", "desc_ring"),
            texts = layout.Offset("printk_ringbuffer", "text_data_ring");
        int countBits = descriptors + layout.Offset("prb_desc_ring", "count_bits");
        int descs = descriptors + layout.Offset("prb_desc_ring", "descs"),
            infos = descriptors + layout.Offset("prb_desc_ring", "infos");
        int head = descriptors + layout.Offset("prb_desc_ring", "head_id"),
            tail = descriptors + layout.Offset("prb_desc_ring", "tail_id");
        int sizeBits = texts + layout.Offset("prb_data_ring", "size_bits"),
            data = texts + layout.Offset("prb_data_ring", "data");
        int descSize = layout.Size("prb_desc"), infoSize = layout.Size("printk_info"),
            state = layout.Offset("prb_desc", "state_var");
        if (!layout.IsWhole || descSize < Math.Max(reader._next, state) + 8 || infoSize < reader._length + 4)
            return KernelLog.Missing("neither VMCOREINFO nor BTF describes its ring");
        if (!memory.TryReadUInt64(variable, out ulong ring) || !memory.TryReadUInt32(ring + (ulong)countBits, out uint count)
            || !memory.TryReadUInt64(ring + (ulong)descs, out ulong descTable)
                || !memory.TryReadUInt64(ring + (ulong)infos, out ulong infoTable)
            || !memory.TryReadUInt64(ring + (ulong)head, out ulong last)
                || !memory.TryReadUInt64(ring + (ulong)tail, out ulong first)
            || !memory.TryReadUInt32(ring + (ulong)sizeBits, out uint bits)
                || !memory.TryReadUInt64(ring + (ulong)data, out reader._data))
            return KernelLog.Missing("its ring is not in the dump");
        if (count is 0 or > LogLimits.DescriptorBits || bits is 0 or > LogLimits.TextBits)
            return KernelLog.Missing($"its ring is damaged: it would have 2^{count} records and 2^{bits} bytes");
        reader._dataBits = (int)bits;
        reader._budget = Math.Min(1L << (int)bits, LogLimits.TextBytes);
        RecordTable descTableReader = new(memory, descTable, descSize), infoTableReader = new(memory, infoTable, infoSize);
        return reader.Walk(descTableReader, infoTableReader, state, first & IdMask, last & IdMask, 1UL << (int)count);
    }

    private KernelLog Walk(RecordTable descriptors, RecordTable infos, int state, ulong first, ulong last, ulong size)
    {
        string? problem = null;
        ulong count = ((last - first) & IdMask) + 1;
        if (count > size)
        {
            problem = "its ring's ends do not fit each other: all places are looked at";
            count = size;
            first = (last - size + 1) & IdMask;
        }
        if (count > LogLimits.Records)
        {
            problem ??= $"only the last {LogLimits.Records:N0} records are read";
            first = (last - LogLimits.Records + 1) & IdMask;
            count = LogLimits.Records;
        }
        for (ulong i = 0; i < count; i++)
        {
            ulong id = (first + i) & IdMask;
            long index = (long)(id & (size - 1));
            ReadOnlySpan<byte> descriptor = descriptors.Get(index);
            if (descriptor.Length == 0)
                _damaged++;
            else if (IsValid(descriptor.UInt64(state), id, i == 0))
                Add(descriptor, infos.Get(index), id);
            if (_budget < 0)
            {
                problem ??= $"its texts are longer than it is: only the first {_records.Count:N0} are read";
                break;
            }
        }
        return new KernelLog(_records, _damaged, problem);
    }

    /// <summary>
    /// Whether a descriptor holds a record. One that is being written, or that is given up at the tail, holds none and is no
    /// damage; one with another's number is.
    /// </summary>
    private bool IsValid(ulong state, ulong id, bool isTail)
    {
        int phase = (int)(state >> StateShift);
        if ((state & IdMask) == id)
            return phase is Committed or Finalized;
        if (!isTail)
            _damaged++;
        return false;
    }

    private void Add(ReadOnlySpan<byte> descriptor, ReadOnlySpan<byte> info, ulong id)
    {
        ulong begin = descriptor.UInt64(_begin), next = descriptor.UInt64(_next);
        int length = info.Length == 0 ? 0 : info[_length] | info[_length + 1] << 8;
        // Both ends odd mean that there is no text: 3 for an empty line, 1 for a text for which there was no room.
        const ulong EmptyLine = 3;
        bool isEmpty = (begin & next & 1) != 0;
        if (info.Length == 0 || !(isEmpty ? begin == EmptyLine && next == EmptyLine
            : TryReadText(begin, next, id, ref length)))
        {
            _damaged++;
            return;
        }
        if (isEmpty)
            length = 0;
        _budget -= length;
        ulong level = info[_level];
        _records.Add(new LogRecord(info.UInt64(_sequence), info.UInt64(_time), info[_facility],
            (int)(_levelBits?.Extract(level) ?? level >> 5) & 7,
            _caller >= 0 && _caller + 4 <= info.Length ? new LogCaller(info.UInt32(_caller)) : null,
            Encoding.UTF8.GetString(_text.AsSpan(0, length)))
        {
            // enum printk_info_flags: LOG_CONT. The flags are the five bits below the level.
            IsContinuation = (info[_length + 3] & 8) != 0,
        });
    }

    private bool TryReadText(ulong begin, ulong next, ulong id, ref int length)
    {
        ulong mask = (1UL << _dataBits) - 1;
        ulong start = begin & mask, end = next & mask;
        // A text that ends exactly where the ring does was moved to its start up to 6.17, and is left where it is since.
        bool isMoved = begin >> _dataBits != next >> _dataBits && end != 0;
        if (isMoved)
            start = 0;
        else if (end == 0)
            end = mask + 1;
        if (end < start + BlockIdBytes)
            return false;
        length = (int)Math.Min((ulong)length, end - start - BlockIdBytes);
        return _memory.TryReadUInt64(_data + start, out ulong owner) && (owner & IdMask) == id
            && _memory.TryRead(_data + start + BlockIdBytes, _text.AsSpan(0, length));
    }
}
