using System.Diagnostics;
using System.Globalization;
using HangAnalysis.DbgEng;

namespace HangAnalysis.EngineHost;

/// <summary>Runs lines in the engine: its own commands, and those that are for this program.</summary>
internal sealed class HostSession : IDisposable
{
    /// <summary>Begins a line that is for this program and not for the engine.</summary>
    private const char OwnMark = '%';

    private readonly EngineSession _engine = new();
    private readonly TextWriter _output;
    private readonly bool _isQuiet;
    private readonly int _timeout;
    private string? _extension;
    private bool _dml;
    private int? _breakAfter;

    /// <summary>Starts the engine.</summary>
    /// <param name="output">Receives what the engine says.</param>
    /// <param name="isQuiet">Whether it does not receive what the engine says while it opens a dump.</param>
    /// <param name="timeout">Milliseconds that opening may take.</param>
    public HostSession(TextWriter output, bool isQuiet, int timeout)
    {
        _output = output;
        _isQuiet = isQuiet;
        _timeout = timeout;
    }

    /// <summary>Opens a dump and loads the extension, which goes with the session before.</summary>
    public void Open(string dump, string? symbolPath, string? extension)
    {
        SetReceiver(isOpening: true);
        _engine.Open(dump, symbolPath, _timeout);
        _extension = extension;
        if (extension is not null)
            _engine.Configure($".load {extension}");
        SetReceiver();
    }

    /// <summary>Has the engine prefer DML and sends it with its tags, or neither.</summary>
    public void SetDml(bool wanted)
    {
        _dml = wanted;
        SetReceiver(isOpening: true);
        _engine.Configure($".prefer_dml {(wanted ? 1 : 0)}");
        SetReceiver();
    }

    /// <summary>Runs a line; false where it failed.</summary>
    public bool Run(string line, int? breakAfter)
    {
        if (line.StartsWith(OwnMark))
            return RunOwn(line[1..].Split(' ', 2));
        int? delay = _breakAfter ?? breakAfter;
        bool isMeasured = _breakAfter is not null;
        _breakAfter = null;
        if (delay is null)
            return Execute(line);
        long asked = 0;
        bool succeeded;
        using (Timer timer = new(_ =>
        {
            Volatile.Write(ref asked, Stopwatch.GetTimestamp());
            _engine.Control.SetInterrupt(0);
        }, null, delay.Value, Timeout.Infinite))
            succeeded = Execute(line);
        long start = Volatile.Read(ref asked);
        if (isMeasured)
            _output.Write(start == 0
                ? "hangdbg: ended before it was asked to\n"
                : $"hangdbg: ended {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms after it was asked to\n");
        return succeeded;
    }

    /// <inheritdoc/>
    public void Dispose() => _engine.Dispose();

    private bool RunOwn(string[] words)
    {
        string argument = words.Length > 1 ? words[1].Trim() : "";
        switch (words[0])
        {
            case "dml" when argument is "on" or "off":
                SetDml(argument == "on");
                return true;
            case "open" when argument.Length > 0:
                _engine.Close();
                Open(argument, Path.GetDirectoryName(argument), _extension);
                return true;
            case "break" when int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out int delay):
                _breakAfter = delay;
                return true;
            default:
                _output.Write($"hangdbg: '{OwnMark}{string.Join(' ', words)}' is not understood\n");
                return false;
        }
    }

    private bool Execute(string command)
    {
        bool succeeded = _engine.Execute(command);
        // A command such as g, which reads a dump that .opendump named, only says that the target shall run.
        if (_engine.Control.GetExecutionStatus() is not (DebugControl.StatusBreak or DebugControl.StatusNoDebuggee))
            succeeded &= _engine.Control.WaitForEvent((uint)_timeout) == DebugInterface.Ok;
        return succeeded;
    }

    private void SetReceiver(bool isOpening = false) => _engine.SetOutput(isOpening && _isQuiet ? TextWriter.Null : _output, _dml);
}
