using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Linux.Stops;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary><c>!crashwhy</c>: all that is recorded of an oops or a panic.</summary>
internal sealed class LinuxCrashWhyCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Verdicts, "crashwhy",
        "takes an oops or a panic apart: error code bit by bit, instruction with registers and code, stack, modules, log",
        "!crashwhy [-o N] [-v] [/json] [/q]",
        [
            new("o", "N", "the death of the kernel that the log numbers [#N], also one that it survived"),
            new("v", null, "the whole report of the log, and all modules that are suspect"),
            new("q", null, "the address of the task only"),
            CommandHelp.ListingOptions[1],
        ],
        [("!crashwhy", "why the system came to its end"),
            ("!crashwhy -o 1", "the first oops, where later ones followed from it")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!crashwhy: '{arguments.Words[0]}' is not understood; see !crashwhy /?");
        LinuxSystem system = session.Linux;
        LinuxStop? stop = arguments.Number("o", "deaths") is { } number ? Find(system, number) : system.StopDetails;
        LinuxCrashWhyDocument view = new(system, stop, arguments.Has("v"));
        return new CommandOutput(view.Arrange(),
            () => JsonSerializer.Serialize(LinuxCrashWhyJsonMapper.Map(system, stop, view),
                ReportJsonContext.Default.CrashWhyJson),
            stop?.Thread is { } thread ? [thread.Address.Value] : []);
    }

    private static LinuxStop Find(LinuxSystem system, int number)
    {
        if (system.StopDetails is { Oops: { } own } stop && own.Count == number)
            return stop;
        foreach (OopsReport report in system.Oopses)
            if (report.Count == number)
                return system.DescribeOops(report);
        throw new CommandUsageException(system.Oopses.Count == 0
            ? "!crashwhy: the log has no death of the kernel"
            : $"!crashwhy: the log has no death [#{number}]; there are " +
                string.Join(", ", system.Oopses.Select(o => $"#{o.Count}")));
    }
}
