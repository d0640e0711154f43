using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using System.Text;
using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

const int ExitRan = 0;
const int ExitCommandFailed = 1;
const int ExitUsage = 2;
const int ExitUnreadable = 3;

if (HostOptions.Parse(args, out string problem) is not { } options)
{
    Console.Error.WriteLine($"hangdbg: {problem}\n{HostOptions.Usage}");
    return ExitUsage;
}
using StreamWriter output = new(Console.OpenStandardOutput(), new UTF8Encoding(false));
try
{
    return Run(options, output);
}
catch (Exception exception) when (exception is DebugEngineException or DllNotFoundException or EntryPointNotFoundException)
{
    output.Flush();
    Console.Error.WriteLine($"hangdbg: {exception.Message}");
    return ExitUnreadable;
}

static int Run(HostOptions options, TextWriter output)
{
    DebugInterface unknown = new(NativeMethods.CreateClient());
    using DebugClient client = new(unknown);
    using DebugControl control = new(unknown);
    using DebugSymbols symbols = new(unknown);
    StrategyBasedComWrappers wrappers = new();
    SetOutput(options.Quiet ? TextWriter.Null : output);
    // The engine looks for the kernel's symbols while it opens a dump: the path must be known before.
    if (options.SymbolPath is { } path)
        symbols.SymbolPath = path;
    int result = client.OpenDumpFile(options.Dump);
    if (result >= 0)
        result = control.WaitForEvent((uint)options.Timeout);
    if (result != DebugInterface.Ok)
    {
        output.Flush();
        Console.Error.WriteLine($"hangdbg: the engine cannot open {options.Dump}: 0x{result:x8}");
        return ExitUnreadable;
    }
    const uint Everyone = 1; // DEBUG_OUTCTL_ALL_CLIENTS
    if (options.Dml)
        control.Execute(Everyone, ".prefer_dml 1", 0);
    string beside = Path.Combine(AppContext.BaseDirectory, "HangAnalysis.dll");
    string? extension = options.NoExtension ? null : options.Extension ?? (File.Exists(beside) ? beside : null);
    if (extension is not null)
        control.Execute(Everyone, $".load {extension}", 0);
    SetOutput(output);
    bool failed = false;
    foreach (string command in options.Commands)
    {
        if (options.Echo)
            output.Write($"kd> {command}\n");
        using Timer? timer = options.BreakAfter is not { } delay ? null
            : new Timer(_ => control.SetInterrupt(0), null, delay, Timeout.Infinite);
        failed |= control.Execute(0, command, 0) < 0;
        output.Flush();
    }
    client.SetOutputCallbacks(0);
    return failed ? ExitCommandFailed : ExitRan;

    void SetOutput(TextWriter writer)
    {
        nint callbacks = wrappers.GetOrCreateComInterfaceForObject(
            new EngineOutput(writer, options.Dml), CreateComInterfaceFlags.None);
        Guid id = new("4bf58045-d654-4c40-b0af-683090f356dc");
        DebugEngineException.ThrowIfFailed(Marshal.QueryInterface(callbacks, in id, out nint wanted), "QueryInterface");
        client.SetOutputCallbacks(wanted);
    }
}

/// <summary>The engine's one exported function that is needed.</summary>
internal static partial class NativeMethods
{
    private static readonly Guid s_client = new("27fe5639-8407-4f47-8364-ee118fb08ac8");

    /// <summary>Makes an IDebugClient.</summary>
    public static nint CreateClient()
    {
        DebugEngineException.ThrowIfFailed(DebugCreate(in s_client, out nint client), "DebugCreate");
        return client;
    }

    [LibraryImport("dbgeng.dll")]
    private static partial int DebugCreate(in Guid interfaceId, out nint created);
}
