using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Errors that hardware itself reports: WHEA_UNCORRECTABLE_ERROR and MACHINE_CHECK_EXCEPTION.</summary>
/// <remarks>
/// [D] parameters; [S] form of the record (crash-triage 1.4). No driver is ever named, but for source 0x10: there a driver
/// reports what its device told it.
/// </remarks>
internal static class HardwareErrors
{
    private const ulong DeviceDriver = 0x10;

    /// <summary>0x124.</summary>
    public static void Uncorrectable(CrashCase crash)
    {
        ulong source = crash.P(1);
        bool isMachineCheck = source is 0 or 1;
        crash.Name(1, "error source", Phrase.Of(Source(source)));
        crash.Name(2, "error record (WHEA_ERROR_RECORD)");
        MachineCheck? reported = null;
        if (isMachineCheck)
        {
            reported = Combined(crash.P(3), crash.P(4));
            crash.Name(3, "MCi_STATUS, high half");
            crash.Name(4, "MCi_STATUS, low half", Meaning(reported.Value));
        }
        else
        {
            crash.Name(3, "depends on the source");
            crash.Name(4, "depends on the source");
        }
        (string Broken, int Weight)? broken = null;
        bool isRead = false;
        if (WheaRecord.Read(crash.Session.Memory, crash.P(2), out string why) is { } record)
        {
            isRead = true;
            broken = Tell(crash, record);
        }
        else
        {
            crash.AddUnknown($"the error record at {crash.P(2):x16}", why);
            crash.Advise($"in the debugger: !errrec {crash.P(2):x}");
        }
        if (broken is null && reported is { IsValid: true } check)
            broken = (WheaSections.Broken(check, null), 1);
        if (source == DeviceDriver)
            AccuseDriversDevice(crash);
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            broken is { } part ? $"hardware: {part.Broken} reported an error that could not be corrected"
                : $"hardware: {Source(source)} reported an error that could not be corrected",
            isRead && broken is not null ? Certainty.Proven : Certainty.Inferred,
            isRead ? "the error record that the hardware or its firmware wrote" : "the bug check's parameters; its record is not there"));
        if (crash.Blame is not { Cause: CrashCause.Hardware })
        {
            crash.Advise("read the driver's own log and its vendor's tool for the device; update the device's firmware and the driver");
            return;
        }
        Advise(crash, broken?.Broken);
        crash.RuleOut("drivers", "the error was reported by hardware; software that ran then is not its cause");
    }

    /// <summary>0x9C: the same from systems, or ways of starting, without the error architecture.</summary>
    public static void MachineCheckException(CrashCase crash)
    {
        MachineCheck check = Combined(crash.P(3), crash.P(4));
        crash.Name(1, "bank of the machine check");
        crash.Name(2, "its registers (MCA_EXCEPTION)");
        crash.Name(3, "MCi_STATUS, high half");
        crash.Name(4, "MCi_STATUS, low half", Meaning(check));
        // Each half has 32 bits; other values are no status at all.
        bool isStatus = check.IsValid && (crash.P(3) | crash.P(4)) >> 32 == 0;
        string broken = isStatus ? WheaSections.Broken(check, null) : "the processor";
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            $"hardware: {broken} reported an error that could not be corrected", isStatus ? Certainty.Proven : Certainty.Inferred,
            isStatus ? $"the status of bank {crash.P(1)}: {check.Describe()}" : "the code itself; the status it holds is not marked valid"));
        Advise(crash, broken);
        crash.RuleOut("drivers", "the error was reported by hardware; software that ran then is not its cause");
    }

    private static MachineCheck Combined(ulong high, ulong low) => new(high << 32 | (uint)low);

    private static Phrase? Meaning(in MachineCheck check) =>
        check.Status == 0 ? null : Phrase.Of($"{check.Status:x16}: {check.Describe()} ({check.DescribeFlags()})");

    private static (string Broken, int Weight)? Tell(CrashCase crash, WheaRecord record)
    {
        (string Broken, int Weight)? broken = null;
        crash.Tell("Error record", Phrase.Of(
            $"{WheaRecord.SeverityName(record.Severity)}, {record.Sections.Count} section{(record.Sections.Count == 1 ? "" : "s")}{Remarks(record)}"));
        for (int i = 0; i < record.Sections.Count; i++)
        {
            WheaSection section = record.Sections[i];
            WheaReading reading = WheaSections.Read(section);
            string label = $"Section {i + 1}";
            crash.Tell(label, Phrase.Of($"{reading.Title} ({WheaRecord.SeverityName(section.Severity)}" +
                $"{(section.IsPrimary ? ", primary" : "")}){(section.Part is null ? "" : $", part {section.Part}")}"));
            foreach (string line in reading.Lines)
                crash.Tell("", Phrase.Of(line));
            // A corrected error beside a fatal one is not what stopped the system.
            bool isCorrected = section.Severity is 2 or 3 && record.Severity is 0 or 1;
            if (reading.Broken is { } what && !isCorrected && reading.Weight > (broken?.Weight ?? 0))
                broken = (section.Part is null ? what : $"{what} ({section.Part})", reading.Weight);
        }
        if (record.Missing is { } missing)
            crash.AddUnknown($"parts of the error record at {crash.P(2):x16}", missing);
        return broken;
    }

    private static string Remarks(WheaRecord record) =>
        (record.IsPrevious ? ", of the time before the last start" : "") + (record.IsSimulated ? ", injected for a test" : "");

    /// <summary>The driver that reported is the first on the stack that is no core part of the system.</summary>
    private static void AccuseDriversDevice(CrashCase crash)
    {
        if (CrashStacks.FirstCaller(crash) is not { Module: { } module } frame)
            return;
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Device,
            $"the device of {module.FileName}: its driver reported an error that could not be corrected", Certainty.Inferred,
            $"a driver reported the error, and {frame.Text} is the first of a driver on the stack")
        { Module = module, Frame = frame });
    }

    private static void Advise(CrashCase crash, string? broken)
    {
        string part = broken ?? "";
        if (part.StartsWith("memory", StringComparison.Ordinal))
            crash.Advise("exchange or re-seat the memory module that is named; let a memory test run over night");
        else if (part.Contains("PCI", StringComparison.Ordinal))
            crash.Advise("look after the device that is named: its slot, cable, power, firmware and driver");
        else
            crash.Advise("check cooling, power and overclocking; update firmware (BIOS/UEFI, microcode); then exchange the processor");
        crash.Advise("read the hardware's own log (BMC, iLO, iDRAC) and the System log's WHEA-Logger events of that time");
    }

    // WHEA_ERROR_SOURCE_TYPE of ntddk.h.
    private static string Source(ulong type) => type switch
    {
        0 => "machine check",
        1 => "corrected machine check",
        2 => "corrected platform error",
        3 => "non-maskable interrupt",
        4 => "PCI Express",
        5 or 0xc => "generic source of the platform's firmware",
        6 => "processor initialisation",
        7 => "error of the time before the start (boot record)",
        8 or 0xd => "generic source, notified by ACPI interrupt",
        9 => "machine check of an Itanium",
        0xa => "corrected machine check of an Itanium",
        0xb => "corrected platform error of an Itanium",
        0xe => "management controller (BMC)",
        0xf => "persistent memory",
        DeviceDriver => "device driver",
        0x11 => "synchronous external abort (ARM)",
        0x12 => "system error interrupt (ARM)",
        _ => $"source {type:x}",
    };
}
