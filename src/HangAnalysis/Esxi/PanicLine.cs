namespace HangAnalysis.Esxi;

/// <summary>Reads the message of a panic: <c>Spin count exceeded (iplLock) - possible deadlock with PCPU 12</c>.</summary>
internal static class PanicLine
{
    private const string Mark = "@BlueScreen:";

    /// <summary>How messages begin, and what they are. Weak ones also stand in the logs of hosts that go on.</summary>
    private static readonly (string Start, PanicKind Kind, bool IsWeak)[] s_starts =
    [
        ("Spin count exceeded", PanicKind.SpinCount, false),
        ("Lost heartbeat", PanicKind.LostHeartbeat, false),
        ("NMI IPI: Panic requested by another PCPU", PanicKind.OtherPcpu, false),
        ("Panic requested by another PCPU", PanicKind.OtherPcpu, false),
        ("Panic from another CPU", PanicKind.OtherPcpu, false),
        ("LINT1 motherboard interrupt", PanicKind.BoardNmi, true),
        ("LINT1/NMI", PanicKind.BoardNmi, true),
        ("LINT1", PanicKind.BoardNmi, true),
        ("NMI: LINT1", PanicKind.BoardNmi, true),
        ("NMI detected", PanicKind.BoardNmi, true),
        ("Undiagnosed NMI", PanicKind.BoardNmi, true),
        ("Non-Maskable Interrupt", PanicKind.BoardNmi, true),
        ("Panic requested", PanicKind.Forced, false),
        ("User requested panic", PanicKind.Forced, false),
        ("CrashMe", PanicKind.Forced, false),
        ("NOT_REACHED", PanicKind.Assertion, false),
        ("NOT_IMPLEMENTED", PanicKind.Assertion, false),
        ("ASSERT", PanicKind.Assertion, false),
        ("PANIC bora", PanicKind.Assertion, false),
        ("Failed at bora", PanicKind.Assertion, false),
        ("Machine Check Exception", PanicKind.MachineCheck, false),
        ("Uncorrectable Machine Check", PanicKind.MachineCheck, false),
        ("Fatal Machine Check", PanicKind.MachineCheck, false),
        ("System has encountered a Hardware Error", PanicKind.MachineCheck, false),
        ("Double fault", PanicKind.Exception, false),
        ("Out of memory", PanicKind.OutOfMemory, true),
        ("Out of heap", PanicKind.OutOfMemory, true),
    ];

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its prefix.</param>
    /// <param name="isMessage">Whether the line is known to be a message whatever its words are.</param>
    public static PanicMessage? Read(string line, bool isMessage = false)
    {
        string folded = EsxiGlyphs.Fold(line);
        int mark = folded.IndexOf(EsxiGlyphs.Fold(Mark), StringComparison.Ordinal);
        string text = mark >= 0 ? line[(mark + Mark.Length)..].Trim() : WithoutSeverity(line);
        if (text.Length == 0)
            return null;
        if (mark >= 0)
            folded = EsxiGlyphs.Fold(text);
        else if (!ReferenceEquals(text, line))
            folded = folded[(line.Length - text.Length)..];
        PanicMessage? message = ReadException(text, folded) ?? ReadPcpu(text) ?? ReadKnown(text, folded);
        if (message is null && mark < 0 && !isMessage)
            return null;
        message ??= new PanicMessage(
            folded.Contains("heap", StringComparison.Ordinal) && folded.Contains(s_outOf, StringComparison.Ordinal)
                ? PanicKind.OutOfMemory
                : folded.Contains(s_bora, StringComparison.Ordinal) ? PanicKind.Assertion : PanicKind.Unknown, text);
        if (message.Kind is PanicKind.Assertion or PanicKind.OutOfMemory or PanicKind.Unknown)
            message = message with { Source = SourceOf(text, folded) };
        return message with { IsMarked = mark >= 0, IsWeak = message.IsWeak && mark < 0 };
    }

    private static readonly string s_outOf = EsxiGlyphs.Fold("out of"), s_bora = EsxiGlyphs.Fold("bora/"),
        s_exception = EsxiGlyphs.Fold("exception "), s_inWorld = EsxiGlyphs.Fold("in world "),
        s_pcpu = EsxiGlyphs.Fold("PCPU "),
        s_heartbeat = EsxiGlyphs.Fold("no heartbeat"), s_locked = EsxiGlyphs.Fold("locked up"),
        s_tlb = EsxiGlyphs.Fold("TLB"),
        s_addr = EsxiGlyphs.Fold("addr "), s_ip = EsxiGlyphs.Fold(" IP "), s_lock = EsxiGlyphs.Fold("lock"),
        s_with = EsxiGlyphs.Fold("with PCPU "), s_onPcpu = EsxiGlyphs.Fold("on PCPU"),
        s_coreDump = EsxiGlyphs.Fold("Coredump");

