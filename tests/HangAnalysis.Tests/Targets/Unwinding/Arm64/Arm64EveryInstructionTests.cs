using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using HangAnalysis.Targets.Unwinding.Arm64;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding.Arm64;

/// <summary>
/// Runs the prologs and epilogs of linked ARM64 functions instruction by instruction: wherever execution stands, the caller is
/// the same.
/// </summary>
public class Arm64EveryInstructionTests
{
    private const ulong Base = 0x180000000;
    private const ulong StackLow = 0x10000000;
    private const ulong Entry = StackLow + 0xff000;
    private const ulong Caller = Base + 0x5554;

    private static IEnumerable<string> Names => Arm64Image.Functions.Select(f => f.Name);

    [TestCaseSource(nameof(Names))]
    public void The_caller_is_the_same_at_every_instruction(string function)
    {
        (UnwindImage image, byte[] loaded, uint begin) = Load(function);
        ImageList images = new(image);
        ArrayBytes stack = new(new byte[0x100000], StackLow);
        CpuContext context = new() { Architecture = Architecture.Arm64 };
        for (int i = 0; i < 31; i++)
            context.Registers[i] = 0x1111111100000000 + (ulong)i;
        context.Registers[CpuContext.Lr] = Caller;
        context.StackPointer = Entry;
        context.InstructionPointer = Base + begin;
        CpuContext entry = context;
        int count = 0, returns = 0;
        int wanted = Arm64Image.Functions.Single(f => f.Name == function).Text.Split('\n')
            .Count(l => l.Trim() is { Length: > 0 } line && line[0] != '.');
        for (; count < wanted; count++)
        {
            CpuContext caller = context;
            string where = $"{function}+{context.InstructionPointer - Base - begin:x}";
            Assert.That(Arm64Unwinder.Step(ref caller, stack, images, isFirstFrame: true, out _),
                Is.EqualTo(UnwindStep.Frame), where);
            Assert.That(caller.InstructionPointer, Is.EqualTo(Caller), where);
            Assert.That(caller.StackPointer, Is.EqualTo(Entry), where);
            for (int register = 19; register <= CpuContext.Fp; register++)
                Assert.That(caller.Registers[register], Is.EqualTo(entry.Registers[register]), $"{where} x{register}");
            uint code = BinaryPrimitives.ReadUInt32LittleEndian(loaded.AsSpan((int)(context.InstructionPointer - Base)));
            if (!Execute(ref context, stack, code))
            {
                returns++;
                // Behind a return in the middle stands code of the body: the state of the end of the prolog.
                CpuContext body = entry;
                for (int i = 0; BinaryPrimitives.ReadUInt32LittleEndian(loaded.AsSpan((int)(begin + i * 4))) is not Nop
                    and var one; i++)
                    Execute(ref body, stack, one);
                body.InstructionPointer = context.InstructionPointer + 4;
                context = body;
            }
        }
        Assert.That(returns, Is.EqualTo(function == "two_epilogs" ? 2 : 1));
    }

    [Test]
    public void Both_forms_of_unwind_data_are_among_the_functions()
    {
        byte[] loaded = Arm64Image.Load();
        Assert.That(PeImage.TryRead(new ArrayBytes(loaded), out PeImage? headers));
        ImageDirectory table = headers![ImageDirectoryKind.Exception];
        Assert.That(table.Size / 8, Is.EqualTo(Arm64Image.Functions.Length));
        int packed = 0;
        for (uint i = 0; i < table.Size; i += 8)
            packed += (BinaryPrimitives.ReadUInt32LittleEndian(loaded.AsSpan((int)(table.Rva + i + 4))) & 3) == 1 ? 1 : 0;
        Assert.That(packed, Is.InRange(6, Arm64Image.Functions.Length - 2));
    }

    [Test]
    public void A_return_address_that_is_signed_is_found_without_its_marks()
    {
        Assert.That(Arm64Unwinder.WithoutMarks(0xfffff803_12345678), Is.EqualTo(0xfffff803_12345678));
        Assert.That(Arm64Unwinder.WithoutMarks(0x00007ff6_12345678 | 0x5b00_8000_0000_0000), Is.EqualTo(0x00007ff6_12345678));
        Assert.That(Arm64Unwinder.WithoutMarks(0x5b807803_12345678 | 1UL << 55), Is.EqualTo(0xfffff803_12345678));
    }

