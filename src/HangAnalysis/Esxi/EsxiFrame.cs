namespace HangAnalysis.Esxi;

/// <summary>One frame of a stack as a screen prints it.</summary>
/// <param name="StackPointer">The address before the colon.</param>
/// <param name="InstructionPointer">The address in brackets.</param>
/// <param name="Symbol">The function; null where it could not be read.</param>
/// <param name="Module">
/// The module, such as <c>vmkernel</c> or <c>hbr_filter</c>; null where the screen does not say it: older releases name
/// none, and print <c>&lt;None&gt;</c> for modules that have no name.
/// </param>
/// <param name="Displacement">Distance from the function.</param>
public sealed record EsxiFrame(ulong StackPointer, ulong InstructionPointer, string? Symbol, string? Module,
    ulong Displacement)
{
    /// <summary>The module's version behind the <c>#</c>; null for <c>nover</c> and <c>&lt;None&gt;</c>.</summary>
    public string? Version { get; init; }

    /// <summary>Whether the line ended before its module or its displacement did.</summary>
    public bool IsCut { get; init; }

    /// <summary>Whether the line has no word of a module at all, as before ESXi 5.</summary>
    public bool NamesNoModule { get; init; }

    /// <summary>Whether the function belongs to the kernel itself.</summary>
    public bool IsKernel => Module == EsxiModules.Kernel;

    /// <summary>As it is named: <c>Func+0x439 [hbr_filter]</c>.</summary>
    public override string ToString() => $"{Symbol ?? $"0x{InstructionPointer:x}"}" +
        $"{(Symbol is null || Displacement == 0 ? "" : $"+0x{Displacement:x}")}{(Module is null ? "" : $" [{Module}]")}";
}
