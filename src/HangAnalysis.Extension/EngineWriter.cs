using System.Diagnostics;
using System.Text;
using HangAnalysis.DbgEng;

namespace HangAnalysis.Extension;

/// <summary>Gathers output and hands it to the engine in pieces of some kilobytes: each call costs, through a pipe a lot.</summary>
/// <param name="control">Receives the output.</param>
/// <param name="outputControl">DEBUG_OUTCTL_*.</param>
/// <param name="isInterrupted">Asked before each piece: once it says so, the rest is dropped. Null for output that is short.</param>
internal sealed class EngineWriter(DebugControl control, uint outputControl, Func<bool>? isInterrupted = null) : TextWriter
{
    /// <summary>The engine formats a call's output in a buffer of 16 K characters.</summary>
    private const int Piece = 8192;

    /// <summary>How long blocks that are made while they are printed may go on before the user is asked.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    private readonly StringBuilder _text = new(2 * Piece);
    private long _asked = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.Unicode;

    /// <summary>Whether a part of the output was dropped.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Whether the rest need not be made. Asks anew where the last piece is a while ago.</summary>
    public bool IsClosed()
    {
        if (Stopwatch.GetElapsedTime(_asked) >= s_interval)
            Ask();
        return IsCut;
    }

    /// <inheritdoc/>
    public override void Write(char value)
    {
        _text.Append(value);
        // Between lines no tag is open.
        if (value == '\n' && _text.Length >= Piece)
            Flush();
    }

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        ReadOnlySpan<char> rest = value;
        while (rest.Length > 0)
        {
            int line = rest.IndexOf('\n') + 1;
            int count = line == 0 ? rest.Length : line;
            _text.Append(rest[..count]);
            rest = rest[count..];
            if (line != 0 && _text.Length >= Piece)
                Flush();
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        if (_text.Length == 0)
            return;
        string text = _text.ToString();
        _text.Clear();
        for (int at = 0; at < text.Length; at += Piece * 3 / 2)
        {
            Ask();
            if (IsCut)
                return;
            control.Output(outputControl, DebugControl.OutputNormal,
                text.Substring(at, Math.Min(Piece * 3 / 2, text.Length - at)));
        }
    }

    private void Ask()
    {
        _asked = Stopwatch.GetTimestamp();
        IsCut = IsCut || (isInterrupted?.Invoke() ?? false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Flush();
        base.Dispose(disposing);
    }
}
