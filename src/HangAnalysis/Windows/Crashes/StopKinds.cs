using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Tells whether a stop is a crash, a hang that a watchdog ended, or a dump that somebody wanted.</summary>
/// <remarks>
/// Part 1.6 of the triage facts: the stack of a forced dump shows who forced it, and nothing of why the system hung. Keyboard
/// [D], NMI [V], power button [D, S], NotMyFault [D, DUMP], a debugger's .crash [K], live dumps [D], 0xDEADDEAD [D, V], snapshots
/// that a tool made a dump of [K].
/// </remarks>
internal static class StopKinds
{
    /// <summary>Parameter 1 of every NMI crash since NT 4 SP 4, whoever sent the NMI [V geoffchappell.com].</summary>
    public const ulong NmiMark = 0x004f_4454;

    public const uint Nmi = 0x80, Manual = 0xe2, PowerButton = 0x1c8, PowerButtonLive = 0x11c8, LiveDump = 0x161, DeadDead = 0xdeaddead;

    /// <summary>Bug checks by which a watchdog of the system ends, or reports, a hang; 0xA0 is one by its subcode.</summary>
    private static readonly HashSet<uint> s_watchdogs =
        [0x9e, 0x9f, 0xea, 0x101, 0x133, 0x15f, 0x1c5, 0x1c9, 0x1ca, 0x1cc, 0x1cf, 0x1f5];

    /// <summary>Drivers of keyboards that force a dump on a key sequence [D].</summary>
    private static readonly HashSet<string> s_keyboards = new(StringComparer.OrdinalIgnoreCase) { "i8042prt", "kbdhid", "hyperkbd" };

    /// <summary>Frames below which only the calls are that write the dump.</summary>
    private const int MostCallers = 24;

    /// <summary>What is known of the stop of a dump; null where there was none.</summary>
    public static StopFacts? Describe(WindowsSystem system)
    {
        TargetDescription dump = system.Target.Description;
        BugCheck? recorded = ReadRecorded(system.Session);
        if (dump.BugCheck is not { } bugCheck)
            return DescribeSnapshot(dump, recorded);
        StopFacts stop = BugChecks.Describe(bugCheck)! with { IsHang = IsWatchdog(bugCheck) };
        stop = stop with { Focus = FocusOf(bugCheck) };
        if (FindForce(system, bugCheck) is { } force)
            return stop with
            {
                IsForced = true, IsHang = false, Preface = force.Preface,
                Evidence = force.Shown is null ? [] : [("Forced by", force.Shown)],
            };
        // The kernel notes every bug check before it writes anything; a live dump notes none, and has a code of its own.
        if (recorded is { Code: 0 } && dump.HoldsPages && !stop.IsForced && !stop.IsHang && !IsLiveCode(bugCheck.Code))
            return stop with
            {
                IsForced = true,
                Preface = $"snapshot of a running system (the kernel has recorded no stop; 0x{bugCheck.Code:x} of the file's header is not its own)",
            };
        return stop.IsHang ? stop with { Preface = stop.Meaning is null ? stop.Title : $"{stop.Title}: {stop.Meaning}" } : stop;
    }

    /// <summary>Whether a watchdog of the system ended a hang by it.</summary>
    public static bool IsWatchdog(BugCheck bugCheck) => s_watchdogs.Contains(bugCheck.Code)
        // A transition of the power state that timed out, with the thread or the action that it waits for [D].
        || (bugCheck.Code == 0xa0 && bugCheck.Parameters[0] is 0xd or 0xf or 0xf0 or 0xf1);

    /// <summary>What the parameters themselves name as hanging: a thread, a lock, a queue, or a process.</summary>
    private static ObjectReference? FocusOf(BugCheck bugCheck)
    {
        IReadOnlyList<ulong> p = bugCheck.Parameters;
        return bugCheck.Code switch
        {
            0x9f when p[0] == 4 => new ObjectReference(ObjectKind.Thread, p[2]),
            0xa0 when p[0] is 0xf or 0xf0 or 0xf1 => new ObjectReference(ObjectKind.Thread, p[3]),
            0xea => new ObjectReference(ObjectKind.Thread, p[0]),
            0x1cc => new ObjectReference(ObjectKind.Lock, p[0]),
            0x1c5 => new ObjectReference(ObjectKind.Queue, p[1]),
            0x9e or 0x1c9 => new ObjectReference(ObjectKind.Process, p[0]),
            _ => null,
        };
    }

    /// <summary>Codes of live dumps are 0x141 and the like, or a bug check's own with a mark [D]: no system stopped for them.</summary>
    private static bool IsLiveCode(uint code) => code is 0x117 or (>= 0x141 and <= 0x1ff) or >= 0x1000;

