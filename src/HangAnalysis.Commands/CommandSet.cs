namespace HangAnalysis.Commands;

/// <summary>The commands that dumps of one operating system have.</summary>
/// <param name="system">Name of the system, such as <c>Windows</c>.</param>
/// <param name="commands">The commands in the order in which help lists them.</param>
public sealed class CommandSet(string system, IReadOnlyList<ICommand> commands)
{
    /// <summary>Name of the system.</summary>
    public string System { get; } = system;

    /// <summary>The commands in the order in which help lists them.</summary>
    public IReadOnlyList<ICommand> All { get; } = commands;

    /// <summary>The command of a name without the '!', or null.</summary>
    public ICommand? Find(string name)
    {
        foreach (ICommand command in All)
            if (command.Help.Name == name)
                return command;
        return null;
    }

    /// <summary>Whether a line is one of these commands, with its '!'.</summary>
    public bool Has(string line)
    {
        if (line.Length < 2 || line[0] != '!')
            return false;
        int end = line.IndexOf(' ');
        return Find(end < 0 ? line[1..] : line[1..end]) is not null;
    }

    /// <summary>
    /// The command of a line. <see cref="CommandDeclinedException"/> for one that only dumps of other systems have,
    /// <see cref="CommandUsageException"/> with what there is for all others.
    /// </summary>
    public ICommand Require(CommandArguments arguments)
    {
        if (Find(arguments.Name) is { } command)
            return command;
        RequireOwn(arguments.Name);
        throw new CommandUsageException(
            $"unknown command '!{arguments.Name}'; there are {string.Join(", ", All.Select(c => "!" + c.Help.Name))}");
    }

    /// <summary>Declines a command that only dumps of other systems have; returns for what is no command at all.</summary>
    public void RequireOwn(string name)
    {
        if (Find(name) is not null || CommandTable.FindOther(this, name) is not { } other)
            return;
        string reason = other.Help.Subject is { } subject
            ? $"is about {subject}, which {System} does not have"
            : $"is not there for {System}";
        throw new CommandDeclinedException($"!{name} {reason}; see !hahelp");
    }
}
