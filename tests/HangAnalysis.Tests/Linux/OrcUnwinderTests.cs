using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Each kind of ORC entry, in both layouts, on a stack that was written by hand.</summary>
[TestFixture(false), TestFixture(true)]
public class OrcUnwinderTests(bool isNew)
{
    private const ulong Stack = ForgedKernel.Stack;

    private readonly LinuxStack _stack = new();

    /// <summary>Documentation/arch/x86/orc-unwinder.rst and ORC_REG_* of orc_types.h.</summary>
    [TestCase(5, 32, 0, 0UL, TestName = "SP and an offset")]
    [TestCase(4, 16, CpuContext.Rbp, Stack + 16, TestName = "BP and an offset")]
    [TestCase(8, -8, CpuContext.Rbp, Stack + 0x208, TestName = "a word below BP")]
    [TestCase(9, 24, 0, 0UL, TestName = "the word at SP and an offset")]
    [TestCase(2, 0, 2, Stack + 32, TestName = "DX")]
    [TestCase(3, 0, 7, Stack + 32, TestName = "DI")]
    [TestCase(6, 0, 10, Stack + 32, TestName = "R10")]
    [TestCase(7, 0, 13, Stack + 32, TestName = "R13")]
    public void The_frame_address_counts_from(int register, int offset, int contextRegister, ulong value)
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call, register, offset);
        ulong outer = kernel.Function("outer", OrcType.End);
        kernel.Memory.PutWords(Stack, Stack + 8, 0, 0, outer + 5);
        // What BP_INDIRECT reads.
        kernel.Memory.PutWords(Stack + 0x200, Stack + 32);
        CpuContext context = new() { InstructionPointer = inner + 8, StackPointer = Stack };
        if (contextRegister > 0)
            context.Registers[contextRegister] = value;

        kernel.Read().Unwinder.WalkRunning(context, Stack, _stack);

        Assert.That(_stack.Frames, Is.EqualTo(new[]
        {
            new LinuxFrame(inner + 8, Stack, Stack + 32, LinuxFrameKind.Call, true, -1, Certainty.Proven),
            new LinuxFrame(outer + 5, Stack + 32, 0, LinuxFrameKind.End, false, -1, Certainty.Proven),
        }));
        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.Complete));
        Assert.That(_stack.Frames[1].Slot, Is.EqualTo(Stack + 24));
    }

    /// <summary>Before 5.12 (aa5cacdc29d7) a frame address of SP_INDIRECT was the word at SP and an offset.</summary>
    [Test]
    public void The_older_meaning_of_an_indirect_stack_pointer_is_known_by_where_it_leads()
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call, 9, 16);
        ulong outer = kernel.Function("outer", OrcType.End);
        kernel.Memory.PutWords(Stack, 0x1234, 0, Stack + 0x100).PutWords(Stack + 0xf8, outer + 5);

        Walk(kernel, inner + 8);

        Assert.That(Addresses(), Is.EqualTo(new[] { inner + 8, outer + 5 }));
        Assert.That(_stack.Frames[0].Cfa, Is.EqualTo(Stack + 0x100));
    }

    [TestCase(1, 0, TestName = "from the frame address")]
    [TestCase(4, 16, TestName = "from BP")]
    public void The_frame_pointer_is_restored(int bpRegister, int bpOffset)
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call, 5, 16, bpRegister, bpOffset - (bpRegister == 1 ? 16 : 0));
        ulong middle = kernel.Function("middle", OrcType.Call, 4, 16);
        ulong outer = kernel.Function("outer", OrcType.End);
        // The saved frame pointer is the word at the stack pointer; the middle function counts from it.
        kernel.Memory.PutWords(Stack, Stack + 0x40, middle + 5).PutWords(Stack + 0x48, outer + 5);
        CpuContext context = new() { InstructionPointer = inner + 8, StackPointer = Stack };
        context.Registers[CpuContext.Rbp] = Stack - 16;

        kernel.Read().Unwinder.WalkRunning(context, Stack, _stack);

        Assert.That(Addresses(), Is.EqualTo(new[] { inner + 8, middle + 5, outer + 5 }));
    }

    [Test]
    public void A_register_that_no_call_keeps_is_not_guessed()
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call);
        ulong outer = kernel.Function("outer", OrcType.Call, 6, 0);
        kernel.Memory.PutWords(Stack, outer + 5, outer + 5, outer + 5);
        CpuContext context = new() { InstructionPointer = inner + 8, StackPointer = Stack };
        context.Registers[10] = Stack + 16;

        kernel.Read().Unwinder.WalkRunning(context, Stack, _stack);

        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.UnknownRegister));
        Assert.That(_stack.Frames[^1].Kind, Is.EqualTo(LinuxFrameKind.Lost));
    }

    [Test]
    public void Saved_registers_lead_to_what_was_interrupted_and_to_the_user_program()
    {
        ForgedKernel kernel = new(isNew);
        ulong handler = kernel.Function("asm_exc_page_fault", OrcType.Registers, 5, 8, signal: true);
        ulong victim = kernel.Function("victim", OrcType.Call, 6, 0);
        ulong entry = kernel.Function("entry_SYSCALL_64", OrcType.Registers, 5, 0, signal: true);
        ulong[] words = new ulong[64];
        // pt_regs begins with r15; r10 is the 8th, ip, cs, flags, sp, ss the last five.
        words[1 + 7] = Stack + 24 * 8;
        (words[1 + 16], words[1 + 17], words[1 + 18], words[1 + 19]) = (victim, 0x10, 0x246, Stack + 22 * 8);
        words[23] = entry + 5;
        int user = 24;
        (words[user + 10], words[user + 15]) = (0xfffffffffffffffd, 0x139);
        (words[user + 16], words[user + 17], words[user + 19], words[user + 20]) = (0x47fbe9, 0x33, 0x7ffc22338618, 0x2b);
        kernel.Memory.PutWords(Stack, words);

        Walk(kernel, handler + 1);

        Assert.That(Addresses(), Is.EqualTo(new[] { handler + 1, victim, entry + 5, 0x47fbe9UL }));
        Assert.That(_stack.Frames.Select(frame => (frame.Kind, frame.IsInterrupted, frame.RegistersIndex)), Is.EqualTo(new[]
        {
            (LinuxFrameKind.Registers, true, -1), (LinuxFrameKind.Call, true, 0), (LinuxFrameKind.Registers, false, -1),
            (LinuxFrameKind.User, true, 1),
        }));
        Assert.That(_stack.Registers[1].OriginalAx, Is.EqualTo(0x139));
        Assert.That(_stack.Registers[1].Context.Registers[0], Is.EqualTo(0xfffffffffffffffd));
        Assert.That((_stack.Registers[0].IsUser, _stack.Registers[1].IsUser), Is.EqualTo((false, true)));
    }

    [Test]
    public void What_the_processor_pushed_leads_to_what_was_interrupted()
    {
        ForgedKernel kernel = new(isNew);
        ulong handler = kernel.Function("asm_exc_nmi", OrcType.PartialRegisters, 5, 8, signal: true);
        ulong victim = kernel.Function("victim", OrcType.End);
        kernel.Memory.PutWords(Stack, 0, victim, 0x10, 0x2, Stack + 0x100, 0x18);

        Walk(kernel, handler);

        Assert.That(Addresses(), Is.EqualTo(new[] { handler, victim }));
        Assert.That(_stack.Frames[1].StackPointer, Is.EqualTo(Stack + 0x100));
        Assert.That(_stack.Registers[0].IsPartial);
    }

    [Test]
    public void A_sleeping_task_begins_where_it_was_switched_away()
    {
        ForgedKernel kernel = new(isNew);
        ulong schedule = kernel.Function("__schedule", OrcType.Call, 4, 16);
        ulong end = kernel.Function("ret_from_fork", OrcType.End);
        kernel.Memory.PutWords(Stack, 0, 0, 0, 0, 0, Stack + 0x80, schedule + 9).PutWords(Stack + 0x88, end + 1);

        kernel.Read().Unwinder.WalkSleeping(Stack, Stack & ~0x3fffUL, _stack);

        Assert.That(_stack.Frames.Select(frame => (frame.Slot, frame.InstructionPointer)),
            Is.EqualTo(new[] { (Stack + 48, schedule + 9), (Stack + 0x88, end + 1) }));
    }

    /// <summary>A call through a NULL pointer, or another to no code, leaves nothing but the return address.</summary>
    [TestCase(0UL), TestCase(0x10UL), TestCase(0xdead000000000122UL)]
    public void A_call_of_no_code_returns_to_its_caller(ulong wild)
    {
        ForgedKernel kernel = new(isNew);
        ulong caller = kernel.Function("caller", OrcType.End);
        kernel.Memory.PutWords(Stack, caller + 7);

        Walk(kernel, wild);

        Assert.That(Addresses(), Is.EqualTo(new[] { wild, caller + 7 }));
        Assert.That(_stack.Frames[1].Certainty, Is.EqualTo(Certainty.Inferred));
    }

    [Test]
    public void A_processor_in_a_user_program_has_no_kernel_stack()
    {
        CpuContext context = new() { InstructionPointer = 0x47fbe9, StackPointer = 0x7ffc22338618 };

        new ForgedKernel(isNew).Read().Unwinder.WalkRunning(context, Stack, _stack, isUser: true);

        Assert.That(_stack.Frames.Single().Kind, Is.EqualTo(LinuxFrameKind.User));
        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.Complete));
    }

    [Test]
    public void Code_without_unwind_data_is_followed_by_its_frame_pointer_where_that_leads_to_the_kernel()
    {
        const ulong Compiled = 0xffffffffc0100000;
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call);
        ulong outer = kernel.Function("outer", OrcType.End);
        kernel.Memory.Put(Compiled + 0x20, 0x90).PutWords(Stack, Compiled + 0x20).PutWords(Stack + 0x40, 0, outer + 4);
        CpuContext context = new() { InstructionPointer = inner, StackPointer = Stack };
        context.Registers[CpuContext.Rbp] = Stack + 0x40;

        kernel.Read().Unwinder.WalkRunning(context, Stack, _stack);

        Assert.That(Addresses(), Is.EqualTo(new[] { inner, Compiled + 0x20, outer + 4 }));
        Assert.That(_stack.Frames.Select(frame => frame.Certainty),
            Is.EqualTo(new[] { Certainty.Proven, Certainty.Inferred, Certainty.Inferred }));
    }

    [TestCase("__crash_kexec", "__crash_kexec")]
    [TestCase("__crash_kexec", "__crash_kexec.cold")]
    public void A_caller_is_searched_by_the_call_of_exactly_this_function(string called, string found)
    {
        ForgedKernel kernel = new(isNew);
        ulong entry = kernel.Function(called, OrcType.Undefined, 0, 0);
        ulong here = found == called ? entry : kernel.Function(found, OrcType.Undefined, 0, 0);
        ulong panic = kernel.Function("panic", OrcType.End);
        // At +0x20 another function is called, at +0x40 this one.
        PutCall(kernel, panic + 0x20, panic);
        PutCall(kernel, panic + 0x40, entry);
        kernel.Memory.PutWords(Stack, new ulong[300]).PutWords(Stack + 8, panic + 0x20, panic + 0x30)
            .PutWords(Stack + 0x50, panic + 0x40);

        Walk(kernel, here + 3);

        Assert.That(_stack.Frames.Select(frame => (frame.InstructionPointer, frame.Kind, frame.Certainty)), Is.EqualTo(new[]
        {
            (here + 3, LinuxFrameKind.Searched, Certainty.Proven), (panic + 0x40, LinuxFrameKind.End, Certainty.Inferred),
        }));
        Assert.That(_stack.Frames[1].Slot, Is.EqualTo(Stack + 0x50));
    }

    [Test]
    public void A_function_without_unwind_data_and_caller_ends_the_stack()
    {
        ForgedKernel kernel = new(isNew);
        ulong lost = kernel.Function("lost", OrcType.Undefined, 0, 0);
        kernel.Memory.PutWords(Stack, new ulong[300]);

        Walk(kernel, lost);

        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.NoUnwindData));
        Assert.That(Addresses(), Is.EqualTo(new[] { lost }));
    }

    [Test]
    public void A_word_that_is_no_code_is_no_caller()
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call);
        kernel.Memory.PutWords(Stack, 0x1234, 0x5678);

        Walk(kernel, inner);

        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.NoUnwindData));
        Assert.That(Addresses(), Is.EqualTo(new[] { inner }));
    }

    [Test]
    public void A_stack_that_leads_back_to_itself_ends()
    {
        ForgedKernel kernel = new(isNew);
        // The frame address is the same each time: BP stays.
        ulong loop = kernel.Function("loop", OrcType.Call, 4, 16);
        kernel.Memory.PutWords(Stack, loop + 1, loop + 1, loop + 1, loop + 1);
        CpuContext context = new() { InstructionPointer = loop, StackPointer = Stack };
        context.Registers[CpuContext.Rbp] = Stack;

        kernel.Read().Unwinder.WalkRunning(context, Stack, _stack);

        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.Loop));
        Assert.That(_stack.Frames, Has.Count.LessThan(20));
    }

    [Test]
    public void A_stack_of_too_many_frames_is_cut()
    {
        ForgedKernel kernel = new(isNew);
        ulong deep = kernel.Function("deep", OrcType.Call);
        ulong[] words = new ulong[1_000];
        Array.Fill(words, deep + 1);
        kernel.Memory.PutWords(Stack, words);

        Walk(kernel, deep);

        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.TooManyFrames));
        Assert.That(_stack.Frames, Has.Count.EqualTo(Limits.Frames));
    }

    [Test]
    public void An_absent_stack_says_so()
    {
        ForgedKernel kernel = new(isNew);
        ulong inner = kernel.Function("inner", OrcType.Call);
        KernelSymbols symbols = kernel.Read();

        symbols.Unwinder.WalkRunning(new CpuContext { InstructionPointer = inner, StackPointer = Stack }, Stack, _stack);
        Assert.That(_stack.End, Is.EqualTo(LinuxStackEnd.Unreadable));
        symbols.Unwinder.WalkSleeping(Stack, Stack, _stack);
        Assert.That((_stack.End, _stack.Frames.Count), Is.EqualTo((LinuxStackEnd.Unreadable, 0)));
    }

    [Test]
    public void A_table_out_of_order_leads_nowhere_worse_than_to_an_end()
    {
        ForgedKernel kernel = new(isNew) { IsUnsorted = true };
        for (int i = 0; i < 40; i++)
            kernel.Function($"f{i}", OrcType.Call, 5, i * 8 - 64);
        ulong[] words = new ulong[200];
        for (int i = 0; i < words.Length; i++)
            words[i] = ForgedKernel.Text + (ulong)(i * 37 % 40) * 0x100 + 3;
        kernel.Memory.PutWords(Stack, words);
        OrcUnwinder unwinder = kernel.Read().Unwinder;

        for (int i = 0; i < 40; i++)
        {
            ulong ip = ForgedKernel.Text + (ulong)i * 0x100;
            CpuContext context = new() { InstructionPointer = ip, StackPointer = Stack + 256 };
            unwinder.WalkRunning(context, 0, _stack);
            Assert.That(_stack.Frames, Has.Count.LessThanOrEqualTo(Limits.Frames).And.Count.Positive);
        }
    }

    private void Walk(ForgedKernel kernel, ulong ip) => kernel.Read().Unwinder.WalkRunning(
        new CpuContext { InstructionPointer = ip, StackPointer = Stack }, Stack, _stack);

    private static void PutCall(ForgedKernel kernel, ulong returnAddress, ulong target) => kernel.Memory.Put(
        returnAddress - 5, [0xe8, .. BitConverter.GetBytes((int)(long)(target - returnAddress))]);

    private IEnumerable<ulong> Addresses() => _stack.Frames.Select(frame => frame.InstructionPointer);
}
