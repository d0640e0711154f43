using HangAnalysis.Commands;
using HangAnalysis.DbgEng;
using HangAnalysis.Reports;
using HangAnalysis.Targets;

namespace HangAnalysis.Extension;

/// <summary>Runs a command line for one call of the engine, and writes what it found.</summary>
internal static class CommandRunner
{
    /// <summary>The name by which the debuggers know the extension, and by which its commands are qualified.</summary>
    public const string FamilyName = "HangAnalysis";

    private const int Failed = unchecked((int)0x80004005); // E_FAIL

    /// <summary>One call at a time: the engine calls on its own thread, and says when a session ends on the same.</summary>
    private static readonly Lock s_lock = new();
    private static readonly EngineConnection s_engine = new();
    private static ExtensionSession? s_session;

    /// <summary>What a command has read; null where none has.</summary>
    public static ExtensionSession? Session => s_session;

    /// <summary>Runs a command; returns the HRESULT for the engine. Throws nothing.</summary>
    public static int Run(DebugInterface client, string line)
    {
        lock (s_lock)
            try
            {
                s_engine.Open(client);
                return RunConnected(line);
            }
            catch (Exception exception)
            {
                // An exception that left the export would end the debugger, and with it the user's work.
                WriteError(exception is CommandUsageException or DumpFormatException or DebugEngineException
                    ? exception.Message
                    : $"{line.Split(' ')[0]} failed: {exception.GetType().Name}: {exception.Message}");
                DropSession();
                return Failed;
            }
            finally
            {
                s_engine.Close();
            }
    }

    /// <summary>Forgets what was read.</summary>
    public static void DropSession()
    {
        lock (s_lock)
        {
            s_session?.Dispose();
            s_session = null;
        }
    }

    private static int RunConnected(string line)
    {
        CommandArguments arguments;
        ICommand command;
        try
        {
            arguments = CommandArguments.Parse(Evaluate(line));
            command = CommandTable.Require(arguments);
        }
        catch (CommandUsageException exception)
        {
            WriteError(exception.Message);
            return Failed;
        }
        if (arguments.WantsHelp)
        {
            WriteDocument(HelpCommand.Describe(command.Help));
            return DebugInterface.Ok;
        }
        if (s_engine.Control.GetDebuggeeType().Class != DebugControl.ClassKernel)
        {
            WriteError($"!{command.Help.Name} reads kernel dumps and kernels; this session is neither");
            return Failed;
        }
        if (s_session is not null && !s_session.IsOf(s_engine))
            DropSession();
        ExtensionSession session = s_session ??= new ExtensionSession(s_engine);
        bool isQuiet = arguments.Has("q") || arguments.Has("json");
        int result = RunInSession(session, command, arguments, isQuiet);
        if (!session.IsReusable)
            DropSession();
        return result;
    }

    /// <summary>The line with pseudo-registers and registers (<c>@$proc</c>, <c>@rcx</c>) replaced by their values.</summary>
    private static string Evaluate(string line)
    {
        string[] words = line.Split(' ');
        for (int i = 1; i < words.Length; i++)
            if (words[i].StartsWith('@') && s_engine.Control.TryEvaluate(words[i], out ulong value))
                words[i] = $"{value:x16}";
        return string.Join(' ', words);
    }

    private static int RunInSession(ExtensionSession session, ICommand command, CommandArguments arguments, bool isQuiet)
    {
        try
        {
            CommandOutput output;
            using (new BreakWatch(s_engine))
            {
                session.Progress.Start(isQuiet ? null : s_engine.Control);
                if (!isQuiet && !session.Target.HasKernelSymbols)
                    WriteError("nt has no symbols, without which threads and waits cannot be read. Set the path and reload: " +
                        ".sympath+ srv*https://msdl.microsoft.com/download/symbols; .reload /f nt");
                output = command.Run(session.Commands, arguments);
            }
            Write(output, arguments);
            if (session.Cancellation.IsCancellationRequested && !isQuiet)
                WriteError("interrupted: what is shown is what was read until then");
            return DebugInterface.Ok;
        }
        catch (CommandUsageException exception)
        {
            WriteError(exception.Message);
            return Failed;
        }
        catch (OperationCanceledException)
        {
            WriteError("interrupted");
            return Failed;
        }
    }

    private static void Write(CommandOutput output, CommandArguments arguments)
    {
        if (!arguments.Has("q") && !arguments.Has("json"))
        {
            WriteDocument(output.Document);
            return;
        }
        using EngineWriter writer = new(s_engine.Control, DebugControl.AmbientText);
        if (arguments.Has("q"))
            foreach (ulong address in output.Addresses)
                writer.Write($"{address:x16}\n");
        else
            writer.Write(output.Json() + "\n");
    }

    private static void WriteDocument(Document document)
    {
        bool dml = (s_engine.Control.EngineOptions & DebugControl.OptionPreferDml) != 0;
        using EngineWriter writer = new(s_engine.Control, dml ? DebugControl.AmbientDml : DebugControl.AmbientText);
        ITextSink sink = dml
            ? new DmlSink(writer, FamilyName, name => CommandTable.Find(name) is not null)
            : new PlainTextSink(writer);
        new TextLayout(sink).Write(document);
    }

    private static void WriteError(string message)
    {
        try
        {
            s_engine.Control.Output(DebugControl.AmbientText, DebugControl.OutputError,
                $"{FamilyName}: {DumpText.Clean(message)}\n");
        }
        catch (DebugEngineException)
        {
            // Without a client there is nobody to tell.
        }
    }
}
