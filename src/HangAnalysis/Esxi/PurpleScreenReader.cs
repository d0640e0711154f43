using System.Buffers;

namespace HangAnalysis.Esxi;

/// <summary>Finds the last panic of a text and reads it as far as it goes.</summary>
/// <remarks>
/// Screens come as photographs that were read by a machine, as text that a terminal has wrapped, and as logs. A line that
/// does not begin anything is tried as the rest of the line before: it is one if that line then says more.
/// </remarks>
public sealed partial class PurpleScreenReader
{
    /// <summary>Lines that one wrapped line can have.</summary>
    private const int MostJoins = 6;

    /// <summary>Characters of a line that may go to the edge of the screen: consoles have 80 columns and more.</summary>
    private const int LeastWidth = 76;

    /// <summary>A text with more lines than this is a log and no screen.</summary>
    private const int MostLinesOfScreen = 4_096;

    /// <summary>Lines that are kept in mind to be counted as not understood: only those within a panic are.</summary>
    private const int MostPending = 24;

    /// <summary>
    /// Words of which a line of a log has one, if it has to do with a panic. Other lines are not taken apart.
    /// </summary>
    private static readonly SearchValues<string> s_triggers = SearchValues.Create(
        [
            ":[0x", "BlueScreen", "build-", "Spin count", "heartbeat", "backtrace", "NMI", "LINT1", "Exception", "panic",
            "ASSERT",
            "bora/", "Machine Check", "CrashMe", "NOT_", "bank", "dump", "locked up", "heap", "Hardware Error",
            "Double fault",
            "uptime", "Out of memory", ".data", "PCPU", "cr0=", "[45m",
        ], StringComparison.OrdinalIgnoreCase);

    private static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdefABCDEF"),
        s_numberParts = SearchValues.Create("0123456789abcdefABCDEF.:"),
        s_stackParts = SearchValues.Create("0123456789abcdefABCDEFxXOol, ");

    private readonly List<EarlierPanic> _earlier = [];
    private readonly List<string> _pendingUnread = [];
    private ScreenBuilder _screen = new();
    private ScreenBuilder? _last;
    private LogLine? _wrapped;
    private bool _fillsScreen;
    private int _joins, _earlierCount, _sinceFound = int.MaxValue;
    private long _lines, _longLines;

    private PurpleScreenReader() { }

    private enum Kind
    {
        None, Frame, StackWords, Message, Version, Registers, States, Worlds, Uptime, Backtrace, Note, Noise,
    }

    /// <summary>
    /// Reads a text. Null where it has no panic.
    /// </summary>
    /// <param name="text">The text; at most <see cref="EsxiLimits.TextBytes"/> characters of it are read.</param>
    /// <param name="lines">How many lines were read.</param>
    /// <param name="cancellation">Ends the reading early: what was read until then is told.</param>
    public static PurpleScreen? Read(TextReader text, out long lines, CancellationToken cancellation = default)
    {
        PurpleScreenReader reader = new();
        foreach (ReadOnlyMemory<char> line in reader.Lines(text, cancellation))
            reader.Take(line.Span);
        reader.Finish();
        lines = reader._lines;
        if (!reader._screen.IsPanic || (reader._screen.Message is null && reader._last is not null))
            (reader._screen, reader._last) = (reader._last ?? reader._screen, null);
        if (!reader._screen.IsPanic)
            return null;
        if (reader._last is { } earlier)
            reader.Count(earlier);
        return reader._screen.Build(reader._earlier, reader._earlierCount, reader._lines, reader._longLines);
    }

    /// <summary>Lines of bounded length, whatever ends them.</summary>
    private IEnumerable<ReadOnlyMemory<char>> Lines(TextReader text, CancellationToken cancellation)
    {
        const int BlockCharacters = 64 * 1024;
        char[] block = new char[BlockCharacters];
        char[] line = new char[EsxiLimits.LineCharacters];
        int length = 0;
        long total = 0;
        bool isLong = false;
        while (total < EsxiLimits.TextBytes && !cancellation.IsCancellationRequested
            && text.Read(block) is > 0 and int count)
        {
            total += count;
            int start = 0;
            while (start < count)
            {
                int end = block.AsSpan(start, count - start).IndexOfAny('\n', '\r');
                int part = end < 0 ? count - start : end;
                int room = Math.Min(part, line.Length - length);
                block.AsSpan(start, room).CopyTo(line.AsSpan(length));
                length += room;
                isLong |= room < part;
                start += part + 1;
                if (end < 0)
                    break;
                if (length == 0)
                    continue;
                _lines++;
                _longLines += isLong ? 1 : 0;
                yield return line.AsMemory(0, length);
                length = 0;
                isLong = false;
            }
        }
        if (length > 0)
        {
            _lines++;
            _longLines += isLong ? 1 : 0;
            yield return line.AsMemory(0, length);
        }
    }

    private void Take(ReadOnlySpan<char> raw)
    {
        // Most lines of a log have nothing to do with a panic.
        if (_sinceFound > MostPending && _wrapped is null && !raw.ContainsAny(s_triggers)
            && (_lines > MostLinesOfScreen || raw is [_, _, _, _, '-', _, _, '-', _, _, 'T', ..]))
            return;
        LogLine line = LogLine.Read(raw);
        if (line.Text.Length == 0)
            return;
        if (_wrapped is { } wrapped)
        {
            if (_joins < MostJoins && (line.Pcpu is null || wrapped.Pcpu is null || line.Pcpu == wrapped.Pcpu)
                && Join(wrapped, line, _fillsScreen) is { } joined)
            {
                _wrapped = joined;
                _fillsScreen = raw.Length >= LeastWidth;
                _joins++;
                return;
            }
            Commit(wrapped);
        }
        _joins = 0;
        _fillsScreen = raw.Length >= LeastWidth;
        _wrapped = CanBeWrapped(KindOf(line.Text)) ? line : null;
        if (_wrapped is null)
            Commit(line);
    }

