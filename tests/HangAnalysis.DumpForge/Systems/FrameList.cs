using System.Globalization;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Frames of a stack, innermost first, read from text as debuggers print it: <c>nt!KiSwapContext+0x76</c>,
/// <c>TmXPFlt+0x1bce3</c>, either with the address before it. Many threads may share one list.
/// </summary>
public sealed class FrameList
{
    private FrameList(StackFrame[] frames)
    {
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

    public static FrameList Parse(SystemBuilder system, string text)
    {
        List<StackFrame> frames = [];
        const StringSplitOptions Trimmed = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
        foreach (string line in text.Replace("\\\n", "", StringComparison.Ordinal).Split('\n', Trimmed))
            frames.Add(ParseFrame(system, line));
        return new FrameList([.. frames]);
    }

    private static StackFrame ParseFrame(SystemBuilder system, string line)
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
        return system.Modules.ByName(module).PlaceFrame(symbol, offset, address, text);
    }
}
