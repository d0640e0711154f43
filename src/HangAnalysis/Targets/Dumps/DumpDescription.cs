using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Words what a dump's header and debugger data say of the dump.</summary>
internal static class DumpDescription
{
    /// <summary>Describes a dump.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="path">Its name, as the user gave it.</param>
    /// <param name="data">The kernel's debugger data; null where absent.</param>
    /// <param name="memory">Kernel memory.</param>
    /// <param name="damage">What is damaged or missing.</param>
    public static TargetDescription Create(
        DumpHeader header, string path, DebuggerData? data, IMemory memory, IReadOnlyList<string> damage) => new()
        {
            Path = path,
            Kind = header.DumpType switch
            {
                DumpType.Full => "full",
                DumpType.Summary => "kernel summary",
                DumpType.Triage => "small",
                DumpType.BitmapFull => "complete bitmap",
                DumpType.BitmapKernel => "kernel bitmap",
                DumpType.KernelRange => "kernel (.dump /k)",
                DumpType.ActiveRange => "active (.dump /ka)",
                _ => "complete (.dump /f)",
            },
            HoldsPages = header.DumpType != DumpType.Triage,
            Architecture = header.Architecture,
            OperatingSystem = NameOf(header.MinorVersion),
            Build = (int)header.MinorVersion,
            BuildLab = data is null ? "" : ReadBuildLab(memory, data.NtBuildLab),
            ProcessorCount = (int)Math.Min(header.NumberProcessors, Limits.Processors),
            BugCheck = header.BugCheckCode == 0 ? null : new BugCheck(header.BugCheckCode, header.BugCheckParameters),
            Time = ToTime(header.SystemTime),
            Uptime = header.SystemUpTime is 0 or > (ulong)(100 * TimeSpan.TicksPerDay * 365)
                ? null
                : TimeSpan.FromTicks((long)header.SystemUpTime),
            DebuggerDataBlock = header.KdDebuggerDataBlock,
            Damage = damage,
        };

    /// <summary>Name of the system of a build. The version before the build is only shown, never decided by.</summary>
    public static string NameOf(uint build)
    {
        string version = build switch
        {
            >= 10240 => "10.0",
            >= 9600 => "6.3",
            >= 9200 => "6.2",
            >= 7600 => "6.1",
            >= 6000 => "6.0",
            >= 3790 => "5.2",
            _ => "5.1",
        };
        return $"Windows {version}.{build}";
    }

    /// <summary>The build laboratory string at an address; empty where absent.</summary>
    public static string ReadBuildLab(IMemory memory, ulong address)
    {
        Span<byte> text = stackalloc byte[80];
        int read = address == 0 ? 0 : memory.Read(address, text);
        int end = text[..read].IndexOf((byte)0);
        return end <= 0 ? "" : Encoding.Latin1.GetString(text[..end]);
    }

    /// <summary>A FILETIME as a time; null for one that no clock ever showed.</summary>
    internal static DateTimeOffset? ToTime(ulong fileTime)
    {
        // 1990 to 2200: what lies outside was never a clock's.
        const ulong Earliest = 122_700_000_000_000_000;
        const ulong Latest = 189_000_000_000_000_000;
        return fileTime is < Earliest or > Latest ? null : DateTimeOffset.FromFileTime((long)fileTime).ToUniversalTime();
    }
}
