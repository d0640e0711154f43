namespace HangAnalysis.Commands;

/// <summary>All commands. Hosts (the command line, the debugger extension) have no list of their own.</summary>
public static class CommandTable
{
    /// <summary>The commands in the order in which help lists them.</summary>
    public static IReadOnlyList<ICommand> All { get; } =
        [
            new HangWhyCommand(), new WhyCommand(),
            new UsCommand(), new ThreadCommand(), new ProcessCommand(), new ProcessListCommand(), new LtCommand(), new FemsCommand(),
            new RunningCommand(), new ReadyCommand(), new CpusCommand(),
            new LpcChainCommand(), new LpcWaitCommand(), new LpcPortsCommand(), new MsgCommand(),
            new OwnersCommand(), new DeadlocksCommand(), new IrpsCommand(), new WorkersCommand(),
            new ModsCommand(), new HelpCommand(),
        ];

    /// <summary>The command of a name without the '!', or null.</summary>
    public static ICommand? Find(string name)
    {
        foreach (ICommand command in All)
            if (command.Help.Name == name)
                return command;
        return null;
    }

    /// <summary>The command of a line, or <see cref="CommandUsageException"/> with what there is.</summary>
    public static ICommand Require(CommandArguments arguments) =>
        Find(arguments.Name) ?? throw new CommandUsageException(
            $"unknown command '!{arguments.Name}'; there are {string.Join(", ", All.Select(c => "!" + c.Help.Name))}");
}
