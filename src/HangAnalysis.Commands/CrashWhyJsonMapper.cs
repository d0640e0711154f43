using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Brings what is known of a stop into the shape of the JSON contract.</summary>
internal static class CrashWhyJsonMapper
{
    /// <summary>The whole; without a stop, a shape of nulls.</summary>
    public static CrashWhyJson Map(CommandSession session, CrashFacts? facts)
    {
        CrashWhyJson json = new() { Modules = [], Log = [], Earlier = [] };
        if (facts is null)
            return json;
        ThreadFacts? thread = facts.Stacks.Select(s => s.Thread).FirstOrDefault(t => t is not null);
        bool isForced = facts.Stop.IsForced || facts.Blame.Cause == CrashCause.Forced;
        return json with
        {
            Kind = isForced ? "forced" : "bug-check",
            Title = facts.Stop.Title,
            Meaning = facts.Stop.Meaning,
            Forced = isForced,
            Task = thread is null ? null : VerdictJsonMapper.Hex(thread.Address.Value),
            Pid = thread?.Process.Id,
            Name = thread?.Process.Name,
            Parameters = [.. facts.Parameters.Select(p => new CrashParameterJson(
                VerdictJsonMapper.Hex(p.Value), p.Name.Length == 0 ? null : p.Name, p.Meaning?.ToString()))],
            Blame = new CrashBlameJson(CrashWhyDocument.WordOf(facts.Blame.Cause), facts.Blame.Statement,
                VerdictWords.Of(facts.Blame.Certainty), facts.Blame.Reason, facts.Blame.Module?.FileName,
                facts.Blame.Frame is { } frame ? VerdictJsonMapper.Map(frame) : null),
            Signature = VerdictSignature.Of(session.Verdict, VerdictWords.Of(session.Verdict.Class), session.System) is { } signature
                ? new SignatureJson(signature.Hash, signature.Title)
                : null,
            Instruction = facts.Fault is { } fault ? VerdictJsonMapper.Map(fault.Where) : null,
            RegisterSource = facts.Fault?.Source.ToString(),
            Registers = facts.Fault is { } known
                ? known.Registers.ToDictionary(r => r.Name, r => VerdictJsonMapper.Hex(r.Value))
                : null,
            UnknownRegisters = facts.Fault?.UnknownRegisters,
            ErrorCode = facts.Fault?.ErrorCode is { } code ? VerdictJsonMapper.Hex(code) : null,
            Halt = Map(facts.Halt),
            Entry = Map(facts.Entry),
            ReportedAddress = facts.Fault?.ReportedAddress is { } reported ? VerdictJsonMapper.Hex(reported) : null,
            Code = facts.Fault is { Code.Count: > 0 } coded
                ? [.. coded.Code.Select(c => new CodeLineJson(VerdictJsonMapper.Hex(c.Address), c.Bytes, c.Text, c.IsFault))]
                : null,
            Accesses = facts.Fault is { } accessing
                ? [.. accessing.Accesses.Select(a => new CodeAccessJson(
                    a.Address is { } address ? VerdictJsonMapper.Hex(address) : null, a.IsWrite, a.Bytes, a.Operand))]
                : null,
            Stack = facts.Stacks.Count > 0 ? [.. facts.Stacks[0].Stack.Frames.Select(VerdictJsonMapper.Map)] : null,
            Stacks = [.. facts.Stacks.Select(s => new StackJson(
                s.Title, s.Thread is null ? null : VerdictJsonMapper.Hex(s.Thread.Address.Value),
                [.. s.Stack.Frames.Select(VerdictJsonMapper.Map)]))],
            Evidence = [.. facts.Evidence.Select(e => new EvidenceJson(e.Label, e.Text.ToString()))],
            KnownIssues = session.HasKnownIssues ? [.. session.FindKnownIssues(session.Verdict).Select(RulesCommand.Map)] : null,
            RuledOut = [.. facts.RuledOut.Select(r => new ReasonJson(r.What, r.Why))],
            Unknown = [.. facts.Unknown.Select(u => new ReasonJson(u.What, u.Why))],
            Advice = facts.Advice,
            Commands = CrashWhyDocument.Commands(facts),
        };
    }

    private static CrashPlaceJson? Map(CrashFault? place) => place is null ? null : new CrashPlaceJson(
        VerdictJsonMapper.Map(place.Where), place.Source.ToString(),
        place.Registers.ToDictionary(r => r.Name, r => VerdictJsonMapper.Hex(r.Value)),
        place.ErrorCode is { } code ? VerdictJsonMapper.Hex(code) : null);
}
