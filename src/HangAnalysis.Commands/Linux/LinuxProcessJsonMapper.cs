using HangAnalysis.Linux;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands.Linux;

/// <summary>Brings what is known of a process into the shape of the contract.</summary>
internal static class LinuxProcessJsonMapper
{
    /// <summary>Everything of one process.</summary>
    public static LinuxProcessJson Map(CommandSession session, LinuxSystem system, LinuxProcessDetails details,
        bool withThreads)
    {
        ProcessFacts process = details.Process;
        return new LinuxProcessJson(VerdictJsonMapper.Hex(process.Address.Value), process.Id, process.ParentId,
            details.Leader.Name,
            details.Leader.Thread.IsSystemThread, details.Program, details.Function?.Text, details.CommandLine,
            details.Environment,
            details.WhyNoProgram, details.Directory, VerdictJsonMapper.Age(details.Leader.StartTime),
            details.User is { } user
                ? new LinuxUserJson(user.User, user.EffectiveUser, user.Group, user.EffectiveGroup) : null,
            details.OpenFiles, details.ControlGroup, details.OwnNamespaces, details.Seccomp,
            details.PendingSignals is { } pending ? SignalNames.Names(pending) : null,
            [.. LinuxProcessCommand.ChildrenOf(process, system).Select(c => c.Id)],
            details.Memory is { } m
                ? new LinuxProcessMemoryJson(m.Size.Virtual, m.VirtualPeak, m.Size.Resident, m.ResidentPeak, m.Data, m.Code,
                    m.Stack,
                    m.Locked, m.Swapped, m.PageTables, m.Mappings)
                : null,
            process.Threads.Count, process.Threads.Count(t => t.State == "D"), process.HasExited,
            withThreads ? [.. process.Threads.Select(t => Map(session, system, t))] : null);
    }

    private static LinuxThreadJson Map(CommandSession session, LinuxSystem system, ThreadFacts thread)
    {
        TaskDetails task = system.GetDetails(thread);
        return new LinuxThreadJson(VerdictJsonMapper.Hex(thread.Address.Value), thread.Id, task.Name, task.Processor,
            thread.Processor is not null, task.State, VerdictJsonMapper.Age(thread.Age),
            ThreadCells.WaitOf(thread, session)?.ToString());
    }
}
