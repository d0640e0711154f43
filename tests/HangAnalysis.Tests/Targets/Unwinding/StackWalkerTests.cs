using System.Diagnostics;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

public class StackWalkerTests
{
    private const ulong Base = 0xfffff80300000000;
    private const ulong Stack = 0xffffe00000010000;

    private UnwindImage _image = null!;
    private ExportTable _exports = null!;
    private ArrayBytes _stack = null!;

    [SetUp]
    public void Load()
    {
        byte[] loaded = LinkedImage.Load();
        _image = UnwindImage.Load(Base, (uint)loaded.Length, new ArrayBytes(loaded));
        Assert.That(PeImage.TryRead(_image.Bytes, out PeImage? headers));
        _exports = ExportTable.TryRead(headers!, "")!;
        _stack = new ArrayBytes(new byte[0x6000], Stack);
    }

    [TearDown]
    public void Close() => _exports.Dispose();

    private ulong Code(string function, uint offset)
    {
        Assert.That(_exports.TryFindSymbol(function, out uint rva));
        return Base + rva + offset;
    }

    private CpuContext Start(ulong instruction, ulong stackOffset)
    {
        CpuContext context = default;
        context.InstructionPointer = instruction;
        context.StackPointer = Stack + stackOffset;
        return context;
    }

    // f_alloc_small (28 bytes), called by f_pushes (1008 bytes and four pushes), called by f_frame, called by nobody.
    // The first two keep rbp, so it is still that of f_frame.
    private CpuContext ForgeThreeFrames(out ulong frameBase)
    {
        _stack.Put(Stack + 0x28, Code("f_pushes", 0x17));
        _stack.Put(Stack + 0x30 + 0x1008 + 32, Code("f_frame", 0x18));
        // Behind it f_frame has taken 0x400 more; its base is rbp - 80, its return address 98 and two pushes above.
        frameBase = Stack + 0x1060 + 0x400;
        _stack.Put(frameBase + 0x98 + 16, 0);
        CpuContext start = Start(Code("f_alloc_small", 4), 0);
        start.Registers[CpuContext.Rbp] = frameBase + 0x80;
        return start;
    }

    [Test]
    public void A_forged_stack_gives_its_frames_and_ends()
    {
        CpuContext start = ForgeThreeFrames(out _);
        RawFrame[] frames = new RawFrame[10];

        Assert.That(StackWalker.Walk(start, _stack, new ImageList(_image), frames, out WalkEnd end), Is.EqualTo(3));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
        Assert.That(frames[..3], Is.EqualTo((RawFrame[])
        [
            new(Stack, Code("f_alloc_small", 4), Code("f_pushes", 0x17), FrameKind.Unwound),
            new(Stack + 0x30, Code("f_pushes", 0x17), Code("f_frame", 0x18), FrameKind.Unwound),
            new(Stack + 0x1060, Code("f_frame", 0x18), 0, FrameKind.Unwound),
        ]));
    }

    [Test]
    public void A_buffered_stack_gives_the_same_frames_with_one_read()
    {
        CpuContext start = ForgeThreeFrames(out _);
        RawFrame[] direct = new RawFrame[10];
        RawFrame[] buffered = new RawFrame[10];
        StackWalker.Walk(start, _stack, new ImageList(_image), direct, out _);
        BufferedStack buffer = new(_stack);
        buffer.Load(Stack, Stack + 0x6000);
        int before = _stack.ReadCount;

        Assert.That(StackWalker.Walk(start, buffer, new ImageList(_image), buffered, out _), Is.EqualTo(3));
        Assert.That(buffered, Is.EqualTo(direct));
        Assert.That(_stack.ReadCount, Is.EqualTo(before));
    }

    [Test]
    public void A_buffered_stack_reads_beyond_its_ends_from_below()
    {
        for (ulong i = 0; i < 0x100; i += 8)
            _stack.Put(Stack + i, i);
        BufferedStack buffer = new(_stack);
        buffer.Load(Stack + 0x40, Stack + 0x44);

        Assert.That(buffer.TryReadUInt64(Stack + 0x40, out ulong across) && across == 0x40);
        Assert.That(buffer.TryReadUInt64(Stack + 0x38, out ulong below) && below == 0x38);
        Assert.That(buffer.TryReadUInt64(Stack + 0x5ffc, out _), Is.False);
        buffer.Load(Stack + 0x5ff0, Stack + 0x8000);
        Assert.That(buffer.TryReadUInt64(Stack + 0x5ff8, out _));
    }

