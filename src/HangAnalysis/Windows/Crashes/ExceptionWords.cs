namespace HangAnalysis.Windows.Crashes;

/// <summary>What exception codes say, in words (ntstatus.h).</summary>
internal static class ExceptionWords
{
    /// <summary>The exception in words, with its code where it has none.</summary>
    public static string Describe(uint status) => status switch
    {
        0xc0000005 => "an access violation",
        0xc0000006 => "an in-page I/O error",
        0xc000001d => "an illegal instruction",
        0xc0000025 => "an exception that cannot be continued",
        0xc0000026 => "an invalid disposition of an exception",
        0xc000008c => "an index out of its bounds",
        0xc000008e => "a floating-point division by zero",
        0xc0000094 => "an integer division by zero",
        0xc0000095 => "an integer overflow",
        0xc0000096 => "a privileged instruction",
        0xc00000fd => "a stack overflow",
        0xc0000409 => "a stack buffer overrun or a fast fail",
        0xc0000420 => "a failed assertion",
        0x80000001 => "an access to a guard page",
        0x80000002 => "a misaligned access",
        0x80000003 => "a breakpoint",
        0x80000004 => "a single step",
        _ => $"exception 0x{status:x8}",
    };
}
