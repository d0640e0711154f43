using System.Buffers.Binary;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding.Arm64;

/// <summary>What a function's prolog and epilogs did, of a full (.xdata) or a packed (.pdata) description.</summary>
/// <remarks>
/// "ARM64 exception handling" of Microsoft's C++ documentation. Codes stand in the order of undoing: the last instruction of
/// the prolog first; each is one instruction of four bytes.
/// </remarks>
internal sealed class Arm64UnwindInfo
{
    private const int MaximumCodes = 1024;

    private readonly Arm64Code[] _codes;
    private readonly (uint Start, int First)[] _epilogs;

    private Arm64UnwindInfo(uint length, Arm64Code[] codes, int prolog, (uint, int)[] epilogs)
    {
        Length = length;
        _codes = codes;
        PrologInstructions = prolog;
        _epilogs = epilogs;
    }

    /// <summary>Length of the function, in bytes.</summary>
    public uint Length { get; }

    /// <summary>Instructions of the prolog.</summary>
    public int PrologInstructions { get; }

    /// <summary>The codes that undo the frame of code at an instruction of the function.</summary>
    /// <param name="instruction">Number of the instruction from the function's start on.</param>
    /// <param name="isFirstFrame">Whether execution stopped there, and did not call.</param>
    public ReadOnlySpan<Arm64Code> CodesAt(uint instruction, bool isFirstFrame)
    {
        if (instruction < PrologInstructions)
            return _codes.AsSpan(PrologInstructions - (int)instruction);
        if (isFirstFrame)
            foreach ((uint start, int first) in _epilogs)
            {
                if (instruction < start)
                    continue;
                int done = (int)Math.Min(instruction - start, MaximumCodes);
                int length = CountFrom(first);
                // Behind the last code comes the instruction that leaves.
                if (done <= length)
                    return _codes.AsSpan(first + done, length - done);
            }
        return _codes;
    }

    /// <summary>Reads a function's data; null where they are absent or mean nothing.</summary>
    /// <param name="bytes">The image.</param>
    /// <param name="word">The second word of its entry in the function table.</param>
    public static Arm64UnwindInfo? Read(IImageBytes bytes, uint word) =>
        (word & 3) == 0 ? ReadFull(bytes, word) : (word & 3) == 3 ? null : Packed(word);

    private int CountFrom(int first)
    {
        int count = 0;
        while (first + count < _codes.Length
            && _codes[first + count].Operation is not (Arm64Operation.End or Arm64Operation.EndOfScope))
            count++;
        return count;
    }

    private static Arm64UnwindInfo? ReadFull(IImageBytes bytes, uint rva)
    {
        Span<byte> head = stackalloc byte[8];
        if (!bytes.TryRead(rva, head[..4]))
            return null;
        uint word = BinaryPrimitives.ReadUInt32LittleEndian(head);
        uint length = (word & 0x3_ffff) * 4;
        const uint Version = 0xc_0000, OneEpilog = 1 << 21;
        if ((word & Version) != 0)
            return null;
        uint epilogs = word >> 22 & 0x1f, words = word >> 27;
        uint at = rva + 4;
        if (epilogs == 0 && words == 0)
        {
            if (!bytes.TryRead(at, head[4..]))
                return null;
            uint extended = BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            (epilogs, words) = (extended & 0xffff, extended >> 16 & 0xff);
            at += 4;
        }
        uint scopes = (word & OneEpilog) != 0 ? 0 : epilogs;
        byte[] raw = new byte[(scopes + words) * 4];
        if (!bytes.TryRead(at, raw))
            return null;
        ReadOnlySpan<byte> code = raw.AsSpan((int)scopes * 4);
        List<Arm64Code> codes = [];
        // An epilog names the byte at which its codes begin.
        int[] codeAt = new int[code.Length + 1];
        Array.Fill(codeAt, -1);
        byte further = 0;
        for (int i = 0; i < code.Length && codes.Count < MaximumCodes;)
        {
            codeAt[i] = codes.Count;
            if (!Arm64CodeReader.TryRead(code, ref i, out Arm64Code one))
                break;
            // save_next stands before the code that it continues, and is an instruction of its own.
            bool isNext = one is { Operation: Arm64Operation.Store, Count: 0 };
            if (isNext)
                further += 2;
            else if (further != 0)
            {
                if (one.First + one.Count + further <= CpuContext.Sp)
                    one = one with { Count = (byte)(one.Count + further) };
                further = 0;
            }
            codes.Add(isNext ? default : one);
        }
        List<(uint, int)> starts = [];
        Arm64UnwindInfo info = new(length, [.. codes], 0, []);
        if ((word & OneEpilog) != 0)
        {
            if (epilogs < codeAt.Length && codeAt[epilogs] is >= 0 and var first)
                starts.Add((length / 4 - Math.Min((uint)info.CountFrom(first) + 1, length / 4), first));
        }
        else
            for (int i = 0; i < scopes; i++)
            {
                uint scope = BinaryPrimitives.ReadUInt32LittleEndian(raw.AsSpan(i * 4));
                if (scope >> 22 < codeAt.Length && codeAt[scope >> 22] is >= 0 and var first)
                    starts.Add((scope & 0x3_ffff, first));
            }
        return codes.Count == 0 ? null : new(length, info._codes, info.CountFrom(0), [.. starts]);
    }

