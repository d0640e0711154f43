using System.Numerics;

namespace HangAnalysis.Windows;

/// <summary>What the four parameters of a bug check say, in words.</summary>
/// <remarks>
/// From Microsoft's public bug check reference, but for what a line says otherwise. A code that is not here has its name and its
/// parameters and no words: the reference has some four hundred, and most of them are seen once in a lifetime.
/// </remarks>
internal static class BugCheckMeanings
{
    private const uint PowerButton = 0x1c8;

    /// <summary>Sub-codes of MEMORY_MANAGEMENT that speak of one page table entry, with its address and what it holds.</summary>
    private const ulong CorruptEntry = 0x41792, CorruptTablePage = 0x41790;

    /// <summary>The meaning; null where nothing is known of it.</summary>
    /// <param name="code">The code as documented.</param>
    /// <param name="p">The four parameters.</param>
    public static string? Of(uint code, IReadOnlyList<ulong> p) => code switch
    {
        0x1e or 0x3b or 0x7e or 0x8e => $"{DescribeException((uint)p[0])} at {p[1]:x16}",
        0x0a or 0xd1 => $"{AccessWord(p[2])} {p[0]:x16} at IRQL {p[1]:x} by the instruction at {p[3]:x16}",
        0xc5 => $"{AccessWord(p[2])} {p[0]:x16} at IRQL {p[1]:x} in pool that is corrupt, by the instruction at {p[3]:x16}",
        0xd5 => $"{AccessWord(p[1])} {p[0]:x16}, which was freed before, by the instruction at {p[2]:x16}",
        0xce => $"{AccessWord(p[1])} {p[0]:x16} in a driver that was unloaded, by the instruction at {p[2]:x16}",
        0x50 => $"{AccessWord(p[1])} {p[0]:x16} by the instruction at {p[2]:x16}",
        0xbe => $"write to {p[0]:x16}, which is read-only (its page table entry holds {p[1]:x})",
        0xfc => $"execution of {p[0]:x16}, which is data (its page table entry holds {p[1]:x})",
        0x7f => $"trap {p[0]:x}{Named(TrapName(p[0]))}",
        0x139 => $"fail fast {p[0]:x}{Named(FailFastName(p[0]))}",
        0x1a => MemoryManagement(p),
        0x7a => $"a page could not be read in: {DescribeStatus((uint)p[1])}",
        0x77 => $"a kernel stack could not be read in: {DescribeStatus((uint)p[0])}",
        0xef => $"a {(p[1] == 0 ? "process" : "thread")} that the system cannot do without ended: {p[0]:x16}",
        0xf4 => $"a {(p[0] == 3 ? "process" : "thread")} that the system cannot do without ended: {p[1]:x16}",
        0xf7 => $"a stack cookie holds {p[0]:x} and not {p[1]:x}: a buffer on the stack was overrun",
        0x9f => PowerState(p),
        0x1c9 => "a live dump: a process did not pass a health check",
        0x9e => $"process {p[0]:x16} did not pass a health check within {p[1]:N0} s",
        0xa0 when p[0] is 0xd or 0xf or 0xf0 or 0xf1 => "a power transition did not end in time",
        0x15f => "a live dump: the system did not reach its idle state in standby",
        0x1c5 => $"a live dump: no thread of a pool for I/O went on, work queue {p[1]:x16}",
        0x1ca => "the whole system did not go on: its synthetic watchdog ran out",
        0x1cc => $"a live dump: ERESOURCE {p[0]:x16} was not released for {p[3]:N0} s",
        0x11c8 => $"a live dump: somebody held the power button for {p[0]:N0} ms",
        0x101 => $"processor {p[3]} has not answered for {p[0]:N0} ticks of the clock",
        0x116 => "the display driver did not come back from a reset",
        0x117 => "the display driver was reset because it did not answer; the system went on",
        0x124 => $"hardware reported an error: {HardwareSource(p[0])}; its record is at {p[1]:x16}",
        0x133 => p[0] == 0
            ? $"one deferred procedure call ran for {p[1]:N0} ticks, {p[2]:N0} are allowed"
            : $"a processor was at DISPATCH_LEVEL or above for {p[1]:N0} ticks in all",
        0xea => $"a thread is stuck in the display driver: {p[0]:x16}",
        PowerButton => $"somebody held the power button for {p[0]:N0} ms",
        0xe2 => "somebody forced the dump by keyboard or debugger",
        0x80 => "a non-maskable interrupt: an operator's, or hardware's",
        0x161 => "a live dump: the system went on",
        _ => null,
    };

