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

    /// <summary>Classes of priority, as SetPriorityClass's documentation calls them; null for a number that is none.</summary>
    public static string? PriorityClassOf(int number) => number switch
    {
        1 => "idle",
        2 => "normal",
        3 => "high",
        4 => "real-time",
        5 => "below normal",
        6 => "above normal",
        _ => null,
    };

    /// <summary>
    /// Who may touch a process, by PS_PROTECTION: three bits of PS_PROTECTED_TYPE, a bit for auditing, four of
    /// PS_PROTECTED_SIGNER (public symbols of 19041). Null for one that is not protected.
    /// </summary>
    public static string? ProtectionOf(byte level)
    {
        const int TypeMask = 7, SignerShift = 4;
        string? type = (level & TypeMask) switch
        {
            0 => null,
            1 => "PPL",
            2 => "protected",
            _ => $"protection 0x{level:x2}",
        };
        string? signer = (level >> SignerShift) switch
        {
            1 => "Authenticode",
            2 => "CodeGen",
            3 => "Antimalware",
            4 => "Lsa",
            5 => "Windows",
            6 => "WinTcb",
            7 => "WinSystem",
            8 => "App",
            _ => null,
        };
        return type is null ? null : signer is null ? type : $"{type}, {signer}";
    }

    /// <summary>Whether a process hosts services, which its command line names.</summary>
    public static bool IsServiceHost(string name) => name.Equals("svchost.exe", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// What a service host was started for: the group of services after -k, or the one service after -s. Null where its
    /// command line names neither.
    /// </summary>
    public static string? HostedBy(string commandLine)
    {
        string[] words = commandLine.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string? group = null, service = null;
        for (int i = 1; i + 1 < words.Length; i++)
            if (words[i] is "-k")
                group ??= words[i + 1];
            else if (words[i] is "-s")
                service ??= words[i + 1];
        return service ?? group;
    }
}
