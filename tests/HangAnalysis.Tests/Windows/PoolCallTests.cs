using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Windows.Memory;
using NUnit.Framework;

namespace HangAnalysis.Tests.Windows;

/// <summary>What code does with a tag. The bytes are written by hand, those of x86 are published.</summary>
public class PoolCallTests
{
    private const uint Base32 = 0xf799f000, Allocate32 = 0x80894b1a, Slot32 = 0xf799fb24;
    private const ulong Base64 = 0xfffff80140000000, Slot64 = Base64 + 0x2000, Allocate64 = 0xfffff80300123450;

    private static readonly byte[] s_leak = "Leak"u8.ToArray();

    /// <summary>
    /// A published case: after the search for "Leak" the article shows 4c 65 61 6b ff 75 0c ff 75 08 ff 15 24 fb 99 f7 at
    /// f799f63f: the end of the push, two more pushes, and the call through f799fb24.
    /// </summary>
    [Test]
    public void The_push_of_the_article_is_an_allocation_of_myfault()
    {
        byte[] code = [0x68, .. s_leak, 0xff, 0x75, 0x0c, 0xff, 0x75, 0x08, 0xff, 0x15, 0x24, 0xfb, 0x99, 0xf7, 0x85, 0xc0, 0x74, 0x22];

        PoolCall call = Follow32(code, 0xf799f63e);

        Assert.That(call.Function?.Name, Is.EqualTo("ExAllocatePoolWithTag"));
        Assert.That(call.Start, Is.EqualTo(0xf799f63e));
        Assert.That(call.Call, Is.EqualTo(0xf799f649));
    }

    /// <summary>The flags of ExAllocatePool2 are a ULONG64 (wdm.h): push tag; push size; push flags, high; push flags, low.</summary>
    [TestCase(new byte[] { 0x6a, 0x10, 0x6a, 0x00, 0x6a, 0x40 }, "ExAllocatePool2")]
    [TestCase(new byte[] { 0x6a, 0x10, 0x6a, 0x40 }, null)]
    public void An_argument_of_64_bits_is_two_pushes_on_x86(byte[] between, string? function)
    {
        byte[] code = [0x68, .. s_leak, .. between, 0xff, 0x15, 0x24, 0xfb, 0x99, 0xf7];

        Assert.That(Follow32(code, 0xf799f63e, "ExAllocatePool2").Function?.Name, Is.EqualTo(function));
    }

    [TestCase(new byte[] { 0x6a, 0x00, 0x6a, 0x10, 0x6a, 0x00 }, TestName = "three pushes after it: the tag is the fourth argument")]
    [TestCase(new byte[] { 0x6a, 0x00 }, TestName = "one push after it: the tag is the second argument")]
    [TestCase(new byte[] { 0x6a, 0x10, 0x6a, 0x00, 0xff, 0xd0 }, TestName = "another call takes it")]
    [TestCase(new byte[] { 0x6a, 0x10, 0x6a, 0x00, 0xc3 }, TestName = "the function ends")]
    public void A_push_that_the_call_does_not_take_proves_nothing(byte[] between)
    {
        byte[] code = [0x68, .. s_leak, .. between, 0xff, 0x15, 0x24, 0xfb, 0x99, 0xf7];

        Assert.That(Follow32(code, 0xf799f63e).Function, Is.Null);
    }

