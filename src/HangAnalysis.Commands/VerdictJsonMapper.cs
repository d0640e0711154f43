using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Commands;

/// <summary>Brings facts into the shapes of the JSON contract.</summary>
internal static class VerdictJsonMapper
{
    /// <summary>The whole report.</summary>
    public static HangReport Map(CommandSession session, Verdict verdict)
    {
        return new HangReport
        {
            Dump = MapDump(session.Description, session.System),
            Verdict = new VerdictJson(VerdictWords.Of(verdict.Class), VerdictWords.Of(verdict.Confidence), verdict.Summary,
                verdict.Culprit is { } c ? new CulpritJson(c.Module.FileName, c.Module.Company, c.Module.Version, c.Evidence) : null,
                verdict.BlockedThreads)
            {
                Signature = VerdictSignature.Of(verdict, VerdictWords.Of(verdict.Class), session.System) is { } signature
                    ? new SignatureJson(signature.Hash, signature.Title)
                    : null,
            },
            Chains = [.. verdict.Chains.Select(Map)],
            Stacks = [.. verdict.Stacks.Select(s => new StackJson(
                s.Title, s.Thread is null ? null : Hex(s.Thread.Address.Value), [.. s.Stack.Frames.Select(Map)]))],
            Evidence = verdict.Evidence.Count == 0
                ? null
                : [.. verdict.Evidence.Select(e => new EvidenceJson(e.Label, e.Text.ToString()))],
            KnownIssues = session.HasKnownIssues ? [.. session.FindKnownIssues(verdict).Select(RulesCommand.Map)] : null,
            RuledOut = [.. verdict.RuledOut.Select(r => new ReasonJson(r.What, r.Why))],
            Unknown = [.. verdict.Unknown.Select(u => new ReasonJson(u.What, u.Why)),
                .. session.Description.Damage.Select(d => new ReasonJson($"the {session.Description.Form} file", d))],
            Timings = session.Timings,
        };
    }

    /// <summary>A chain.</summary>
    public static ChainJson Map(Chain chain) => new(chain.BlockedThreads, chain.Similar,
        chain.Links.Sum(l => l.Omitted), chain.End?.ToString(), [.. chain.Links.Select(Map)]);

    /// <summary>A frame.</summary>
    public static FrameJson Map(FrameFacts frame) =>
        new(Hex(frame.InstructionPointer), frame.Text, VerdictWords.Of(frame.Certainty));

    /// <summary>A time as debuggers print it; null where it is unknown.</summary>
    public static string? Age(TimeSpan? age) => age is null ? null : AgeText.Format(age);

    /// <summary>An address of the contract: <c>0x</c> and sixteen digits.</summary>
    public static string Hex(ulong address) => $"0x{address:x16}";

    private static LinkJson Map(ChainLink link) => new(
        VerdictWords.Of(link.Reference.Kind),
        Hex(link.Reference.Address),
        link.Name,
        link.Process?.Name,
        link.Process?.Id,
        link.Thread?.Id,
        link.WaitsFor?.ToString(),
        Age(link.Thread?.Age),
        VerdictWords.Of(link.Certainty),
        link.Evidence);

    private static DumpJson MapDump(TargetDescription dump, ISystemFacts system) => new(
        dump.Path,
        dump.Kind,
        dump.OperatingSystem,
        dump.Architecture switch
        {
            Architecture.X64 => "x64", Architecture.X86 => "x86", Architecture.Arm64 => "arm64", _ => "unknown",
        },
        dump.ProcessorCount,
        dump.BugCheck is { } b
            ? new BugCheckJson($"0x{b.Code:x}", $"0x{b.RawCode:x}", system.Stop?.Name, [.. b.Parameters.Select(Hex)])
            : null,
        dump.Time ?? (system as IDumpMoment)?.Time,
        Age(dump.Uptime ?? (system as IDumpMoment)?.Uptime))
    {
        Stop = dump.BugCheck is null && system.Stop is { } stop
            ? new StopJson(stop.Title, stop.IsForced, stop.Meaning, stop.FaultAddress == 0 ? null : Hex(stop.FaultAddress))
            : null,
    };
}
