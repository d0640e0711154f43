using System.Text.Json;
using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;
using HangAnalysis.Windows.Collecting;

namespace HangAnalysis.Commands;

/// <summary><c>!dumpcheck</c>: what a dump is worth, and how to get the next one.</summary>
internal sealed class DumpCheckCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.System, "dumpcheck",
        "says what a dump is worth: kind, contents, damage, and how to get the next one on this platform",
        "!dumpcheck [/json] [/q]",
        [
            new("q", null, "the addresses of threads whose kernel stack should be in the dump and is not"),
            CommandHelp.ListingOptions[1],
        ],
        [("!dumpcheck", "kind, contents, damage, platform, settings and ways to force a dump"),
            ("!dumpcheck /json", "the same for programs")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!dumpcheck: '{arguments.Words[0]}' is not understood; see !dumpcheck /?");
        DumpCheckFacts dump = session.System switch
        {
            WindowsSystem windows => DumpChecker.Check(windows),
            LinuxSystem linux => LinuxDumpCheck.Check(linux),
            _ => throw new CommandDeclinedException("!dumpcheck is for kernel dumps"),
        };
        return new CommandOutput(DumpCheckDocument.Arrange(dump, session.Verdict, session.Commands),
            () => JsonSerializer.Serialize(DumpCheckDocument.ToJson(dump, session.Verdict),
                ReportJsonContext.Default.DumpCheckJson),
            [.. dump.ThreadsWithoutStack.Select(t => t.Value)]);
    }
}
