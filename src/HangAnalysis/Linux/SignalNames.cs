namespace HangAnalysis.Linux;

/// <summary>Names of signals by their numbers.</summary>
/// <remarks>arch/x86/include/uapi/asm/signal.h; real-time signals begin at 32 for the kernel.</remarks>
public static class SignalNames
{
    private const int FirstRealTime = 32;

    private static readonly string[] s_names =
    [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
        "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];

    /// <summary>Name of a signal, such as <c>SIGKILL</c> or <c>SIGRT2</c>.</summary>
    /// <param name="number">Its number, from 1.</param>
    public static string NameOf(int number) => number >= 1 && number <= s_names.Length ? "SIG" + s_names[number - 1]
        : number >= FirstRealTime ? $"SIGRT{number - FirstRealTime}" : $"signal {number}";

    /// <summary>Names of the signals of a set: bit 0 is signal 1.</summary>
    public static IReadOnlyList<string> Names(ulong set)
    {
        List<string> names = [];
        for (int bit = 0; bit < 64; bit++)
            if ((set >> bit & 1) != 0)
                names.Add(NameOf(bit + 1));
        return names;
    }

    /// <summary>The same in one line.</summary>
    public static string List(ulong set) => string.Join(", ", Names(set));
}