    /// <summary>Name of an NTSTATUS that exceptions carry, in words.</summary>
    private static string DescribeException(uint status) => status switch
    {
        0xc0000005 => "access violation",
        0xc000001d => "illegal instruction",
        0xc0000094 => "integer division by zero",
        0xc0000096 => "privileged instruction",
        0xc00000fd => "stack overflow",
        0xc0000006 => "in-page I/O error",
        0xc0000409 => "stack buffer overrun or fast fail",
        0x80000003 => "breakpoint",
        0x80000004 => "single step",
        _ => $"exception 0x{status:x8}",
    };

    private static string Named(string? name) => name is null ? "" : $": {name}";

    /// <summary>Where a disk or memory is to blame the status says so (ntstatus.h).</summary>
    private static string DescribeStatus(uint status) => status switch
    {
        0xc000009c => "the device has an error in its data (STATUS_DEVICE_DATA_ERROR)",
        0xc000009d => "the device is not connected (STATUS_DEVICE_NOT_CONNECTED)",
        0xc000000e => "there is no such device (STATUS_NO_SUCH_DEVICE)",
        0xc0000185 => "the device has an error (STATUS_IO_DEVICE_ERROR)",
        0xc000016a => "the disk's operation failed (STATUS_DISK_OPERATION_FAILED)",
        0xc000009a => "no memory was left for it (STATUS_INSUFFICIENT_RESOURCES)",
        _ => DescribeException(status),
    };

    /// <summary>
    /// A page table entry that should be zero and has one bit set was made so by memory, and hardly ever by a driver.
    /// </summary>
    private static string MemoryManagement(IReadOnlyList<ulong> p) => p[0] switch
    {
        CorruptEntry when BitOperations.IsPow2(p[2]) =>
            $"the page table entry at {p[1]:x16} holds {p[2]:x}: bit {BitOperations.Log2(p[2])} alone, as memory with an error does",
        CorruptEntry => $"the page table entry at {p[1]:x16} is corrupt: it holds {p[2]:x}",
        CorruptTablePage => $"a page of page tables is corrupt: its entry in the page frame database is at {p[1]:x16}",
        _ => $"what memory management keeps is corrupt, case {p[0]:x}",
    };

    private static string? PowerState(IReadOnlyList<ulong> p) => p[0] switch
    {
        3 => $"device {p[1]:x16} has a power request for too long: IRP {p[3]:x16}",
        4 => $"a change of the power state waited {p[1]:N0} s for Plug and Play, which thread {p[2]:x16} holds",
        _ => null,
    };

    private static string? TrapName(ulong trap) => trap switch
    {
        0 => "division by zero",
        4 => "overflow",
        5 => "bounds",
        6 => "invalid instruction",
        8 => "double fault, in most cases of a kernel stack that is full",
        0xb => "segment not present",
        0xc => "stack fault",
        0xd => "general protection",
        _ => null,
    };

    /// <summary>Codes of __fastfail (winnt.h, FAST_FAIL_*).</summary>
    private static string? FailFastName(ulong code) => code switch
    {
        0 or 2 => "a stack cookie was overwritten",
        3 => "a LIST_ENTRY is corrupt",
        5 => "an argument is invalid",
        8 => "an index is out of its array",
        0xa => "a call went to no function (control flow guard)",
        0xe => "a count of references is invalid",
        0x1d => "a balanced tree is corrupt",
        _ => null,
    };

    /// <summary>WHEA_ERROR_SOURCE_TYPE.</summary>
    private static string HardwareSource(ulong type) => type switch
    {
        0 => "a machine check",
        1 => "a corrected machine check",
        3 => "a non-maskable interrupt",
        4 => "PCI Express",
        5 => "a generic source of the platform",
        0x10 => "a device driver",
        _ => $"source {type:x}",
    };

    private static string AccessWord(ulong operation) => (operation & 1) != 0 || operation == 2 ? "write to"
        : (operation & 0x18) != 0 ? "execution of" : "read of";
}
