using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Pdb;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Which frame a function has: its own where it is given, else one that its name stands for, else one that its name makes.</summary>
public sealed partial class ForgedModule
{
    private FunctionFrame FrameOf(string? symbol, uint rva)
    {
        if (symbol is not null && _frames.TryGetValue(symbol, out FunctionFrame? given))
            return given;
        if (Architecture == Architecture.X86)
            return X86FrameOf(symbol, rva);
        if (Architecture == Architecture.Arm64)
            return Arm64FrameOf(symbol, rva);
        if (symbol is "KiSwapContext")
            // The next Child-SP is 0x140 above: KEXCEPTION_FRAME with its return address.
            return FunctionFrame.Sub(0x138);
        if (symbol is not null && IsEntry(symbol))
            return FunctionFrame.SystemCall;
        if (symbol is "KiPageFault" or "KiDoubleFaultAbort")
            // A trap frame that the processor began, with an error code.
            return FunctionFrame.Interrupt(errorCode: true).Push(X64Register.Rbp).Allocate(0x158)
                .SetFrame(X64Register.Rbp, 0x80);
        if (symbol is "KiNmiInterrupt" or "KiIpiInterrupt" or "KiInterruptDispatchNoLockNoEtw" or "KiDpcInterrupt"
            or "KiApcInterrupt" or "KiRaiseSecurityCheckFailure")
            // The same without an error code, for which the code leaves room.
            return FunctionFrame.Interrupt(errorCode: false).Allocate(8).Push(X64Register.Rbp).Allocate(0x158)
                .SetFrame(X64Register.Rbp, 0x80);
        // Before 10.0 the window manager's system calls are in USER32.
        bool isStub = symbol is not null && (Name is "ntdll" or "win32u"
            ? symbol.StartsWith("Nt", StringComparison.Ordinal) || symbol.StartsWith("Zw", StringComparison.Ordinal)
            : Name is "USER32" && symbol.StartsWith("NtUser", StringComparison.Ordinal));
        if (isStub)
            return FunctionFrame.Leaf;
        return FunctionFrame.Sub(0x28 + 0x10 * (int)(Hash(symbol ?? $"{Name}+{rva:x}") % 12));
    }

    private Arm64Frame Arm64FrameOf(string? symbol, uint rva)
    {
        if (symbol is not null && !IsUser && (IsEntry(symbol)
            || symbol.StartsWith("Ki", StringComparison.Ordinal) && symbol.EndsWith("Interrupt", StringComparison.Ordinal)
            || symbol is "KiPageFault"))
            throw new ArgumentException($"trap frames of ARM64 are not forged: {symbol}");
        if (symbol is "KiSwapContext")
            return new Arm64Frame(Arm64FrameKind.SwitchContext, 0);
        ulong hash = Hash(symbol ?? $"{Name}+{rva:x}");
        return new Arm64Frame((Arm64FrameKind)(hash / 12 % 4), 0x50 + 0x10 * (int)(hash % 12));
    }

    // A listing of x86 tells where a frame pointer is or would be: all functions get one but those that have a shape of their own.
    private X86Frame ListedFrame(string symbol, int extent) => X86FrameOf(symbol, 0) switch
    {
        { Kind: X86FrameKind.FramePointer or X86FrameKind.NoFramePointer } =>
            new X86Frame(X86FrameKind.FramePointer, Math.Max(extent - 8, 0), X86Decoration.Parameters(symbol)),
        { } other => new X86Frame(other.Kind),
    };

    private X86Frame X86FrameOf(string? symbol, uint rva)
    {
        int parameters = symbol is null ? 8 : X86Decoration.Parameters(symbol);
        if (symbol is "KiSwapContext")
            return new X86Frame(X86FrameKind.SwitchContext);
        if (symbol is not null && IsEntry(symbol))
            return new X86Frame(X86FrameKind.SystemCallEntry);
        if (symbol is not null && !IsUser && (symbol is "KiRaiseSecurityCheckFailure"
            || symbol.StartsWith("KiTrap", StringComparison.Ordinal) || symbol.EndsWith("Interrupt", StringComparison.Ordinal) && symbol.StartsWith("Ki", StringComparison.Ordinal)))
            return new X86Frame(X86FrameKind.Trap);
        if (symbol is "KiFastSystemCallRet")
            return new X86Frame(X86FrameKind.SystemCallReturn);
        if (symbol is not null && X86Frames.IsStub(Name, symbol))
            return new X86Frame(X86FrameKind.SystemCallStub, 0, parameters);
        ulong hash = Hash(symbol ?? $"{Name}+{rva:x}");
        int locals = 0x10 + 0x8 * (int)(hash % 12);
        // As in real kernels some functions keep no frame pointer, and programs are there for some of those that do.
        bool isNamed = symbol is not null && PdbName is not null;
        return isNamed && hash / 12 % 4 == 0
            ? new X86Frame(X86FrameKind.NoFramePointer, locals, parameters)
            : new X86Frame(X86FrameKind.FramePointer, locals, parameters) { HasProgram = isNamed && hash / 12 % 4 == 1 };
    }
}