    [TestCase(new byte[] { }, "ExAllocatePoolWithTag", TestName = "nothing between")]
    [TestCase(new byte[] { 0x75, 0x02, 0x33, 0xc9 }, "ExAllocatePoolWithTag", TestName = "a conditional jump between")]
    [TestCase(new byte[] { 0x45, 0x33, 0xc0 }, null, TestName = "r8d is cleared")]
    [TestCase(new byte[] { 0x4c, 0x8b, 0xc3 }, null, TestName = "r8 is loaded")]
    [TestCase(new byte[] { 0xff, 0xd0 }, null, TestName = "a call between")]
    [TestCase(new byte[] { 0xcc }, null, TestName = "a breakpoint between")]
    public void On_x64_the_register_has_to_reach_the_call(byte[] between, string? function)
    {
        byte[] code = [0x41, 0xb8, .. s_leak, .. between];
        byte[] call = [0xff, 0x15, .. Relative(Slot64, Base64 + 0x1000 + (ulong)code.Length + 6)];

        Assert.That(Follow64([.. code, .. call]).Function?.Name, Is.EqualTo(function));
    }

    /// <summary>Where the loader has replaced the call through the table by one that goes there.</summary>
    [Test]
    public void A_call_straight_to_the_kernel_is_understood()
    {
        byte[] code = [0x41, 0xb8, .. s_leak];
        ulong near = Base64 + 0x7000_0000;

        Assert.That(Follow64([.. code, 0xe8, .. Relative(near, Base64 + 0x1000 + (ulong)code.Length + 5)], near).Function?.Name,
            Is.EqualTo("ExAllocatePoolWithTag"));
    }

    /// <summary>A slot whose page is absent, or that leads nowhere that is known: the import directory names it.</summary>
    [Test]
    public void A_slot_is_known_by_the_imported_name_too()
    {
        SparseMemory memory = Image(Base64, 8, importsAt: 0x3000);
        byte[] code = [0x41, 0xb8, .. s_leak, 0x48, 0xff, 0x15, .. Relative(Slot64 + 8, Base64 + 0x1000 + 6 + 7)];
        memory.Put(Base64 + 0x1000, code);

        PoolCall call = Follow(memory, Base64, code, Base64 + 0x1000, 2, new PoolFunctions([]));

        Assert.That(call.Function?.Name, Is.EqualTo("ExAllocatePool2"));
    }

    [Test]
    public void A_slot_that_leads_to_another_function_is_not_believed_by_its_name()
    {
        SparseMemory memory = Image(Base64, 8, importsAt: 0x3000);
        memory.Put(Slot64 + 8, BitConverter.GetBytes(0xfffff80300777770));
        byte[] code = [0x41, 0xb8, .. s_leak, 0x48, 0xff, 0x15, .. Relative(Slot64 + 8, Base64 + 0x1000 + 6 + 7)];

        PoolCall call = Follow(memory, Base64, code, Base64 + 0x1000, 2, new PoolFunctions([("ExAllocatePoolWithTag", Allocate64)]));

        Assert.That(call.Function, Is.Null);
    }

    [TestCase(0x80777770u, null)]
    [TestCase(0x30c0u, "ExAllocatePool2")]
    public void A_slot_of_x86_that_is_filled_in_is_believed_and_else_its_name(uint held, string? function)
    {
        SparseMemory memory = Image(Base32, 4, importsAt: 0x3000);
        memory.Put(Base32 + 0x2004, BitConverter.GetBytes(held));
        byte[] code = [0x68, .. s_leak, 0x6a, 0x10, 0x6a, 0x00, 0x6a, 0x40, 0xff, 0x15, .. BitConverter.GetBytes(Base32 + 0x2004)];

        PoolCall call = Follow(memory, Base32, code, Base32 + 0x1000, 1, new PoolFunctions([("ExAllocatePoolWithTag", Allocate32)]));

        Assert.That(call.Function?.Name, Is.EqualTo(function));
    }

