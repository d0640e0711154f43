using HangAnalysis.Linux.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

public class BtfTests
{
    [Test]
    public void A_member_is_found_through_embedded_and_anonymous_structures()
    {
        ForgedBtf forged = new();
        uint number = forged.Int("int", 4);
        uint inner = forged.Struct("inner", 8, ("x", number, 0), ("y", number, 4));
        uint alias = forged.Typedef("inner_t", forged.Const(inner));
        uint nameless = forged.Union("", 8, ("a", number, 0), ("b", alias, 0));
        forged.Struct("outer", 32, ("first", number, 0), ("", nameless, 8), ("list", forged.Array(alias, 2), 16));
        Btf types = Read(forged);

        Assert.That(types.OffsetOf("outer", "a"), Is.EqualTo(8));
        Assert.That(types.OffsetOf("outer", "b.y"), Is.EqualTo(12));
        Assert.That((types.CountOf("outer", "list"), types.ElementSizeOf("outer", "list"), types.SizeOf("outer", "list")),
            Is.EqualTo((2, 8, 16)));
        Assert.That((types.SizeOf("outer"), types.SizeOf("inner_t"), types.SizeOf("int")), Is.EqualTo((32, 8, 4)));
        Assert.That(types.FindStruct("outer")!.Members.Select(member => member.Name),
            Is.EqualTo(new[] { "first", "a", "b", "list" }));
        Assert.That(types.Has("outer", "b.z") || types.Has("outer", "first.x") || types.Has("missing", "x"), Is.False);
    }

    /// <summary>With the kind flag a member's word is its size in the high byte and its first bit below.</summary>
    [Test]
    public void A_bit_field_says_which_bits_it_is()
    {
        ForgedBtf forged = new();
        uint number = forged.Int("unsigned int", 4);
        forged.BitStruct("flags", 8, ("low", number, 3 << 24 | 0), ("high", number, 5 << 24 | 35), ("all", number, 32));
        BtfStruct flags = Read(forged).FindStruct("flags")!;

        Assert.That(flags.Find("high"), Is.EqualTo(new BtfMember("high", 35, 5, number)));
        Assert.That(flags.Find("high")!.Value.Offset, Is.EqualTo(4));
        Assert.That(flags.Find("high")!.Value.Extract(0b1_0110_1000), Is.EqualTo(0b01101));
        Assert.That(flags.Find("all")!.Value.BitSize, Is.Zero);
    }

    /// <summary>Before the kind flag the type of a bit-field said how many bits it has (btf.rst, BTF_INT_BITS).</summary>
    [Test]
    public void An_old_bit_field_has_the_bits_of_its_type()
    {
        ForgedBtf forged = new();
        uint three = forged.Int("unsigned int", 4, 2u << 16 | 3);
        forged.Struct("flags", 4, ("three", three, 1));

        Assert.That(Read(forged).FindStruct("flags")!.Find("three"), Is.EqualTo(new BtfMember("three", 10, 3, three)));
    }

    [Test]
    public void Enumerators_are_found_by_name()
    {
        ForgedBtf forged = new();
        forged.Enum("plain", false, ("ONE", 1), ("BIG", unchecked((int)0x80000000)));
        forged.Enum("signed", true, ("MINUS", -1), ("ONE", 11));
        forged.Enum64("wide", ("WIDE", 0x1_0000_0001));
        Btf types = Read(forged);

        Assert.That((types.FindEnumValue("BIG"), types.FindEnumValue("MINUS"), types.FindEnumValue("WIDE")),
            Is.EqualTo((0x80000000L, -1L, 0x1_0000_0001L)));
        Assert.That((types.FindEnumValue("ONE"), types.FindEnumValue("ONE", "signed")), Is.EqualTo((1L, 11L)));
        Assert.That(types.FindEnumValue("TWO"), Is.Null);
        Assert.That(types.FindEnumValue("ONE", "no_such_enum"), Is.Null);
    }

    [Test]
    public void Types_of_a_module_continue_those_of_the_kernel()
    {
        ForgedBtf kernel = new();
        uint number = kernel.Int("int", 4);
        uint mutex = kernel.Struct("mutex", 32, ("owner", number, 0));
        BtfTypes kernelTypes = BtfTypes.ParseKernel(kernel.Build(), out _)!;
        ForgedBtf module = new(kernel.NextId, kernel.StringsEnd);
        module.Struct("device", 40, ("id", number, 0), ("lock", mutex, 8));
        Btf types = new(BtfTypes.Parse(module.Build(), kernelTypes, kernel.NextId, kernel.StringsEnd, out string why)!);

        Assert.That(why, Is.Empty);
        Assert.That(types.OffsetOf("device", "lock.owner"), Is.EqualTo(8));
        Assert.That(types.SizeOf("mutex"), Is.EqualTo(32));
        Assert.That(types.FindStruct("device")!.Members.Select(member => member.Name), Is.EqualTo(new[] { "id", "lock" }));
    }

