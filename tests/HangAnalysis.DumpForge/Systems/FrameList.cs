using System.Globalization;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Frames of a stack, innermost first, read from text as debuggers print it: <c>nt!KiSwapContext+0x76</c>,
/// <c>TmXPFlt+0x1bce3</c>, either with the address before it. Many threads may share one list.
/// </summary>
public sealed class FrameList
{
    private FrameList(StackFrame[] frames, ulong systemCallPointer = 0, ulong userPointer = 0)
    {
        (SystemCallPointer, UserPointer) = (systemCallPointer, userPointer);
        int call = Array.FindIndex(frames, frame => frame.IsSystemCall);
        int kernel = call < 0 ? frames.Length : call;
        Frames = frames;
        Kernel = frames[..kernel];
        SystemCall = call < 0 ? null : frames[call];
        User = call < 0 ? [] : frames[(call + 1)..];
    }

    public IReadOnlyList<StackFrame> Frames { get; }

    /// <summary>Frames of the kernel before the system call's.</summary>
    public StackFrame[] Kernel { get; }

    public StackFrame? SystemCall { get; }

    public StackFrame[] User { get; }

    /// <summary>Stack pointer of the system call's frame; 0 where any will do.</summary>
    public ulong SystemCallPointer { get; }

    /// <summary>Stack pointer of the innermost user frame; 0 where any will do.</summary>
    public ulong UserPointer { get; }

    public static FrameList Parse(SystemBuilder system, string text)
    {
        List<StackFrame> frames = [];
        const StringSplitOptions Trimmed = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        IEnumerable<string> lines = text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n', Trimmed);
        if (system.Layout.Architecture == Layouts.Architecture.X86)
            lines = X86Frames.Translate(lines, system.Layout);
        else if (system.Layout.Architecture == Layouts.Architecture.Arm64)
            lines = OfArm64(lines);
        foreach (string line in lines)
            frames.Add(ParseFrame(system, line));
        return new FrameList([.. frames]);
    }

    /// <summary>
    /// Reads a listing with stack pointers: <c>ffffd000215847f0 fffff801feaa5999 nt!KiSwapThread+0x14e</c>, where the second
    /// number is the return address, which is the address of the frame on the next line.
    /// </summary>
    public static FrameList ParseListing(SystemBuilder system, string text, ulong stackPointer = 0, ulong trap = 0, ulong instruction = 0)
    {
        if (system.Layout.Architecture == Layouts.Architecture.X86)
            return ParseNarrowListing(system, text, stackPointer, trap, instruction);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        ulong[] pointers = [.. lines.Select(line => Hex(line[..16]))];
        ulong systemCall = 0, user = 0;
        List<StackFrame> frames = [];
        for (int i = 0; i < lines.Length; i++)
        {
            bool isCall = i + 1 < lines.Length && pointers[i] >> 63 != 0 && pointers[i + 1] >> 63 == 0;
            // The stacks of kernel and user mode lie apart; the frame between them is a trap frame.
            int? extent = isCall || i + 1 == lines.Length ? null : (int)(pointers[i + 1] - pointers[i]);
            string place = lines[i][34..];
            frames.Add(ParseFrame(system, i == 0 ? place : $"{lines[i - 1][17..33]} {place}", extent));
            if (isCall)
                (systemCall, user) = (pointers[i], pointers[i + 1]);
        }
        return new FrameList([.. frames], systemCall, user);
    }

