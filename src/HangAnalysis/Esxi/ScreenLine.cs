using System.Globalization;

namespace HangAnalysis.Esxi;

/// <summary>Reads the lines of a screen that are neither its message nor a stack.</summary>
internal static class ScreenLine
{
    private static readonly string s_build = EsxiGlyphs.Fold("build-"), s_uptime = EsxiGlyphs.Fold("uptime:"),
        s_vmk = EsxiGlyphs.Fold("VMK "),
        s_codeStart = EsxiGlyphs.Fold("Code start:"), s_backtrace = EsxiGlyphs.Fold("backtrace"),
        s_pcpu = EsxiGlyphs.Fold("PCPU"),
        s_cpu = EsxiGlyphs.Fold("CPU"), s_world = EsxiGlyphs.Fold("worldID="),
        s_silent = EsxiGlyphs.Fold("have a heartbeat for"),
        s_bank = EsxiGlyphs.Fold("bank"), s_status = EsxiGlyphs.Fold("status="), s_addr = EsxiGlyphs.Fold("addr:"),
        s_nmi = EsxiGlyphs.Fold("NMI"), s_cs = EsxiGlyphs.Fold(":cs");

    /// <summary><c>VMware ESXi 6.5.0 [Releasebuild-4887370 x86_64]</c>.</summary>
    public static (string Product, string Build)? ReadVersion(string text)
    {
        if (!EsxiGlyphs.StartsAlike(text, "VMware ESX"))
            return null;
        int at = EsxiGlyphs.Fold(text).IndexOf(s_build, StringComparison.Ordinal);
        if (at < 0)
            return null;
        int bracket = text.IndexOfAny(['[', '(', '{']);
        string product = text[..(bracket > 0 && bracket < at ? bracket : at)].Trim();
        int end = at + s_build.Length, start = end;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;
        return end == start ? null : (product, text[start..end]);
    }

    /// <summary><c>Code start: 0x418014000000 VMK uptime: 75:06:20:17.553</c>: days, hours, minutes, seconds.</summary>
    public static bool ReadUptime(string text, out TimeSpan? uptime, out ulong? codeStart)
    {
        string folded = EsxiGlyphs.Fold(text);
        uptime = null;
        codeStart = null;
        int at = folded.IndexOf(s_codeStart, StringComparison.Ordinal);
        if (at is >= 0 and < 8)
        {
            ReadOnlySpan<char> rest = text.AsSpan(at + s_codeStart.Length).TrimStart();
            int repairs = 0;
            if (EsxiGlyphs.StartsHex(rest) && EsxiGlyphs.TryReadHex(ref rest, out ulong value, out int digits, ref repairs)
                && digits > 4)
                codeStart = value;
        }
        at = folded.IndexOf(s_uptime, StringComparison.Ordinal);
        // "Uptime:" alone begins the line; anywhere else it is a word of some other message, but for that of the kernel.
        if (at >= 0 && (codeStart is not null || at < 8 || folded.AsSpan(0, at).EndsWith(s_vmk, StringComparison.Ordinal)))
            uptime = ReadDuration(text.AsSpan(at + s_uptime.Length).TrimStart());
        return uptime is not null || codeStart is not null;
    }

