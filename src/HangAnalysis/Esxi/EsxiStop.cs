using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>Words why a host stopped.</summary>
internal static class EsxiStop
{
    private const int FirstPage = 0x1000;

    /// <summary>The stop of a screen.</summary>
    /// <param name="screen">The screen.</param>
    /// <param name="isGraph">Whether its processors tell who waits for whom.</param>
    public static StopFacts Of(PurpleScreen screen, bool isGraph)
    {
        PanicMessage? message = screen.Message;
        PanicKind kind = message?.Kind ?? PanicKind.Unknown;
        string text = message?.Text ?? "a panic whose message is missing";
        bool isForced = kind is PanicKind.Forced or PanicKind.OtherPcpu
            || (message?.IsHang == true && kind != PanicKind.LostHeartbeat);
        return new StopFacts(TitleOf(message, text), isForced, Meaning(screen),
            message?.InstructionPointer is > 0 and var ip ? ip : FaultOf(screen))
        {
            Name = kind.ToString(),
            Conclusion = isGraph ? null : Conclusion(screen),
            IsSelfEvident = kind is PanicKind.MachineCheck or PanicKind.BoardNmi,
            Record = $"panic: {text}",
            Evidence = Evidence(screen),
        };
    }

    private static string TitleOf(PanicMessage? message, string text) => message switch
    {
        { Kind: PanicKind.Exception, ExceptionName: { } name } =>
            $"{name}{(message.Vector is { } vector ? $" Exception {vector}" : "")}" +
            (message.WorldName is { } world ? $" in world {world} ({message.World})" : ""),
        _ => text,
    };

    /// <summary>The instruction pointer of an exception whose message is cut, from its registers.</summary>
    private static ulong FaultOf(PurpleScreen screen) =>
        screen.Message?.Kind == PanicKind.Exception ? screen.Register("ip") ?? 0 : 0;

    private static string? Meaning(PurpleScreen screen) => screen.Message switch
    {
        { Kind: PanicKind.Exception, Vector: 14 } fault => PageFault(screen, fault),
        { Kind: PanicKind.Exception } fault => HardwareKnowledge.Describe(fault.Vector),
        { Kind: PanicKind.Assertion } => "the kernel found itself in a state that its code rules out",
        { Kind: PanicKind.OutOfMemory } => "a heap has no memory left: something in it grows, or it is too small",
        { Kind: PanicKind.LostHeartbeat } => "the service console gave no sign of life",
        _ => null,
    };

    private static string PageFault(PurpleScreen screen, PanicMessage fault)
    {
        ulong? address = fault.FaultAddress ?? screen.Register("cr2");
        string access = screen.Register("err") switch
        {
            { } code when (code & 16) != 0 => "execution",
            { } code when (code & 2) != 0 => "a write",
            { } => "a read",
            _ => "an access",
        };
        return address switch
        {
            null => $"{access} of memory that is not there",
            0 => $"{access} through a null pointer",
            < FirstPage => $"{access} at 0x{address:x}, through a null pointer",
            _ => $"{access} at 0x{address:x}, where no memory is",
        };
    }

    /// <summary>The sentence of stops that no chain of waits explains; null where the common sentence does.</summary>
    private static string? Conclusion(PurpleScreen screen)
    {
        PanicMessage? message = screen.Message;
        string world = screen.PanickingPcpu is { } pcpu ? $" on PCPU {pcpu}" : "";
        switch (message?.Kind)
        {
            case PanicKind.MachineCheck:
                MachineCheckBank? bank = screen.Banks.FirstOrDefault(HardwareKnowledge.IsFatal)
                    ?? (screen.Banks.Count > 0 ? screen.Banks[0] : null);
                return $"the hardware reported an error that nothing corrects (machine check{world})" +
                    (bank is null ? "" : $": {HardwareKnowledge.Describe(bank)}");
            case PanicKind.BoardNmi:
                return "the board raised a non-maskable interrupt (LINT1): its hardware reported an error, or somebody " +
                    "pressed the NMI button; the kernel itself found no fault";
            case PanicKind.Forced:
                return $"somebody let the host stop ({message.Text}{world}); " +
                    "the text has that processor's stack only, not who waits for whom";
            case PanicKind.OtherPcpu:
                return $"this screen{world} is that of a processor which was stopped because another one panicked; " +
                    "the reason is on the other one's screen, which is not in the text";
            case PanicKind.SpinCount:
                return $"a processor waited too long for {LockOf(message)}; " +
                    "which one it is, and who holds the lock, is not in the text";
            case PanicKind.NoHeartbeat or PanicKind.TlbLockup:
                return $"PCPU {message.Pcpu} gave no sign of life; what the processors did is not in the text";
            case null:
                return "the host panicked; the message that says why is missing in the text";
            default:
                return null;
        }
    }

    /// <summary>A spin lock by its name.</summary>
    public static string LockOf(PanicMessage message) =>
        message.LockName is { } name ? $"the spin lock {name}" : "a spin lock";

    private static List<(string Label, Phrase Text)> Evidence(PurpleScreen screen)
    {
        List<(string, Phrase)> lines = [];
        if (screen.Message is { Kind: PanicKind.Exception, Vector: 14 } && screen.Register("err") is { } code)
            lines.Add(("Error code", Phrase.Of(HardwareKnowledge.DescribePageFault(code))));
        foreach (MachineCheckBank bank in screen.Banks.Take(4))
            lines.Add(("Hardware", Phrase.Of(HardwareKnowledge.Describe(bank))));
        foreach (HeartbeatLoss loss in screen.Heartbeats.Take(4))
            lines.Add(("Heartbeat", Phrase.Of($"PCPU {loss.Pcpu} gave no sign of life for {AgeText.Format(loss.Silence)}")));
        foreach (NmiHit hit in screen.Nmis.Take(4))
            if (hit.Pcpu == screen.Message?.Pcpu && hit.InstructionPointer != 0)
                lines.Add(("Interrupted",
                    Phrase.Of($"PCPU {hit.Pcpu} was at 0x{hit.InstructionPointer:x} when an NMI asked it")));
        foreach (PanicMessage other in screen.Others.Take(2))
            lines.Add(("Also", Phrase.Of(other.Text)));
        if (CoreDump(screen) is { } dump)
            lines.Add(("Core dump", Phrase.Of(dump)));
        if (screen.EarlierCount > 0)
        {
            EarlierPanic last = screen.Earlier[^1];
            string panics = screen.EarlierCount == 1 ? "a panic" : $"{screen.EarlierCount:N0} panics";
            string time = last.Time is { } then ? $" ({TimeText.Format(then)})" : "";
            lines.Add(("Earlier", Phrase.Of($"{panics} before this one in the text, the last: {last.Message}{time}")));
        }
        return lines;
    }

    private static string? CoreDump(PurpleScreen screen) => screen.CoreDump switch
    {
        CoreDumpState.Written => "it was written",
        CoreDumpState.NotConfigured => "none: no place for it was set up",
        CoreDumpState.Failed => $"it could not be written: {screen.CoreDumpLine}",
        CoreDumpState.Begun => "it was begun; whether it was finished the text does not say",
        _ => null,
    };
}