    /// <summary>
    /// The canonical prolog that a packed entry stands for. Flag 2 is a part of a function without prolog and epilog.
    /// </summary>
    private static Arm64UnwindInfo Packed(uint word)
    {
        uint length = (word >> 2 & 0x7ff) * 4;
        uint floats = word >> 13 & 7, integers = word >> 16 & 0xf;
        bool homes = (word >> 20 & 1) != 0;
        uint chain = word >> 21 & 3;
        uint frame = (word >> 23) * 16;
        integers = Math.Min(integers, 10);
        uint saved = (integers + (chain == 1 ? 1u : 0)) * 8;
        uint floatBytes = floats == 0 ? 0 : (floats + 1) * 8;
        uint saves = (saved + floatBytes + (homes ? 64u : 0) + 15) & ~15u;
        uint locals = frame >= saves ? frame - saves : 0;
        List<Arm64Code> codes = [];
        if (chain >= 2)
        {
            codes.Add(new(Arm64Operation.SetFramePointer));
            if (locals is > 0 and <= 512)
                codes.Add(new(Arm64Operation.StoreLowering, CpuContext.Fp, 2, Value: locals));
            else
            {
                codes.Add(new(Arm64Operation.Store, CpuContext.Fp, 2));
                AddAllocation(codes, locals);
            }
        }
        else
            AddAllocation(codes, locals);
        int storesArguments = 0, firstArguments = codes.Count;
        if (homes)
        {
            // Four pairs. Where nothing else is saved, the first of them makes the room.
            bool makesRoom = saved + floatBytes == 0;
            storesArguments = makesRoom ? 3 : 4;
            for (int i = 0; i < storesArguments; i++)
                codes.Add(default);
            if (makesRoom)
                codes.Add(new(Arm64Operation.Allocate, Value: saves));
        }
        AddSaves(codes, integers, chain == 1, floats, saves);
        if (chain == 2)
            codes.Add(default);
        int prolog = codes.Count;
        codes.Add(new(Arm64Operation.End));
        if ((word & 3) == 2)
            return new(length, [.. codes], 0, []);
        // The epilog is the prolog backwards, but for the instructions that store arguments and set the frame pointer.
        List<Arm64Code> epilog = [.. codes];
        epilog.RemoveRange(firstArguments, storesArguments);
        if (chain >= 2)
            epilog.RemoveAt(0);
        uint leaves = length / 4 - Math.Min((uint)epilog.Count, length / 4);
        codes.AddRange(epilog);
        return new(length, [.. codes], prolog, [(leaves, prolog + 1)]);
    }

    private static void AddAllocation(List<Arm64Code> codes, uint bytes)
    {
        const uint OneInstruction = 4080;
        if (bytes > OneInstruction)
        {
            codes.Add(new(Arm64Operation.Allocate, Value: bytes - OneInstruction));
            bytes = OneInstruction;
        }
        if (bytes > 0)
            codes.Add(new(Arm64Operation.Allocate, Value: bytes));
    }

    /// <summary>Stores of x19 on, of the link register behind them, and of d8 on; the first of them makes the room.</summary>
    private static void AddSaves(List<Arm64Code> codes, uint integers, bool withLink, uint floats, uint saves)
    {
        List<Arm64Code> inOrder = [];
        for (uint i = 0; i < integers; i += 2)
        {
            byte register = (byte)(19 + i);
            bool isPair = i + 1 < integers;
            bool isWithLink = !isPair && withLink;
            inOrder.Add(new(Arm64Operation.Store, register, (byte)(isPair ? 2 : 1), isWithLink, i * 8));
            withLink &= !isWithLink;
        }
        if (withLink)
            inOrder.Add(new(Arm64Operation.Store, CpuContext.Lr, 1, Value: integers * 8));
        for (uint i = 0; floats != 0 && i <= floats; i += 2)
            inOrder.Add(default);
        if (inOrder.Count > 0)
            inOrder[0] = inOrder[0].Operation == Arm64Operation.Store
                ? inOrder[0] with { Operation = Arm64Operation.StoreLowering, Value = saves }
                : new(Arm64Operation.StoreFloatLowering, Value: saves);
        for (int i = inOrder.Count - 1; i >= 0; i--)
            codes.Add(inOrder[i]);
    }
}
