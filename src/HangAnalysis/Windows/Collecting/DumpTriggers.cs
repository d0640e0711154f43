using HangAnalysis.Model;

namespace HangAnalysis.Windows.Collecting;

/// <summary>How a dump came about: by a crash, or by somebody who wanted it.</summary>
/// <remarks>
/// [D] the public bug check reference and "Forcing a system crash from the keyboard"; [V] geoffchappell.com bugchecks/80 for
/// the parameter of every NMI; [DUMP] the names of NotMyfault.
/// </remarks>
internal static class DumpTriggers
{
    private const uint Manual = 0xe2, Nmi = 0x80, PowerButton = 0x1c8, LivePowerButton = 0x11c8, Live = 0x161, Dead = 0xdeaddead;
    private const ulong NmiParameter = 0x4f4454;

    /// <summary>Whether the system went on after its dump: the code of a live dump.</summary>
    public static bool IsLive(uint? code) => code is Live or LivePowerButton or 0x15f or 0x1c5 or 0x1c9 or 0x1cc or 0x1f5 or 0x117;

    /// <summary>The trigger in words, and how sure it is.</summary>
    public static (string Words, Certainty Certainty) Find(WindowsSystem system)
    {
        if (system.Target.Description.BugCheck is not { } bugCheck)
            return ("no bug check: written by a debugger, or converted from the state of a virtual machine; the processors were " +
                "stopped where they were", Certainty.Inferred);
        string code = system.Stop?.Title ?? $"stop 0x{bugCheck.Code:x}";
        switch (bugCheck.Code)
        {
            case Manual:
                return FindManual(system, code);
            case Nmi when bugCheck.Parameters[0] == NmiParameter:
                return ($"{code}: a non-maskable interrupt, sent by somebody or raised by hardware: the code is the same for both, " +
                    "the management controller's log tells", Certainty.Proven);
            case Nmi:
                return ($"{code}: a non-maskable interrupt with parameters of the hardware's own", Certainty.Inferred);
            case PowerButton:
                return ($"{code}: somebody held the power button", Certainty.Proven);
            case LivePowerButton:
                return ($"{code}: somebody asked for a live dump by the power button", Certainty.Proven);
            case Live:
                return ($"{code}: somebody asked for a live dump; the system went on", Certainty.Proven);
            case Dead:
                return ($"{code}: forced by a debugger or by a driver that uses this code", Certainty.Inferred);
        }
        if (HasNotMyfault(system) is { } sign)
            return ($"{code}, most likely forced with NotMyfault: {sign}", Certainty.Candidate);
        return IsLive(bugCheck.Code)
            ? ($"{code}: the system reported it and went on", Certainty.Inferred)
            : ($"{code}: the system stopped by itself", Certainty.Proven);
    }

    /// <summary>The keyboard's drivers and the debugger force the same code: the stack tells which it was.</summary>
    private static (string Words, Certainty Certainty) FindManual(WindowsSystem system, string code)
    {
        if (system.GetStopStack() is { } stop)
            foreach (FrameFacts frame in stop.Stack.Frames)
            {
                string module = frame.Module?.Name ?? "";
                if (frame.Certainty != Certainty.Candidate
                    && (Is(module, "i8042prt") || Is(module, "kbdhid") || Is(module, "hyperkbd")))
                    return ($"{code}: the keys of CrashOnCtrlScroll, by {frame.Module!.FileName} on the stack", Certainty.Proven);
                if (frame.Text.StartsWith("nt!Kdp", StringComparison.Ordinal))
                    return ($"{code}: .crash of a debugger, by {frame.Text} on the stack", Certainty.Inferred);
            }
        return ($"{code}: the keyboard, or .crash of a debugger; the stack does not tell which", Certainty.Candidate);
    }

    private static string? HasNotMyfault(WindowsSystem system)
    {
        if (system.GetStopStack() is not { } stop)
            return null;
        if (stop.Thread?.Process.Name.StartsWith("notmyfault", StringComparison.OrdinalIgnoreCase) == true)
            return $"its process {stop.Thread.Process.Title} runs on the processor that stopped";
        foreach (FrameFacts frame in stop.Stack.Frames)
            if (frame.Certainty != Certainty.Candidate && Is(frame.Module?.Name ?? "", "myfault"))
                return "myfault.sys is on the stack";
        return null;
    }

    private static bool Is(string name, string other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}
