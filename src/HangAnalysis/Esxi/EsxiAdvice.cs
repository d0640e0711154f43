namespace HangAnalysis.Esxi;

/// <summary>What to do after a purple screen.</summary>
internal static class EsxiAdvice
{
    /// <summary>The steps, a line each: known cases first.</summary>
    public static IReadOnlyList<string> Of(PurpleScreen screen, IReadOnlyList<KnownCase> cases)
    {
        List<string> steps = [];
        foreach (KnownCase known in cases)
            steps.Add($"KB {known.Number}: {known.Says}: {known.Link}");
        PanicKind kind = screen.Message?.Kind ?? PanicKind.Unknown;
        if (kind is PanicKind.MachineCheck or PanicKind.BoardNmi)
            steps.Add("the hardware's own log (iLO, iDRAC, IPMI event log) names the part; its vendor reads it");
        switch (screen.CoreDump)
        {
            case CoreDumpState.NotConfigured:
                steps.Add("give the next core dump a place: esxcli system coredump file add, then " +
                    "esxcli system coredump file set --smart -e true");
                break;
            case CoreDumpState.Failed:
                steps.Add("give the next core dump a larger or another place: esxcli system coredump");
                break;
            default:
                steps.Add("collect vm-support on the host; esxcfg-dumppart -L FILE takes the log out of its vmkernel-zdump");
                break;
        }
        return steps;
    }
}
