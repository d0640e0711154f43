using System.Globalization;
using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!sys</c>: what the system says of itself, as <c>crash sys</c> shows it.</summary>
internal sealed class SysCommand : ICommand
{
    private const int LabelWidth = 14;

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "sys",
        "shows the kernel's release, command line and taints, the machine, its load, and how long it was up",
        "!sys [/json]", [CommandHelp.ListingOptions[1]], [("!sys", "what crash shows at its start")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!sys: '{arguments.Words[0]}' is not understood; see !sys /?");
        LinuxSystem system = session.Linux;
        DateTimeOffset? time = session.Description.Time ?? system.Time;
        return new CommandOutput(Arrange(session, system, time),
            () => JsonSerializer.Serialize(ToJson(session, system, time), ReportJsonContext.Default.SystemJson), []);
    }

    private static Document Arrange(CommandSession session, LinuxSystem system, DateTimeOffset? time)
    {
        LinuxIdentity own = system.Identity;
        Document document = new();
        Add("KERNEL", own.Release);
        Add("VERSION", own.Version);
        Add("DUMPFILE", $"{session.Description.Path}  [{session.Description.Kind}]");
        Add("CPUS", own.OnlineProcessors is { } online && online < session.Description.ProcessorCount
            ? $"{session.Description.ProcessorCount} ({session.Description.ProcessorCount - online} offline)"
            : $"{session.Description.ProcessorCount}");
        Add("DATE", time is null ? null : TimeText.Format(time));
        Add("UPTIME", system.Uptime is { } uptime ? AgeText.Format(uptime) : null);
        Add("LOAD AVERAGE", own.LoadAverage is { } load
            ? string.Join(", ", load.Select(l => l.ToString("0.00", CultureInfo.InvariantCulture))) : null);
        Add("TASKS", $"{system.Threads.Count:N0} ({system.Processes.Count:N0} processes)");
        Add("NODENAME", own.NodeName);
        Add("MACHINE", own.ProcessorModel is { } model ? $"{own.Machine} ({model})" : own.Machine);
        Add("HARDWARE", own.Hardware);
        Add("MEMORY", system.Memory.Physical is { } memory ? ByteText.Format(memory) : null);
        Add("COMMAND LINE", own.CommandLine);
        Add("TAINTS", own.Taints is not { } taints ? null : taints.Length == 0 ? "none"
            : $"{taints}: {string.Join("; ", taints.Select(t => TaintFlags.Meaning(t) ?? "unknown"))}");
        Add("PANIC", system.StopDetails is { } stop ? stop.Panic?.Record.Text ?? stop.Facts.Title
            : "none: taken from outside");
        return document;

        void Add(string label, string? text) => document.Add(new LineBlock(
            [new Span(label.PadLeft(LabelWidth) + ": ", Tone.Strong), text ?? ThreadCells.NotRecorded], [], 0,
                LabelWidth + 2));
    }

    private static SystemJson ToJson(CommandSession session, LinuxSystem system, DateTimeOffset? time)
    {
        LinuxIdentity own = system.Identity;
        return new SystemJson("hanganalysis-sys/1", own.Release, own.Version, own.Machine, own.NodeName, own.CommandLine,
            own.Taints,
            own.LoadAverage, session.Description.ProcessorCount, own.OnlineProcessors, own.ProcessorModel, own.Hardware,
                time,
            system.Uptime?.TotalSeconds, system.Threads.Count, system.StopDetails?.Facts.Title, system.Memory.Physical,
            system.KernelModuleCount);
    }
}
