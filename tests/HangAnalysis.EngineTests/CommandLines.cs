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
            "!hangwhy", "!hangwhy /q", "!hangwhy -json", "!hangwhy -file \"\"", "!hangwhy -file",
            "!us", "!us -k", "!us /q -k", "!us -k /json", "!us -cpu", "!us -cpu -q", "!us -cpu /json",
            "!us -p", "!us -p 123456789", "!us -p zzz", "!us thread", "!us /nothing",
            "!us -k -t -l 2", "!us -k -t /json -l 1", "!us -k nt!", "!us -k nt! KiSwap -e Alpc",
            "!us -k -r nt!.*Wait -e Queue|Alpc", "!us -k -r (", "!us -k -3", "!us -k -3 /json", "!us -k -3 /q",
            "!us -k -w -wr UserRequest -sort wait -l 3", "!us -k -s Waiting -b", "!us -k -wr nothing",
            "!us -k -sort count -l 0", "!us -sort nothing", "!us -l x", "!us -stats zzz", "!us -stats 123456789",
            "!fems", "!fems nt!", "!fems nt! k", "!fems nt! !fems nt! !why", "!fems nt! !why /q", "!fems nothing !why",
            "!fems -k -l 2 nt! !why", "!fems -k -1 -l 2 -w -b nt! lpcchain ${t}",
            "!fems -k -s nt!.*Wait -e Queue -l 1 !HangAnalysis.us -p ${p}",
            "!fems -k -r -state Waiting -wr UserRequest -l 1 nt!Ki.* !why /zzz",
            "!fems -k -l 3 /q nt! !why", "!fems -k -l 2 /json nt! !why",
            "!lpcchain", "!lpcchain /q", "!lpcchain /json", "!lpcchain 123456789", "!lpcchain 1 2",
            "!mods", "!mods /q", "!mods /json", "!mods -3", "!mods -3 /q", "!mods nt", "!mods nothing", "!mods a b",
            "!hangwhy -v", "!hangwhy -all", "!why", "!why -v", "!why /q", "!why /json", "!why zzz",
            "!owners", "!owners /q", "!owners /json", "!owners -k ERESOURCE", "!owners -k nothing", "!owners 123456789",
            "!deadlocks", "!deadlocks /q", "!deadlocks /json", "!irps", "!irps /q", "!irps /json", "!irps nothing",
            "!workers", "!workers /q", "!workers /json", "!cpus", "!cpus -v", "!cpus /q", "!cpus /json",
            "!t", "!t -i", "!t -w", "!t -v", "!t -l 3", "!t /q", "!t /json", "!t -l", "!t -l x", "!t zzz", "!t 1 2",
            "!lt", "!lt /q", "!lt /json", "!lt -a", "!lt -a -w", "!lt -a -b -wf", "!lt -a /q -wr WrQueue,WrLpcReply",
            "!lt -a -s Ready,Standby", "!lt -a -z", "!lt -a -sort time", "!lt -a -sort function", "!lt -a -sort nothing",
            "!lt -a -stats", "!lt -a -wf /json",
            "!lt nothing", "!lt a b", "!lt -p svchost.exe", "!lt System -stats /json", "!lt -wr nothing",
            "!running", "!running -i", "!running -i -v", "!running -i /q", "!running -i /json", "!running now",
            "!ready", "!ready -v", "!ready /q", "!ready /json", "!ready now",
            "!lpcwait", "!lpcwait /q", "!lpcwait /json", "!lpcwait zzz", "!lpcwait 1 2", "!lpcwait -p", "!lpcwait -p 123456789",
            "!lpcports", "!lpcports /q", "!lpcports /json", "!lpcports -a", "!lpcports -a /q", "!lpcports -a /json",
            "!lpcports 123456789", "!lpcports fffff80012345678", "!lpcports 1 2", "!msg", "!msg zzz", "!msg 1 2",
            "!msg fffff80012345678", "!msg /json fffff80012345678", "!msg /q fffff80012345678",
            "!p", "!p /q", "!p /json", "!p -t", "!p -t -z /q", "!p -p 4", "!p -p 4 /json", "!p System",
            "!p svchost", "!p svchost /q",
            "!p svchost -t /json", "!p -p 123456789", "!p nothing", "!p a b", "!p -p",
            "!tl", "!tl /q", "!tl /json", "!tl -z", "!tl -b", "!tl svchost", "!tl -s 0", "!tl -s none", "!tl -s x",
            "!tl -sort Thr", "!tl -sort nothing", "!tl -mem", "!tl -mem -sort Commit /json", "!tl -proc", "!tl -v /json",
            "!tl -mem -proc", "!tl a b",
            "!crashwhy", "!crashwhy -v", "!crashwhy /q", "!crashwhy /json", "!crashwhy now",
            "!rules", "!rules /q", "!rules /json", "!rules -m", "!rules -m /json", "!rules ms17-010", "!rules nothing",
            "!rules -add nothing.json", "!stor", "!stor -v", "!stor /q", "!stor /json", "!stor zzz", "!stor 123456789",
            "!mem", "!mem -n 2", "!mem /q", "!mem /json", "!mem -n x", "!mem now",
            "!poolwho", "!poolwho -np", "!poolwho -p -n 3", "!poolwho -sort live", "!poolwho -sort nothing", "!poolwho Leak",
            "!poolwho /q", "!poolwho /json", "!poolwho -tags nothing.txt", "!poolwho toolong",
            "!dumpcheck", "!dumpcheck /q", "!dumpcheck /json", "!dumpcheck now",
            "!HangAnalysis.us -cpu",
        ];
        if (process is not null)
            lines.AddRange([$"!us -p {process.Address.Value:x16}", $"!us /json -p {process.Id:x}",
                $"!us /q -p 0x{process.Address.Value:x}", $"!lpcchain {process.Address.Value:x16}",
                $"!lt {process.Address.Value:x16}", $"!lt {process.Id:x} -wf", $"!lt -p {process.Address.Value:x16} /json",
                $"!p {process.Address.Value:x16}", $"!p /json {process.Id:x} -t -z",
                $"!lpcwait {process.Address.Value:x16}", $"!lpcwait -p {process.Id:x}",
                $"!lpcwait /q -p {process.Address.Value:x16}", $"!lpcports {process.Address.Value:x16}",
                $"!lpcports /json {process.Id:x}", $"!lpcports /q {process.Address.Value:x16}"]);
        if (thread is not null)
            lines.AddRange([$"!lpcchain {thread.Address.Value:x16}", $"!lpcchain /json {WithBackTick(thread.Address.Value)}",
                $"!us -stats {thread.Address.Value:x16}", $"!us -stats {thread.Address.Value:x16} -k -l 2",
                $"!us -stats {thread.Address.Value:x16} -k /q", $"!us -stats {thread.Address.Value:x16} /json",
                $"!fems -p {thread.Process.Address.Value:x16} -l 1 nt! !why",
                $"!why {thread.Address.Value:x16}", $"!why -v {thread.Address.Value:x16}", $"!owners {thread.Address.Value:x16}"]);
        if (thread is not null)
            lines.AddRange([$"!msg {thread.Address.Value:x16}", $"!t {thread.Address.Value:x16}", $"!t -i -v {WithBackTick(thread.Address.Value)}",
                $"!t -w {thread.Id:x}", $"!t -l 2 /json {thread.Address.Value:x16}", $"!t /q {thread.Address.Value:x16}"]);
        if (chain?.Links.FirstOrDefault(l => l.Reference.Kind == ObjectKind.Message) is { } message)
            lines.AddRange([$"!msg {message.Reference.Address:x16}", $"!msg /json {message.Reference.Address:x16}",
                $"!msg /q {WithBackTick(message.Reference.Address)}"]);
        if (session.Windows.MessagePorts.All.FirstOrDefault(p => p.Kind == PortKind.Connection) is { } port)
            lines.AddRange([$"!lpcports {port.Address:x16}", $"!lpcports /json {port.Address:x16}", $"!lpcports /q {port.Address:x16}"]);
        if (chain?.Links.FirstOrDefault(l => l.Reference.Kind == ObjectKind.Lock) is { } link)
            lines.Add($"!owners {link.Reference.Address:x16}");
        if (session.Verdict.Culprit is { } culprit && !culprit.Module.Name.Contains(' ', StringComparison.Ordinal))
            lines.Add($"!mods {culprit.Module.Name}");
        return lines;
    }

    private static string WithBackTick(ulong address) => $"{address >> 32:x8}`{(uint)address:x8}";
}
