using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Takes a bug check apart: its code's own knowledge first, then what holds for every code.</summary>
internal static class CrashReader
{
    /// <summary>Everything that is known of the bug check of a dump; null where there was none.</summary>
    public static CrashFacts? Read(WindowsSystem system)
    {
        if (system.Stop is not { } stop || system.Target.Description.BugCheck is not { } bugCheck)
            return null;
        CrashCase crash = new(system, stop, bugCheck.Code, bugCheck.Parameters);
        ForcedStops.Accuse(crash, stop);
        CrashCodes.Find(bugCheck.Code)?.Invoke(crash);
        return crash.ToFacts();
    }
}
