using System.Globalization;
using System.Text;
using HangAnalysis.Esxi;

namespace HangAnalysis.Tests.Esxi;

/// <summary>
/// A purple screen in the published format with what is true of it. The kinds are those of Broadcom's articles; addresses,
/// names of machines and builds are made up.
/// </summary>
/// <param name="Name">What it shows.</param>
/// <param name="Text">The screen.</param>
internal sealed record PublishedScreen(string Name, string Text)
{
    /// <summary>What happened.</summary>
    public required PanicKind Kind { get; init; }

    /// <summary>The processor that panics.</summary>
    public required int Panicking { get; init; }

    /// <summary>The processor that holds the lock or is silent; null where there is none.</summary>
    public int? Other { get; init; }

    /// <summary>The lock's name; null where there is none.</summary>
    public string? Lock { get; init; }

    /// <summary>The module that is to be named; null where there are only the kernel's own.</summary>
    public string? Culprit { get; init; }

    /// <summary>Its function.</summary>
    public string? Function { get; init; }

    /// <summary>Frames of the panicking stack.</summary>
    public required int Frames { get; init; }

    /// <summary>Frames of the other processor's stack.</summary>
    public int OtherFrames { get; init; }

    /// <summary>The world that panics.</summary>
    public ulong World { get; init; }

    /// <summary>Its build.</summary>
    public required string Build { get; init; }

    /// <summary>How long the host was up.</summary>
    public TimeSpan? Uptime { get; init; }

    /// <summary>What became of the core dump.</summary>
    public CoreDumpState CoreDump { get; init; }

    /// <summary>The number of the article that speaks of it; null where there is none.</summary>
    public string? Article { get; init; }

    /// <summary>The screen as a log of the kernel has it: a time stamp, the processor and the world on each line.</summary>
    public string AsLog()
    {
        StringBuilder log = new();
        DateTime time = new(2017, 11, 2, 10, 0, 0, DateTimeKind.Utc);
        foreach (string line in Text.Split('\n'))
        {
            time = time.AddMilliseconds(1);
            log.Append(CultureInfo.InvariantCulture, $"{time:yyyy-MM-ddTHH:mm:ss.fff}Z cpu{Panicking}:{World}){line}\n");
        }
        return log.ToString();
    }

    /// <summary>The screen as a terminal of so many columns leaves it.</summary>
    public string Wrapped(int columns)
    {
        StringBuilder text = new();
        foreach (string line in Text.Split('\n'))
            for (int start = 0; start == 0 || start < line.Length; start += columns)
                text.Append(line.AsSpan(start, Math.Min(columns, line.Length - start))).Append('\n');
        return text.ToString();
    }

    public override string ToString() => Name;
}
