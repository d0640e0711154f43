using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Which processes of Windows matter when they wait.</summary>
internal static class ProcessKnowledge
{
    /// <summary>
    /// Importance by image name: without the first group nobody logs on or off, the second is what a user sees or what
    /// services share.
    /// </summary>
    public static Importance ImportanceOf(string name) => name.ToUpperInvariant() switch
    {
        "CSRSS.EXE" or "WINLOGON.EXE" or "LSASS.EXE" or "SERVICES.EXE" or "SMSS.EXE" or "WININIT.EXE" or "SYSTEM" =>
            Importance.Vital,
        "EXPLORER.EXE" or "SVCHOST.EXE" or "DWM.EXE" or "LOGONUI.EXE" or "USERINIT.EXE" or "SPOOLSV.EXE" or "LSM.EXE"
            or "TASKMGR.EXE" => Importance.Important,
        _ => Importance.Ordinary,
    };
}
