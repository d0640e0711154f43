using System.Buffers.Binary;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>
/// Recognises that execution stands inside an epilog and does the rest of it. Unwind data of version 1 do not
/// describe epilogs: their form is fixed so that they can be told by their instructions.
/// </summary>
/// <remarks>
/// Form: "Epilog code" of Microsoft's x64 calling convention: add rsp or lea rsp from the frame register, pops of
/// 8-byte registers, then a return or a jump out of the function. Which jumps count: the amd64 unwinder of the CoreCLR
/// sources (MIT).
/// </remarks>
internal static class Epilog
{
    // lea (7 or 8), sixteen pops of two bytes, a jump through memory of at most seven bytes.
    private const int MaximumSize = 48;

    internal static bool TryUndo(
        UnwindImage image, RuntimeFunction function, UnwindInfo info, uint rva, ref CpuContext context,
        ref X64Unwinder.Frame frame)
    {
        Span<byte> buffer = stackalloc byte[MaximumSize];
        ReadOnlySpan<byte> code = buffer[..image.Bytes.Read(rva, buffer)];
        int start = ReleaseLength(code, info.FrameRegister);
        int at = start;
        while (PopLength(code[at..]) is int length and > 0)
            at += length;
        if (!IsExit(code[at..], image.Functions!, function, info, unchecked(rva + (uint)at)))
            return false;

        if (start > 0)
            Release(code, ref context);
        for (int i = start; i < at; i += PopLength(code[i..]))
            frame.Pop(PoppedRegister(code[i..]), ref context);
        return true;
    }

    /// <summary>Length of an add rsp or a lea rsp at the start of the code; 0 where there is none.</summary>
    private static int ReleaseLength(ReadOnlySpan<byte> code, int frameRegister)
    {
        if (code.Length >= 4 && code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4)
            return 4;
        if (code.Length >= 7 && code[0] == 0x48 && code[1] == 0x81 && code[2] == 0xc4)
            return 7;
        if (code.Length < 4 || (code[0] & 0xfe) != 0x48 || code[1] != 0x8d || (code[2] & 0x38) != 0x20
            || frameRegister == 0 || LeaBase(code) != frameRegister)
            return 0;
        int prefix = LeaPrefixLength(code);
        int length = (code[2] & 0xc0) switch { 0x40 => prefix + 1, 0x80 => prefix + 4, _ => 0 };
        return length <= code.Length ? length : 0;
    }

    private static int LeaBase(ReadOnlySpan<byte> code) => (code[2] & 7) | ((code[0] & 1) << 3);

    // A base of r12 needs an index byte.
    private static int LeaPrefixLength(ReadOnlySpan<byte> code) => (code[2] & 7) == 4 ? 4 : 3;

    private static void Release(ReadOnlySpan<byte> code, ref CpuContext context)
    {
        ulong from = context.StackPointer;
        int at = 3;
        bool isByte = code[1] == 0x83;
        if (code[1] == 0x8d)
        {
            from = context.Registers[LeaBase(code)];
            at = LeaPrefixLength(code);
            isByte = (code[2] & 0xc0) == 0x40;
        }
        long distance = isByte ? (sbyte)code[at] : BinaryPrimitives.ReadInt32LittleEndian(code[at..]);
        context.StackPointer = unchecked(from + (ulong)distance);
    }

    private static int PopLength(ReadOnlySpan<byte> code)
    {
        if (code.Length >= 1 && (code[0] & 0xf8) == 0x58)
            return 1;
        return code.Length >= 2 && (code[0] & 0xf0) == 0x40 && (code[1] & 0xf8) == 0x58 ? 2 : 0;
    }

    private static int PoppedRegister(ReadOnlySpan<byte> code) =>
        (code[0] & 0xf8) == 0x58 ? code[0] & 7 : (code[1] & 7) | ((code[0] & 1) << 3);

    private static bool IsExit(
        ReadOnlySpan<byte> code, FunctionTable table, RuntimeFunction function, UnwindInfo info, uint rva)
    {
        if (code.Length == 0)
            return false;
        switch (code[0])
        {
            case 0xc3:
            case 0xc2 when code.Length >= 3:
                return true;
            case 0xf3:
                return code.Length >= 2 && code[1] == 0xc3;
            case 0xeb when code.Length >= 2:
                return LeavesFunction(table, function, info, unchecked(rva + 2 + (uint)(sbyte)code[1]));
            case 0xe9 when code.Length >= 5:
                return LeavesFunction(
                    table, function, info, unchecked(rva + 5 + BinaryPrimitives.ReadUInt32LittleEndian(code[1..])));
            case 0xff:
                return code.Length >= 2 && code[1] == 0x25;
            default:
                // A register jump is a tail call when it bears REX.W, which it does not need; others are switches.
                return code.Length >= 3 && (code[0] & 0xf8) == 0x48 && code[1] == 0xff && (code[2] & 0x38) == 0x20;
        }
    }

    private static bool LeavesFunction(FunctionTable table, RuntimeFunction function, UnwindInfo info, uint target)
    {
        if (target >= function.Begin && target < function.End)
            return target == function.Begin && info.Chained is null;
        if (table.Find(target, out RuntimeFunction other) != FunctionLookup.Found
            || !table.TryFindPrimary(ref other) || !table.TryFindPrimary(ref function))
            return true;
        return other.Begin != function.Begin || target == other.Begin;
    }
}
