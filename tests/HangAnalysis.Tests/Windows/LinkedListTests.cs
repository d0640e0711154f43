using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Windows;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>One broken link of a ring loses no entry and is told.</summary>
public class LinkedListTests
{
    private const ulong Head = 0xffff_a000_0000_0000;
    private const int Entries = 5;

    private static ulong Entry(int number) => Head + 0x100 * (ulong)number;

    [Test]
    public void A_whole_ring_is_read_in_order_and_nothing_is_told()
    {
        List<ulong> entries = [];

        Assert.That(LinkedList.Collect(new Ring(), Head, 100, entries), Is.Null);
        Assert.That(entries, Is.EqualTo(Enumerable.Range(1, Entries).Select(Entry)));
    }

    [TestCase(0UL, TestName = "An entry that points to the head leaves out nothing")]
    [TestCase(0xffff_b000_0000_0000UL, TestName = "An entry that points nowhere leaves out nothing")]
    [TestCase(0x1234UL, TestName = "An entry that points into user memory leaves out nothing")]
    public void A_broken_link_leaves_out_nothing(ulong target)
    {
        Ring ring = new();
        ring.Words[Entry(2)] = target == 0 ? Head : target;
        List<ulong> entries = [];

        Assert.That(LinkedList.Collect(ring, Head, 100, entries), Is.Not.Null);
        Assert.That(entries, Is.EqualTo(Enumerable.Range(1, Entries).Select(Entry)));
    }

    /// <summary>A head and five entries, 0x100 apart.</summary>
    private sealed class Ring : IMemory
    {
        public Ring()
        {
            for (int i = 0; i <= Entries; i++)
            {
                Words[Entry(i)] = Entry((i + 1) % (Entries + 1));
                Words[Entry(i) + 8] = Entry((i + Entries) % (Entries + 1));
            }
        }

        public Dictionary<ulong, ulong> Words { get; } = [];

        public int Read(ulong address, Span<byte> buffer)
        {
            int read = 0;
            for (; read < buffer.Length && Words.TryGetValue(address + (ulong)read, out ulong word); read += 8)
                BinaryPrimitives.WriteUInt64LittleEndian(buffer[read..], word);
            return read;
        }
    }
}