    /// <summary>Random bytes around a tag: it always ends, and names nothing that is not there.</summary>
    [Test]
    public void Any_bytes_are_followed_to_an_end()
    {
        for (int seed = 0; seed < 2000; seed++)
        {
            Random random = new(seed);
            byte[] code = new byte[random.Next(4, 200)];
            random.NextBytes(code);
            int at = random.Next(0, code.Length - 3);
            s_leak.CopyTo(code, at);
            SparseMemory memory = Image(Base64, 8, importsAt: 0x3000);
            memory.Put(Base64 + 0x1000, code);
            PoolCallFinder finder = Finder(memory, Base64, new PoolFunctions([("ExAllocatePoolWithTag", Allocate64)]));

            PoolCall call = finder.Follow(code, Base64 + 0x1000, at);

            Assert.That(call.Function, Is.Null, $"seed {seed}");
            Assert.That(finder.Disassemble(call), Has.Count.LessThanOrEqualTo(24));
        }
    }

    private static PoolCall Follow32(byte[] code, ulong address, string function = "ExAllocatePoolWithTag")
    {
        SparseMemory memory = Image(Base32, 4, importsAt: 0);
        memory.Put(Slot32, BitConverter.GetBytes(Allocate32));
        memory.Put(address, code);
        return Follow(memory, Base32, code, address, 1, new PoolFunctions([(function, Allocate32)]));
    }

    private static PoolCall Follow64(byte[] code, ulong allocate = Allocate64)
    {
        SparseMemory memory = Image(Base64, 8, importsAt: 0);
        memory.Put(Slot64, BitConverter.GetBytes(allocate));
        memory.Put(Base64 + 0x1000, code);
        return Follow(memory, Base64, code, Base64 + 0x1000, 2, new PoolFunctions([("ExAllocatePoolWithTag", allocate)]));
    }

    private static PoolCall Follow(SparseMemory memory, ulong image, byte[] code, ulong address, int at, PoolFunctions functions) =>
        Finder(memory, image, functions).Follow(code, address, at);

    private static PoolCallFinder Finder(SparseMemory memory, ulong image, PoolFunctions functions)
    {
        TargetModule module = new() { Name = "myfault", FileName = "myfault.sys", BaseAddress = image, Size = 0x8000, Memory = memory };
        Assert.That(PeImage.TryRead(new MemoryImageBytes(memory, image, 0x8000), out PeImage? headers), Is.True);
        return new PoolCallFinder(module, functions, new ImportSlots(headers!, module, functions));
    }

    private static byte[] Relative(ulong target, ulong next) => BitConverter.GetBytes((int)(target - next));

    /// <summary>Headers of an image; with imports, of ExFreePoolWithTag and ExAllocatePool2 at RVA 2000.</summary>
    private static SparseMemory Image(ulong address, int pointerSize, uint importsAt)
    {
        const int Optional = 0x98;
        byte[] headers = new byte[0x400];
        headers[0] = (byte)'M';
        headers[1] = (byte)'Z';
        headers[0x3c] = 0x80;
        Put32(headers, 0x80, 0x4550);
        bool wide = pointerSize == 8;
        BinaryPrimitives.WriteUInt16LittleEndian(headers.AsSpan(0x94), (ushort)(wide ? 240 : 224));
        BinaryPrimitives.WriteUInt16LittleEndian(headers.AsSpan(Optional), (ushort)(wide ? 0x20b : 0x10b));
        Put32(headers, Optional + (wide ? 108 : 92), 16);
        Put32(headers, Optional + (wide ? 112 : 96) + 8, importsAt);
        SparseMemory memory = new(pointerSize);
        memory.Put(address, headers);
        if (importsAt == 0)
            return memory;
        byte[] imports = new byte[0x100];
        Put32(imports, 0, importsAt + 0x40);
        Put32(imports, 12, importsAt + 0x80);
        Put32(imports, 16, 0x2000);
        Put32(imports, 0x40, importsAt + 0xa0);
        Put32(imports, 0x40 + pointerSize, importsAt + 0xc0);
        Encoding.ASCII.GetBytes("ExFreePoolWithTag").CopyTo(imports, 0xa2);
        Encoding.ASCII.GetBytes("ExAllocatePool2").CopyTo(imports, 0xc2);
        memory.Put(address + importsAt, imports);
        return memory;
    }

    private static void Put32(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);
}
