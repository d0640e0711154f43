using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

/// <summary>Stacks of x86 written word by word: what each function does to its stack is the truth, and so are its callers.</summary>
public class X86WalkTests
{
    private const uint Base = 0x80800000, Stack = 0xf8a00000, Limit = Stack + 0x3000;

    /// <summary>Return addresses into the image; a call instruction stands before each.</summary>
    private const uint InLeaf = Base + 0x100, InMiddle = Base + 0x200, InOuter = Base + 0x300, InEntry = Base + 0x400;

    private Memory32 _stack = null!;
    private Image32 _image = null!;

    [SetUp]
    public void Make()
    {
        _stack = new Memory32(new byte[0x3000], Stack);
        _image = new Image32();
        foreach (uint address in (ReadOnlySpan<uint>)[InLeaf, InMiddle, InOuter, InEntry])
            _image.Code.Bytes[address - Base - 5] = 0xe8;
    }

    [Test]
    public void A_chain_of_frame_pointers_gives_its_frames_and_ends_at_a_return_address_of_0()
    {
        PutFrame(Stack + 0x40, Stack + 0x80, InMiddle);
        PutFrame(Stack + 0x80, Stack + 0xc0, InOuter);
        PutFrame(Stack + 0xc0, 0, 0);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, Stack + 0x40), out WalkEnd end);

        Assert.That(frames.Select(f => f.InstructionPointer), Is.EqualTo(new ulong[] { InLeaf, InMiddle, InOuter }));
        Assert.That(frames.Select(f => f.StackPointer), Is.EqualTo(new ulong[] { Stack + 0x10, Stack + 0x48, Stack + 0x88 }));
        Assert.That(frames.Select(f => f.Kind), Is.All.EqualTo(FrameKind.Unwound));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
    }

    [Test]
    public void A_function_without_frame_pointer_is_undone_by_its_sizes_and_its_callees_parameters()
    {
        // The leaf takes 12 bytes of parameters, which are still there; its caller has 20 bytes of locals, two saved registers.
        _image.Frames.Add((InLeaf - Base - 8, 16, new X86FrameData(X86FrameKind.FramePointer, 0, 0, 12, false, "")));
        _image.Frames.Add((InMiddle - Base - 8, 16, new X86FrameData(X86FrameKind.Omitted, 20, 8, 4, false, "")));
        PutFrame(Stack + 0x40, Stack + 0xc0, InMiddle);
        _stack.Put(Stack + 0x48 + 12 + 20 + 8, InOuter);
        PutFrame(Stack + 0xc0, 0, 0);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, Stack + 0x40), out WalkEnd end);

        Assert.That(frames.Select(f => f.InstructionPointer), Is.EqualTo(new ulong[] { InLeaf, InMiddle, InOuter }));
        Assert.That(frames[2].StackPointer, Is.EqualTo(Stack + 0x48 + 40 + 4));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
    }

    [Test]
    public void A_saved_frame_pointer_is_found_among_saved_registers()
    {
        _image.Frames.Add((InLeaf - Base - 8, 16, new X86FrameData(X86FrameKind.Omitted, 0, 16, 0, true, "")));
        _stack.Put(Stack + 0x10, 0x1234);
        _stack.Put(Stack + 0x14, Stack + 0x80);
        _stack.Put(Stack + 0x20, InMiddle);
        PutFrame(Stack + 0x80, 0, InOuter);
        _stack.Put(Stack + 0x88, 0);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, 0xdeadbeef), out _);

        Assert.That(frames.Take(3).Select(f => f.InstructionPointer), Is.EqualTo(new ulong[] { InLeaf, InMiddle, InOuter }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_trap_frame_leads_to_user_mode_with_the_registers_it_holds(bool hasFrameData)
    {
        if (hasFrameData)
            _image.Frames.Add((InEntry - Base - 8, 16, new X86FrameData(X86FrameKind.Trap, 0, 0, 0, false, "")));
        PutFrame(Stack + 0x40, Stack + 0x100, InEntry);
        uint trap = Stack + 0x100;
        // Where only the frame pointers count, these two are what a chain would go on with.
        _stack.Put(trap, 0x0012f000);
        _stack.Put(trap + 4, InOuter);
        _stack.Put(trap + 0x54, 0x77);
        _stack.Put(trap + 0x58, 0x66);
        _stack.Put(trap + 0x5c, 0x33);
        _stack.Put(trap + 0x60, 0x0012ff00);
        _stack.Put(trap + 0x68, 0x7c90eb94);
        _stack.Put(trap + 0x6c, 0x1b);
        _stack.Put(trap + 0x70, 0x246);
        _stack.Put(trap + 0x74, 0x0012fe00);
        _stack.Put(trap + 0x78, 0x23);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, Stack + 0x40), out WalkEnd end);

        Assert.That(frames.Select(f => f.InstructionPointer), Is.EqualTo(new ulong[] { InLeaf, InEntry }));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.UserModeReached));
        Assert.That(end.Context.InstructionPointer, Is.EqualTo(0x7c90eb94));
        Assert.That(end.Context.StackPointer, Is.EqualTo(0x0012fe00));
        Assert.That(end.Context.Registers[CpuContext.Rbp], Is.EqualTo(0x0012ff00));
        Assert.That((end.Context.Registers[3], end.Context.Registers[6], end.Context.Registers[7]), Is.EqualTo((0x33UL, 0x66UL, 0x77UL)));
    }

    [Test]
    public void A_trap_in_the_kernel_goes_on_where_the_processor_pushed_no_stack_pointer()
    {
        _image.Frames.Add((InLeaf - Base - 8, 16, new X86FrameData(X86FrameKind.Trap, 0, 0, 0, false, "")));
        uint trap = Stack + 0x40;
        _stack.Put(trap + 0x60, Stack + 0x100);
        _stack.Put(trap + 0x68, InMiddle + 3);
        _stack.Put(trap + 0x6c, 8);
        _stack.Put(trap + 0x70, 0x10202);
        PutFrame(Stack + 0x100, 0, 0);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, trap), out WalkEnd end);

        Assert.That(frames[1], Is.EqualTo(new RawFrame(trap + 0x74, InMiddle + 3, 0, FrameKind.AfterMachineFrame)));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
    }

    [Test]
    public void Where_no_chain_leads_on_the_stack_is_searched_and_what_is_found_is_marked()
    {
        _stack.Put(Stack + 0x30, Base + 0x250);
        _stack.Put(Stack + 0x38, InMiddle);
        _stack.Put(Stack + 0x34, Stack + 0x80);
        PutFrame(Stack + 0x80, 0, 0);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, 0), out _);

        Assert.That(frames.Select(f => f.InstructionPointer), Is.EqualTo(new ulong[] { InLeaf, InMiddle }));
        Assert.That(frames[1].Kind, Is.EqualTo(FrameKind.Scanned));
    }

    [Test]
    public void A_chain_that_points_to_itself_ends()
    {
        PutFrame(Stack + 0x40, Stack + 0x40, InMiddle);

        RawFrame[] frames = Walk(Start(InLeaf, Stack + 0x10, Stack + 0x40), out WalkEnd end);

        Assert.That(frames, Has.Length.EqualTo(2));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.NoUnwindData));
    }

    [Test]
    public void No_stack_of_random_words_is_walked_without_end()
    {
        Random random = new(86);
        _image.Frames.Add((0, 0x180, new X86FrameData(X86FrameKind.Omitted, 0xffffffff, 12, 8, true, "")));
        _image.Frames.Add((0x180, 0x100, new X86FrameData(X86FrameKind.Program, 8, 4, 4, false,
            "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebp $T0 8 - ^ =")));
        uint[] values = [InLeaf, InMiddle, InOuter, InEntry, Stack + 0x40, Stack + 0x200, Limit - 4, 0, 8, 0x1b, 0x23, 0x246];
        for (int i = 0; i < 2000; i++)
        {
            for (uint at = Stack; at < Limit; at += 4)
                _stack.Put(at, values[random.Next(values.Length)]);
            RawFrame[] frames = Walk(Start(values[random.Next(4)], Stack + 0x10, values[4 + random.Next(4)]), out _);
            for (int f = 1; f < frames.Length; f++)
                Assert.That(frames[f].StackPointer, Is.GreaterThan(frames[f - 1].StackPointer));
        }
    }

    [TestCase("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =", InMiddle, Stack + 0x48, Stack + 0x80)]
    [TestCase("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", InMiddle, Stack + 0x48, Stack + 0x40)]
    [TestCase("$T1 $ebp 15 + = $T0 $T1 16 @ = $eip $T0 4 + ^ = $esp $T0 8 + =", InMiddle, Stack + 0x48, Stack + 0x40)]
    public void A_frame_program_computes_the_caller(string program, uint eip, uint esp, uint ebp)
    {
        PutFrame(Stack + 0x40, Stack + 0x80, InMiddle);
        CpuContext context = Start(InLeaf, Stack + 0x10, Stack + 0x40);

        Assert.That(X86FrameProgram.TryRun(program, new X86FrameSizes(Stack + 0x44, 0, 0, 0), ref context, _stack, out _));

        Assert.That(context.InstructionPointer, Is.EqualTo(eip));
        Assert.That(context.StackPointer, Is.EqualTo(esp));
        Assert.That(context.Registers[CpuContext.Rbp], Is.EqualTo(ebp));
    }

    [TestCase("")]
    [TestCase("$eip")]
    [TestCase("$eip ^ =")]
    [TestCase("$eip $esp ^ = +")]
    [TestCase("$eip $T99 =")]
    [TestCase("$eip .cbNothing =")]
    [TestCase("$eip 1 0 / =")]
    [TestCase("4 $esp =")]
    [TestCase("$esp $ebp =")]
    [TestCase("$eip 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 =")]
    [TestCase("$eip 16 ^ =")]
    public void A_program_that_makes_no_sense_changes_nothing(string program)
    {
        CpuContext context = Start(InLeaf, Stack + 0x10, Stack + 0x40);

        Assert.That(X86FrameProgram.TryRun(program, default, ref context, _stack, out _), Is.False);

        Assert.That((context.InstructionPointer, context.StackPointer, context.Registers[CpuContext.Rbp]),
            Is.EqualTo(((ulong)InLeaf, (ulong)(Stack + 0x10), (ulong)(Stack + 0x40))));
    }

    private RawFrame[] Walk(CpuContext start, out WalkEnd end)
    {
        RawFrame[] frames = new RawFrame[64];
        int count = StackWalker.Walk(start, _stack, _image, Limit, frames, out end);
        return frames[..count];
    }

    private void PutFrame(uint at, uint callersFrame, uint returnAddress)
    {
        _stack.Put(at, callersFrame);
        _stack.Put(at + 4, returnAddress);
    }

    private static CpuContext Start(uint eip, uint esp, uint ebp)
    {
        CpuContext context = new() { Architecture = Architecture.X86, InstructionPointer = eip, StackPointer = esp };
        context.Registers[CpuContext.Rbp] = ebp;
        return context;
    }

    private sealed class Memory32(byte[] bytes, uint address) : IMemory
    {
        private readonly ArrayBytes _bytes = new(bytes, address);

        public int PointerSize => 4;

        public int Read(ulong at, Span<byte> buffer) => _bytes.Read(at, buffer);

        public void Put(uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan((int)(at - address)), value);
    }

    private sealed class Image32 : IUnwindImages, IX86FrameSource
    {
        private readonly UnwindImage _image;

        public Image32() => _image = new UnwindImage(Base, 0x1000, Code, null, null) { Frames = this };

        public ArrayBytes Code { get; } = new(new byte[0x1000]);

        public List<(uint Start, uint Size, X86FrameData Data)> Frames { get; } = [];

        public UnwindImage? Find(ulong address) => _image.Contains(address) ? _image : null;

        public bool TryFindFrame(uint rva, out X86FrameData frame)
        {
            foreach ((uint start, uint size, X86FrameData data) in Frames)
                if (rva - start < size)
                {
                    frame = data;
                    return true;
                }
            frame = default;
            return false;
        }
    }
}
