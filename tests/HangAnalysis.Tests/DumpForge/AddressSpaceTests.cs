using System.Buffers.Binary;
using HangAnalysis.DumpForge.Memory;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

internal sealed class AddressSpaceTests
{
    private const ulong Kernel = 0xfffff80302000000, User = 0x7ff700001000;

    // The walk of the architecture manual, written out: no code of the forge.
    private static ulong Entry(PhysicalMemory memory, ulong root, ulong va, params int[] shifts)
    {
        ulong entry = root << 12;
        foreach (int shift in shifts)
        {
            byte[] table = memory.Find(entry >> 12 & 0xffffffffff) ?? throw new AssertionException("table is absent");
            entry = BinaryPrimitives.ReadUInt64LittleEndian(table.AsSpan((int)(va >> shift & 511) * 8));
        }
        return entry;
    }

    [Test]
    public void Written_bytes_lie_where_the_page_tables_lead()
    {
        PhysicalMemory memory = new(firstPfn: 0x100);
        AddressSpace space = new(memory);
        space.WriteUInt64(Kernel + 0xffc, 0x1122334455667788);
        space.Write(User, "user"u8);
        ulong first = Entry(memory, space.RootPfn, Kernel, 39, 30, 21, 12);
        ulong second = Entry(memory, space.RootPfn, Kernel + 0x1000, 39, 30, 21, 12);
        Assert.That((first & 0xfff, second & 0xfff), Is.EqualTo((0x63ul, 0x63ul)));
        Assert.That(memory.Find(first >> 12)![0xffc..], Is.EqualTo((byte[])[0x88, 0x77, 0x66, 0x55]));
        Assert.That(memory.Find(second >> 12)![..4], Is.EqualTo((byte[])[0x44, 0x33, 0x22, 0x11]));
        ulong user = Entry(memory, space.RootPfn, User, 39, 30, 21, 12);
        Assert.That(user & 0xfff, Is.EqualTo(0x67));
        Assert.That(memory.Find(user >> 12)![..4], Is.EqualTo("user"u8.ToArray()));
        Assert.That(space.RootPfn, Is.EqualTo(0x100));
    }

    [Test]
    public void Kernel_half_is_one_in_all_address_spaces_and_the_user_half_is_not()
    {
        PhysicalMemory memory = new();
        AddressSpace kernel = new(memory);
        kernel.WriteUInt32(Kernel, 1);
        AddressSpace first = new(memory, kernel), second = new(memory, kernel);
        first.WriteUInt32(0xffffab06a0000000, 2);
        first.WriteUInt32(User, 3);
        Assert.That(second.ReadUInt32(0xffffab06a0000000), Is.EqualTo(2));
        Assert.That(second.ReadUInt32(Kernel), Is.EqualTo(1));
        Assert.That(second.Translate(User), Is.Null);
        Assert.That(kernel.Translate(User), Is.Null);
    }

    [Test]
    public void Large_huge_transition_and_absent_pages_have_their_entries()
    {
        PhysicalMemory memory = new();
        AddressSpace space = new(memory);
        ulong large = space.MapLarge(0xffffe00000200000), huge = space.MapHuge(0xffffe00040000000);
        Assert.That(Entry(memory, space.RootPfn, 0xffffe00000200000, 39, 30, 21), Is.EqualTo(large << 12 | 0xe3));
        Assert.That(Entry(memory, space.RootPfn, 0xffffe00040000000, 39, 30), Is.EqualTo(huge << 12 | 0xe3));
        Assert.That((large % 512, huge % (512 * 512)), Is.EqualTo((0ul, 0ul)));
        space.WriteUInt8(0xffffe00000234567, 9);
        Assert.That(memory.Find(large + 0x34)![0x567], Is.EqualTo(9));
        space.WriteUInt8(0xffffe00041234567, 8);
        Assert.That(memory.Find(huge + 0x1234)![0x567], Is.EqualTo(8));

        ulong pfn = space.Map(User);
        space.MakeTransition(User);
        Assert.That(Entry(memory, space.RootPfn, User, 39, 30, 21, 12), Is.EqualTo(pfn << 12 | 0x880));
        space.Unmap(User);
        Assert.That(Entry(memory, space.RootPfn, User, 39, 30, 21, 12), Is.Zero);
    }

    [Test]
    public void Five_levels_begin_at_bit_48()
    {
        PhysicalMemory memory = new();
        AddressSpace space = new(memory, levels: 5);
        space.WriteUInt8(0xff12345678abc123, 7);
        ulong entry = Entry(memory, space.RootPfn, 0xff12345678abc123, 48, 39, 30, 21, 12);
        Assert.That(memory.Find(entry >> 12)![0x123], Is.EqualTo(7));
    }

    [Test]
    public void Lists_are_rings_in_order()
    {
        AddressSpace space = new(new PhysicalMemory());
        space.InitializeList(Kernel);
        space.AppendToList(Kernel, Kernel + 0x100);
        space.AppendToList(Kernel, Kernel + 0x200);
        (ulong, ulong) links(ulong entry) => (space.ReadUInt64(entry), space.ReadUInt64(entry + 8));
        Assert.That(links(Kernel), Is.EqualTo((Kernel + 0x100, Kernel + 0x200)));
        Assert.That(links(Kernel + 0x100), Is.EqualTo((Kernel + 0x200, Kernel)));
        Assert.That(links(Kernel + 0x200), Is.EqualTo((Kernel, Kernel + 0x100)));
    }
}
