using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Esxi;

/// <summary>Opens texts with purple screens: files and what is piped in.</summary>
public static class PurpleScreenFile
{
    /// <summary>The name of the standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>Bytes by which a text is told from a dump.</summary>
    private const int SampleBytes = 4_096;

    /// <summary>What is understood, for the message on what is not.</summary>
    private const string Understood = "a text is understood if it has a purple screen of ESX or ESXi: a line with " +
        "@BlueScreen, \"Spin count exceeded\", \"PCPU n: no heartbeat\", \"#PF Exception 14\" and the like, or a stack " +
        "such as 0x…:[0x…]Func@vmkernel#nover+0x1";

    /// <summary>Whether a file begins as a text does: no NUL and hardly a control character, or a mark of UTF-16.</summary>
    public static bool IsText(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] sample = new byte[SampleBytes];
            int length = file.ReadAtLeast(sample, sample.Length, throwOnEndOfStream: false);
            return IsText(sample.AsSpan(0, length));
        }
        catch (Exception exception) when (IsOfFiles(exception))
        {
            return false;
        }
    }

    /// <summary>Whether bytes are the beginning of a text.</summary>
    public static bool IsText(ReadOnlySpan<byte> start)
    {
        if (start is [0xff, 0xfe, ..] or [0xfe, 0xff, ..])
            return true;
        if (start.IsEmpty || start.Contains((byte)0))
            return false;
        // An escape character begins the colours of a log.
        const byte Escape = 0x1b;
        int controls = 0;
        foreach (byte b in start)
            controls += b < ' ' && b is not ((byte)'\n' or (byte)'\r' or (byte)'\t' or (byte)'\f' or Escape) ? 1 : 0;
        const int OneIn = 100;
        return controls * OneIn <= start.Length;
    }

    /// <summary>
    /// Reads a text; throws <see cref="DumpFormatException"/> with one line if it has no panic. Of a file that is larger
    /// than <see cref="EsxiLimits.TextBytes"/> the end is read, for the last panic is told.
    /// </summary>
    /// <param name="path">The file; <see cref="StandardInput"/> for <paramref name="input"/>.</param>
    /// <param name="input">What is piped in; asked for only then.</param>
    /// <param name="cancellation">Ends the reading early.</param>
    public static (PurpleScreen Screen, TargetDescription Description) Open(
        string path, Func<TextReader>? input = null, CancellationToken cancellation = default)
    {
        List<string> damage = [];
        try
        {
            using TextReader text = path == StandardInput && input is not null ? input() : OpenFile(path, damage);
            PurpleScreen? screen = PurpleScreenReader.Read(text, out long lines, cancellation);
            string name = path == StandardInput ? "standard input" : path;
            string searched = lines == 1 ? "line" : $"{lines:N0} lines";
            return screen is null
                ? throw new DumpFormatException(
                    $"{name}: not a kernel dump, and no purple screen is in its {searched}; {Understood}")
                : (screen, Describe(name, screen, damage));
        }
        catch (Exception exception) when (IsOfFiles(exception))
        {
            throw new DumpFormatException($"{path}: {exception.Message}", exception);
        }
    }

    private static bool IsOfFiles(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;

    private static StreamReader OpenFile(string path, List<string> damage)
    {
        FileStream file = File.OpenRead(path);
        Encoding encoding = Encoding.UTF8;
        if (file is { CanSeek: true, Length: > EsxiLimits.TextBytes })
        {
            encoding = EncodingOf(file);
            // An even place, so that characters of two bytes stay whole.
            file.Position = (file.Length - EsxiLimits.TextBytes) & ~1L;
            damage.Add($"only its last {EsxiLimits.TextBytes / (1024 * 1024)} MB were read");
        }
        return new StreamReader(file, encoding, detectEncodingFromByteOrderMarks: true);
    }

    private static Encoding EncodingOf(FileStream file)
    {
        Span<byte> mark = stackalloc byte[2];
        int length = file.Read(mark);
        return length < mark.Length ? Encoding.UTF8 : mark switch
        {
            [0xff, 0xfe] => Encoding.Unicode,
            [0xfe, 0xff] => Encoding.BigEndianUnicode,
            _ => Encoding.UTF8,
        };
    }

    private static TargetDescription Describe(string name, PurpleScreen screen, List<string> damage) => new()
    {
        Path = name,
        Kind = screen.Time is null ? "purple screen" : "vmkernel log",
        Form = "text",
        HoldsPages = false,
        Architecture = screen.Register("eax") is not null ? Architecture.X86
            : screen.Register("rax") is not null
                || screen.Backtraces.Any(b => b.Frames.Any(f => f.StackPointer > uint.MaxValue))
                ? Architecture.X64
                : Architecture.Unknown,
        OperatingSystem = screen.Product is { } product ? $"{product} build {screen.Build}" : "ESXi",
        // The table of states has all processors; other lines name some of them.
        ProcessorCount = screen.Pcpus.Any(p => p.State is not null) ? screen.Pcpus[^1].Number + 1 : 0,
        Time = screen.Time,
        Uptime = screen.Uptime,
        Damage = damage,
    };
}
