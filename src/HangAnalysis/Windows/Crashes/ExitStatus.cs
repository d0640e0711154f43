namespace HangAnalysis.Windows.Crashes;

/// <summary>What the NTSTATUS says with which a program or thread ended, in words.</summary>
/// <remarks>Names as ntstatus.h has them; 0xE06D7363 and 0xE0434352 are the exceptions of C++ and .NET.</remarks>
internal static class ExitStatus
{
    /// <summary>STATUS_PENDING, which a process or thread has as long as it runs.</summary>
    public const uint Pending = 0x103;

    /// <summary>STATUS_IN_PAGE_ERROR: what should have been read in from a disk was not.</summary>
    public const uint InPageError = 0xc0000006;

    /// <summary>The status with which something ended, as the end of "it ended with".</summary>
    public static string DescribeExit(uint status) => Meaning(status) is { } words ? $"0x{status:x} ({words})" : $"0x{status:x}";

    /// <summary>Whether a status says that a disk, or the way to it, did not deliver.</summary>
    public static bool IsStorage(uint status) =>
        StatusWords.KindOf(status) is StatusKind.Storage or StatusKind.Gone;

    /// <summary>Whether a status is one by which a program comes to grief itself; nobody from outside gives such a one.</summary>
    public static bool IsOwnFault(uint status) => status is 0xc0000005 or 0xc0000409 or 0xc0000374 or 0xc00000fd or 0xc0000094
        or 0xc000001d or 0xc0000096 or 0xc0000420 or 0xc0000417 or 0xc000041d or 0xe06d7363 or 0xe0434352 or 0x80000003;

    /// <summary>The words; null for a status that is not here.</summary>
    public static string? Meaning(uint status) => status switch
    {
        0 => "success: it was ended on purpose, or ended by itself",
        1 => "ended on purpose, as tools do that end processes",
        Pending => "it had not ended yet",
        0x40010004 => "ended by a debugger",
        0x80000003 => "breakpoint",
        0xc0000005 => "access violation",
        InPageError => "in-page I/O error: a page of it could not be read from disk",
        0xc0000008 => "invalid handle",
        0xc000000e => "no such device",
        0xc0000017 => "no memory",
        0xc000001d => "illegal instruction",
        0xc0000094 => "integer division by zero",
        0xc0000096 => "privileged instruction",
        0xc000009a => "insufficient resources",
        0xc000009c => "device data error",
        0xc000009d => "device not connected",
        0xc00000b5 => "device time-out",
        0xc00000fd => "stack overflow",
        0xc000010a => "it was ending already",
        0xc000012d => "commitment limit: no memory was left to commit",
        0xc0000135 => "a DLL was not found",
        0xc0000139 => "a function of a DLL was not found",
        0xc000013a => "ended by Ctrl+C or by the end of its console",
        0xc0000142 => "a DLL could not initialize",
        0xc000016a => "disk operation failed",
        0xc0000185 => "I/O device error",
        0xc0000221 => "an image has the wrong checksum: its file is damaged",
        0xc0000354 => "the debugger's end of it was lost",
        0xc0000374 => "heap corruption",
        0xc0000409 => "fail fast, or a stack buffer overrun",
        0xc0000417 => "invalid parameter of a C library function",
        0xc000041d => "unhandled exception in a callback of the window manager",
        0xc0000420 => "assertion failure",
        0xe0434352 => ".NET exception",
        0xe06d7363 => "C++ exception",
        _ => null,
    };
}