    /// <summary>Without <c>ALERT:</c>, <c>WARNING:</c> and the place in the source, such as <c>Panic: 892:</c>.</summary>
    private static string WithoutSeverity(string line)
    {
        string text = line;
        foreach (string severity in (ReadOnlySpan<string>)["ALERT:", "WARNING:", "PANIC:"])
            if (text.StartsWith(severity, StringComparison.Ordinal))
                text = text[severity.Length..].TrimStart();
        if (!text.StartsWith("Panic: ", StringComparison.Ordinal))
            return text;
        ReadOnlySpan<char> rest = text.AsSpan("Panic: ".Length);
        if (EsxiGlyphs.TryReadDecimal(ref rest, out _) && !rest.IsEmpty && rest[0] == ':')
            rest = rest[1..];
        return line[(line.Length - rest.TrimStart().Length)..];
    }

    /// <summary><c>#PF Exception 14 in world 65952:vmnic0-pollWorld IP 0x41801f2c3a5e addr 0x8</c>.</summary>
    private static PanicMessage? ReadException(string text, string folded)
    {
        if (!text.StartsWith('#') || text.Length < 3)
            return null;
        string name = text[1..3].ToUpperInvariant();
        int at = folded.IndexOf(s_exception, StringComparison.Ordinal);
        if (at < 0 || at > 8)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(at + s_exception.Length);
        int? vector = EsxiGlyphs.TryReadDecimal(ref rest, out ulong number) && number < 256 ? (int)number : VectorOf(name);
        PanicMessage message = new(vector == 18 ? PanicKind.MachineCheck : PanicKind.Exception, text)
        {
            Vector = vector, ExceptionName = NameOf(vector) ?? $"#{name}",
        };
        message = WithWorld(message, text, folded);
        ulong? address = HexAfter(text, folded, s_addr);
        return message with { InstructionPointer = HexAfter(text, folded, s_ip) ?? 0, FaultAddress = address };
    }

    /// <summary>
    /// <c>PCPU 118: no heartbeat (3/3 IPIs received)</c>, <c>PCPU 1 locked up. Failed to ack TLB invalidate</c>.
    /// </summary>
    private static PanicMessage? ReadPcpu(string text)
    {
        string folded = EsxiGlyphs.Fold(text);
        if (!folded.StartsWith(s_pcpu, StringComparison.Ordinal))
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(s_pcpu.Length).TrimStart();
        if (!EsxiGlyphs.TryReadPcpu(ref rest, out int pcpu))
            return null;
        if (folded.Contains(s_heartbeat, StringComparison.Ordinal))
        {
            PanicMessage message = new(PanicKind.NoHeartbeat, text) { Pcpu = pcpu };
            int open = rest.IndexOf('(');
            rest = open < 0 ? [] : rest[(open + 1)..].TrimStart();
            if (!EsxiGlyphs.TryReadPcpu(ref rest, out int received) || rest.IsEmpty || rest[0] != '/')
                return message;
            rest = rest[1..];
            return EsxiGlyphs.TryReadPcpu(ref rest, out int sent)
                ? message with { InterruptsReceived = received, InterruptsSent = sent }
                : message;
        }
        return folded.Contains(s_locked, StringComparison.Ordinal) && folded.Contains(s_tlb, StringComparison.Ordinal)
            ? new PanicMessage(PanicKind.TlbLockup, text) { Pcpu = pcpu }
            : null;
    }

    private static PanicMessage? ReadKnown(string text, string folded)
    {
        foreach ((string start, PanicKind kind, bool isWeak) in s_starts)
            if (EsxiGlyphs.StartsAlike(text, start) && !folded.Contains(s_coreDump, StringComparison.Ordinal))
            {
                PanicMessage message = new(kind, text) { IsWeak = isWeak };
                return kind switch
                {
                    PanicKind.SpinCount => WithLock(message, text, folded, start.Length),
                    PanicKind.MachineCheck =>
                        WithWorld(message, text, folded) with { Pcpu = PcpuAfter(text, folded, s_onPcpu) },
                    PanicKind.Exception => WithWorld(message with { Vector = 8, ExceptionName = "#DF" }, text, folded),
                    _ => message,
                };
            }
        return null;
    }

