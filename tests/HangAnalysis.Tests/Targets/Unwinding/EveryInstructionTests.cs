using System.Buffers.Binary;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding;

/// <summary>
/// Runs the prologs and epilogs of linked functions instruction by instruction: wherever execution stands, the
/// caller is the same.
/// </summary>
public class EveryInstructionTests
{
    private const ulong Base = 0x180000000;
    private const ulong StackLow = 0x10000000;
    private const ulong Entry = StackLow + 0x1ff000;
    private const ulong Caller = Base + 0x5555;

    private static readonly int[] s_nonVolatile = [3, 5, 6, 7, 12, 13, 14, 15];

    [TestCase("f_alloc_small", 4)]
    [TestCase("f_pushes", 15)]
    [TestCase("f_frame", 10)]
    [TestCase("f_huge", 8)]
    [TestCase("f_frame13", 8)]
    public void The_caller_is_the_same_at_every_instruction(string function, int instructions)
    {
        byte[] loaded = LinkedImage.Load();
        UnwindImage image = UnwindImage.Load(Base, (uint)loaded.Length, new ArrayBytes(loaded));
        Assert.That(PeImage.TryRead(image.Bytes, out PeImage? headers));
        using ExportTable exports = ExportTable.TryRead(headers!, "")!;
        Assert.That(exports.TryFindSymbol(function, out uint begin));
        ImageList images = new(image);
        ArrayBytes stack = new(new byte[0x200000], StackLow);

        CpuContext context = default;
        for (int i = 0; i < 16; i++)
            context.Registers[i] = 0x1111111100000000 + (ulong)i;
        context.StackPointer = Entry;
        context.InstructionPointer = Base + begin;
        stack.Put(Entry, Caller);
        CpuContext entry = context;

        int count = 0;
        for (bool inside = true; inside; count++)
        {
            CpuContext caller = context;
            string where = $"{function}+{context.InstructionPointer - Base - begin:x}";
            Assert.That(X64Unwinder.Step(ref caller, stack, images, isFirstFrame: true),
                Is.EqualTo(UnwindStep.Frame), where);
            Assert.That(caller.InstructionPointer, Is.EqualTo(Caller), where);
            Assert.That(caller.StackPointer, Is.EqualTo(Entry + 8), where);
            foreach (int register in s_nonVolatile)
                Assert.That(caller.Registers[register], Is.EqualTo(entry.Registers[register]), where);
            inside = Execute(ref context, stack, loaded.AsSpan((int)(context.InstructionPointer - Base)));
        }
        Assert.That(count, Is.EqualTo(instructions));
    }

    /// <summary>Executes one instruction of those that the functions consist of; false for one that leaves.</summary>
    private static bool Execute(ref CpuContext context, ArrayBytes stack, ReadOnlySpan<byte> code)
    {
        int rex = (code[0] & 0xf0) == 0x40 ? code[0] : 0;
        int at = rex != 0 ? 1 : 0;
        int high = (rex & 1) << 3;
        byte opcode = code[at];
        int length;
        switch (opcode)
        {
            case >= 0x50 and <= 0x57:
                context.StackPointer -= 8;
                stack.Put(context.StackPointer, context.Registers[(opcode & 7) | high]);
                length = at + 1;
                break;
            case >= 0x58 and <= 0x5f:
                context.Registers[(opcode & 7) | high] = Word(stack, context.StackPointer);
                context.StackPointer += 8;
                length = at + 1;
                break;
            case 0x83 or 0x81:
                ulong size = opcode == 0x83 ? code[at + 2] : BinaryPrimitives.ReadUInt32LittleEndian(code[(at + 2)..]);
                context.StackPointer = code[at + 1] == 0xec ? context.StackPointer - size : context.StackPointer + size;
                length = at + (opcode == 0x83 ? 3 : 6);
                break;
            case 0x89 or 0x8b or 0x8d when code[at + 1] >> 6 == 3:
                Assert.That(opcode, Is.EqualTo(0x89));
                int source = ((code[at + 1] >> 3) & 7) | ((rex & 4) << 1);
                context.Registers[(code[at + 1] & 7) | high] = context.Registers[source];
                length = at + 2;
                break;
            case 0x89 or 0x8b or 0x8d:
                length = MoveMemory(ref context, stack, code, at, opcode, high, (rex & 4) << 1);
                break;
            case 0x0f:
                length = 5;
                Assert.That(code[at + 1], Is.EqualTo(0x29));
                break;
            case 0x90:
                length = 1;
                break;
            case 0xc2 or 0xc3 or 0xe9 or 0xeb or 0xf3 or 0xff:
                return false;
            default:
                throw new AssertionException($"instruction {opcode:x2} at {context.InstructionPointer:x}");
        }
        context.InstructionPointer += (ulong)length;
        return true;
    }

    private static int MoveMemory(
        ref CpuContext context, ArrayBytes stack, ReadOnlySpan<byte> code, int at, byte opcode, int baseHigh, int high)
    {
        int modRm = code[at + 1];
        int register = ((modRm >> 3) & 7) | high;
        int displacementAt = at + ((modRm & 7) == 4 ? 3 : 2);
        long displacement = (modRm >> 6) switch
        {
            0 => 0,
            1 => (sbyte)code[displacementAt],
            _ => BinaryPrimitives.ReadInt32LittleEndian(code[displacementAt..]),
        };
        ulong address = context.Registers[(modRm & 7) | baseHigh] + (ulong)displacement;
        if (opcode == 0x89)
            stack.Put(address, context.Registers[register]);
        else
            context.Registers[register] = opcode == 0x8d ? address : Word(stack, address);
        return displacementAt + (modRm >> 6) switch { 0 => 0, 1 => 1, _ => 4 };
    }

    private static ulong Word(ArrayBytes stack, ulong address)
    {
        Assert.That(stack.TryReadUInt64(address, out ulong value));
        return value;
    }
}
