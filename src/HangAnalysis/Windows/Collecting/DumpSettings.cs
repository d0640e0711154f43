using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Collecting;

/// <summary>The settings by which Windows writes dumps, as commands, and the ways to force one from inside.</summary>
/// <remarks>
/// [D] KB254649 and "Introduction to page files" (learn.microsoft.com): the values of CrashControl and the sizes; [D] ntdebugging
/// 2010-04-02: the dedicated dump file; [D] "Forcing a system crash from the keyboard", "Forcing a system crash with the power
/// button"; FilterPages and AlwaysKeepMemoryDump are [K].
/// </remarks>
internal static class DumpSettings
{
    private const string CrashControl = @"HKLM\SYSTEM\CurrentControlSet\Control\CrashControl";
    private const ulong MegaByte = 1UL << 20;

    /// <summary>What a complete dump needs beyond the machine's memory [D].</summary>
    private const ulong CompleteExtra = 257;

    private static readonly string[] s_keyboards = ["i8042prt", "kbdhid", "hyperkbd"];

    /// <summary>The settings for a machine of so much memory.</summary>
    public static List<DumpSetting> Of(ulong? machineBytes)
    {
        ulong? all = machineBytes is { } bytes ? (bytes + MegaByte - 1) / MegaByte + CompleteExtra : null;
        string complete = all is { } size
            ? $"needs {size:N0} MB of page file on the system's volume, or a dedicated file"
            : "needs a page file as large as memory and 257 MB on the system's volume, or a dedicated file";
        string kernel = machineBytes is { } ram
            ? $"needs about a third of memory ({ByteText.Gigabytes(ram / 3)}), more where pools are large"
            : "needs about a third of memory, more where pools are large";
        return
        [
            new("complete: programs' stacks and data too", [Number(CrashControl, "CrashDumpEnabled", 1)],
                complete + "; for waits on programs, RPC and COM"),
            new("active (Windows 10, Server 2016 and later): complete without guests and caches",
                [Number(CrashControl, "CrashDumpEnabled", 1), Number(CrashControl, "FilterPages", 1)],
                "much smaller where virtual machines or file caches have the memory"),
            new("kernel: for locks, requests, drivers, pool", [Number(CrashControl, "CrashDumpEnabled", 2)],
                kernel + "; 7 instead of 2 is automatic, the same content"),
            new("dedicated file: no page file needed, any local fixed volume",
                [
                    $@"reg add {CrashControl} /v DedicatedDumpFile /t REG_SZ /d D:\dump.sys /f",
                    Number(CrashControl, "DumpFileSize", all ?? 0),
                ],
                (all is null ? "0 lets the system choose the size" : "MB, for a complete dump; 0 lets the system choose") +
                "; MEMORY.DMP still needs room at the next start"),
            new("keep the dump where the disk is nearly full", [Number(CrashControl, "AlwaysKeepMemoryDump", 1)],
                "restart after any of these settings: they are read when the system starts"),
        ];
    }

    /// <summary>The ways from inside a system with these modules.</summary>
    public static List<ForcedDumpWay> WaysInside(IReadOnlyList<TargetModule> modules)
    {
        List<ForcedDumpWay> ways = [];
        foreach (string driver in s_keyboards)
            if (IsLoaded(modules, driver))
                ways.Add(new ForcedDumpWay($"keyboard ({driver}.sys is loaded)",
                    Number($@"HKLM\SYSTEM\CurrentControlSet\Services\{driver}\Parameters", "CrashOnCtrlScroll", 1),
                    "after a restart: hold the right Ctrl key and press Scroll Lock twice; dead where interrupts are blocked"));
        if (ways.Count == 0)
            ways.Add(new ForcedDumpWay("keyboard", null,
                "no keyboard driver that can do it (i8042prt, kbdhid, hyperkbd) is seen loaded"));
        ways.Add(new ForcedDumpWay("power button (Windows 10 1809, Server 2019 and later)",
            Number(@"HKLM\SYSTEM\CurrentControlSet\Control\Power", "PowerButtonBugcheck", 1),
            "hold the button 7 seconds and let go before 10"));
        ways.Add(new ForcedDumpWay("logged on", "notmyfaultc64.exe /crash 0x01",
            "NotMyfault of Sysinternals; where programs still start"));
        ways.Add(new ForcedDumpWay("without a crash", "livekd64.exe -ml -o live.dmp",
            "LiveKd of Sysinternals, or Task Manager's live kernel dump; parts of different moments, enough for locks"));
        return ways;
    }

    /// <summary>What NMIs need inside the system.</summary>
    public static ForcedDumpWay NmiSetting { get; } = new("NMI inside Windows", null,
        "Windows 8 and Server 2012 or later need no setting; before, NMICrashDump=1 in CrashControl and a restart");

    private static bool IsLoaded(IReadOnlyList<TargetModule> modules, string driver)
    {
        foreach (TargetModule module in modules)
            if (Path.GetFileNameWithoutExtension(module.FileName).Equals(driver, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }

    private static string Number(string key, string value, ulong number) =>
        $"reg add {key} /v {value} /t REG_DWORD /d {number} /f";
}
