namespace HangAnalysis.Targets.Unwinding.Arm64;

/// <summary>What an instruction of an ARM64 prolog did.</summary>
internal enum Arm64Operation : byte
{
    /// <summary>Nothing that unwinding undoes.</summary>
    Nothing,

    /// <summary>Lowered the stack pointer by Value bytes.</summary>
    Allocate,

    /// <summary>Set x29 to the stack pointer plus Value bytes.</summary>
    SetFramePointer,

    /// <summary>Stored integer registers Value bytes above the stack pointer.</summary>
    Store,

    /// <summary>Lowered the stack pointer by Value bytes and stored integer registers there.</summary>
    StoreLowering,

    /// <summary>The same of floating-point registers, which are not restored.</summary>
    StoreFloatLowering,

    /// <summary>A frame of the program counter and the stack pointer that the system pushed.</summary>
    MachineFrame,

    /// <summary>A KTRAP_FRAME at the stack pointer.</summary>
    TrapFrame,

    /// <summary>A CONTEXT at the stack pointer.</summary>
    Context,

    /// <summary>The end of the codes of a scope that goes on elsewhere: no prolog of this part of the function is before it.</summary>
    EndOfScope,

    /// <summary>The end of the codes.</summary>
    End,
}

/// <summary>One unwind code: one instruction of the prolog.</summary>
/// <param name="Operation">What it did.</param>
/// <param name="First">First register.</param>
/// <param name="Count">Registers in a row from the first on.</param>
/// <param name="HasLink">Whether the link register follows them.</param>
/// <param name="Value">Bytes; see <see cref="Arm64Operation"/>.</param>
internal readonly record struct Arm64Code(
    Arm64Operation Operation, byte First = 0, byte Count = 0, bool HasLink = false, uint Value = 0);
