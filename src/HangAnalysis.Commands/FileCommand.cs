namespace HangAnalysis.Commands;

/// <summary>Runs a command on another file: <c>!hangwhy -file PATH [COMMAND…]</c>.</summary>
public static class FileCommand
{
    /// <summary>The option that names the file.</summary>
    internal const string Option = "file";

    /// <summary>Whether a line opens a file: what the host has open is not asked for anything then.</summary>
    public static bool IsMeant(CommandArguments arguments) =>
        arguments.Name == HangWhyCommand.Name && arguments.Has(Option);

    /// <summary>Opens the file and runs what follows it, or <c>!hangwhy</c> with the same options.</summary>
    /// <param name="opener">Opens it; null where the host opens none.</param>
    /// <param name="arguments">The line.</param>
    /// <param name="cancellation">Ends what is read.</param>
    public static CommandOutput Run(IDumpOpener? opener, CommandArguments arguments, CancellationToken cancellation)
    {
        string path = arguments.Value(Option) ?? "";
        if (path.Length == 0)
            throw new CommandUsageException("!hangwhy: -file needs the path of a dump");
        if (opener is null)
            throw new CommandUsageException("!hangwhy: a command on a file opens no other file");
        CommandSession session = opener.Open(path, cancellation);
        string line = string.IsNullOrEmpty(arguments.Rest)
            ? $"!{HangWhyCommand.Name}{HangWhyCommand.FlagsOf(arguments)}"
            : arguments.Rest;
        CommandArguments own = session.Parse(line);
        ICommand command = session.Commands.Require(own);
        CommandOutput output = own.WantsHelp
            ? new CommandOutput(HelpCommand.Describe(command.Help, session.Commands), () => "null", [])
            : session.Run(command, own);
        return output with { Document = new FileLinks(path, session.Commands).Wrap(output.Document), Form = own };
    }
}
