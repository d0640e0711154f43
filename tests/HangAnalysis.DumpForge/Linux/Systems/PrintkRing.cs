using System.Text;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A line of the kernel's log: seconds since boot, and text.</summary>
public sealed record LogLine(double Seconds, string Text, int Level = 6);

/// <summary>
/// The ring buffer of printk (kernel/printk/printk_ringbuffer.c): descriptors by id, and blocks of text that never wrap
/// inside but begin again. Old lines are pushed out by new ones.
/// </summary>
public sealed class PrintkRing
{
    private const int CountBits = 8, SizeBits = 14;
    private const ulong Finalized = 2ul << 62, Reusable = 3ul << 62, IdMask = (1ul << 62) - 1;
    private readonly LinuxMachine _machine;
    private readonly List<LogLine> _lines = [];

    internal PrintkRing(LinuxMachine machine) => _machine = machine;

    /// <summary>All lines ever written.</summary>
    public IReadOnlyList<LogLine> Lines => _lines;

    /// <summary>Lines that are still in the ring; known when the machine is complete.</summary>
    public IReadOnlyList<LogLine> Kept { get; private set; } = [];

    public PrintkRing Add(double seconds, string text, int level = 6)
    {
        foreach (string line in text.Split('\n'))
            _lines.Add(new LogLine(seconds, line.TrimEnd('\r'), level));
        return this;
    }

    internal void Complete()
    {
        LinuxObject ring = _machine.Variable("printk_rb_static", "printk_ringbuffer", 'd');
        _machine.Memory.Space.WriteUInt64(_machine.Data("prb", 8, 8, 'd'), ring.Address);
        _machine.Variable("clear_seq", "latched_seq", 'b');
        int count = 1 << CountBits, size = 1 << SizeBits;
        ulong descriptors = _machine.Data("_printk_rb_static_descs", count * _machine.Layout.SizeOf("prb_desc"), 8, 'd');
        ulong infos = _machine.Data("_printk_rb_static_infos", count * _machine.Layout.SizeOf("printk_info"), 8, 'd');
        ulong data = _machine.Data("__log_buf", size, 8, 'b');
        _machine.Memory.Space.WriteUInt64(_machine.Data("log_buf", 8, 8, 'd'), data);
        _machine.Memory.Space.WriteUInt32(_machine.Data("log_buf_len", 4, 4, 'd'), (uint)size);
        // The first id and position are such that they overflow soon (DESC0_ID, BLK0_LPOS).
        ulong id = unchecked(0ul - (ulong)count - 1) & IdMask, position = unchecked(0ul - (ulong)size);
        Queue<(ulong Id, ulong Begin, LogLine Line)> kept = new();
        for (ulong unused = 0; unused < (ulong)count; unused++)
            Descriptor(descriptors, unused).Set("state_var", Reusable | id - (ulong)count + 1 + unused & IdMask)
                .Set("text_blk_lpos.begin", 1ul).Set("text_blk_lpos.next", 1ul);
        ulong sequence = 0;
        foreach (LogLine line in _lines)
        {
            byte[] text = Encoding.UTF8.GetBytes(line.Text);
            id = id + 1 & IdMask;
            ulong begin = position, length = (ulong)(8 + text.Length + 7) & ~7ul, next = begin + length;
            ulong start = begin;
            _machine.Memory.Space.WriteUInt64(data + begin % (ulong)size, id);
            // A block that would reach the end begins again at the beginning; the rest stays unused (get_next_lpos()).
            if (begin / (ulong)size != next / (ulong)size)
            {
                start = next / (ulong)size * (ulong)size;
                next = start + length;
                _machine.Memory.Space.WriteUInt64(data, id);
            }
            _machine.Memory.Space.Write(data + start % (ulong)size + 8, text);
            Descriptor(descriptors, id).Set("state_var", Finalized | id).Set("text_blk_lpos.begin", begin)
                .Set("text_blk_lpos.next", next);
            _machine.Object("printk_info", infos + id % (ulong)count * (ulong)_machine.Layout.SizeOf("printk_info"))
                .Set("seq", sequence++).Set("ts_nsec", (ulong)Math.Round(line.Seconds * 1e6) * 1000)
                .Set("text_len", text.Length)
                .Set("level", line.Level).Set("caller_id", 0x80000000);
            position = next;
            kept.Enqueue((id, begin, line));
            while (kept.Count > count || next - kept.Peek().Begin > (ulong)size)
                kept.Dequeue();
        }
        Kept = [.. kept.Select(entry => entry.Line)];
        ring.Set("desc_ring.count_bits", CountBits).Set("desc_ring.descs", descriptors).Set("desc_ring.infos", infos)
            .Set("desc_ring.head_id", id).Set("desc_ring.tail_id", kept.Count > 0 ? kept.Peek().Id : id)
            .Set("text_data_ring.size_bits", SizeBits).Set("text_data_ring.data", data)
            .Set("text_data_ring.head_lpos", position)
            .Set("text_data_ring.tail_lpos", kept.Count > 0 ? kept.Peek().Begin : position);
    }

    private LinuxObject Descriptor(ulong descriptors, ulong id) => _machine.Object("prb_desc",
        descriptors + id % (1ul << CountBits) * (ulong)_machine.Layout.SizeOf("prb_desc"));
}
