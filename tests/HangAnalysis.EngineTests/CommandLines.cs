using HangAnalysis.Analysis;
using HangAnalysis.Commands;
using HangAnalysis.Model;

namespace HangAnalysis.EngineTests;

/// <summary>Calls of every command with every option, and wrong ones, that fit a dump.</summary>
internal static class CommandLines
{
    /// <summary>The lines. Addresses and names are those of the dump's own verdict, where it has some.</summary>
    public static IReadOnlyList<string> For(CommandSession session)
    {
        Chain? chain = session.Verdict.Chains.Count > 0 ? session.Verdict.Chains[0] : null;
        IReadOnlyList<ThreadFacts> threads = session.System.Threads;
        ThreadFacts? thread = chain?.Links.FirstOrDefault(l => l.Thread is not null)?.Thread
            ?? (threads.Count > 0 ? threads[^1] : null);
        ProcessFacts? process = chain?.Links.LastOrDefault(l => l.Process is not null)?.Process ?? thread?.Process;
        List<string> lines =
        [
            .. CommandTable.All.Select(c => $"!{c.Help.Name} /?"), .. CommandTable.All.Select(c => $"!hahelp {c.Help.Name}"),
            "!hahelp", "!hahelp nothing",
            "!hangwhy", "!hangwhy /q", "!hangwhy -json",
            "!us", "!us -k", "!us /q -k", "!us -k /json", "!us -cpu", "!us -cpu -q", "!us -cpu /json",
            "!us -p", "!us -p 123456789", "!us -p zzz", "!us thread", "!us /nothing",
            "!lpcchain", "!lpcchain /q", "!lpcchain /json", "!lpcchain 123456789", "!lpcchain 1 2",
            "!mods", "!mods /q", "!mods /json", "!mods -3", "!mods -3 /q", "!mods nt", "!mods nothing", "!mods a b",
            "!hangwhy -v", "!hangwhy -all", "!why", "!why -v", "!why /q", "!why /json", "!why zzz",
            "!owners", "!owners /q", "!owners /json", "!owners -k ERESOURCE", "!owners -k nothing", "!owners 123456789",
            "!deadlocks", "!deadlocks /q", "!deadlocks /json", "!irps", "!irps /q", "!irps /json", "!irps nothing",
            "!workers", "!workers /q", "!workers /json", "!cpus", "!cpus -v", "!cpus /q", "!cpus /json",
            "!p", "!p /q", "!p /json", "!p -t", "!p -t -z /q", "!p -p 4", "!p -p 4 /json", "!p System", "!p svchost", "!p svchost /q",
            "!p svchost -t /json", "!p -p 123456789", "!p nothing", "!p a b", "!p -p",
            "!tl", "!tl /q", "!tl /json", "!tl -z", "!tl -b", "!tl svchost", "!tl -s 0", "!tl -s none", "!tl -s x", "!tl -sort Thr",
            "!tl -sort nothing", "!tl -mem", "!tl -mem -sort Commit /json", "!tl -proc", "!tl -v /json", "!tl -mem -proc", "!tl a b",
            "!HangAnalysis.us -cpu",
        ];
        if (process is not null)
            lines.AddRange([$"!us -p {process.Address.Value:x16}", $"!us /json -p {process.Id:x}",
                $"!us /q -p 0x{process.Address.Value:x}", $"!p {process.Address.Value:x16}", $"!p /json {process.Id:x} -t -z",
                $"!lpcchain {process.Address.Value:x16}"]);
        if (thread is not null)
            lines.AddRange([$"!lpcchain {thread.Address.Value:x16}", $"!lpcchain /json {WithBackTick(thread.Address.Value)}",
                $"!why {thread.Address.Value:x16}", $"!why -v {thread.Address.Value:x16}", $"!owners {thread.Address.Value:x16}"]);
        if (chain?.Links.FirstOrDefault(l => l.Reference.Kind == ObjectKind.Lock) is { } link)
            lines.Add($"!owners {link.Reference.Address:x16}");
        if (session.Verdict.Culprit is { } culprit && !culprit.Module.Name.Contains(' ', StringComparison.Ordinal))
            lines.Add($"!mods {culprit.Module.Name}");
        return lines;
    }

    private static string WithBackTick(ulong address) => $"{address >> 32:x8}`{(uint)address:x8}";
}