    [Test]
    public void A_typedef_of_itself_ends()
    {
        ForgedBtf forged = new();
        uint loop = forged.Typedef("loop", 2);
        forged.Typedef("back", loop);
        forged.Struct("holder", 16, ("a", loop, 0), ("", loop, 8), ("b", 77, 8));
        uint endless = forged.Array(forged.NextId, 3);
        forged.Struct("arrays", 16, ("c", endless, 0));
        Btf types = Read(forged);

        Assert.That(types.SizeOf("loop"), Is.Null);
        Assert.That(types.SizeOf("holder", "a"), Is.Null);
        Assert.That(types.OffsetOf("holder", "a.x"), Is.Null);
        Assert.That(types.SizeOf("holder", "b"), Is.Null);
        Assert.That(types.SizeOf("arrays", "c"), Is.Null);
    }

    /// <summary>Sixteen levels with 8,000 nameless members each would be more than can be counted.</summary>
    [Test, CancelAfter(20_000)]
    public void Nameless_structures_within_each_other_end()
    {
        ForgedBtf forged = new();
        uint inner = forged.Struct("", 8, ("x", forged.Int("int", 4), 0));
        for (int level = 0; level < 16; level++)
        {
            (string, uint, uint)[] members = new (string, uint, uint)[8_000];
            Array.Fill(members, ("", inner, 0u));
            inner = forged.Struct(level == 15 ? "bomb" : "", 8, members);
        }

        Assert.That(Read(forged).FindStruct("bomb")!.Members, Has.Count.LessThanOrEqualTo(SymbolLimits.Members));
    }

    [Test]
    public void A_member_outside_of_its_structure_is_left_out()
    {
        ForgedBtf forged = new();
        uint number = forged.Int("int", 4);
        forged.Struct("small", 8, ("in", number, 4), ("out", number, 0x1000_0000));

        Assert.That(Read(forged).FindStruct("small")!.Members.Select(member => member.Name), Is.EqualTo(new[] { "in" }));
    }

    [Test]
    public void A_section_that_is_cut_off_keeps_the_types_before_the_cut()
    {
        ForgedBtf forged = new();
        uint number = forged.Int("int", 4);
        for (int i = 0; i < 10; i++)
            forged.Struct($"s{i}", 4, ("x", number, 0));
        byte[] whole = forged.Build();
        byte[] damaged = (byte[])whole.Clone();
        // The last structure claims 65,535 members.
        int last = whole.Length - (int)forged.StringsEnd - 24;
        damaged[last + 4] = damaged[last + 5] = 0xff;
        BtfTypes types = BtfTypes.ParseKernel(damaged, out string why)!;

        Assert.That(types.Count, Is.EqualTo(10));
        Assert.That(why, Is.EqualTo("only 10 types are readable"));
        Assert.That(new Btf(types).OffsetOf("s8", "x"), Is.Zero);
        Assert.That(new Btf(types).OffsetOf("s9", "x"), Is.Null);
    }

    [Test]
    public void No_length_and_no_bit_makes_it_fail()
    {
        ForgedBtf forged = new();
        uint number = forged.Int("int", 4);
        uint inner = forged.Struct("", 8, ("x", number, 0), ("y", number, 4));
        forged.Struct("outer", 16, ("", inner, 0), ("z", forged.Array(inner, 1), 8));
        forged.Enum("e", false, ("A", 1));
        byte[] whole = forged.Build();
        int usable = 0;
        for (int length = 0; length < whole.Length; length++)
            usable += Exercise(whole[..length]) ? 1 : 0;
        for (int bit = 0; bit < whole.Length * 8; bit++)
        {
            byte[] flipped = (byte[])whole.Clone();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            usable += Exercise(flipped) ? 1 : 0;
        }
        Assert.That(Exercise(whole));
        Assert.That(usable, Is.Positive);
    }

    [Test]
    public void Other_bytes_are_no_types()
    {
        Assert.That(BtfTypes.ParseKernel(new byte[100], out string why), Is.Null);
        Assert.That(why, Is.EqualTo("it has no BTF header"));
        byte[] outside = new ForgedBtf().Build();
        outside[4] = 0xff;
        Assert.That(BtfTypes.ParseKernel(outside, out why), Is.Null);
        Assert.That(why, Is.EqualTo("its BTF header points outside of it"));
    }

    private static bool Exercise(byte[] data)
    {
        if (BtfTypes.ParseKernel(data, out _) is not { } parsed)
            return false;
        Btf types = new(parsed);
        _ = types.FindEnumValue("A");
        _ = types.SizeOf("outer", "z");
        _ = types.CountOf("outer", "z");
        return types.OffsetOf("outer", "y") == 4;
    }

    private static Btf Read(ForgedBtf forged)
    {
        Btf types = new(BtfTypes.ParseKernel(forged.Build(), out string why)!);
        Assert.That(why, Is.Empty);
        return types;
    }
}
