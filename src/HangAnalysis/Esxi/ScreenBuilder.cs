namespace HangAnalysis.Esxi;

/// <summary>Collects what the lines of one panic say.</summary>
internal sealed class ScreenBuilder
{
    /// <summary>A message that comes later than this after the panic's own is another panic's.</summary>
    private static readonly TimeSpan s_onePanic = TimeSpan.FromMinutes(5);

    private readonly List<OpenBacktrace> _backtraces = [];
    private readonly Dictionary<int, OpenBacktrace> _open = [];
    private readonly List<PanicMessage> _others = [];
    private readonly List<KeyValuePair<string, ulong>> _registers = [];
    private readonly List<EsxiPcpu> _worlds = [];
    private readonly SortedDictionary<int, char> _states = [];
    private readonly List<(NmiHit Hit, DateTimeOffset? Time)> _nmis = [];
    private readonly SortedDictionary<int, (HeartbeatLoss Loss, DateTimeOffset? Time)> _heartbeats = [];
    private readonly List<MachineCheckBank> _banks = [];
    private readonly List<EsxiModule> _modules = [];
    private readonly List<string> _unread = [];
    private (string Product, string Build)? _version;
    private int? _printer;
    private ulong? _printerWorld;
    private TimeSpan? _uptime;
    private ulong? _codeStart;
    private CoreDumpState _coreDump;
    private string? _coreDumpLine;
    private int _unreadCount, _repairs;

    /// <summary>The message so far.</summary>
    public PanicMessage? Message { get; private set; }

    /// <summary>When the message was printed.</summary>
    public DateTimeOffset? Time { get; private set; }

    /// <summary>Whether anything was found that only a panic prints.</summary>
    public bool HasBody => _registers.Count > 0 || _backtraces.Exists(b => b.Frames.Count > 0);

    /// <summary>Whether there is a panic at all.</summary>
    public bool IsPanic => (Message is { IsWeak: false } || (Message is not null && HasBody))
        || _backtraces.Exists(b => b.Frames.Count > 0);

    /// <summary>
    /// Whether a message belongs to this panic: the same again, or one that a panic causes, not much later.
    /// </summary>
    public bool Owns(PanicMessage message, DateTimeOffset? time)
    {
        if (Message is not { } own)
            return true;
        if (time is { } then && Time is { } first && (then - first).Duration() > s_onePanic)
            return false;
        return message.Kind == PanicKind.OtherPcpu || message.IsWeak || EsxiGlyphs.AreAlike(message.Text, own.Text)
            || !HasBody || (message.Kind == PanicKind.MachineCheck && own.Kind == PanicKind.MachineCheck)
            || own.Kind == PanicKind.OtherPcpu;
    }

    /// <summary>Adds a message that <see cref="Owns"/>.</summary>
    public void Add(PanicMessage message, in LogLine line)
    {
        if (Message is null || IsBetter(message, Message))
        {
            if (Message is { IsWeak: false } and { Kind: not PanicKind.OtherPcpu } old
                && !EsxiGlyphs.AreAlike(old.Text, message.Text))
                AddOther(old);
            Message = message;
            Time = line.Time ?? Time;
            _printer = line.Pcpu ?? _printer;
            _printerWorld = line.World ?? _printerWorld;
            ForgetStale(line.Time);
            return;
        }
        if (!EsxiGlyphs.AreAlike(Message.Text, message.Text))
            AddOther(message);
    }

    /// <summary>
    /// The kernel's own mark beats a guess by words; what a panic causes on other processors never beats its reason.
    /// </summary>
    private bool IsBetter(PanicMessage message, PanicMessage old)
    {
        if (EsxiGlyphs.AreAlike(message.Text, old.Text))
            return message.IsMarked && !old.IsMarked;
        if (message.Kind == PanicKind.OtherPcpu || message.IsWeak != old.IsWeak)
            return old.IsWeak && message.Kind != PanicKind.OtherPcpu;
        if (old.Kind == PanicKind.OtherPcpu || message.IsMarked != old.IsMarked)
            return old.Kind == PanicKind.OtherPcpu || message.IsMarked;
        return !HasBody && message.Kind != PanicKind.MachineCheck;
    }

    private void AddOther(PanicMessage message)
    {
        if (_others.Count < EsxiLimits.Notes && !_others.Exists(o => o.Text == message.Text))
            _others.Add(message);
    }

