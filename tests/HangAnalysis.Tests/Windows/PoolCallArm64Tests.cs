using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Windows.Memory;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>What code of ARM64 does with a tag. The words are those that LLVM's assembler makes of the instructions beside them.</summary>
public class PoolCallArm64Tests
{
    private const ulong Image = 0xfffff80140000000, Code = Image + 0x1000, Slot = Image + 0x2010, Allocate = 0xfffff80300123450;
    private const uint Low = 0x528ca982, High = 0x72ad6c22, Page = 0xb0000008, LoadSlot = 0xf9400909, CallRegister = 0xd63f0120, Nop = 0xd503201f;

    // mov w2,#0x654c; movk w2,#0x6b61,lsl #16; adrp x8,.+0x1000; ldr x9,[x8,#16]; blr x9
    [TestCase(new uint[] { Low, High }, new uint[] { }, TestName = "both halves, then the call")]
    [TestCase(new uint[] { 0x52ad6c22, 0x728ca982 }, new uint[] { }, TestName = "mov w2,#0x6b610000; movk w2,#0x654c")]
    [TestCase(new uint[] { Low, 0xf9400260, High }, new uint[] { }, TestName = "ldr x0,[x19] between the halves")]
    [TestCase(new uint[] { Low, High }, new uint[] { 0xb9000be2, 0x34000042 }, TestName = "str w2,[sp,#8]; cbz w2")]
    [TestCase(new uint[] { Low, High }, new uint[] { 0xf9400929 }, TestName = "ldr x9,[x9,#16] between, whose distance is no register")]
    public void A_tag_that_reaches_the_call_is_an_allocation(uint[] load, uint[] between)
    {
        uint[] code = [.. load, .. between, Page, LoadSlot, CallRegister];

        Assert.That(PoolCallFinderArm64.LoadedAt(Bytes(code), 0), Is.EqualTo(0x6b61654c));
        PoolCall call = Follow(code);

        Assert.That(call.Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
        Assert.That(call.Start, Is.EqualTo(Code));
        Assert.That(call.Call, Is.EqualTo(Code + 4 * (ulong)(code.Length - 1)));
    }

    [TestCase(new uint[] { 0xaa1403e2 }, TestName = "mov x2,x20")]
    [TestCase(new uint[] { 0xa8c10bf3 }, TestName = "ldp x19,x2,[sp],#16")]
    [TestCase(new uint[] { 0xb8230082 }, TestName = "ldadd w3,w2,[x4]")]
    [TestCase(new uint[] { High }, TestName = "the same half again")]
    [TestCase(new uint[] { 0xd63f0120 }, TestName = "another call")]
    [TestCase(new uint[] { 0xd65f03c0 }, TestName = "ret")]
    [TestCase(new uint[] { 0xd4200020 }, TestName = "brk #1")]
    [TestCase(new uint[] { 0 }, TestName = "a page that is not there")]
    [TestCase(new uint[] { 0xd71f0909 }, TestName = "braa x8,x9")]
    public void A_tag_that_does_not_reach_the_call_proves_nothing(uint[] between) =>
        Assert.That(Follow([Low, High, .. between, Page, LoadSlot, CallRegister]).Function, Is.Null);

    [Test]
    public void A_tag_in_the_register_of_another_argument_proves_nothing() =>
        // mov w1,#0x654c; movk w1,#0x6b61,lsl #16
        Assert.That(Follow([Low - 1, High - 1, Page, LoadSlot, CallRegister]).Function, Is.Null);

    [Test]
    public void The_slot_may_be_loaded_before_the_tag_but_not_before_a_branch()
    {
        Assert.That(Follow([Page, LoadSlot, Low, High, CallRegister], 2).Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
        Assert.That(Follow([Page, LoadSlot, 0x34000042, Low, High, CallRegister], 3).Function, Is.Null);
    }

    /// <summary>ldr w2,.+0x40, with the number there.</summary>
    [Test]
    public void A_number_beside_the_code_is_a_tag_too()
    {
        uint[] code = [0x18000202, Page, LoadSlot, CallRegister, .. Enumerable.Repeat(Nop, 12), 0x6b61654c];

        Assert.That(PoolCallFinderArm64.LoadedAt(Bytes(code), 0), Is.EqualTo(0x6b61654c));
        Assert.That(Follow(code).Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
        Assert.That(PoolCallFinderArm64.LoadedAt(Bytes(code[..^1]), 0), Is.Null, "the literal is not there");
    }

    /// <summary>bl to adrp x16; ldr x16,[x16,#16]; br x16, and b straight to the function.</summary>
    [Test]
    public void Calls_over_a_routine_of_the_image_and_straight_ones_are_understood()
    {
        uint[] thunk = [0xb0000010, 0xf9400a10, 0xd61f0200];
        Assert.That(Follow([Low, High, 0x94000002, Nop, .. thunk]).Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
        Assert.That(Follow([Low, High, 0x14000010], 0, Code + 8 + 0x40).Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
    }

    /// <summary>What each does to W2, by the Arm Architecture Reference Manual.</summary>
    [TestCase(0xaa1403e2u, true, TestName = "mov x2,x20")]
    [TestCase(0xb9000be2u, false, TestName = "str w2,[sp,#8]")]
    [TestCase(0xb8004662u, false, TestName = "str w2,[x19],#4")]
    [TestCase(0xb9400122u, true, TestName = "ldr w2,[x9]")]
    [TestCase(0xf9400929u, false, TestName = "ldr x9,[x9,#16]")]
    [TestCase(0xa9410fe2u, true, TestName = "ldp x2,x3,[sp,#16]")]
    [TestCase(0xa9010fe2u, false, TestName = "stp x2,x3,[sp,#16]")]
    [TestCase(0xb8220083u, false, TestName = "ldadd w2,w3,[x4]")]
    [TestCase(0xb8238082u, true, TestName = "swp w3,w2,[x4]")]
    [TestCase(0xb8bfc082u, true, TestName = "ldapr w2,[x4]")]
    [TestCase(0x88027c83u, true, TestName = "stxr w2,w3,[x4]")]
    [TestCase(0xc87f0885u, true, TestName = "ldxp x5,x2,[x4]")]
    [TestCase(0x88a27c83u, true, TestName = "cas w2,w3,[x4]")]
    [TestCase(0x34000042u, false, TestName = "cbz w2")]
    [TestCase(0x37180042u, false, TestName = "tbnz w2,#3")]
    [TestCase(0x6b09005fu, false, TestName = "cmp w2,w9")]
    [TestCase(0x11000442u, true, TestName = "add w2,w2,#1")]
    [TestCase(0x331c0c62u, true, TestName = "bfi w2,w3,#4,#4")]
    [TestCase(0x1a840062u, true, TestName = "csel w2,w3,w4,eq")]
    [TestCase(0xd538d082u, true, TestName = "mrs x2,tpidr_el1")]
    [TestCase(0xd503201fu, false, TestName = "nop")]
    [TestCase(0x38646862u, true, TestName = "ldrb w2,[x3,x4]")]
    [TestCase(0x38246862u, false, TestName = "strb w2,[x3,x4]")]
    [TestCase(0xf85f8062u, true, TestName = "ldur x2,[x3,#-8]")]
    [TestCase(0xf81f8062u, false, TestName = "stur x2,[x3,#-8]")]
    [TestCase(0x1b041462u, true, TestName = "madd w2,w3,w4,w5")]
    [TestCase(0x10000082u, true, TestName = "adr x2,.+16")]
    [TestCase(0x58000082u, true, TestName = "ldr x2,.+16")]
    public void Registers_that_are_written_are_known(uint word, bool writes) =>
        Assert.That(new Arm64Instruction(word, Code).MayWrite(2), Is.EqualTo(writes));

    [Test]
    public void The_code_is_shown_as_debuggers_show_it()
    {
        uint[] code = [Low, High, Page, LoadSlot, CallRegister];

        Assert.That(Finder(code, Allocate).Disassemble(Follow(code)).Select(l => $"{l.Bytes} {l.Text}"), Is.EqualTo(new[]
        {
            "528ca982 mov     w2,#0x654C", "72ad6c22 movk    w2,#0x6B61,lsl #0x10", "b0000008 adrp    x8,fffff80140002000",
            "f9400909 ldr     x9,[x8,#0x10]", "d63f0120 blr     x9  ; ExAllocatePoolWithTag",
        }));
    }

    [Test]
    public void Any_words_are_followed_to_an_end()
    {
        for (int seed = 0; seed < 2000; seed++)
        {
            Random random = new(seed);
            byte[] bytes = new byte[4 * random.Next(3, 60)];
            random.NextBytes(bytes);
            int at = 4 * random.Next(0, bytes.Length / 4 - 1);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), Low);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at + 4), High);
            PoolCallFinderArm64 finder = Finder([], Allocate);

            PoolCall call = finder.Follow(bytes, Code, at);

            Assert.That(PoolCallFinderArm64.LoadedAt(bytes, at), Is.EqualTo(0x6b61654c));
            Assert.That(call.Function, Is.Null, $"seed {seed}");
            Assert.That(finder.Disassemble(call), Has.Count.LessThanOrEqualTo(1));
        }
    }

    private static PoolCall Follow(uint[] code, int at = 0, ulong allocate = Allocate) => Finder(code, allocate).Follow(Bytes(code), Code, 4 * at);

    private static PoolCallFinderArm64 Finder(uint[] code, ulong allocate)
    {
        SparseMemory memory = new(8);
        memory.Put(Code, Bytes(code));
        memory.Put(Slot, BitConverter.GetBytes(allocate));
        memory.Put(Image, Headers());
        TargetModule module = new() { Name = "myfault", FileName = "myfault.sys", BaseAddress = Image, Size = 0x8000, Memory = memory };
        Assert.That(PeImage.TryRead(new MemoryImageBytes(memory, Image, 0x8000), out PeImage? headers), Is.True);
        PoolFunctions functions = new([("ExAllocatePoolWithTag", allocate)]);
        return new PoolCallFinderArm64(module, functions, new ImportSlots(headers!, module, functions));
    }

    private static byte[] Bytes(uint[] words)
    {
        byte[] bytes = new byte[4 * words.Length];
        Buffer.BlockCopy(words, 0, bytes, 0, bytes.Length);
        return bytes;
    }

    private static byte[] Headers()
    {
        byte[] headers = new byte[0x400];
        "MZ"u8.CopyTo(headers);
        headers[0x3c] = 0x80;
        "PE"u8.CopyTo(headers.AsSpan(0x80));
        BinaryPrimitives.WriteUInt16LittleEndian(headers.AsSpan(0x94), 240);
        BinaryPrimitives.WriteUInt16LittleEndian(headers.AsSpan(0x98), 0x20b);
        headers[0x98 + 108] = 16;
        return headers;
    }
}