    private static TimeSpan? ReadDuration(ReadOnlySpan<char> text)
    {
        const int MostDays = 36_500;
        int end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] is ':' or '.'))
            end++;
        text = text[..end].TrimEnd('.');
        double seconds = 0;
        int parts = 0;
        foreach (Range range in text.Split(':'))
        {
            if (parts++ == 4 || !double.TryParse(text[range], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                out double part))
                return null;
            seconds = seconds * (parts == 2 && text.Count(':') == 3 ? 24 : 60) + part;
        }
        return parts >= 3 && seconds < TimeSpan.FromDays(MostDays).TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }

    /// <summary><c>cr0=0x8001003d cr2=0x8</c>: adds what it finds and says how many there were.</summary>
    public static int ReadRegisters(string text, List<KeyValuePair<string, ulong>> registers, ref int repairs)
    {
        const int LongestName = 8;
        int found = 0;
        for (int at = text.IndexOf('='); at > 0; at = text.IndexOf('=', at + 1))
        {
            int start = at;
            while (start > 0 && char.IsAsciiLetterOrDigit(text[start - 1]))
                start--;
            ReadOnlySpan<char> rest = text.AsSpan(at + 1).TrimStart();
            if (at - start is 0 or > LongestName)
                continue;
            if (rest.StartsWith("-1", StringComparison.Ordinal))
                found++;
            else if (EsxiGlyphs.TryReadHex(ref rest, out ulong value, out _, ref repairs))
            {
                found++;
                if (registers.Count < EsxiLimits.Registers)
                    registers.Add(new(text[start..at].ToLowerInvariant(), value));
            }
        }
        return found;
    }

    /// <summary>Whether a line of register values is one: it begins with a register's name.</summary>
    public static bool IsRegisters(string text)
    {
        int at = text.IndexOf('=');
        if (at is < 2 or > 8 || text.Contains(',', StringComparison.Ordinal)
            && !text.Contains(" r", StringComparison.Ordinal))
            return false;
        string name = text[..at].ToLowerInvariant();
        return name is "err" or "frame" or "ip" or "eflags" or "rflags" or "es" or "ds" or "fs" or "gs" or "cs" or "ss"
            or "kgs" or "gdt"
            || (name[0] is 'c' or 'r' or 'e' && name.Length <= 4 && (name[1] is 'r' or 'a' or 'b' or 'c' or 'd' or 's' or 'i'
                || char.IsAsciiDigit(name[1])));
    }

    /// <summary><c>PCPU  0: SVSUSIIS</c>: the number of the first processor and a letter for each.</summary>
    public static (int First, string States)? ReadStates(string text)
    {
        if (!EsxiGlyphs.StartsAlike(text, "PCPU"))
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(4).TrimStart();
        if (!EsxiGlyphs.TryReadPcpu(ref rest, out int first) || rest.IsEmpty || rest[0] != ':')
            return null;
        string states = new string(rest[1..]).Replace(" ", "", StringComparison.Ordinal);
        foreach (char state in states)
            if (!char.IsAsciiLetterUpper(state))
                return null;
        return states.Length == 0 ? null : (first, states);
    }

    /// <summary>
    /// <c>*PCPU12:65952/vmnic0-pollWorld-0</c>, <c>*0:1024/console 1:1094/vmm0:M100</c>: adds what it finds.
    /// </summary>
    public static int ReadWorlds(string text, List<EsxiPcpu> pcpus)
    {
        int found = 0;
        ReadOnlySpan<char> rest = text;
        while (found < EsxiLimits.Processors)
        {
            rest = rest.TrimStart();
            bool isPanicking = !rest.IsEmpty && rest[0] == '*';
            rest = isPanicking ? rest[1..].TrimStart() : rest;
            bool isNamed = EsxiGlyphs.StartsAlike(rest, s_pcpu);
            rest = isNamed ? rest[s_pcpu.Length..].TrimStart() : rest;
            if (!EsxiGlyphs.TryReadPcpu(ref rest, out int number) || rest.IsEmpty || rest[0] != ':')
                break;
            rest = rest[1..];
            if (!EsxiGlyphs.TryReadDecimal(ref rest, out ulong world) || rest.IsEmpty || rest[0] != '/')
                break;
            rest = rest[1..];
            int end = EndOfName(rest);
            pcpus.Add(new EsxiPcpu(number, world, new string(rest[..end]).Trim(), null, isPanicking));
            rest = rest[end..];
            found++;
        }
        return found;
    }

    /// <summary>
    /// <c>pcpu:4 world:66073 name:"vmnic3-pollWorld-2" (S)</c>, as logs have it: the letters are those of the table of
    /// states.
    /// </summary>
    public static EsxiPcpu? ReadWorldLine(string text)
    {
        const string Pcpu = "pcpu:", World = "world:", Name = "name:\"";
        int worldAt = text.IndexOf(World, StringComparison.Ordinal), nameAt = text.IndexOf(Name, StringComparison.Ordinal);
        if (!text.StartsWith(Pcpu, StringComparison.Ordinal) || worldAt < 0 || nameAt < worldAt)
            return null;
        ReadOnlySpan<char> number = text.AsSpan(Pcpu.Length), id = text.AsSpan(worldAt + World.Length);
        if (!EsxiGlyphs.TryReadPcpu(ref number, out int pcpu) || !EsxiGlyphs.TryReadDecimal(ref id, out ulong world))
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(nameAt + Name.Length);
        int end = rest.LastIndexOf('"');
        string name = new(end < 0 ? rest : rest[..end]);
        int letter = end < 0 ? -1 : rest[end..].IndexOf('(');
        char? state = letter >= 0 && end + letter + 1 < rest.Length && char.IsAsciiLetterUpper(rest[end + letter + 1])
            ? rest[end + letter + 1]
            : null;
        return new EsxiPcpu(pcpu, world, name, state, false);
    }

    private static readonly string s_crashAt = EsxiGlyphs.Fold("Crash at "), s_onCpu = EsxiGlyphs.Fold(" on CPU "),
        s_running = EsxiGlyphs.Fold("running world ");

    /// <summary>
    /// <c>Panic Details: Crash at 2022-09-27T10:14:34.364Z on CPU 16 running world 2097591 - HELPER-1. VMK
    /// Uptime:20:07:27:19.345</c>, as a host writes it into its log when it has started again.
    /// </summary>
    public static EsxiPcpu? ReadDetails(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        int at = folded.IndexOf(s_crashAt, StringComparison.Ordinal);
        int cpuAt = at < 0 ? -1 : folded.IndexOf(s_onCpu, at, StringComparison.Ordinal);
        int worldAt = cpuAt < 0 ? -1 : folded.IndexOf(s_running, cpuAt, StringComparison.Ordinal);
        if (worldAt < 0)
            return null;
        ReadOnlySpan<char> number = text.AsSpan(cpuAt + s_onCpu.Length), rest = text.AsSpan(worldAt + s_running.Length);
        if (!EsxiGlyphs.TryReadPcpu(ref number, out int pcpu) || !EsxiGlyphs.TryReadDecimal(ref rest, out ulong world))
            return null;
        rest = rest.TrimStart(" -");
        int end = rest.IndexOf(". ");
        string name = new((end < 0 ? rest : rest[..end]).TrimEnd('.'));
        return new EsxiPcpu(pcpu, world, name.Length == 0 ? null : name, null, true);
    }

    /// <summary>A world's name may have spaces: it ends where the next processor's number begins.</summary>
    private static int EndOfName(ReadOnlySpan<char> text)
    {
        for (int at = text.IndexOf(' '); at >= 0;)
        {
            ReadOnlySpan<char> next = text[at..].TrimStart();
            next = next.TrimStart('*');
            next = EsxiGlyphs.StartsAlike(next, s_pcpu) ? next[s_pcpu.Length..].TrimStart() : next;
            if (EsxiGlyphs.TryReadPcpu(ref next, out _) && next.Length > 1 && next[0] == ':' && char.IsAsciiDigit(next[1]))
                return at;
            int further = text[(at + 1)..].IndexOf(' ');
            at = further < 0 ? -1 : at + 1 + further;
        }
        return text.Length;
    }

    /// <summary>
    /// <c>Saved backtrace from: pcpu 20 SpinLock spin out NMI</c>, <c>Backtrace for current CPU #16, worldID=33421</c>.
    /// </summary>
    public static EsxiBacktrace? ReadBacktrace(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        int at = folded.IndexOf(s_backtrace, StringComparison.Ordinal);
        if (at is < 0 or > 24)
            return null;
        int cpu = folded.IndexOf(s_cpu, at, StringComparison.Ordinal);
        if (cpu < 0)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(cpu + s_cpu.Length).TrimStart(" #:");
        if (!EsxiGlyphs.TryReadPcpu(ref rest, out int pcpu))
            return null;
        bool isSaved = folded.AsSpan(0, at).Contains("saved", StringComparison.Ordinal);
        ulong? world = null;
        int worldAt = folded.IndexOf(s_world, StringComparison.Ordinal);
        if (worldAt >= 0)
        {
            ReadOnlySpan<char> id = text.AsSpan(worldAt + s_world.Length);
            world = EsxiGlyphs.TryReadDecimal(ref id, out ulong value) ? value : null;
        }
        string reason = new(rest.Trim(" ,:-"));
        return new EsxiBacktrace(isSaved ? BacktraceKind.Saved : BacktraceKind.Current, pcpu,
            isSaved && reason.Length > 0 ? reason : null, world, []);
    }

    /// <summary><c>PCPU 4 didn't have a heartbeat for 8 seconds; *may* be locked up</c>.</summary>
    public static HeartbeatLoss? ReadHeartbeat(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        int at = folded.IndexOf(s_silent, StringComparison.Ordinal), cpu = folded.IndexOf(s_pcpu, StringComparison.Ordinal);
        if (at < 0 || cpu < 0 || cpu > at)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(cpu + s_pcpu.Length).TrimStart();
        ReadOnlySpan<char> time = text.AsSpan(at + s_silent.Length).TrimStart();
        return EsxiGlyphs.TryReadPcpu(ref rest, out int pcpu) && EsxiGlyphs.TryReadDecimal(ref time, out ulong seconds)
            && seconds < 1_000_000
            ? new HeartbeatLoss(pcpu, TimeSpan.FromSeconds(seconds))
            : null;
    }

    /// <summary>
    /// <c>NMI IPI received. Was eip(base):ebp:cs [0xc42ce(0x418002400000):0x43190b62a500:0xfc8](Src 0x4, CPU20)</c>: where a
    /// processor was. The first number counts from the kernel's start.
    /// </summary>
    public static NmiHit? ReadNmi(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        int colon = folded.IndexOf(s_cs, StringComparison.Ordinal);
        if (colon < 0 || !folded.Contains(s_nmi, StringComparison.Ordinal))
            return null;
        int open = text.IndexOf('[', colon), cpu = folded.LastIndexOf(s_cpu, StringComparison.Ordinal);
        if (open < 0 || cpu < open)
            return null;
        ReadOnlySpan<char> number = text.AsSpan(cpu + s_cpu.Length).TrimStart();
        if (!EsxiGlyphs.TryReadPcpu(ref number, out int pcpu))
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(open + 1);
        int repairs = 0;
        ulong start = 0;
        if (!EsxiGlyphs.TryReadHex(ref rest, out ulong offset, out _, ref repairs))
            return new NmiHit(pcpu, 0);
        if (!rest.IsEmpty && rest[0] == '(')
        {
            rest = rest[1..];
            EsxiGlyphs.TryReadHex(ref rest, out start, out _, ref repairs);
        }
        return new NmiHit(pcpu, unchecked(start + offset));
    }

    /// <summary><c>MCE: 190: cpu0: bank9: status=0xb200000000070f0f: (…), Addr:0x0 (invalid)</c>.</summary>
    public static MachineCheckBank? ReadBank(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        int bankAt = folded.IndexOf(s_bank, StringComparison.Ordinal),
            statusAt = folded.IndexOf(s_status, StringComparison.Ordinal);
        if (bankAt < 0 || statusAt < bankAt)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(bankAt + s_bank.Length).TrimStart();
        if (!EsxiGlyphs.TryReadPcpu(ref rest, out int bank))
            return null;
        rest = text.AsSpan(statusAt + s_status.Length);
        int repairs = 0;
        if (!EsxiGlyphs.TryReadHex(ref rest, out ulong status, out _, ref repairs))
            return null;
        int cpuAt = folded.IndexOf(s_cpu, StringComparison.Ordinal);
        ReadOnlySpan<char> cpu = cpuAt < 0 || cpuAt > bankAt ? [] : text.AsSpan(cpuAt + s_cpu.Length).TrimStart();
        int? pcpu = EsxiGlyphs.TryReadPcpu(ref cpu, out int number) ? number : null;
        int addressAt = folded.IndexOf(s_addr, statusAt, StringComparison.Ordinal);
        ulong? address = null;
        if (addressAt >= 0)
        {
            rest = text.AsSpan(addressAt + s_addr.Length);
            if (EsxiGlyphs.TryReadHex(ref rest, out ulong value, out _, ref repairs)
                && !rest.TrimStart().StartsWith("(invalid", StringComparison.OrdinalIgnoreCase))
                address = value;
        }
        return new MachineCheckBank(pcpu, bank, status, address);
    }

    /// <summary><c>hbr_filter 0x418028b5c000 .data 0x417fc0000000 .bss 0x417fc0000460</c>.</summary>
    public static EsxiModule? ReadModule(string text)
    {
        int data = text.IndexOf(".data", StringComparison.Ordinal);
        if (data < 4 || text.IndexOf(".bss", data, StringComparison.Ordinal) < 0)
            return null;
        int end = text.IndexOf(' ');
        ReadOnlySpan<char> rest = end < 0 ? [] : text.AsSpan(end).TrimStart();
        int repairs = 0;
        return EsxiGlyphs.StartsHex(rest) && EsxiGlyphs.TryReadHex(ref rest, out ulong start, out _, ref repairs)
            ? new EsxiModule(EsxiModules.Normalize(text[..end], out _), start)
            : null;
    }

    private static readonly (string Words, CoreDumpState State)[] s_coreDumps =
    [
        ("No file configured to dump data", CoreDumpState.NotConfigured),
        ("No place on disk to dump", CoreDumpState.NotConfigured),
        ("No vmkcore disk partition", CoreDumpState.NotConfigured), ("no core dump target", CoreDumpState.NotConfigured),
        ("Dump: Successful", CoreDumpState.Written), ("Dump Successful", CoreDumpState.Written),
        ("Dump: FAILED", CoreDumpState.Failed), ("Dump: Timeout", CoreDumpState.Failed),
        ("coredump failed", CoreDumpState.Failed),
        ("Coredump to ", CoreDumpState.Begun), ("Starting coredump", CoreDumpState.Begun),
        ("Dumping using slot", CoreDumpState.Begun),
        ("Finalized dump header", CoreDumpState.Begun), ("Debugger waiting", CoreDumpState.NotTold),
    ];

    private static readonly string[] s_foldedDumps = [.. s_coreDumps.Select(d => EsxiGlyphs.Fold(d.Words))];

    /// <summary><c>Finalized dump header (14/14) DiskDump: Successful.</c></summary>
    public static CoreDumpState? ReadCoreDump(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        for (int i = 0; i < s_foldedDumps.Length; i++)
            if (folded.Contains(s_foldedDumps[i], StringComparison.Ordinal))
                return s_coreDumps[i].State;
        return null;
    }
}
