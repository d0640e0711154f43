using HangAnalysis.Linux.Log;
using HangAnalysis.Model;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Linux.Stops;

/// <summary>Words what is known of a stop.</summary>
public static class StopWords
{
    /// <summary>Title, meaning and evidence of a death at an instruction.</summary>
    internal static StopFacts OfOops(LinuxStop stop, LinuxSystem system)
    {
        OopsReport? oops = stop.Oops;
        List<(string, Phrase)> evidence = [];
        if (stop.ErrorCode is { } code)
            evidence.Add(("Error code", Phrase.Of($"{code:x4}: {PageFaultCode.Describe(code)}")));
        if (stop.BadAddress is { } address)
            evidence.Add(("Address", Phrase.Of($"0x{address:x}" +
                (BadAddress.Describe(address, system.PageTableLevels) is { } meaning ? $": {meaning}" : ""))));
        if (Instruction(stop) is { } instruction)
            evidence.Add(("Instruction", Phrase.Of(instruction)));
        if (stop.Thread is { } thread)
        {
            string where = stop.Processor is { } cpu ? $" on CPU {cpu}" : "";
            evidence.Add(("Task", Phrase.Of($"{ObjectReference.To(thread.Address)} of {thread.Process}{where}")));
        }
        AddLog(evidence, oops?.Headline is null ? null : system.Log.Records[oops.First]);
        AddLog(evidence, oops?.Die);
        AddLog(evidence, stop.Panic?.Record);
        return new StopFacts(TitleOfOops(stop, system), false, MeaningOfOops(stop), stop.FaultAddress)
        {
            Record = RecordOfOops(stop),
            Evidence = evidence,
        };
    }

    /// <summary>Title, meaning and evidence of all other ends.</summary>
    internal static StopFacts OfPanic(LinuxStop stop, LinuxSystem system)
    {
        string message = stop.Panic?.Subject ?? "the log has no message of it";
        bool isForced = PanicWords.IsForced(stop.Kind);
        List<(string, Phrase)> evidence = [];
        foreach (LogEvent found in system.LogEvents)
            if (stop.Panic is { } panic && found.Index < panic.Index && found.Index >= panic.Index - 8
                && found.Kind is LogEventKind.SysRq or LogEventKind.UnknownNmi or LogEventKind.HardwareError
                    or LogEventKind.Warning)
                AddLog(evidence, found.Record);
        AddLog(evidence, stop.Panic?.Record);
        string by = WhoOf(stop);
        string record = stop.Kind switch
        {
            StopKind.SysRq => $"forced by sysrq c, written or pressed{by}: here is the hang",
            StopKind.Nmi => $"forced by an NMI{(stop.Processor is { } cpu ? $" on CPU {cpu}" : "")}: here is the hang",
            _ when isForced => $"panic{by}: {message}; here is the hang",
            _ => $"panic{by}: {message}",
        };
        string? meaning = PanicWords.Meaning(stop.Kind, message);
        return new StopFacts($"panic: {message}", isForced, meaning, 0)
        {
            Record = record,
            Evidence = evidence,
        };
    }

    /// <summary>The instruction that failed, with the registers that make its address, and what that address is.</summary>
    public static string? Instruction(LinuxStop stop)
    {
        CodeLine? line = null;
        foreach (CodeLine one in stop.Code)
            line = one.IsFault ? one : line;
        if (line is null)
            return null;
        string text = line.Text;
        if (stop.Inputs.Count > 0)
            text += $" with {string.Join(", ", stop.Inputs.Select(i => $"{i.Name} {i.Value:x}"))}";
        if (Access(stop) is not { } access)
            return text;
        string size = access.Bytes switch { <= 0 => "", 1 => "1 byte ", _ => $"{access.Bytes} bytes " };
        return $"{text}: {(access.IsWrite ? "writes" : "reads")} {size}at 0x{access.Address:x}";
    }

    /// <summary>The access that failed: the one to the address that is recorded, else the only one.</summary>
    private static CodeAccess? Access(LinuxStop stop)
    {
        foreach (CodeAccess access in stop.Accesses)
            if (stop.BadAddress is { } bad && bad - access.Address < (ulong)Math.Max(access.Bytes, 1))
                return access;
        return stop.Accesses.Count == 1 ? stop.Accesses[0] : null;
    }

    private static string TitleOfOops(LinuxStop stop, LinuxSystem system)
    {
        if (stop.Oops?.Place is { } place)
            return $"kernel BUG at {place}";
        if (stop.ErrorCode is { } code)
            return $"Oops {code:x4}: " + (stop.BadAddress is not { } bad ? "page fault"
                : BadAddress.IsNull(bad) ? "NULL pointer dereference"
                : $"page fault at 0x{bad:x}");
        if (stop.Oops is not { } oops)
            return "Oops";
        ulong? address = oops.Address ?? Access(stop)?.Address;
        if (oops.Exception.StartsWith("general protection fault", StringComparison.Ordinal))
            return address is { } wrong && BadAddress.IsNonCanonical(wrong, system.PageTableLevels)
                ? $"general protection fault: non-canonical address 0x{wrong:x}"
                : "general protection fault";
        return oops.Exception;
    }

    private static string? MeaningOfOops(LinuxStop stop)
    {
        string who = stop.Thread?.Process.Title ?? stop.Oops?.Task ?? "the kernel";
        if (stop is { ErrorCode: { } code, BadAddress: { } bad })
            return $"{who} {PageFaultCode.VerbOf(code)} address 0x{bad:x} " +
                (PageFaultCode.IsAbsent(code) ? "(no page is there)" : "(the page there forbids it)");
        return stop.Oops?.Place is not null ? $"a check of the kernel failed in {who}" : $"{who} ran into it";
    }

    private static string? RecordOfOops(LinuxStop stop)
    {
        string? die = stop.Oops?.Die.Text.Trim();
        string? panic = stop.Panic?.Record.Text.Trim();
        string? record = die is null ? panic : panic is null ? die : $"{die}; {panic}";
        return stop.Oops is { Count: > 1 } oops ? $"{record}; it is death number {oops.Count} of this kernel" : record;
    }

    private static string WhoOf(LinuxStop stop)
    {
        string who = stop.Thread is { } thread ? $" by {thread.Process.Title}" : "";
        return stop.Processor is { } cpu ? $"{who} on CPU {cpu}" : who;
    }

    private static void AddLog(List<(string, Phrase)> evidence, LogRecord? record)
    {
        if (record is not null)
            evidence.Add(("Log", Phrase.Of(record.Line)));
    }
}
