using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Says of a stack that a scenario describes as x64 has it how x86 has it: other names at the border of user and kernel mode,
/// and one frame more there.
/// </summary>
internal static class X86Frames
{
    private const int Seven = 7600, Vista = 6000;

    /// <summary>Whether a function is a system call's stub.</summary>
    public static bool IsStub(string module, string symbol) => module is "ntdll" or "win32u"
        ? symbol.StartsWith("Nt", StringComparison.Ordinal) || symbol.StartsWith("Zw", StringComparison.Ordinal)
        : module is "USER32" && symbol.StartsWith("NtUser", StringComparison.Ordinal);

    /// <summary>Lines of frames, innermost first.</summary>
    public static IEnumerable<string> Translate(IEnumerable<string> lines, KernelLayout layout)
    {
        bool isFirstOfUser = false;
        foreach (string line in lines)
        {
            int mark = line.IndexOf('!', StringComparison.Ordinal), plus = line.LastIndexOf("+0x", StringComparison.Ordinal);
            string module = mark < 0 ? line : line[..mark];
            string symbol = mark < 0 ? "" : plus < 0 ? line[(mark + 1)..] : line[(mark + 1)..plus];
            if (isFirstOfUser)
            {
                isFirstOfUser = false;
                if (IsStub(module, symbol))
                {
                    yield return "ntdll!KiFastSystemCallRet+0x0";
                    // Behind the stub's call.
                    yield return $"{module}!{symbol}+0xc";
                    continue;
                }
            }
            switch (module, symbol)
            {
                case ("nt", "KiSystemServiceCopyEnd"):
                    isFirstOfUser = true;
                    yield return "nt!KiFastCallEntry+0xf8";
                    break;
                case ("nt", "KiStartUserThreadReturn"):
                    yield return "nt!KiServiceExit+0x1c";
                    break;
                case ("nt", "KiCommitThreadWait") when layout.Build < Seven:
                    break;
                case ("nt", "KiStartSystemThread"):
                    yield return "nt!KiThreadStartup+0x16";
                    break;
                case ("nt", "KiPageFault"):
                    yield return "nt!KiTrap0E+0xdc";
                    break;
                case ("nt", "KiNmiInterrupt"):
                    yield return "nt!KiTrap02+0x136";
                    break;
                case ("KERNEL32", "BaseThreadInitThunk") when layout.Build < Vista:
                    yield return "KERNEL32!BaseThreadStart+0x34";
                    break;
                case ("ntdll", "RtlUserThreadStart") when layout.Build < Vista:
                    break;
                case ("ntdll", "RtlUserThreadStart"):
                    yield return "ntdll!__RtlUserThreadStart+0x23";
                    yield return "ntdll!_RtlUserThreadStart+0x1b";
                    break;
                default:
                    yield return line;
                    break;
            }
        }
    }
}