    [Test]
    public void Without_unwind_data_the_chain_of_frame_pointers_is_followed_upwards_only()
    {
        byte[] code = new byte[0x4000];
        // bl, so that what follows it is a return address.
        for (int at = 0; at < code.Length; at += 4)
            BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(at), 0x94000001);
        UnwindImage image = new(Base, (uint)code.Length, new ArrayBytes(code), null, null);
        ArrayBytes stack = new(new byte[0x100000], StackLow);
        ulong[] frames = [Entry - 0x300, Entry - 0x200, Entry - 0x100];
        for (int i = 0; i < frames.Length; i++)
        {
            stack.Put(frames[i], i + 1 < frames.Length ? frames[i + 1] : frames[0]);
            stack.Put(frames[i] + 8, Base + 0x1000 + (ulong)i * 0x100);
        }
        CpuContext context = new() { Architecture = Architecture.Arm64, InstructionPointer = Base + 0x500 };
        context.StackPointer = Entry - 0x340;
        context.Registers[CpuContext.Fp] = frames[0];
        RawFrame[] walked = new RawFrame[16];
        int count = StackWalker.Walk(context, stack, new ImageList(image), Entry - 0x80, walked, out WalkEnd end);
        Assert.That(walked[..count].Select(f => f.InstructionPointer),
            Is.EqualTo(new[] { Base + 0x500, Base + 0x1000, Base + 0x1100, Base + 0x1200 }));
        Assert.That(walked[..count].Skip(1).Select(f => f.Kind), Is.All.EqualTo(FrameKind.FramePointer));
        Assert.That(end.Reason, Is.EqualTo(WalkEndReason.NoUnwindData));
    }

    [Test]
    public void The_end_of_the_stack_is_a_link_register_of_0()
    {
        (UnwindImage image, _, uint begin) = Load("chain");
        CpuContext context = new() { Architecture = Architecture.Arm64, InstructionPointer = Base + begin, StackPointer = Entry };
        Assert.That(Arm64Unwinder.Step(ref context, new ArrayBytes(new byte[0x100000], StackLow), new ImageList(image),
            isFirstFrame: true, out _), Is.EqualTo(UnwindStep.End));
    }

    [Test]
    public void A_table_that_is_damaged_makes_no_frame_that_moves_down_and_never_throws()
    {
        byte[] loaded = Arm64Image.Load();
        Assert.That(PeImage.TryRead(new ArrayBytes(loaded), out PeImage? headers));
        ImageDirectory table = headers![ImageDirectoryKind.Exception];
        Random random = new(7);
        int failures = 0;
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = [.. loaded];
            for (int blow = 0; blow < 4; blow++)
                damaged[table.Rva - 0x100 + random.Next(0x100 + (int)table.Size)] = (byte)random.Next(256);
            UnwindImage image = UnwindImage.Load(Base, (uint)damaged.Length, new ArrayBytes(damaged));
            CpuContext context = new()
            {
                Architecture = Architecture.Arm64,
                InstructionPointer = Base + 0x1000 + (ulong)random.Next(0x100) * 4,
                StackPointer = Entry - 0x10000,
            };
            context.Registers[CpuContext.Fp] = Entry - 0x8000;
            context.Registers[CpuContext.Lr] = Caller;
            ulong before = context.StackPointer;
            UnwindStep step = Arm64Unwinder.Step(ref context, new ArrayBytes(new byte[0x100000], StackLow),
                new ImageList(image), isFirstFrame: random.Next(2) == 0, out _);
            failures += step is UnwindStep.Frame or UnwindStep.End ? 0 : 1;
            if (step == UnwindStep.Frame)
                Assert.That(context.StackPointer, Is.GreaterThanOrEqualTo(before));
        }
        Assert.That(failures, Is.GreaterThan(50));
    }

    private const uint Nop = 0xd503201f;

    private static (UnwindImage Image, byte[] Loaded, uint Begin) Load(string function)
    {
        byte[] loaded = Arm64Image.Load();
        UnwindImage image = UnwindImage.Load(Base, (uint)loaded.Length, new ArrayBytes(loaded));
        Assert.That(PeImage.TryRead(image.Bytes, out PeImage? headers));
        using ExportTable exports = ExportTable.TryRead(headers!, "")!;
        Assert.That(exports.TryFindSymbol(function, out uint begin));
        return (image, loaded, begin);
    }

    /// <summary>Executes one instruction of those that the functions consist of; false for one that leaves.</summary>
    private static bool Execute(ref CpuContext context, ArrayBytes stack, uint code)
    {
        int first = (int)(code & 31), based = (int)(code >> 5 & 31), second = (int)(code >> 10 & 31);
        context.InstructionPointer += 4;
        if (code == 0xd65f03c0)
        {
            context.InstructionPointer -= 4;
            return false;
        }
        // hint: nop, pacibsp, autibsp.
        if ((code & 0xfffff01f) == 0xd503201f)
            return true;
        if ((code & 0x7f800000) == 0x11000000 || (code & 0x7f800000) == 0x51000000)
        {
            ulong value = code >> 10 & 0xfff;
            value <<= (code >> 22 & 1) != 0 ? 12 : 0;
            context.Registers[first] = (code >> 30 & 1) != 0 ? context.Registers[based] - value : context.Registers[based] + value;
            return true;
        }
        bool isPair = (code & 0x3a000000) == 0x28000000;
        bool isFloat = (code >> 26 & 1) != 0, isLoad = (code >> 22 & 1) != 0;
        long offset;
        // 1 behind, 2 plain, 3 before.
        int mode;
        if (isPair)
        {
            offset = (long)((int)(code << 10) >> 25) * 8;
            mode = (int)(code >> 23 & 3);
        }
        else if ((code & 0x3b000000) == 0x39000000)
        {
            offset = (code >> 10 & 0xfff) * 8;
            mode = 2;
        }
        else
        {
            Assert.That(code & 0x3b200000, Is.EqualTo(0x38000000u), $"instruction {code:x8}");
            offset = (int)(code << 11) >> 23;
            mode = (int)(code >> 10 & 3);
        }
        ulong at = context.Registers[based] + (mode == 1 ? 0 : (ulong)offset);
        if (!isFloat)
        {
            Move(ref context, stack, first, at, isLoad);
            if (isPair)
                Move(ref context, stack, second, at + 8, isLoad);
        }
        if (mode != 2)
            context.Registers[based] += (ulong)offset;
        return true;
    }

    private static void Move(ref CpuContext context, ArrayBytes stack, int register, ulong at, bool isLoad)
    {
        if (!isLoad)
            stack.Put(at, context.Registers[register]);
        else if (stack.TryReadUInt64(at, out ulong value))
            context.Registers[register] = value;
    }
}
