using HangAnalysis.Linux;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Reports;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Commands.Linux;

/// <summary>Brings what is recorded of an oops or a panic into the shape of the JSON contract.</summary>
internal static class LinuxCrashWhyJsonMapper
{
    /// <summary>The whole.</summary>
    public static CrashWhyJson Map(LinuxSystem system, LinuxStop? stop, LinuxCrashWhyDocument view)
    {
        CrashWhyJson json = new()
        {
            Modules = [.. view.Modules().Select(m => new SuspectModuleJson(
                m.Module.Name, m.Module.Taints, TaintFlags.Describe(m.Module.Taints), m.Module.Version, m.IsOnStack))],
            Taints = system.Identity.Taints,
            Log = [.. view.LogLines().Select(i => system.Log.Records[i].ToString())],
            Earlier = [.. view.Others().Select(o => $"#{o.Count} {o.Headline ?? o.Die.Text.Trim()}")],
        };
        return stop is null ? json : json with
        {
            Kind = KindOf(stop.Kind),
            Title = stop.Facts.Title,
            Meaning = stop.Facts.Meaning,
            Forced = stop.Facts.IsForced,
            Panic = stop.Panic?.Subject,
            Place = stop.Oops?.Place,
            Cpu = stop.Processor,
            Task = Address(stop.Thread?.Address.Value),
            Pid = stop.Thread?.Id ?? (ulong?)stop.Oops?.Pid,
            Name = stop.Thread?.Process.Name ?? stop.Oops?.Task,
            ErrorCode = stop.ErrorCode is { } code ? $"0x{code:x4}" : null,
            ErrorBits = stop.ErrorCode is { } bits
                ? [.. PageFaultCode.Bits(bits).Select(b => new FaultBitJson(b.Bit, b.Name, b.IsSet, b.Meaning))]
                : null,
            BadAddress = Address(stop.BadAddress),
            BadAddressMeaning = stop.BadAddress is { } bad ? system.DescribeBadAddress(bad) : null,
            Instruction = stop.FaultAddress == 0 ? null : VerdictJsonMapper.Map(system.DescribeAddress(stop.FaultAddress)),
            Code = stop.Code.Count == 0
                ? null
                : [.. stop.Code.Select(c => new CodeLineJson(VerdictJsonMapper.Hex(c.Address), c.Bytes, c.Text, c.IsFault))],
            CodeFromLog = stop.IsCodeFromLog,
            Accesses = stop.FaultAddress == 0
                ? null
                : [.. stop.Accesses.Select(a => new CodeAccessJson(VerdictJsonMapper.Hex(a.Address), a.IsWrite, a.Bytes))],
            Registers = stop.Registers is { } registers ? LinuxRegisters.Of(registers).ToJson() : null,
            Stack = [.. stop.Stack.Frames.Select(VerdictJsonMapper.Map)],
        };
    }

    private static string? Address(ulong? address) => address is { } known ? VerdictJsonMapper.Hex(known) : null;

    private static string KindOf(StopKind kind) => kind switch
    {
        StopKind.Oops => "oops",
        StopKind.Warning => "warning",
        StopKind.HungTask => "hung-task",
        StopKind.SoftLockup => "soft-lockup",
        StopKind.HardLockup => "hard-lockup",
        StopKind.RcuStall => "rcu-stall",
        StopKind.SysRq => "sysrq",
        StopKind.Nmi => "nmi",
        StopKind.OutOfMemory => "out-of-memory",
        StopKind.Hardware => "hardware",
        _ => "panic",
    };
}
