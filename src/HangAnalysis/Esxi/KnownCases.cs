namespace HangAnalysis.Esxi;

/// <summary>A public article on purple screens.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Link">Where it is.</param>
/// <param name="Says">What it says of this case, in our words.</param>
internal sealed record KnownCase(string Number, string Link, string Says);

/// <summary>Public articles that a screen may be a case of. Facts of knowledge.broadcom.com and kb.vmware.com.</summary>
internal static class KnownCases
{
    private const string Broadcom = "https://knowledge.broadcom.com/external/article/",
        VMware = "https://kb.vmware.com/s/article/";

    /// <summary>The articles that a screen looks like, the most special first.</summary>
    public static IReadOnlyList<KnownCase> Find(PurpleScreen screen, EsxiBacktrace? holder, EsxiBacktrace? panic)
    {
        List<KnownCase> cases = [];
        PanicKind kind = screen.Message?.Kind ?? PanicKind.Unknown;
        if (kind == PanicKind.SpinCount)
        {
            if (Has(holder, "hbr_filter"))
                cases.Add(new("67774", VMware + "67774",
                    "the filter of vSphere Replication keeps a spin lock for too long (also Broadcom 318955)"));
            if (Has(holder, "tcpip4") && (Has(panic, "tcpip4") || IsAlike(screen.Message?.LockName, "tcbinfo")))
                cases.Add(new("385615", Broadcom + "385615",
                    "the TCP/IP stack's lock on its connections; seen with vMotion on the default stack (also 392817)"));
        }
        bool isSilent = kind is PanicKind.SpinCount or PanicKind.NoHeartbeat or PanicKind.TlbLockup
            && screen.Message?.Pcpu is not null && holder is null;
        if (isSilent || screen.Message is { InterruptsReceived: 0 })
            cases.Add(new("395129", Broadcom + "395129",
                "processors that answer no NMI: a storm of interrupts, seen with management controllers such as iLO"));
        if (kind == PanicKind.SpinCount)
            cases.Add(new("1020105", VMware + "1020105", "what a \"Spin count exceeded\" screen means"));
        if (kind == PanicKind.BoardNmi)
        {
            cases.Add(new("1804", VMware + "1804",
                "LINT1 interrupts come from the board: look into the hardware's own log"));
            cases.Add(new("2085921", VMware + "2085921",
                "on HPE servers: known cases by firmware and driver (also 2149043)"));
        }
        if (kind == PanicKind.OtherPcpu)
            cases.Add(new("2149704", VMware + "2149704",
                "screens that mention an NMI IPI, and what causes them on ESXi 5.5 and 6.x"));
        return cases;
    }

    private static bool Has(EsxiBacktrace? stack, string module)
    {
        foreach (EsxiFrame frame in stack?.Frames ?? [])
            if (frame.Module == module)
                return true;
        return false;
    }

    private static bool IsAlike(string? name, string part) =>
        name is not null && EsxiGlyphs.Fold(name).Contains(EsxiGlyphs.Fold(part), StringComparison.Ordinal);
}
