using System.Text.Json;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!crashwhy</c>: a bug check taken apart.</summary>
internal sealed class CrashWhyCommand : ICommand
{
    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Verdicts, "crashwhy",
        "takes a bug check apart: what is to blame and why, parameters in words, instruction with registers, stack",
        "!crashwhy [-v] [/json] [/q]",
        [
            new("v", null, "whole stacks, every stack, every unknown, registers at the stop"),
            new("q", null, "the address of the faulting instruction only"),
            CommandHelp.ListingOptions[1],
        ],
        [("!crashwhy", "why the system stopped, and how sure that is"),
            ("!crashwhy -v", "the same with all stacks in full")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 0)
            throw new CommandUsageException($"!crashwhy: '{arguments.Words[0]}' is not understood; see !crashwhy /?");
        session.Commands.RequireOwn("crashwhy");
        ISystemFacts system = session.System;
        CrashFacts? facts = (system as ICrashFactsSource)?.Crash;
        return new CommandOutput(new CrashWhyDocument(session, facts, arguments.Has("v")).Arrange(),
            () => JsonSerializer.Serialize(CrashWhyJsonMapper.Map(session, facts), ReportJsonContext.Default.CrashWhyJson),
            facts?.Fault is { } fault ? [fault.Where.InstructionPointer] : []);
    }
}
