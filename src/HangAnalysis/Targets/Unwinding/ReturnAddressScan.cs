using System.Buffers.Binary;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding.Arm64;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>How far a value on a stack can be believed to be a return address.</summary>
public enum ReturnAddressGrade
{
    /// <summary>It points into code, but what stands before it cannot be read.</summary>
    PointsIntoCode,

    /// <summary>It points behind a call instruction.</summary>
    FollowsCall,
}

/// <summary>A value on a stack that may be a return address.</summary>
/// <param name="Slot">Address of the value.</param>
/// <param name="Address">The value.</param>
/// <param name="Grade">How far it can be believed.</param>
/// <param name="Image">The image that it points into.</param>
public readonly record struct ReturnAddressCandidate(
    ulong Slot, ulong Address, ReturnAddressGrade Grade, UnwindImage Image);

/// <summary>
/// Searches a stack for return addresses where no unwind data can be had. What it finds may be left over from an
/// earlier call, so it shows who may have called and never proves it.
/// </summary>
public static class ReturnAddressScan
{
    /// <summary>Bytes of one stack that are searched: the default size of a user stack.</summary>
    public const int MaximumBytes = 1024 * 1024;

    private const int ChunkSize = 512;
    private const ulong PageMask = 0xfff;

    // REX, FF, ModRM, SIB, disp32.
    private const int MaximumCallLength = 8;

    /// <summary>Finds the first candidate in [<paramref name="from"/>, <paramref name="limit"/>).</summary>
    /// <remarks>Pages that are absent are passed over. To go on, start at the slot after the candidate's.</remarks>
    public static bool TryFindNext(
        IMemory stack, IUnwindImages images, ulong from, ulong limit, out ReturnAddressCandidate candidate) =>
        TryFindNext(stack, images, from, limit, Architecture.X64, out candidate);

    /// <summary>The same for the code of any processor.</summary>
    public static bool TryFindNext(IMemory stack, IUnwindImages images, ulong from, ulong limit, Architecture architecture,
        out ReturnAddressCandidate candidate)
    {
        candidate = default;
        int wordSize = stack.PointerSize;
        if (from > ulong.MaxValue - MaximumBytes - sizeof(ulong))
            return false;
        ulong at = (from + (ulong)wordSize - 1) & ~(ulong)(wordSize - 1);
        limit = Math.Min(limit, at + MaximumBytes);
        Span<byte> chunk = stackalloc byte[ChunkSize];
        while (at < limit && limit - at >= (ulong)wordSize)
        {
            int wanted = (int)Math.Min(limit - at, ChunkSize) & ~(wordSize - 1);
            int words = stack.Read(at, chunk[..wanted]) / wordSize;
            for (int i = 0; i < words; i++)
            {
                ulong value = stack.PointerAt(chunk[(i * wordSize)..]);
                if (architecture == Architecture.Arm64)
                    value = Arm64Unwinder.WithoutMarks(value);
                if (TryGrade(images, value, architecture, out UnwindImage? image, out ReturnAddressGrade grade))
                {
                    candidate = new ReturnAddressCandidate(at + (ulong)(i * wordSize), value, grade, image!);
                    return true;
                }
            }
            at += (ulong)(words * wordSize);
            if (words * wordSize < wanted)
                at = (at | PageMask) + 1;
        }
        return false;
    }

    /// <summary>Whether a value can be a return address: it points into code, and behind a call as far as that can be seen.</summary>
    internal static bool IsReturnAddress(IUnwindImages images, ulong value, Architecture architecture) =>
        TryGrade(images, value, architecture, out _, out _);

    private static bool TryGrade(
        IUnwindImages images, ulong value, Architecture architecture, out UnwindImage? image, out ReturnAddressGrade grade)
    {
        grade = ReturnAddressGrade.PointsIntoCode;
        image = null;
        // No image lies in the first 64 KB: most small numbers on a stack end here.
        if (value < 0x10000)
            return false;
        image = images.Find(value);
        if (image is null)
            return false;
        uint rva = (uint)(value - image.BaseAddress);
        if (rva < MaximumCallLength || image.IsExecutable(rva - 1) == false)
            return false;
        Span<byte> before = stackalloc byte[MaximumCallLength];
        if (!image.Bytes.TryRead(rva - MaximumCallLength, before))
            return true;
        grade = ReturnAddressGrade.FollowsCall;
        return architecture == Architecture.Arm64 ? EndsInArm64Call(before) : EndsInCall(before);
    }

    /// <summary>Whether eight bytes end in bl, blr or one of its forms with pointer authentication.</summary>
    internal static bool EndsInArm64Call(ReadOnlySpan<byte> before)
    {
        uint code = BinaryPrimitives.ReadUInt32LittleEndian(before[^4..]);
        const uint Branch = 0x94000000, BranchMask = 0xfc000000;
        // Unconditional branch (register) of the processor's manual: opc 0001 and 1001, the rest but for the registers fixed.
        const uint Register = 0xd63f0000, RegisterMask = 0xfefff000;
        return (code & BranchMask) == Branch || (code & RegisterMask) == Register;
    }

    /// <summary>Whether eight bytes end in a call instruction: E8 rel32, or FF /2 with REX or without.</summary>
    internal static bool EndsInCall(ReadOnlySpan<byte> before)
    {
        if (before[^5] == 0xe8)
            return true;
        for (int length = 2; length <= 7; length++)
            if (before[^length] == 0xff && IndirectCallLength(before[^length..]) == length)
                return true;
        return false;
    }

    // ModRM and SIB forms: "Instruction Format" of the processor manuals. A REX prefix changes no length.
    private static int IndirectCallLength(ReadOnlySpan<byte> code)
    {
        byte modRm = code[1];
        if ((modRm & 0x38) != 0x10)
            return 0;
        int mode = modRm >> 6;
        if (mode == 3)
            return 2;
        int length = 2;
        bool wide = mode == 2 || (mode == 0 && (modRm & 7) == 5);
        if ((modRm & 7) == 4)
        {
            if (code.Length < 3)
                return 0;
            length++;
            wide |= mode == 0 && (code[2] & 7) == 5;
        }
        return length + (wide ? 4 : mode == 1 ? 1 : 0);
    }
}
