using HangAnalysis.Commands.Linux;

namespace HangAnalysis.Commands;

/// <summary>All commands. Hosts (the command line, the debugger extension) have no list of their own.</summary>
public static class CommandTable
{
    /// <summary>The commands of Windows dumps, and of the debugger extension.</summary>
    public static CommandSet Windows { get; } = new("Windows",
        [
            new HangWhyCommand(CommandWords.Windows), new CrashWhyCommand(), new WhyCommand(CommandWords.Windows),
            new UsCommand(CommandWords.Windows), new ThreadCommand(), new ProcessCommand(), new ProcessListCommand(),
            new LtCommand(CommandWords.Windows), new FemsCommand(CommandWords.Windows),
            new RunningCommand(CommandWords.Windows), new ReadyCommand(), new CpusCommand(CommandWords.Windows),
            new LpcChainCommand(), new LpcWaitCommand(), new LpcPortsCommand(), new MsgCommand(),
            new OwnersCommand(CommandWords.Windows), new DeadlocksCommand(CommandWords.Windows), new IrpsCommand(),
            new StorCommand(), new WorkersCommand(CommandWords.Windows), new MemoryCommand(), new PoolWhoCommand(), new ModsCommand(),
            new RulesCommand(), new DumpCheckCommand(),
            new HelpCommand(),
        ]);

    /// <summary>The commands of Linux dumps.</summary>
    public static CommandSet Linux { get; } = new("Linux",
        [
            .. Shared(CommandWords.Linux), new LinuxTaskCommand(), TaskListCommand.OfTasks, TaskListCommand.OfProcesses,
            new LinuxProcessCommand(), new LinuxWorkersCommand(), new LinuxCrashWhyCommand(), new LogCommand(), new LinuxMemoryCommand(),
            new LinuxModsCommand(), new SysCommand(), new DumpCheckCommand(), new HelpCommand(),
        ]);

    /// <summary>The commands of texts of ESXi: a purple screen holds what its processors did.</summary>
    public static CommandSet Esxi { get; } = new("ESXi",
        [
            new HangWhyCommand(CommandWords.Esxi), new WhyCommand(CommandWords.Esxi), new UsCommand(CommandWords.Esxi),
            new CpusCommand(CommandWords.Esxi), new OwnersCommand(CommandWords.Esxi), new HelpCommand(),
        ]);

    /// <summary>The sets of all systems; that of the debugger extension first.</summary>
    public static IReadOnlyList<CommandSet> Sets { get; } = [Windows, Linux, Esxi];

    /// <summary>The commands of the debugger extension in the order in which help lists them.</summary>
    public static IReadOnlyList<ICommand> All => Windows.All;

    /// <summary>The command of a name without the '!' in the debugger extension, or null.</summary>
    public static ICommand? Find(string name) => Windows.Find(name);

    /// <summary>The command of a line in the debugger extension; throws as <see cref="CommandSet.Require"/> does.</summary>
    public static ICommand Require(CommandArguments arguments) => Windows.Require(arguments);

    /// <summary>A command of that name that another system has; null where none has it.</summary>
    internal static ICommand? FindOther(CommandSet own, string name)
    {
        foreach (CommandSet set in Sets)
            if (set != own && set.Find(name) is { } command)
                return command;
        return null;
    }

    /// <summary>Commands that know nothing of one system: whoever reads a system into the model has them.</summary>
    private static IEnumerable<ICommand> Shared(CommandWords words) =>
    [
        new HangWhyCommand(words), new WhyCommand(words), new UsCommand(words), new FemsCommand(words),
        new RunningCommand(words), new CpusCommand(words), new OwnersCommand(words), new DeadlocksCommand(words),
    ];
}
