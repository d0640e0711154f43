using HangAnalysis.Analysis;
using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>What to do after a verdict: commands that show more, and what helps.</summary>
/// <param name="Commands">Commands to type, most useful first.</param>
/// <param name="Advice">Lines in words.</param>
internal sealed record NextSteps(IReadOnlyList<string> Commands, IReadOnlyList<string> Advice)
{
    /// <summary>The steps of a verdict.</summary>
    public static NextSteps Of(Verdict verdict, CommandSession session)
    {
        ISystemFacts system = session.System;
        List<string> commands = [];
        Chain? chain = verdict.Chains.Count > 0 ? verdict.Chains[0] : null;
        if (chain?.Links.LastOrDefault(l => l.Thread is not null)?.Thread is { } root)
            commands.Add(Links.CommandFor(root));
        if (chain?.Links.LastOrDefault(l => l.Process is not null)?.Process is { } process)
            commands.Add(Links.CommandForStacks(process));
        if (chain?.Links.FirstOrDefault(l => l.Thread is not null)?.Thread is { } thread)
            commands.Add(system.Words.MessageChainCommand is { } follows
                && chain.Links.Any(l => l.Reference.Kind == ObjectKind.Message)
                    ? $"{follows} {thread.Address.Value:x16}"
                    : Links.CommandForWhy(thread));
        if (verdict.Class == VerdictClass.Crash)
            commands.AddRange(["!crashwhy", "!log -n 50"]);
        if (verdict.Class == VerdictClass.Deadlock)
            commands.Add("!deadlocks");
        else if (verdict.Culprit is null && chain?.Links.LastOrDefault(l => l.Reference.Kind == ObjectKind.Lock) is { } held)
            commands.Add($"!owners {held.Reference.Address:x16}");
        if (verdict.Culprit is { } culprit)
            commands.Add($"!mods {culprit.Module.Name}");
        if (commands.Count == 0)
            commands.Add(system.HoldsWholeSystem || !session.Commands.Has("!mods") ? "!us -k" : "!mods");
        commands.RemoveAll(c => !session.Commands.Has(c));
        if (commands.Count == 0)
            commands.Add("!hahelp");
        return new NextSteps(commands,
            [.. AdviceOn(verdict, system), .. system is IOwnFindings findings ? findings.NextSteps : []]);
    }

    private static IEnumerable<string> AdviceOn(Verdict verdict, ISystemFacts system)
    {
        SystemWords words = system.Words;
        if (verdict.Culprit?.Module is { } module && Updates(module) is { } update)
            yield return update;
        switch (verdict.Class)
        {
            case VerdictClass.Deadlock when verdict.Chains[0].Links.Where(l => l.Thread is not null).Select(l => l.Reference).Distinct().Count() == 1:
                yield return "the code that holds the lock asks for it again: for the vendor of that code";
                break;
            case VerdictClass.Deadlock:
                yield return "the locks of the circle have to be taken in one order everywhere: for the vendor of the code that takes them";
                break;
            case VerdictClass.OrphanedLock:
                yield return "nobody can release it any more: a restart frees it, a fix of the program that left it keeps it from coming back";
                break;
            case VerdictClass.NotEnoughData when words.DumpAdvice is { } dump:
                yield return dump;
                break;
        }
        if (words.MemoryAdvice is { } memory
            && (verdict.Class == VerdictClass.MemoryExhausted || MemoryWarnings.FindLimits(system).Count > 0))
            yield return memory;
    }

    /// <summary>Whom to ask for another version of a module; null for parts of the system.</summary>
    private static string? Updates(ModuleFacts module) => module.Origin switch
    {
        ModuleOrigin.ThirdParty => $"look for a newer {module.FileName}" +
            (module.Version is null ? "" : $" than {module.Version}") +
            (module.Company is null ? "" : $" from {module.Company}") + ", or try without it",
        ModuleOrigin.Unknown => $"find out whose {module.FileName} is, and whether there is a newer one",
        _ => null,
    };
}