    /// <summary>Stacks and alarms that a log printed long before the panic belong to other events.</summary>
    private void ForgetStale(DateTimeOffset? time)
    {
        if (time is not { } now)
            return;
        _backtraces.RemoveAll(b => b.Time is { } then && now - then > s_onePanic);
        _nmis.RemoveAll(n => n.Time is { } then && now - then > s_onePanic);
        foreach ((int pcpu, (_, DateTimeOffset? told)) in _heartbeats.ToArray())
            if (told is { } then && now - then > s_onePanic)
                _heartbeats.Remove(pcpu);
        foreach (int key in _open.Where(o => !_backtraces.Contains(o.Value)).Select(o => o.Key).ToArray())
            _open.Remove(key);
    }

    public void Add((string Product, string Build) version) => _version = version;

    public void AddUptime(TimeSpan? uptime, ulong? codeStart)
    {
        _uptime = uptime ?? _uptime;
        _codeStart = codeStart ?? _codeStart;
    }

    public int AddRegisters(string text) => ScreenLine.ReadRegisters(text, _registers, ref _repairs);

    public void AddWorlds(List<EsxiPcpu> worlds)
    {
        if (_worlds.Count < EsxiLimits.Processors)
            _worlds.AddRange(worlds);
    }

    public void AddStates(int first, string states)
    {
        for (int i = 0; i < states.Length && first + i < EsxiLimits.Processors; i++)
            _states[first + i] = states[i];
    }

    public void Add(NmiHit hit, DateTimeOffset? time)
    {
        if (_nmis.Count >= EsxiLimits.Notes)
            _nmis.RemoveAt(0);
        _nmis.Add((hit, time));
    }

    public void Add(HeartbeatLoss loss, DateTimeOffset? time)
    {
        if (_heartbeats.Count < EsxiLimits.Notes || _heartbeats.ContainsKey(loss.Pcpu))
            _heartbeats[loss.Pcpu] = (loss, time);
    }

    public void Add(MachineCheckBank bank)
    {
        if (_banks.Count < EsxiLimits.Notes)
            _banks.Add(bank);
    }

    public void Add(EsxiModule module)
    {
        if (_modules.Count < EsxiLimits.Modules)
            _modules.Add(module);
    }

    /// <summary>Success beats what was begun, and failure what was told before it.</summary>
    public void Add(CoreDumpState state, string text)
    {
        if (state == CoreDumpState.NotTold || (state == CoreDumpState.Begun && _coreDump != CoreDumpState.NotTold))
            return;
        _coreDump = state;
        _coreDumpLine = text;
    }

    /// <summary>A line that says whose the next frames are.</summary>
    public void Open(EsxiBacktrace header, in LogLine line) => Begin(header, line);

    /// <summary>Adds a frame to the stack that its printer is printing.</summary>
    public void Add(EsxiFrame frame, int repairs, in LogLine line)
    {
        _repairs += repairs;
        int printer = line.Pcpu ?? -1;
        if (!_open.TryGetValue(printer, out OpenBacktrace? stack) || BeginsAnother(stack, frame, line.Time))
            stack = Begin(new EsxiBacktrace(BacktraceKind.Current, line.Pcpu, null, line.World, []), line);
        if (stack is not null && stack.Frames.Count < EsxiLimits.Frames)
            stack.Frames.Add(frame);
    }

    /// <summary>
    /// Whether a frame cannot be a part of the same stack: the kernel panics once, at its innermost frames, and a stack
    /// grows towards lower addresses, but for the interrupt that has a stack of its own.
    /// </summary>
    private static bool BeginsAnother(OpenBacktrace stack, EsxiFrame frame, DateTimeOffset? time)
    {
        if (time - stack.Time > s_onePanic)
            return true;
        if (stack.Frames.Count == 0 || !SpinKnowledge.IsPanic(frame.Symbol))
            return false;
        EsxiFrame last = stack.Frames[^1];
        return !SpinKnowledge.IsPanic(last.Symbol) || frame.StackPointer < last.StackPointer;
    }

    private OpenBacktrace? Begin(EsxiBacktrace header, in LogLine line)
    {
        // Before a panic only the latest are kept: a log of weeks has many that nobody died of.
        if (_backtraces.Count >= EsxiLimits.Backtraces && Message is null)
            _backtraces.RemoveAt(0);
        int printer = line.Pcpu ?? -1;
        if (_backtraces.Count >= EsxiLimits.Backtraces)
        {
            _open.Remove(printer);
            return null;
        }
        OpenBacktrace stack = new(header, line.Time);
        _backtraces.Add(stack);
        _open[printer] = stack;
        return stack;
    }

