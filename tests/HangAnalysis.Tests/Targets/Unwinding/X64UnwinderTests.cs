using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

/// <summary>Each unwind code alone, with results worked out by hand.</summary>
public class X64UnwinderTests
{
    private const ulong Stack = 0xffffe00000010000;

    private ArrayBytes _stack = null!;

    [SetUp]
    public void FillStack()
    {
        // Each word is 7000 plus its offset: a register's value tells where it was read.
        _stack = new ArrayBytes(new byte[0x1000], Stack);
        for (ulong i = 0; i < 0x1000; i += 8)
            _stack.Put(Stack + i, 0x7000 + i);
    }

    private static HandImage Image(params byte[] info)
    {
        HandImage hand = new HandImage().Function(0x1000, 0x1800, 0x3000);
        hand.Put(0x3000, info);
        return hand;
    }

    private static CpuContext At(uint rva, ulong stackOffset = 0)
    {
        CpuContext context = default;
        context.InstructionPointer = HandImage.Base + rva;
        context.StackPointer = Stack + stackOffset;
        return context;
    }

    private UnwindStep Step(HandImage hand, ref CpuContext context, bool isFirst = false) =>
        X64Unwinder.Step(ref context, _stack, hand.Load(), isFirst);

    // Columns: unwind info, offset of the return address from RSP.
    [TestCase(new byte[] { 1, 0, 0, 0 }, 0UL, Description = "no codes")]
    [TestCase(new byte[] { 1, 4, 1, 0, 4, 0x02 }, 8UL, Description = "ALLOC_SMALL 8")]
    [TestCase(new byte[] { 1, 4, 1, 0, 4, 0xf2 }, 128UL, Description = "ALLOC_SMALL 128")]
    [TestCase(new byte[] { 1, 7, 2, 0, 7, 0x01, 0x11, 0 }, 0x88UL, Description = "ALLOC_LARGE scaled")]
    [TestCase(new byte[] { 1, 7, 3, 0, 7, 0x11, 0x48, 0x03, 0, 0 }, 0x348UL, Description = "ALLOC_LARGE unscaled")]
    [TestCase(new byte[] { 1, 4, 2, 0, 4, 0x68, 2, 0 }, 0UL, Description = "SAVE_XMM128")]
    [TestCase(new byte[] { 1, 4, 3, 0, 4, 0x69, 0, 1, 0, 0 }, 0UL, Description = "SAVE_XMM128_FAR")]
    [TestCase(new byte[] { 1, 4, 2, 0, 4, 0x66, 2, 0 }, 0UL, Description = "SAVE_XMM of version 1")]
    [TestCase(new byte[] { 1, 4, 3, 0, 4, 0x67, 2, 0, 0, 0 }, 0UL, Description = "SAVE_XMM_FAR of version 1")]
    [TestCase(new byte[] { 2, 4, 3, 0, 5, 0x16, 0, 6, 4, 0x22 }, 24UL, Description = "EPILOG and ALLOC_SMALL")]
    [TestCase(new byte[] { 2, 4, 4, 0, 4, 7, 0, 0, 0, 0, 4, 0x22 }, 24UL, Description = "SPARE and ALLOC_SMALL")]
    public void The_return_address_lies_behind_what_the_prolog_took(byte[] info, ulong offset)
    {
        CpuContext context = At(0x1100);

        Assert.That(Step(Image(info), ref context), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7000 + offset));
        Assert.That(context.StackPointer, Is.EqualTo(Stack + offset + 8));
    }

    [Test]
    public void Pushed_registers_are_popped_in_order()
    {
        CpuContext context = At(0x1100);

        Step(Image(1, 4, 3, 0, 4, 0x02, 3, 0x50, 2, 0xf0), ref context);
        Assert.That(context.Registers[5], Is.EqualTo(0x7008));
        Assert.That(context.Registers[15], Is.EqualTo(0x7010));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7018));
    }

    [TestCase(new byte[] { 1, 9, 3, 0, 9, 0x74, 5, 0, 4, 0x92 }, 0x28UL, Description = "SAVE_NONVOL rdi")]
    [TestCase(new byte[] { 1, 9, 4, 0, 9, 0x75, 0x38, 0, 0, 0, 4, 0x92 }, 0x38UL, Description = "SAVE_NONVOL_FAR rdi")]
    public void Saved_registers_are_read_from_the_frames_base(byte[] info, ulong offset)
    {
        CpuContext context = At(0x1100);

        Step(Image(info), ref context);
        Assert.That(context.Registers[7], Is.EqualTo(0x7000 + offset));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7050));
    }

    [Test]
    public void A_frame_register_stands_for_the_stack_pointer_that_has_moved_on()
    {
        // push rbp; sub rsp,40; lea rbp,[rsp+20]; mov [rbp-20+10],rsi; RSP is then 0x300 lower.
        HandImage hand = Image(1, 15, 5, 0x25, 15, 0x64, 2, 0, 10, 0x03, 5, 0x72, 1, 0x50);
        CpuContext context = At(0x1100, 0x100);
        context.Registers[5] = Stack + 0x400 + 0x20;

        Assert.That(Step(hand, ref context), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.Registers[6], Is.EqualTo(0x7410));
        Assert.That(context.Registers[5], Is.EqualTo(0x7440));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7448));
        Assert.That(context.StackPointer, Is.EqualTo(Stack + 0x450));
    }

    [TestCase(0, 0x10UL)]
    [TestCase(1, 0x18UL)]
    public void A_machine_frame_gives_the_interrupted_code_its_stack_back(int errorCode, ulong at)
    {
        // sub rsp,10 after the processor's push.
        CpuContext context = At(0x1100);

        UnwindStep step = Step(Image(1, 5, 2, 0, 5, 0x12, 0, (byte)(0x0a | (errorCode << 4))), ref context);
        Assert.That(step, Is.EqualTo(UnwindStep.MachineFrame));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7000 + at));
        Assert.That(context.StackPointer, Is.EqualTo(0x7000 + at + 24));
    }

    [Test]
    public void Chained_data_are_undone_after_a_fragments_own()
    {
        // The fragment saved rsi; the function pushed rbx and took 0x20.
        HandImage hand = new HandImage().Function(0x1000, 0x1100, 0x3000).Function(0x1100, 0x1200, 0x3020);
        hand.Put(0x3000, 1, 5, 2, 0, 5, 0x32, 1, 0x30);
        hand.Put(0x3020, 0x21, 5, 2, 0, 5, 0x64, 1, 0);
        hand.Put32(0x3028, 0x1000);
        hand.Put32(0x302c, 0x1100);
        hand.Put32(0x3030, 0x3000);
        CpuContext context = At(0x1180);

        Assert.That(Step(hand, ref context), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.Registers[6], Is.EqualTo(0x7008));
        Assert.That(context.Registers[3], Is.EqualTo(0x7020));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7028));

        // In the fragment's first instruction its own save has not happened, and the function's prolog has.
        context = At(0x1100);
        Step(hand, ref context, isFirst: true);
        Assert.That(context.Registers[6], Is.Zero);
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7028));
    }

    [Test]
    public void An_indirect_entry_uses_the_data_of_the_entry_that_it_names()
    {
        // The second entry's data are "entry at 4000" with bit 0 set.
        HandImage hand = new HandImage().Function(0x1000, 0x1100, 0x3000).Function(0x1700, 0x1800, 0x4001);
        hand.Put(0x3000, 1, 5, 2, 0, 5, 0x32, 1, 0x30);
        CpuContext context = At(0x1700);

        Assert.That(Step(hand, ref context, isFirst: true), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7028));
    }

    [Test]
    public void A_chain_in_a_circle_is_no_unwind_data()
    {
        HandImage hand = Image(0x21, 0, 0, 0);
        hand.Put32(0x3004, 0x1000);
        hand.Put32(0x3008, 0x1100);
        hand.Put32(0x300c, 0x3000);
        CpuContext context = At(0x1100);

        Assert.That(Step(hand, ref context), Is.EqualTo(UnwindStep.NoUnwindData));
    }

    [Test]
    public void A_leaf_function_has_its_return_address_at_the_stack_pointer()
    {
        CpuContext context = At(0x2000, 0x40);

        Assert.That(Step(Image(1, 0, 0, 0), ref context, isFirst: true), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7040));
        Assert.That(context.StackPointer, Is.EqualTo(Stack + 0x48));
    }

    [Test]
    public void A_return_address_of_zero_ends_the_stack()
    {
        _stack.Put(Stack, 0);
        CpuContext context = At(0x1100);

        Assert.That(Step(Image(1, 0, 0, 0), ref context), Is.EqualTo(UnwindStep.End));
    }

    [Test]
    public void A_frame_that_moves_the_stack_down_or_off_its_alignment_is_bad_and_changes_nothing()
    {
        HandImage hand = Image(1, 0, 1, 0x05, 0, 0x03);
        foreach (ulong frame in (ulong[])[Stack, Stack + 0x204])
        {
            CpuContext context = At(0x1100, 0x100);
            context.Registers[5] = frame;
            Assert.That(Step(hand, ref context), Is.EqualTo(UnwindStep.BadFrame));
            Assert.That(context.InstructionPointer, Is.EqualTo(HandImage.Base + 0x1100));
            Assert.That(context.StackPointer, Is.EqualTo(Stack + 0x100));
        }
    }

    [Test]
    public void An_unreadable_stack_is_named_by_its_address()
    {
        CpuContext context = At(0x1100, 0xff8);

        UnwindStep step = X64Unwinder.Step(
            ref context, _stack, Image(1, 4, 1, 0, 4, 0x02).Load(), isFirstFrame: false, out ulong failedAt);
        Assert.That(step, Is.EqualTo(UnwindStep.UnreadableStack));
        Assert.That(failedAt, Is.EqualTo(Stack + 0x1000));
    }

    // Columns: code at 1100, offset of the return address. The prolog is push rbp; sub rsp,8; mov rbp,rsp: where an
    // epilog is not recognised the return address is the one that the frame register leads to, at 210.
    [TestCase("48 83 C4 18 5D C3", 0x20UL, Description = "add rsp,imm8")]
    [TestCase("48 81 C4 18 01 00 00 5D C3", 0x120UL, Description = "add rsp,imm32")]
    [TestCase("48 8D 65 30 5D C3", 0x238UL, Description = "lea rsp,[rbp+disp8]")]
    [TestCase("48 8D A5 F0 FF FF FF 5D C3", 0x1f8UL, Description = "lea rsp,[rbp+disp32]")]
    [TestCase("5D C3", 0x08UL, Description = "pop; ret")]
    [TestCase("41 5F 41 5C 5D C3", 0x18UL, Description = "pops with REX")]
    [TestCase("C3", 0x00UL, Description = "ret")]
    [TestCase("F3 C3", 0x00UL, Description = "rep ret")]
    [TestCase("5D C2 10 00", 0x08UL, Description = "ret imm16")]
    [TestCase("5D E9 00 10 00 00", 0x08UL, Description = "jmp rel32 out of the function")]
    [TestCase("5D EB 80", 0x210UL, Description = "jmp rel8 within the function")]
    [TestCase("5D E9 10 00 00 00", 0x210UL, Description = "jmp rel32 within the function")]
    [TestCase("5D FF 25 00 00 00 00", 0x08UL, Description = "jmp [rip]")]
    [TestCase("5D 48 FF E0", 0x08UL, Description = "jmp rax with REX.W")]
    [TestCase("5D FF E0", 0x210UL, Description = "jmp rax of a switch")]
    [TestCase("5D 90 C3", 0x210UL, Description = "another instruction between")]
    [TestCase("48 8D 63 30 5D C3", 0x210UL, Description = "lea from a register that is not the frame's")]
    public void The_rest_of_an_epilog_is_done_if_it_is_one(string code, ulong returnAt)
    {
        HandImage hand = Image(1, 5, 3, 0x05, 5, 0x03, 4, 0x02, 1, 0x50);
        hand.Put(0x1100, Convert.FromHexString(code.Replace(" ", "", StringComparison.Ordinal)));
        CpuContext context = At(0x1100);
        context.Registers[5] = Stack + 0x200;

        Assert.That(Step(hand, ref context, isFirst: true), Is.EqualTo(UnwindStep.Frame));
        Assert.That(context.InstructionPointer, Is.EqualTo(0x7000 + returnAt));
        Assert.That(context.StackPointer, Is.EqualTo(Stack + returnAt + 8));
    }

    [Test]
    public void Steps_allocate_nothing()
    {
        ImageList images = Image(1, 5, 2, 0, 5, 0x32, 1, 0x30).Load();
        CpuContext context = At(0x1100);
        X64Unwinder.Step(ref context, _stack, images, isFirstFrame: true);
        UnwindImage image = images.Find(HandImage.Base)!;
        OneImage one = new(image);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            context = At(0x1100);
            X64Unwinder.Step(ref context, _stack, one, isFirstFrame: true);
        }
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1000));
    }

    private sealed class OneImage(UnwindImage image) : IUnwindImages
    {
        public UnwindImage? Find(ulong address) => image.Contains(address) ? image : null;
    }
}
