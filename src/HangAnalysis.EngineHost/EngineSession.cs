using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using HangAnalysis.DbgEng;

namespace HangAnalysis.EngineHost;

/// <summary>The debugger engine with one dump open.</summary>
internal sealed partial class EngineSession : IDisposable
{
    private const uint AllClients = 1; // DEBUG_OUTCTL_ALL_CLIENTS
    private static readonly Guid s_client = new("27fe5639-8407-4f47-8364-ee118fb08ac8");
    private static readonly Guid s_outputCallbacks = new("4bf58045-d654-4c40-b0af-683090f356dc");

    private readonly StrategyBasedComWrappers _wrappers = new();
    private readonly DebugClient _client;
    private readonly DebugSymbols _symbols;

    /// <summary>Starts the engine; what it says goes nowhere until <see cref="SetOutput"/> says where.</summary>
    public EngineSession()
    {
        DebugEngineException.ThrowIfFailed(DebugCreate(in s_client, out nint created), "DebugCreate");
        Interface = new DebugInterface(created);
        _client = new DebugClient(Interface);
        _symbols = new DebugSymbols(Interface);
        Control = new DebugControl(Interface);
    }

    /// <summary>The engine's IDebugClient, from which its other interfaces come.</summary>
    public DebugInterface Interface { get; }

    /// <summary>Commands, and what is being debugged.</summary>
    public DebugControl Control { get; }

    /// <summary>Opens a dump and waits until it can be looked at.</summary>
    public void Open(string dump, string? symbolPath, int timeout)
    {
        // The engine looks for the kernel's symbols while it opens a dump: the path must be known before.
        if (symbolPath is not null)
            _symbols.SymbolPath = symbolPath;
        int result = _client.OpenDumpFile(dump);
        if (result >= 0)
            result = Control.WaitForEvent((uint)timeout);
        if (result != DebugInterface.Ok)
            throw new DebugEngineException($"the engine cannot open {dump}: 0x{result:x8}");
    }

    /// <summary>Ends the session; a dump can be opened then. Extensions go with it.</summary>
    public void Close()
    {
        const uint Detach = 2; // DEBUG_END_ACTIVE_DETACH
        _client.EndSession(Detach);
    }

    /// <summary>Says who receives what the engine says. It asks once whether DML is wanted: another wish takes another call.</summary>
    public void SetOutput(TextWriter writer, bool dml = false)
    {
        nint callbacks = _wrappers.GetOrCreateComInterfaceForObject(new EngineOutput(writer, dml), CreateComInterfaceFlags.None);
        DebugEngineException.ThrowIfFailed(
            Marshal.QueryInterface(callbacks, in s_outputCallbacks, out nint wanted), "QueryInterface");
        _client.SetOutputCallbacks(wanted);
    }

    /// <summary>Runs a command; false where the engine says that it failed.</summary>
    public bool Execute(string command) => Control.Execute(0, command, 0) >= 0;

    /// <summary>Runs a command of the session itself, such as <c>.load</c>.</summary>
    public void Configure(string command) => Control.Execute(AllClients, command, 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.SetOutputCallbacks(0);
        Control.Dispose();
        _symbols.Dispose();
        _client.Dispose();
    }

    [LibraryImport("dbgeng.dll")]
    private static partial int DebugCreate(in Guid interfaceId, out nint created);
}
