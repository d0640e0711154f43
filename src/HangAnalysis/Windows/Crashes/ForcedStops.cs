using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Dumps that somebody wanted: what shows that, and where the reason has to be looked for.</summary>
/// <remarks>Part 1.6 of the triage facts: the stack of such a stop is that of whoever forced it, and accuses nobody.</remarks>
internal static class ForcedStops
{
    private const int MostProcessors = 8;

    /// <summary>Says that nobody is to blame for the stop itself. For every code: NotMyFault uses many.</summary>
    public static void Accuse(CrashCase crash, StopFacts stop)
    {
        if (!stop.IsForced)
            return;
        crash.Accuse(BlameRank.Forced, new CrashBlame(CrashCause.Forced, stop.Preface ?? stop.Meaning ?? "the dump was forced",
            Certainty.Proven, "the stop is what was asked for; why, the waits of the system tell"));
        foreach ((string label, Phrase text) in stop.Evidence)
            crash.Tell(label, text);
        crash.Suggest("!hangwhy");
        crash.Suggest("!cpus");
    }

    /// <summary>MANUALLY_INITIATED_CRASH (0xE2): its parameters say nothing.</summary>
    public static void ExamineManual(CrashCase crash) => NameReserved(crash, 1);

    /// <summary>LIVE_SYSTEM_DUMP (0x161).</summary>
    public static void ExamineLive(CrashCase crash) => NameReserved(crash, 1);

    /// <summary>MANUALLY_INITIATED_CRASH1 (0xDEADDEAD): tools and drivers use it, with parameters of their own.</summary>
    public static void ExamineDeadDead(CrashCase crash)
    {
        for (int i = 1; i <= 4; i++)
            crash.Name(i, "of whoever asked for the dump");
    }

    /// <summary>MANUALLY_INITIATED_POWER_BUTTON_HOLD (0x1C8) and its live variant (0x11C8).</summary>
    public static void ExaminePowerButton(CrashCase crash)
    {
        crash.Name(1, "time that the power button was held", Phrase.Of($"{crash.P(1):N0} ms"));
        crash.Name(2, "POP_POWER_BUTTON_TRIAGE_BLOCK");
        NameReserved(crash, 3);
    }

    /// <summary>
    /// NMI_HARDWARE_FAILURE (0x80): an operator's NMI and the hardware's look the same [V]. What each processor was interrupted
    /// in is the real state of the system.
    /// </summary>
    public static void ExamineNmi(CrashCase crash)
    {
        crash.Name(1, "mark of the NMI", Phrase.Of(crash.P(1) == StopKinds.NmiMark
            ? "that of every NMI, whoever sent it" : "not the mark that an NMI has"));
        NameReserved(crash, 2);
        int idle = 0, told = 0;
        foreach (ProcessorFacts processor in crash.System.Processors)
        {
            if (processor.IsIdle && !processor.DpcActive)
                idle++;
            else if (told++ < MostProcessors)
                crash.Tell("Processor", Phrase.Of($"{new ObjectReference(ObjectKind.Processor, (ulong)processor.Number)}, {Doing(processor)}"));
        }
        if (told > MostProcessors)
            crash.Tell("Processor", Phrase.Of($"{told - MostProcessors:N0} more; see !cpus"));
        if (idle > 0)
            crash.Tell("Processor", Phrase.Of($"{idle:N0} idle"));
        crash.AddUnknown("who sent the NMI", "an operator's and the hardware's leave the same dump");
        crash.Advise("read the event log of the management controller (iLO, iDRAC, IPMI) or of the hypervisor, and WHEA events, " +
            "for that time: a hardware error is in there, an operator's request is, too");
    }

    private static string Doing(ProcessorFacts processor) =>
        (processor.WritesDump ? "took the NMI and writes the dump" : processor.Doing is { } frame ? $"in {frame.Text}" : "not known")
        + (processor.Current is { } thread ? $", {thread.Process.Title}" : "");

    private static void NameReserved(CrashCase crash, int first)
    {
        for (int i = first; i <= 4; i++)
            crash.Name(i, "reserved");
    }
}
