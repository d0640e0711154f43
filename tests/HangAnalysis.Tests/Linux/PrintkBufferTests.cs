using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets.Vmcores;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>
/// Logs of kernels from 3.5 to 5.9, written as kernel/printk/printk.c of 4.19 does (struct printk_log of 16 bytes).
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public class PrintkBufferTests
{
    private const ulong Buffer = 0xffff_8880_0000_1000, Variables = 0xffff_8880_0000_0000;
    private const int Header = 16, NewLine = 2, Prefix = 4, Continuation = 8;

    private readonly SparseMemory _memory = new();
    private int _at;

    [Test]
    public void Records_have_time_and_level()
    {
        Add("Linux version 4.19", 5, NewLine, 0);
        Add("INFO: task dd:812 blocked for more than 120 seconds.", 3, NewLine, 242_104_000_000);
        KernelLog log = Read(first: 0, next: _at, size: 0x400);
        Assert.That(log.Records.Select(r => (r.ToString(), r.Level)), Is.EqualTo(new[]
        {
            ("[    0.000000] Linux version 4.19", 5),
                ("[  242.104000] INFO: task dd:812 blocked for more than 120 seconds.", 3),
        }));
        Assert.That((log.Damaged, log.Problem), Is.EqualTo((0, (string?)null)));
    }

    [Test]
    public void Fragments_are_one_line_unless_a_new_one_begins()
    {
        Add("one", 6, Continuation, 0);
        Add(" two", 6, Continuation | NewLine, 0);
        Add("three", 6, Continuation, 0);
        Add("other", 6, Prefix | NewLine, 0);
        Assert.That(Read(0, _at, 0x400).Records.Select(r => r.Text), Is.EqualTo(["one two", "three", "other"]));
    }

    [Test]
    public void Behind_a_length_of_zero_it_goes_on_at_the_start()
    {
        Add("newest", 6, NewLine, 0);
        int next = _at;
        _at = 0x100;
        int first = _at;
        Add("oldest", 6, NewLine, 0);
        _memory.Put(Buffer + (ulong)_at, new byte[Header]);
        Assert.That(Read(first, next, 0x200).Records.Select(r => r.Text), Is.EqualTo(["oldest", "newest"]));
    }

    [Test]
    public void A_damaged_length_ends_it_with_what_was_read()
    {
        Add("whole", 6, NewLine, 0);
        int damaged = _at;
        Add("damaged", 6, NewLine, 0);
        _memory.Put(Buffer + (ulong)damaged + 8, 3, 0);
        KernelLog log = Read(0, _at, 0x400);
        Assert.That((log.Records.Single().Text, log.Damaged), Is.EqualTo(("whole", 1)));
        Assert.That(log.Problem, Does.Contain("breaks off"));
    }

    private void Add(string text, int level, int flags, ulong nanoseconds)
    {
        byte[] bytes = new byte[(Header + text.Length + 3) & ~3];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, nanoseconds);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), (ushort)bytes.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), (ushort)text.Length);
        bytes[15] = (byte)(level << 5 | flags);
        Encoding.ASCII.GetBytes(text).CopyTo(bytes, Header);
        _memory.Put(Buffer + (ulong)_at, bytes);
        _at += bytes.Length;
    }

    private KernelLog Read(int first, int next, int size)
    {
        _memory.PutWords(Variables, Buffer, (ulong)size, (ulong)first, (ulong)next);
        VmcoreInfo info = VmcoreInfo.Parse(Encoding.ASCII.GetBytes($"""
            SYMBOL(log_buf)={Variables:x}
            SYMBOL(log_buf_len)={Variables + 8:x}
            SYMBOL(log_first_idx)={Variables + 16:x}
            SYMBOL(log_next_idx)={Variables + 24:x}
            SIZE(printk_log)=16
            OFFSET(printk_log.ts_nsec)=0
            OFFSET(printk_log.len)=8
            OFFSET(printk_log.text_len)=10
            OFFSET(printk_log.dict_len)=12
            """.ReplaceLineEndings("\n")));
        return KernelLog.Read(_memory, info, KernelSymbols.Read(_memory, info));
    }
}
