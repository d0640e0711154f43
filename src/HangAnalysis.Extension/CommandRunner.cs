using HangAnalysis.Analysis.Rules;
using HangAnalysis.Commands;
using HangAnalysis.DbgEng;
using HangAnalysis.Targets;

namespace HangAnalysis.Extension;

/// <summary>Runs a command line for one call of the engine, and writes what it found.</summary>
internal static class CommandRunner
{
    private const int Failed = unchecked((int)0x80004005); // E_FAIL

    /// <summary>
    /// DEBUG_EXTENSION_CONTINUE_SEARCH, HRESULT_FROM_NT(0xC0000271): the engine asks the next extension that has the command.
    /// </summary>
    private const int ContinueSearch = unchecked((int)0xd0000271);

    /// <summary>One call at a time: the engine calls on its own thread, and says when a session ends on the same.</summary>
    private static readonly Lock s_lock = new();
    private static readonly EngineConnection s_engine = new();
    private static readonly EngineConsole s_console = new(s_engine);

    /// <summary>Rules that were added stay when the debugger opens another dump.</summary>
    private static readonly RuleBook s_rules = new();

    private static ExtensionSession? s_session;
    private static FileSession? s_file;

    /// <summary>Whether the command that runs reads a file: then what fails has nothing to do with the session.</summary>
    private static bool s_readsFile;

    /// <summary>Runs a command; returns the HRESULT for the engine. Throws nothing.</summary>
    public static int Run(DebugInterface client, string line)
    {
        bool isQuiet = IsQuiet(line);
        lock (s_lock)
            try
            {
                s_readsFile = false;
                s_engine.Open(client);
                return RunConnected(line);
            }
            catch (CommandUsageException exception)
            {
                s_console.WriteError(exception.Message);
                return Failed;
            }
            catch (CommandDeclinedException exception)
            {
                if (!isQuiet)
                    s_console.WriteError(exception.Message);
                return ContinueSearch;
            }
            catch (OperationCanceledException)
            {
                if (!isQuiet)
                    s_console.WriteError("interrupted");
                DropBroken();
                return Failed;
            }
            catch (Exception exception)
            {
                // An exception that left the export would end the debugger, and with it the user's work.
                s_console.WriteError(exception is DumpFormatException or DebugEngineException
                    ? exception.Message
                    : $"{line.Split(' ')[0]} failed: {exception.GetType().Name}: {exception.Message}");
                DropBroken();
                return Failed;
            }
            finally
            {
                s_engine.Close();
            }
    }

    /// <summary>The line that <c>dt</c> shows for a structure, or null. Throws nothing that the session could survive.</summary>
    public static string? DescribeStructure(string type, ulong address)
    {
        lock (s_lock)
        {
            // A command of ours may have the engine print: its interfaces are not to be exchanged then.
            if (s_engine.IsOpen || !DebugEngineLibrary.TryCreateClient(out DebugInterface client))
                return null;
            try
            {
                s_engine.Open(client);
                if (s_engine.Control.GetDebuggeeType().Class != DebugControl.ClassKernel)
                    return null;
                string? line = OpenSession().Structures.Describe(type, address);
                KeepOrDropSession();
                return line;
            }
            finally
            {
                s_engine.Close();
                client.Release();
            }
        }
    }

    /// <summary>Forgets what was read.</summary>
    public static void DropSession()
    {
        lock (s_lock)
        {
            DropEngineSession();
            DropFile();
        }
    }

    private static void DropBroken()
    {
        if (s_readsFile)
            DropFile();
        else
            DropEngineSession();
    }

    private static void DropEngineSession()
    {
        s_session?.Dispose();
        s_session = null;
    }

    private static void DropFile()
    {
        s_file?.Dispose();
        s_file = null;
    }

    private static int RunConnected(string line)
    {
        CommandArguments arguments = CommandArguments.Parse(line);
        ICommand command = CommandTable.Require(arguments);
        if (arguments.WantsHelp)
            s_console.WriteDocument(HelpCommand.Describe(command.Help));
        else if (command is HelpCommand)
            s_console.WriteDocument(HelpCommand.Answer(string.Join(' ', arguments.Words)));
        else if (FileCommand.IsMeant(arguments))
            RunOnFile(arguments, IsQuiet(line));
        else if (s_engine.Control.GetDebuggeeType().Class != DebugControl.ClassKernel)
            throw new CommandDeclinedException($"!{command.Help.Name} reads kernel dumps and kernels; this session is neither");
        else
            RunInSession(OpenSession(), command, arguments);
        return DebugInterface.Ok;
    }

    /// <summary>
    /// Whether a script reads the output, as far as the line tells before it is understood: .foreach would take the words of
    /// a message for addresses. A wrong call is told all the same, for then the script itself is wrong.
    /// </summary>
    private static bool IsQuiet(string line)
    {
        foreach (string word in line.Split(' '))
            if (word.Length > 1 && word[0] is '/' or '-'
                && (word.AsSpan(1).Equals("q", StringComparison.OrdinalIgnoreCase)
                    || word.AsSpan(1).Equals("json", StringComparison.OrdinalIgnoreCase)))
                return true;
        return false;
    }

    private static ExtensionSession OpenSession()
    {
        if (s_session is not null && !s_session.IsOf(s_engine))
            DropEngineSession();
        return s_session ??= new ExtensionSession(s_engine, s_rules);
    }

    private static void KeepOrDropSession()
    {
        if (s_session is { IsReusable: false })
            DropEngineSession();
    }

    /// <summary>A command on a file of its own: the debugger's session, if there is one, stays as it is.</summary>
    private static void RunOnFile(CommandArguments arguments, bool isQuiet)
    {
        s_readsFile = true;
        if (s_file is not null && !s_file.IsOf(s_engine))
            DropFile();
        s_file ??= new FileSession(s_engine, s_console, s_rules);
        CancellationTokenSource? ofSession = s_engine.Cancellation;
        using CancellationTokenSource cancellation = new();
        s_engine.Cancellation = cancellation;
        try
        {
            using BreakWatch watch = new(s_engine);
            s_file.Progress.Start(isQuiet ? null : s_engine.Control);
            CommandOutput output = FileCommand.Run(s_file.Opener, arguments, cancellation.Token);
            watch.StopReading();
            s_console.Write(output, arguments, watch);
            if (cancellation.IsCancellationRequested && !isQuiet)
                s_console.WriteError("interrupted: what is shown is what was read until then");
        }
        finally
        {
            s_engine.Cancellation = ofSession;
        }
    }

    private static void RunInSession(ExtensionSession session, ICommand command, CommandArguments arguments)
    {
        bool isQuiet = arguments.Has("q") || arguments.Has("json");
        try
        {
            using BreakWatch watch = new(s_engine);
            session.Progress.Start(isQuiet ? null : s_engine.Control);
            if (!isQuiet && !session.Target.HasKernelSymbols)
                s_console.WriteError("nt has no symbols, without which threads and waits cannot be read: " +
                    session.Target.SymbolPathAdvice);
            CommandOutput output = session.Commands.Run(command, arguments);
            watch.StopReading();
            s_console.Write(output, arguments, watch);
            if (session.Cancellation.IsCancellationRequested && !isQuiet)
                s_console.WriteError("interrupted: what is shown is what was read until then");
        }
        finally
        {
            KeepOrDropSession();
        }
    }
}
