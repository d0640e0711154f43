using System.Text;
using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>What a system says of itself; all text is from the dump, and null is what it does not hold.</summary>
public sealed record LinuxIdentity
{
    /// <summary>Name of the machine in the network.</summary>
    public string? NodeName { get; init; }

    /// <summary>Release of the kernel: <c>uname -r</c>.</summary>
    public string? Release { get; init; }

    /// <summary>When and how it was built: <c>uname -v</c>.</summary>
    public string? Version { get; init; }

    /// <summary>Architecture: <c>uname -m</c>.</summary>
    public string? Machine { get; init; }

    /// <summary>The kernel's command line.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Letters of what makes the kernel suspect; empty for a clean one, null where that is not known.</summary>
    public string? Taints { get; init; }

    /// <summary>Tasks that wanted to run, or slept uninterruptibly, on average of the last 1, 5 and 15 minutes.</summary>
    public IReadOnlyList<double>? LoadAverage { get; init; }

    /// <summary>Processors that were in use.</summary>
    public int? OnlineProcessors { get; init; }

    /// <summary>Model of the first processor.</summary>
    public string? ProcessorModel { get; init; }

    /// <summary>The machine by its firmware, as the log has it.</summary>
    public string? Hardware { get; init; }

    internal static LinuxIdentity Read(LinuxSession session, KernelLog log)
    {
        ulong names = session.Target.Info.TryGetSymbol("init_uts_ns", out ulong variable) ? variable
            : session.AddressOf("init_uts_ns");
        if (session.Target.Info.TryGetOffset("uts_namespace.name", out int offset))
            names += (ulong)offset;
        return new LinuxIdentity
        {
            NodeName = Name(session, names, 1),
            Release = Name(session, names, 2) ?? session.Target.Info.OsRelease,
            Version = Name(session, names, 3),
            Machine = Name(session, names, 4),
            CommandLine = Text(session, session.ReadPointer(session.AddressOf("saved_command_line")))
                ?? Line(log, "Command line: "),
            Taints = session.AddressOf("tainted_mask") is not 0 and var taints
                && session.Memory.TryReadUInt64(taints, out ulong mask)
                ? TaintFlags.Letters(mask)
                : null,
            LoadAverage = Load(session),
            OnlineProcessors = session.AddressOf("__num_online_cpus") is not 0 and var count
                && session.Memory.TryReadUInt32(count, out uint online) && online is > 0 and <= SymbolLimits.Processors
                    ? (int)online : null,
            ProcessorModel = Model(session),
            Hardware = Line(log, "DMI: ") ?? Line(log, "Hardware name: "),
        };
    }

    /// <summary>A name of struct new_utsname: sysname, nodename, release, version, machine, each with 65 bytes.</summary>
    private static string? Name(LinuxSession session, ulong names, int index)
    {
        const int NameBytes = 65;
        return names < NameBytes * 5 ? null : Filled(session.ReadText(names + (ulong)(index * NameBytes), NameBytes));
    }

    private static string? Text(LinuxSession session, ulong address)
    {
        // COMMAND_LINE_SIZE of x86.
        byte[] bytes = new byte[2048];
        int read = LinuxSession.IsKernelAddress(address) ? session.Memory.Read(address, bytes) : 0;
        return Filled(Encoding.UTF8.GetString(BulkReading.NameAt(bytes.AsSpan(0, read), 0)));
    }

    /// <summary>The first line of the log that begins so, without its beginning.</summary>
    private static string? Line(KernelLog log, string start)
    {
        foreach (LogRecord record in log.Records)
            if (record.Facility == 0 && record.Text.StartsWith(start, StringComparison.Ordinal))
                return Filled(record.Text[start.Length..]);
        return null;
    }

    /// <summary>avenrun has eleven bits behind the point; half of a hundredth is added, as /proc/loadavg does.</summary>
    private static IReadOnlyList<double>? Load(LinuxSession session)
    {
        const int Fraction = 11;
        const ulong Half = (1 << Fraction) / 200, Most = 1_000_000;
        ulong address = session.AddressOf("avenrun");
        double[] load = new double[3];
        for (int i = 0; i < load.Length; i++)
        {
            if (address == 0 || !session.Memory.TryReadUInt64(address + (ulong)i * 8, out ulong value)
                || value >> Fraction > Most)
                return null;
            load[i] = ((value + Half) * 100 >> Fraction) / 100.0;
        }
        return load;
    }

    private static string? Model(LinuxSession session) => session.AddressOf("boot_cpu_data") is not 0 and var data
        && session.Field("cpuinfo_x86", "x86_model_id") is { IsPresent: true } slot
            ? Filled(session.ReadText(data + (ulong)slot.Offset, 64))
            : null;

    private static string? Filled(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