    /// <summary>Counts a line that was not understood.</summary>
    public void AddUnread(string text)
    {
        if (_unreadCount++ < EsxiLimits.KeptLines)
            _unread.Add(text.Length > EsxiLimits.KeptCharacters ? text[..EsxiLimits.KeptCharacters] + "…" : text);
    }

    /// <summary>The panic as it was collected.</summary>
    public PurpleScreen Build(IReadOnlyList<EarlierPanic> earlier, int earlierCount, long lines, long longLines)
    {
        int? panicking = PanickingPcpu();
        List<EsxiBacktrace> backtraces = [];
        int cut = 0;
        foreach (OpenBacktrace stack in _backtraces)
        {
            if (stack.Frames.Count == 0 && stack.Header.Kind != BacktraceKind.Saved)
                continue;
            cut += stack.Frames.Count(f => f.IsCut);
            bool isOther = stack.Header.Kind == BacktraceKind.Current && stack.Header.Pcpu is { } own && panicking is { } p
                && own != p;
            backtraces.Add(stack.Header with
            {
                Kind = isOther ? BacktraceKind.Log : stack.Header.Kind, Frames = EsxiFrames.Complete(stack.Frames, _modules),
            });
        }
        return new PurpleScreen
        {
            Product = _version?.Product, Build = _version?.Build, Message = Message, Others = _others, Time = Time,
            Uptime = _uptime, CodeStart = _codeStart, Registers = _registers, Pcpus = Pcpus(panicking),
            PanickingPcpu = panicking,
            PanickingWorld = PanickingWorld(panicking), Backtraces = backtraces, Nmis = [.. _nmis.Select(n => n.Hit)],
            Heartbeats = [.. _heartbeats.Values.Select(h => h.Loss)],
            Banks = _banks, Modules = _modules, CoreDump = _coreDump, CoreDumpLine = _coreDumpLine, Earlier = earlier,
            EarlierCount = earlierCount, UnreadLines = _unreadCount, UnreadText = _unread, Repairs = _repairs,
            CutFrames = cut,
            Lines = lines, LongLines = longLines,
        };
    }

    private int? PanickingPcpu()
    {
        foreach (EsxiPcpu pcpu in _worlds)
            if (pcpu.IsPanicking)
                return pcpu.Number;
        foreach (OpenBacktrace stack in _backtraces)
            if (stack.Header.Kind == BacktraceKind.Current && stack.Header.Pcpu is { } own
                && (_printer is null || _printer == own) && stack.Frames.Exists(f => SpinKnowledge.IsPanic(f.Symbol)))
                return own;
        return _printer;
    }

    private ulong? PanickingWorld(int? panicking)
    {
        if (Message?.World is { } told)
            return told;
        foreach (EsxiPcpu pcpu in _worlds)
            if (pcpu.Number == panicking)
                return pcpu.World;
        foreach (OpenBacktrace stack in _backtraces)
            if (stack.Header is { Kind: BacktraceKind.Current, World: { } world } && stack.Header.Pcpu == panicking)
                return world;
        return _printerWorld;
    }

    /// <summary>One entry for each processor that any line names.</summary>
    private List<EsxiPcpu> Pcpus(int? panicking)
    {
        SortedDictionary<int, EsxiPcpu> pcpus = [];
        foreach ((int number, char state) in _states)
            pcpus[number] = new EsxiPcpu(number, null, null, state, number == panicking);
        foreach (EsxiPcpu world in _worlds)
            pcpus[world.Number] = world with
            {
                State = world.State ?? pcpus.GetValueOrDefault(world.Number)?.State, IsPanicking = world.Number == panicking,
            };
        foreach (OpenBacktrace stack in _backtraces)
            if (stack.Header.Pcpu is { } number && (stack.Header.Kind == BacktraceKind.Saved
                || stack.Header.World is not null))
                pcpus.TryAdd(number, new EsxiPcpu(number, stack.Header.World, null, null, number == panicking));
        foreach (int? named in (ReadOnlySpan<int?>)[panicking, Message?.Pcpu])
            if (named is { } number)
                pcpus.TryAdd(number, new EsxiPcpu(number, null, null, null, number == panicking));
        return [.. pcpus.Values];
    }

    private sealed class OpenBacktrace(EsxiBacktrace header, DateTimeOffset? time)
    {
        public EsxiBacktrace Header { get; } = header;

        public DateTimeOffset? Time { get; } = time;

        public List<EsxiFrame> Frames { get; } = [];
    }
}
