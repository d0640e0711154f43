namespace HangAnalysis.Esxi;

/// <summary>
/// Knows the functions that say nothing about what a processor does: spinning, panicking, taking an interrupt.
/// </summary>
internal static class SpinKnowledge
{
    /// <summary>
    /// Functions by which a processor waits for a spin lock or panics, and by which an NMI is served: the list of Broadcom's
    /// articles on purple screens (318955, 385615, 392817).
    /// </summary>
    private static readonly string[] s_machinery =
    [
        "LockCheckSpinCountInt", "Lock_CheckSpinCount", "Lock_CheckSelfDeadlock", "NMI_Interrupt", "IDTNMIWork", "Int2_NMI",
        "gate_entry", "Timer_GetCycles", "IDT_HandleInterrupt", "IDT_IntrHandler", "CommonIntr", "IDTDoInterrupt",
        "NMIEnter",
        "NMI_HandleNMI", "IDT_HandleNMI", "IntrCookie_VmkernelInterrupt", "Util_CpuRelax", "TSC_DelayUS", "Util_Udelay",
    ];

    private static readonly string[] s_machineryStarts = ["SP_Wait", "SPAcq", "Panic", "SPWait", "rw_wlock", "rw_rlock",
        "rwlock_"];
    private static readonly string[] s_spinStarts = ["LockCheckSpin", "Lock_CheckSpin", "SP_Wait", "SPAcq", "SPWait",
        "rw_wlock", "rw_rlock"];

    /// <summary>Whether a frame is a part of spinning, of panicking or of an interrupt.</summary>
    public static bool IsMachinery(string? symbol)
    {
        if (symbol is null)
            return false;
        foreach (string name in s_machinery)
            if (EsxiGlyphs.AreAlike(Plain(symbol), name))
                return true;
        return StartsWithAny(symbol, s_machineryStarts);
    }

    /// <summary>Whether a function waits for a spin lock.</summary>
    public static bool IsSpin(string? symbol) => symbol is not null && StartsWithAny(symbol, s_spinStarts);

    /// <summary>Whether a function is one by which the kernel panics.</summary>
    public static bool IsPanic(string? symbol) => symbol is not null && EsxiGlyphs.StartsAlike(symbol, "Panic");

    /// <summary>
    /// The function that spins, of the innermost frames: the outermost of the spin functions, which says what kind of lock
    /// it is. Null where the processor does not spin.
    /// </summary>
    public static EsxiFrame? SpinFrame(EsxiBacktrace backtrace)
    {
        EsxiFrame? spin = null;
        foreach (EsxiFrame frame in backtrace.Frames)
            if (IsSpin(frame.Symbol))
                spin = frame;
            else if (spin is not null || !IsMachinery(frame.Symbol))
                break;
        return spin;
    }

    /// <summary>The innermost frame that is not machinery; null where there is none.</summary>
    public static EsxiFrame? FirstFrame(EsxiBacktrace backtrace)
    {
        foreach (EsxiFrame frame in backtrace.Frames)
            if (!IsMachinery(frame.Symbol))
                return frame;
        return null;
    }

    /// <summary>The innermost frame of a module that is not the kernel; null where there are only the kernel's.</summary>
    public static EsxiFrame? FirstModuleFrame(EsxiBacktrace backtrace)
    {
        foreach (EsxiFrame frame in backtrace.Frames)
            if (frame.Module is not null && !frame.IsKernel)
                return frame;
        return null;
    }

    /// <summary>Without what a compiler adds, such as <c>.isra.0</c>.</summary>
    private static ReadOnlySpan<char> Plain(string symbol)
    {
        int dot = symbol.IndexOf('.', 1);
        return dot < 0 ? symbol : symbol.AsSpan(0, dot);
    }

    private static bool StartsWithAny(string symbol, string[] starts)
    {
        foreach (string start in starts)
            if (EsxiGlyphs.StartsAlike(symbol, start))
                return true;
        return false;
    }
}