    /// <summary>The bug check that the kernel itself has recorded; null where the dump does not show it.</summary>
    private static BugCheck? ReadRecorded(KernelSession session)
    {
        const int Values = 5;
        if (!session.TryGetAddress("KiBugCheckData", out ulong address))
            return null;
        ulong[] values = new ulong[Values];
        for (int i = 0; i < Values; i++)
            if (!session.Memory.TryReadPointer(address + (ulong)(i * session.Memory.PointerSize), out values[i]))
                return null;
        return new BugCheck((uint)values[0], values[1..]);
    }

    private static StopFacts? DescribeSnapshot(TargetDescription dump, BugCheck? recorded)
    {
        // A debugger that looks at a running system has no dump at all.
        if (dump.Kind.StartsWith("live", StringComparison.Ordinal) || !dump.HoldsPages)
            return null;
        if (recorded is { Code: not 0 } && BugChecks.Describe(recorded) is { } stop)
            return stop with { Record = $"{stop.Record}, recorded by the kernel; the file's header has none" };
        return new StopFacts("snapshot", true, "the dump is a snapshot of a running system", 0)
        {
            Record = "no bug check: a snapshot of a running system, or one that a tool converted",
            Preface = "snapshot of a running system",
        };
    }

    /// <summary>Who forced the dump, in words, and the frame that shows it; null where nobody did, or where nothing shows who.</summary>
    private static (string Preface, Phrase? Shown)? FindForce(WindowsSystem system, BugCheck bugCheck)
    {
        ulong first = bugCheck.Parameters[0];
        switch (bugCheck.Code)
        {
            case Nmi:
                return ("dump forced by NMI (operator or hardware)", null);
            case PowerButton:
                return ($"dump forced by the power button, held for {first:N0} ms", null);
            case PowerButtonLive:
                return ($"live dump by the power button, held for {first:N0} ms", null);
            case LiveDump:
                return ("live dump of a running system", null);
            case DeadDead:
                return ("dump forced with code 0xDEADDEAD, by a tool or a driver", null);
        }
        if (system.GetStopStack() is not { } stop)
            return null;
        return bugCheck.Code == Manual ? FindHand(stop.Stack) : FindNotMyFault(system, stop.Thread, stop.Stack);
    }

    /// <summary>Keyboard or debugger, by the frames that called for the dump.</summary>
    private static (string, Phrase?)? FindHand(StackFacts stack)
    {
        for (int i = 0; i < stack.Frames.Count && i < MostCallers; i++)
        {
            FrameFacts frame = stack.Frames[i];
            if (frame.Certainty == Certainty.Candidate)
                break;
            if (frame.Module is { IsUserMode: false } module && s_keyboards.Contains(module.Name))
                return ($"dump forced by keyboard ({module.FileName})", Phrase.Of($"keyboard: {frame.Text}"));
            if (frame.Function.StartsWith("nt!Kd", StringComparison.Ordinal) || frame.Module?.Name is "kd" or "kdcom")
                return ("dump forced by a debugger (.crash)", Phrase.Of($"debugger: {frame.Text}"));
        }
        return null;
    }

    /// <summary>
    /// NotMyFault crashes or hangs a system on purpose: its program is the current process (names are cut to 14 characters:
    /// "notmyfault64.e" [DUMP]), or its driver, loaded or unloaded, is on the stack.
    /// </summary>
    private static (string, Phrase?)? FindNotMyFault(WindowsSystem system, ThreadFacts? thread, StackFacts stack)
    {
        if (thread?.Process is { } process && process.Name.StartsWith("notmyfault", StringComparison.OrdinalIgnoreCase))
            return ($"dump forced with NotMyFault ({process.Name})", Phrase.Of($"program: {process}"));
        foreach (FrameFacts frame in stack.Frames)
        {
            if (frame.Certainty == Certainty.Candidate)
                break;
            if (IsMyFault(frame.Module?.Name) || (frame.Module is null && IsUnloadedMyFault(system.Target, frame.InstructionPointer)))
                return ("dump forced with NotMyFault (myfault.sys)", Phrase.Of($"driver: {frame.Text}"));
        }
        return null;
    }

    private static bool IsUnloadedMyFault(ITarget target, ulong address)
    {
        foreach (UnloadedModule module in target.UnloadedModules)
            if (address - module.StartAddress < module.EndAddress - module.StartAddress && IsMyFault(module.Name))
                return true;
        return false;
    }

    private static bool IsMyFault(string? name) =>
        name is not null && name.StartsWith("myfault", StringComparison.OrdinalIgnoreCase);
}
