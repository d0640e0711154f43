using HangAnalysis.DbgEng;

namespace HangAnalysis.Extension;

/// <summary>The engine's interfaces, as far as a command has lent them.</summary>
/// <remarks>
/// What was read lives from one command to the next, the client does not: dbgeng.h says that a client must not be kept
/// between calls. Readers therefore hold this object, and every command puts its own interfaces into it.
/// </remarks>
internal sealed class EngineConnection : IDisposable
{
    private readonly Lock _breakLock = new();
    private DebugControl? _control;
    private DebugDataSpaces? _spaces;
    private DebugSymbols? _symbols;
    private DebugSystemObjects? _objects;
    private DebugClient? _client;

    public DebugControl Control => _control ?? throw NotConnected();

    public DebugDataSpaces Spaces => _spaces ?? throw NotConnected();

    public DebugSymbols Symbols => _symbols ?? throw NotConnected();

    public DebugSystemObjects Objects => _objects ?? throw NotConnected();

    public DebugClient Client => _client ?? throw NotConnected();

    /// <summary>Whether a command has lent its interfaces.</summary>
    public bool IsOpen => _control is not null;

    /// <summary>The value of an expression in the user's syntax; null where the engine does not understand it.</summary>
    public ulong? Evaluate(string expression)
    {
        ulong value = 0;
        return Quietly(() => Control.TryEvaluate(expression, out value)) ? value : null;
    }

    /// <summary>
    /// Runs a call of which the engine would tell the user: that would stand between the lines of a command, and among the
    /// addresses that <c>.foreach</c> takes.
    /// </summary>
    public T Quietly<T>(Func<T> call)
    {
        uint mask = Client.OutputMask;
        Client.OutputMask = 0;
        try
        {
            return call();
        }
        finally
        {
            Client.OutputMask = mask;
        }
    }

    /// <summary>Is cancelled when the user asks for a break.</summary>
    public CancellationTokenSource? Cancellation { get; set; }

    /// <summary>Reads kernel memory; returns how many bytes were there.</summary>
    public int ReadVirtual(ulong address, Span<byte> buffer)
    {
        int read = Spaces.ReadVirtual(address, buffer);
        // While a break is pending the engine refuses to read. Taken for memory that is absent, that would be a false finding.
        return read < buffer.Length && PollBreak() ? Spaces.ReadVirtual(address, buffer) : read;
    }

    /// <summary>Reads physical memory; returns how many bytes were there.</summary>
    public int ReadPhysical(ulong address, Span<byte> buffer)
    {
        int read = Spaces.ReadPhysical(address, buffer);
        return read < buffer.Length && PollBreak() ? Spaces.ReadPhysical(address, buffer) : read;
    }

    /// <summary>Whether the user has asked for a break; the question takes the request away from the engine.</summary>
    public bool PollBreak()
    {
        lock (_breakLock)
        {
            if (Cancellation is not { } cancellation)
                return false;
            if (!cancellation.IsCancellationRequested && Control.GetInterrupt())
                cancellation.Cancel();
            return cancellation.IsCancellationRequested;
        }
    }

    /// <summary>Takes the interfaces of a command's client.</summary>
    public void Open(DebugInterface client)
    {
        _control = new DebugControl(client);
        _spaces = new DebugDataSpaces(client);
        _symbols = new DebugSymbols(client);
        _objects = new DebugSystemObjects(client);
        _client = new DebugClient(client);
    }

    /// <summary>Gives them back.</summary>
    public void Close()
    {
        _control?.Dispose();
        _spaces?.Dispose();
        _symbols?.Dispose();
        _objects?.Dispose();
        _client?.Dispose();
        (_control, _spaces, _symbols, _objects, _client) = (null, null, null, null, null);
    }

    /// <inheritdoc/>
    public void Dispose() => Close();

    private static DebugEngineException NotConnected() => new("the debugger is asked outside of a command");
}