    private void Finish()
    {
        if (_wrapped is { } wrapped)
            Commit(wrapped);
        _wrapped = null;
    }

    /// <summary>A line that is whole: what it says is added.</summary>
    private void Commit(in LogLine line)
    {
        string text = line.Text;
        Kind kind = KindOf(text);
        switch (kind)
        {
            case Kind.Frame:
                FrameLine.Read(text, out EsxiFrame? frame, out int repairs);
                if (frame?.Symbol is null && frame is not { InstructionPointer: > 0, IsCut: false })
                {
                    Found();
                    _screen.AddUnread(text);
                    return;
                }
                _screen.Add(frame, repairs, line);
                break;
            case Kind.Message:
                AddMessage(PanicLine.Read(text)!, line);
                break;
            case Kind.Version:
                AddVersion(text);
                break;
            case Kind.Registers or Kind.States or Kind.Worlds or Kind.Noise when !IsWithin:
                // Registers and the like of something else: they do not say whose they are.
                return;
            case Kind.Registers:
                _screen.AddRegisters(text);
                break;
            case Kind.States:
                (int first, string states) = ScreenLine.ReadStates(text)!.Value;
                _screen.AddStates(first, states);
                break;
            case Kind.Worlds:
                List<EsxiPcpu> worlds = [];
                if (ScreenLine.ReadWorldLine(text) is { } world)
                    worlds.Add(world);
                else
                    ScreenLine.ReadWorlds(text, worlds);
                _screen.AddWorlds(worlds);
                break;
            case Kind.Uptime:
                ScreenLine.ReadUptime(text, out TimeSpan? uptime, out ulong? codeStart);
                AddDetails(text);
                _screen.AddUptime(uptime, codeStart);
                break;
            case Kind.Backtrace:
                _screen.Open(ScreenLine.ReadBacktrace(text)!, line);
                break;
            case Kind.Note:
                AddNote(text, line.Time);
                break;
            case Kind.None:
                AddUnread(line);
                return;
        }
        Found();
    }

    private void AddMessage(PanicMessage message, in LogLine line)
    {
        if (!_screen.Owns(message, line.Time))
        {
            // An alarm that nobody died of does not make a panic.
            if (message.IsWeak)
                return;
            Renew();
        }
        _screen.Add(message, line);
    }

    /// <summary>The screen of another panic begins, or a host that starts again.</summary>
    private void AddVersion(string text)
    {
        if (_screen is { Message: not null, HasBody: true })
            Renew();
        if (ScreenLine.ReadVersion(text) is { } version)
            _screen.Add(version);
    }

    /// <summary>The panic of the last run, which a host tells when it has started again.</summary>
    private void AddDetails(string text)
    {
        if (ScreenLine.ReadDetails(text) is not { } details)
            return;
        if (_screen is { Message: not null, HasBody: true })
            Renew();
        _screen.AddWorlds([details]);
    }

    private void Renew()
    {
        if (_screen.IsPanic)
        {
            if (_last is { } before)
                Count(before);
            _last = _screen;
        }
        _screen = new ScreenBuilder();
        _pendingUnread.Clear();
        _sinceFound = int.MaxValue;
    }

    private void Count(ScreenBuilder panic)
    {
        _earlierCount++;
        if (_earlier.Count == EsxiLimits.EarlierPanics)
            _earlier.RemoveAt(0);
        _earlier.Add(new EarlierPanic(panic.Message?.Text ?? "its message is missing", panic.Time));
    }

    private void AddNote(string text, DateTimeOffset? time)
    {
        if (ScreenLine.ReadNmi(text) is { } hit)
            _screen.Add(hit, time);
        else if (ScreenLine.ReadHeartbeat(text) is { } loss)
            _screen.Add(loss, time);
        else if (ScreenLine.ReadBank(text) is { } bank)
            _screen.Add(bank);
        else if (ScreenLine.ReadModule(text) is { } module)
            _screen.Add(module);
        else if (ScreenLine.ReadCoreDump(text) is { } state)
            _screen.Add(state, text);
    }

    /// <summary>Whether the line before, or one not long before, was one of the panic.</summary>
    private bool IsWithin => _sinceFound <= MostPending;

    /// <summary>
    /// Lines between two that were understood belong to the panic; what is before and behind is other text.
    /// </summary>
    private void Found()
    {
        if (IsWithin)
            foreach (string text in _pendingUnread)
                _screen.AddUnread(text);
        _pendingUnread.Clear();
        _sinceFound = 0;
    }

    private void AddUnread(in LogLine line)
    {
        if (_sinceFound == int.MaxValue)
            return;
        _sinceFound++;
        // What other processors print into a log at the same time is no part of the screen.
        if (IsWithin && (line.Pcpu is null || LooksDamaged(line.Text)))
            _pendingUnread.Add(line.Text);
    }

    private static bool LooksDamaged(string text) =>
        text.Contains("[0x", StringComparison.Ordinal) || text.Contains("@vmkernel", StringComparison.Ordinal)
        || text.Contains("stack:", StringComparison.Ordinal);
}