    /// <summary><c>(iplLock)</c>, <c>(0x430a1b2c)</c>, <c>(tcbinfo lock 0x430a1b2c)</c>, <c>with PCPU 12</c>.</summary>
    private static PanicMessage WithLock(PanicMessage message, string text, string folded, int at)
    {
        string? name = null;
        ulong address = 0;
        int open = text.IndexOf('(', at), dash = text.IndexOf(" - ", at, StringComparison.Ordinal);
        if (open >= 0 && (dash < 0 || open < dash))
        {
            int close = text.IndexOf(')', open);
            string inside = close < 0 ? text[(open + 1)..(dash < 0 ? text.Length : dash)] : text[(open + 1)..close];
            int hex = inside.IndexOf("0x", StringComparison.OrdinalIgnoreCase);
            ReadOnlySpan<char> rest = hex < 0 ? [] : inside.AsSpan(hex);
            int repairs = 0;
            if (hex >= 0 && EsxiGlyphs.TryReadHex(ref rest, out address, out int digits, ref repairs) && digits < 5)
                address = 0;
            string words = (address == 0 ? inside : inside[..hex]).Trim(' ', ':', '=', ',', '@', '#', '-');
            name = words.Length == 0 || words.Equals("lock", StringComparison.OrdinalIgnoreCase) || words == "lockAddr"
                ? null
                : words;
        }
        // A release prints "lock 0x…" behind the dash; the number there is the address too.
        if (address == 0 && folded.IndexOf(s_lock + " ", at, StringComparison.Ordinal) is >= 0 and int lockAt)
        {
            ReadOnlySpan<char> rest = text.AsSpan(lockAt + s_lock.Length).TrimStart();
            int repairs = 0;
            if (!EsxiGlyphs.StartsHex(rest) || !EsxiGlyphs.TryReadHex(ref rest, out address, out _, ref repairs))
                address = 0;
        }
        return message with { LockName = name, LockAddress = address, Pcpu = PcpuAfter(text, folded, s_with) };
    }

    private static PanicMessage WithWorld(PanicMessage message, string text, string folded)
    {
        int at = folded.IndexOf(s_inWorld, StringComparison.Ordinal);
        if (at < 0)
            return message;
        ReadOnlySpan<char> rest = text.AsSpan(at + s_inWorld.Length);
        if (!EsxiGlyphs.TryReadDecimal(ref rest, out ulong world))
            return message;
        string? name = null;
        if (!rest.IsEmpty && rest[0] == ':')
        {
            // World names have spaces: the name ends where the next known word begins.
            int nameAt = text.Length - rest.Length + 1;
            int end = folded.IndexOf(s_ip, nameAt, StringComparison.Ordinal);
            name = (end < 0 ? text[nameAt..] : text[nameAt..end]).Trim();
        }
        return message with { World = world, WorldName = string.IsNullOrEmpty(name) ? null : name };
    }

    private static ulong? HexAfter(string text, string folded, string word)
    {
        int at = folded.LastIndexOf(word, StringComparison.Ordinal);
        if (at < 0)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(at + word.Length).TrimStart();
        int repairs = 0;
        return EsxiGlyphs.StartsHex(rest) && EsxiGlyphs.TryReadHex(ref rest, out ulong value, out _, ref repairs)
            ? value
            : null;
    }

    private static int? PcpuAfter(string text, string folded, string word)
    {
        int at = folded.IndexOf(word, StringComparison.Ordinal);
        if (at < 0)
            return null;
        ReadOnlySpan<char> rest = text.AsSpan(at + word.Length).TrimStart();
        return EsxiGlyphs.TryReadPcpu(ref rest, out int pcpu) ? pcpu : null;
    }

    /// <summary><c>bora/vmkernel/main/dlmalloc.c:4736</c> in a text.</summary>
    private static string? SourceOf(string text, string folded)
    {
        int at = folded.IndexOf(s_bora, StringComparison.Ordinal);
        if (at < 0)
            return null;
        int end = at;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end])
            || text[end] is '/' or '.' or ':' or '_' or '-' or '+'))
            end++;
        return text[at..end].TrimEnd(':', '.', '-');
    }

    private static readonly (int Vector, string Name)[] s_vectors =
    [
        (0, "#DE"), (1, "#DB"), (2, "NMI"), (3, "#BP"), (4, "#OF"), (5, "#BR"), (6, "#UD"), (7, "#NM"), (8, "#DF"),
        (10, "#TS"),
        (11, "#NP"), (12, "#SS"), (13, "#GP"), (14, "#PF"), (16, "#MF"), (17, "#AC"), (18, "#MC"), (19, "#XM"),
    ];

    /// <summary>The short name of an exception by Intel's and AMD's manuals; null for other vectors.</summary>
    private static string? NameOf(int? vector)
    {
        foreach ((int number, string name) in s_vectors)
            if (number == vector)
                return name;
        return null;
    }

    private static int? VectorOf(string name)
    {
        foreach ((int number, string known) in s_vectors)
            if (EsxiGlyphs.AreAlike(known, $"#{name}"))
                return number;
        return null;
    }
}