    /// <summary>
    /// Reads such a listing of x86: <c>b1a16d24 8060773c nt!PspCatchCriticalBreak+0x75</c>, where the first number is EBP in the
    /// frame, or where it would be: the return address is behind it. The stack pointer and the instruction are those of the
    /// first frame, and the trap frame is that of the system call.
    /// </summary>
    private static FrameList ParseNarrowListing(
        SystemBuilder system, string text, ulong stackPointer, ulong trap, ulong instruction)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        List<StackFrame> frames = [];
        ulong pointer = stackPointer, user = 0;
        for (int i = 0; i < lines.Length; i++)
        {
            ulong ebp = Hex(lines[i][..8]), end = ebp + 8;
            string place = lines[i][18..];
            bool isEntry = place.StartsWith("nt!KiFastCallEntry", StringComparison.Ordinal);
            bool isTrap = place.StartsWith("nt!KiTrap", StringComparison.Ordinal);
            if (isTrap)
                end = ebp + Images.X86Frame.KernelTrapSize;
            int extent = isEntry ? 0 : (int)(end - pointer);
            ulong address = i == 0 ? instruction : Hex(lines[i - 1][9..17]);
            StackFrame frame = ParseFrame(system, $"{address:x16} {place}", isTrap ? null : extent);
            // Parameters lie up to where the next trap frame begins.
            string next = i + 1 < lines.Length ? lines[i + 1] : "";
            ulong top = next.Contains(" nt!KiFastCallEntry", StringComparison.Ordinal) ? trap
                : next.Contains(" nt!KiTrap", StringComparison.Ordinal) ? Hex(next[..8]) : end;
            frames.Add(isEntry ? frame : frame with { Extent = extent, Arguments = (int)(top - end) });
            if (top != end)
                end = top;
            // Behind the entry of system calls the user's stack begins: with a return address where no frame is.
            pointer = isEntry && i + 1 < lines.Length ? user = Hex(lines[i + 1][..8]) + 4 : end;
        }
        return new FrameList([.. frames], trap, user);
    }

    // User mode of ARM64 is not forged: a stack ends where a system call enters the kernel.
    private static IEnumerable<string> OfArm64(IEnumerable<string> lines)
    {
        foreach (string line in lines)
        {
            if (line.StartsWith("nt!KiSystemServiceCopyEnd", StringComparison.Ordinal)
                || line.StartsWith("nt!KiStartUserThreadReturn", StringComparison.Ordinal))
            {
                yield return "nt!KiSystemService+0x98";
                yield break;
            }
            // Its trap frames are not forged: deferred procedure calls run in the loop of an idle processor, without an interrupt.
            if (line.StartsWith("nt!KiDpcInterrupt", StringComparison.Ordinal))
            {
                yield return "nt!KiIdleLoop+0x58";
                yield break;
            }
            yield return line;
        }
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber);

    private static StackFrame ParseFrame(SystemBuilder system, string line, int? extent = null)
    {
        ulong? address = null;
        string text = line;
        if (line.Length > 17 && line[16] == ' '
            && ulong.TryParse(line.AsSpan(0, 16), NumberStyles.HexNumber, null, out ulong given))
        {
            address = given;
            text = line[17..].Trim();
        }
        string place = text;
        uint offset = 0;
        int plus = text.LastIndexOf("+0x", StringComparison.Ordinal);
        if (plus >= 0)
        {
            place = text[..plus];
            offset = uint.Parse(text.AsSpan(plus + 3), NumberStyles.HexNumber);
        }
        int mark = place.IndexOf('!', StringComparison.Ordinal);
        string module = mark < 0 ? place : place[..mark];
        string? symbol = mark < 0 ? null : place[(mark + 1)..];
        // Only the name is known of some frames: any place well inside the function will do.
        if (plus < 0 && address is null && symbol is not null)
            offset = 0x20 + (uint)(ForgedModule.Hash(symbol) % 0x1d0);
        if (system.Layout.Architecture == Layouts.Architecture.Arm64)
        {
            // Instructions have four bytes, and a call comes after the prolog.
            offset = symbol is null ? offset & ~3u : Math.Max(offset & ~3u, 0x18);
            text = $"{place}+0x{offset:x}";
        }
        if (symbol is null && plus < 0 && address is { } nowhere)
            return StackFrame.Nowhere(nowhere, text) with { Extent = system.Layout.PointerSize };
        return system.Modules.ByName(module).PlaceFrame(symbol, offset, address, text, extent);
    }
}
