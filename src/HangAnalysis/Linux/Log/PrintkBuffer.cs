using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Log;

/// <summary>Reads the log of kernels from 3.5 to 5.9: records of changing length, one behind the other.</summary>
/// <remarks>
/// kernel/printk.c, struct printk_log (struct log before 3.11): ts_nsec, len of the whole record, text_len, dict_len,
/// facility, five bits of flags and three of level, the caller since 5.1; behind it the text. A length of 0 means that the
/// next record is at the buffer's start.
/// </remarks>
internal static class PrintkBuffer
{
    private const int NewLine = 2, Prefix = 4, Continuation = 8;

    /// <summary>Reads the buffer to which the variable <c>log_buf</c> points.</summary>
    public static KernelLog Read(IMemory memory, LogLayout layout, ulong variable)
    {
        string type = layout.Has("printk_log") ? "printk_log" : "log";
        int header = layout.Size(type), time = layout.Offset(type, "ts_nsec"), length = layout.Offset(type, "len");
        int textLength = layout.Offset(type, "text_len"), dictionary = layout.Offset(type, "dict_len");
        if (!layout.IsWhole || header < Math.Max(dictionary + 4, time + 8))
            return KernelLog.Missing("neither VMCOREINFO nor BTF describes its records");
        if (!memory.TryReadUInt64(variable, out ulong buffer)
            || !memory.TryReadUInt32(layout.AddressOf("log_buf_len"), out uint size)
            || !memory.TryReadUInt32(layout.AddressOf("log_first_idx"), out uint first)
            || !memory.TryReadUInt32(layout.AddressOf("log_next_idx"), out uint next))
            return KernelLog.Missing("its buffer is not in the dump");
        // Up to 5.0 the header ends behind flags and level; with CONFIG_PRINTK_CALLER four bytes more follow.
        int caller = layout.Find(type, "caller_id") ?? -1;
        byte[] record = new byte[header];
        List<LogRecord> records = [];
        int damaged = 0, lastFlags = NewLine;
        bool hasWrapped = false;
        string? problem = null;
        for (long at = first; at != next;)
        {
            if (at + header > size || !memory.TryRead(buffer + (ulong)at, record))
            {
                damaged++;
                problem = "it breaks off: a record of it is not in the dump";
                break;
            }
            int whole = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(length));
            if (whole == 0 && !hasWrapped && next < first)
            {
                hasWrapped = true;
                at = 0;
                continue;
            }
            int text = BinaryPrimitives.ReadUInt16LittleEndian(record.AsSpan(textLength));
            long end = hasWrapped || first < next ? Math.Min(next, size) : size;
            if (whole < header || at + whole > end || text > whole - header || records.Count >= LogLimits.Records)
            {
                damaged++;
                problem = "it breaks off: a record of it is damaged";
                break;
            }
            byte[] bytes = new byte[text];
            int flags = record[dictionary + 3] & 0x1f;
            if (memory.TryRead(buffer + (ulong)(at + header), bytes))
                Add(records, new LogRecord((ulong)records.Count,
                    BinaryPrimitives.ReadUInt64LittleEndian(record.AsSpan(time)),
                    record[dictionary + 2], record[dictionary + 3] >> 5,
                    caller >= 0 && caller + 4 <= header
                        ? new LogCaller(BinaryPrimitives.ReadUInt32LittleEndian(record.AsSpan(caller)))
                        : null,
                    Encoding.UTF8.GetString(bytes)), flags, lastFlags);
            else
                damaged++;
            lastFlags = flags;
            at += whole;
        }
        return new KernelLog(records, damaged, problem);
    }

    /// <summary>Adds a record, or its text to the one that it goes on with, as msg_print_text() does.</summary>
    private static void Add(List<LogRecord> records, LogRecord record, int flags, int lastFlags)
    {
        bool goesOn = (lastFlags & Continuation) != 0 && (lastFlags & NewLine) == 0 && (flags & Prefix) == 0;
        if (goesOn && records.Count > 0 && records[^1].Text.Length + record.Text.Length <= ushort.MaxValue)
            records[^1] = records[^1] with { Text = records[^1].Text + record.Text };
        else
            records.Add(record with { IsContinuation = (flags & Continuation) != 0 && (flags & NewLine) != 0 });
    }
}