    [Test]
    public void A_full_buffer_ends_the_walk()
    {
        CpuContext start = ForgeThreeFrames(out _);

        Assert.That(StackWalker.Walk(
            start, _stack, new ImageList(_image), new RawFrame[2], out WalkEnd end), Is.EqualTo(2));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.FrameLimit));
        Assert.That(end.Context.StackPointer, Is.EqualTo(Stack + 0x1060));
    }

    // The trap frame of x64 (KTRAP_FRAME, size 190): Rbp at 158, error code 160, Rip 168, Rsp 180; RBP points at 80.
    [Test]
    public void A_system_call_leads_to_user_mode_with_its_registers()
    {
        ulong trap = Stack + 0x30;
        _stack.Put(Stack + 0x28, Code("KiSystemCall64", 0x16));
        _stack.Put(trap + 0x158, 0x1234);
        _stack.Put(trap + 0x168, 0x7ffd10001014);
        _stack.Put(trap + 0x180, 0x1000fe000);
        CpuContext start = Start(Code("f_alloc_small", 4), 0);
        start.Registers[CpuContext.Rbp] = trap + 0x80;
        RawFrame[] frames = new RawFrame[10];

        Assert.That(StackWalker.Walk(start, _stack, new ImageList(_image), frames, out WalkEnd end), Is.EqualTo(2));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.UserModeReached));
        Assert.That(end.Context.InstructionPointer, Is.EqualTo(0x7ffd10001014));
        Assert.That(end.Context.StackPointer, Is.EqualTo(0x1000fe000));
        Assert.That(end.Context.Registers[CpuContext.Rbp], Is.EqualTo(0x1234));
        Assert.That(frames[1].ReturnAddress, Is.EqualTo(0x7ffd10001014));
    }

    [Test]
    public void Interrupted_kernel_code_is_taken_as_stopped_and_not_as_having_called()
    {
        // The interrupt came before the prolog of f_pushes had done anything: its return address is at its RSP.
        ulong trap = Stack + 0x30;
        ulong interrupted = Stack + 0x2000;
        _stack.Put(Stack + 0x28, Code("KiInterrupt", 0xa));
        _stack.Put(trap + 0x10, Code("f_pushes", 0));
        _stack.Put(trap + 0x28, interrupted);
        _stack.Put(interrupted, Code("f_alloc_small", 5));
        _stack.Put(interrupted + 8 + 0x28, 0);
        RawFrame[] frames = new RawFrame[10];

        StackWalker.Walk(
            Start(Code("f_alloc_small", 4), 0), _stack, new ImageList(_image), frames, out WalkEnd end);
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
        Assert.That(frames[2], Is.EqualTo(new RawFrame(
            interrupted, Code("f_pushes", 0), Code("f_alloc_small", 5), FrameKind.AfterMachineFrame)));
        Assert.That(frames[3].StackPointer, Is.EqualTo(interrupted + 8));
    }

    [Test]
    public void Ends_name_the_address_that_stopped_them()
    {
        _stack.Put(Stack + 0x28, 0xfffff80400001234);
        ImageList images = new(_image);
        RawFrame[] frames = new RawFrame[10];

        Assert.That(StackWalker.Walk(
            Start(Code("f_alloc_small", 4), 0), _stack, images, frames, out WalkEnd end), Is.EqualTo(2));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.NoUnwindData));
        Assert.That(end.Address, Is.EqualTo(0xfffff80400001234));

        StackWalker.Walk(Start(Code("f_alloc_small", 4), 0x5ff0), _stack, images, frames, out end);
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.UnreadableStack));
        Assert.That(end.Address, Is.EqualTo(Stack + 0x6018));
    }

    [Test]
    public void Without_unwind_data_the_stack_is_searched_and_unwinding_goes_on_from_the_find()
    {
        // A frame in an unknown image; then a number, an address that follows no call, and one that does.
        const ulong Unknown = 0xfffff80400001234;
        ulong call = Code("KiInterrupt", 0xa);
        _stack.Put(Stack + 0x10, 0x4242);
        _stack.Put(Stack + 0x18, Code("f_pushes", 2));
        _stack.Put(Stack + 0x40, call);
        _stack.Put(Stack + 0x48 + 0x10, Code("f_alloc_small", 9));
        _stack.Put(Stack + 0x48 + 0x28, Stack + 0x100);
        RawFrame[] frames = new RawFrame[10];

        int count = StackWalker.Walk(
            Start(Unknown, 0), _stack, new ImageList(_image), Stack + 0x6000, frames, out WalkEnd end);
        Assert.That(count, Is.EqualTo(3));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.End));
        Assert.That(frames[1], Is.EqualTo(new RawFrame(
            Stack + 0x48, call, Code("f_alloc_small", 9), FrameKind.Scanned)));
        Assert.That(frames[2].Kind, Is.EqualTo(FrameKind.AfterMachineFrame));
    }

    [TestCase("00 00 00 E8 11 22 33 44", true, Description = "call rel32")]
    [TestCase("00 00 00 00 00 00 FF D0", true, Description = "call rax")]
    [TestCase("00 00 00 00 00 41 FF D3", true, Description = "call r11")]
    [TestCase("00 00 00 00 00 00 FF 10", true, Description = "call [rax]")]
    [TestCase("00 00 00 00 00 FF 50 18", true, Description = "call [rax+disp8]")]
    [TestCase("00 00 00 00 FF 54 24 20", true, Description = "call [rsp+disp8]")]
    [TestCase("00 00 FF 15 11 22 33 44", true, Description = "call [rip+disp32]")]
    [TestCase("00 48 FF 15 11 22 33 44", true, Description = "call [rip+disp32] with REX.W")]
    [TestCase("00 00 FF 90 11 02 00 00", true, Description = "call [rax+disp32]")]
    [TestCase("00 FF 94 24 11 02 00 00", true, Description = "call [rsp+disp32]")]
    [TestCase("00 00 00 00 00 00 FF E0", false, Description = "jmp rax")]
    [TestCase("00 00 00 00 00 00 FF 15", false, Description = "half of a call [rip]")]
    [TestCase("00 00 00 00 00 00 FF 50", false, Description = "half of a call [rax+disp8]")]
    [TestCase("90 90 90 90 90 90 90 90", false, Description = "no call")]
    public void A_return_address_follows_a_call(string before, bool expected)
    {
        HandImage hand = new();
        hand.Put(0x1100, Convert.FromHexString(before.Replace(" ", "", StringComparison.Ordinal)));
        _stack.Put(Stack + 0x80, HandImage.Base + 0x1108);

        bool found = ReturnAddressScan.TryFindNext(
            _stack, hand.Load(), Stack, Stack + 0x100, out ReturnAddressCandidate candidate);
        Assert.That(found, Is.EqualTo(expected));
        Assert.That(candidate.Slot, Is.EqualTo(expected ? Stack + 0x80 : 0));
        Assert.That(candidate.Grade, Is.EqualTo(
            expected ? ReturnAddressGrade.FollowsCall : ReturnAddressGrade.PointsIntoCode));
    }

    [Test]
    public void Where_code_is_absent_a_candidate_is_weaker_and_data_sections_give_none()
    {
        HandImage hand = new();
        ImageList images = new(UnwindImage.Load(HandImage.Base, 0x5000, new ArrayBytes(hand.Bytes[..0x1000])));
        _stack.Put(Stack + 0x20, HandImage.Base + 0x3500);
        _stack.Put(Stack + 0x28, HandImage.Base + 0x1108);

        Assert.That(ReturnAddressScan.TryFindNext(
            _stack, images, Stack, Stack + 0x100, out ReturnAddressCandidate candidate));
        Assert.That(candidate.Slot, Is.EqualTo(Stack + 0x28));
        Assert.That(candidate.Grade, Is.EqualTo(ReturnAddressGrade.PointsIntoCode));
    }

    [Test]
    public void Five_hundred_damaged_images_and_stacks_harm_nothing()
    {
        byte[] whole = LinkedImage.Load();
        CpuContext start = ForgeThreeFrames(out _);
        byte[] stack = (byte[])_stack.Bytes.Clone();
        Random random = new(20_261);
        RawFrame[] frames = new RawFrame[Limits.Frames];
        Stopwatch time = Stopwatch.StartNew();
        for (int i = 0; i < 500; i++)
        {
            byte[] damaged = (byte[])whole.Clone();
            // Headers beyond their start, code, unwind data and function table.
            for (int hits = random.Next(1, 300); hits > 0; hits--)
            {
                int page = new[] { 0x80, 0x1000, 0x2000, 0x4000 }[random.Next(4)];
                damaged[page + random.Next(0x240)] = (byte)random.Next(256);
            }
            stack.CopyTo(_stack.Bytes, 0);
            for (int hits = random.Next(100); hits > 0; hits--)
                _stack.Bytes[random.Next(0x1600)] = (byte)random.Next(256);
            ImageList images = new(UnwindImage.Load(Base, (uint)damaged.Length, new ArrayBytes(damaged)));
            int count = StackWalker.Walk(start, _stack, images, Stack + 0x6000, frames, out _);
            Assert.That(count, Is.InRange(1, frames.Length));
        }
        Assert.That(time.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
    }
}
