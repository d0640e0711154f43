using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>What the text of a purple screen says of a host, as facts of the model.</summary>
/// <remarks>
/// The processor that panics is the one that waits: for a lock, or for a sign of life. Who keeps it waiting is the processor
/// that was sent an NMI, whose stack the screen prints as a saved backtrace.
/// </remarks>
public sealed class EsxiSystem : ISystemFacts, IOwnFindings
{
    private readonly EsxiStacks _stacks;
    private readonly EsxiWorlds _worlds;
    private readonly EsxiBacktrace? _panicStack, _otherStack;
    private readonly List<WaitEdge> _edges = [];
    private readonly List<Unknown> _unknowns = [];
    private ObjectFacts? _lock;

    /// <summary>Takes the facts of a screen.</summary>
    public EsxiSystem(PurpleScreen screen)
    {
        Screen = screen;
        _stacks = new EsxiStacks(screen);
        _worlds = new EsxiWorlds(screen);
        _panicStack = screen.PanicStack;
        OtherPcpu = FindOther(screen, out bool isNamed);
        _otherStack = OtherPcpu is { } other ? screen.StackOf(other) : null;
        AddWaits(isNamed);
        _worlds.ChangeAll(p => p with { Doing = Doing(StackOn(p.Number)) });
        bool isGraph = _edges.Count > 0;
        HoldsWholeSystem = isGraph;
        Stop = EsxiStop.Of(screen, isGraph);
        AddUnknowns();
    }

    /// <summary>The screen.</summary>
    public PurpleScreen Screen { get; }

    /// <summary>The processor that holds the lock or gives no sign of life; null where nothing tells.</summary>
    public int? OtherPcpu { get; }

    /// <inheritdoc/>
    public SystemWords Words => EsxiWords.All;

    /// <inheritdoc/>
    public bool HoldsThreads => false;

    /// <summary>Whether the text tells who waits for whom: those few worlds are all that there is to judge.</summary>
    public bool HoldsWholeSystem { get; }

    /// <inheritdoc/>
    public bool WasInterrupted => false;

    /// <inheritdoc/>
    public StopFacts? Stop { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ProcessFacts> Processes => _worlds.Processes;

    /// <inheritdoc/>
    public IReadOnlyList<ThreadFacts> Threads => _worlds.Threads;

    /// <inheritdoc/>
    public IReadOnlyList<ProcessorFacts> Processors => _worlds.Processors;

    /// <inheritdoc/>
    public int? KernelModuleCount => Screen.Modules.Count > 0 ? Screen.Modules.Count : null;

    /// <inheritdoc/>
    public MemoryFacts Memory { get; } = new(null, null, null, null);

    /// <inheritdoc/>
    public IReadOnlyList<LockCount> Locks => [];

    /// <summary>A text has no requests; that it has none is no fact about the host, which a negative number says.</summary>
    public (int Count, TimeSpan? Oldest) PendingRequests => (-1, null);

    /// <inheritdoc/>
    public IReadOnlyList<WaitEdge> Edges => _edges;

    /// <inheritdoc/>
    public IReadOnlyList<Unknown> Unknowns => _unknowns;

    /// <inheritdoc/>
    public IReadOnlyList<RuledOut> RuledOut
    {
        get
        {
            if (Screen.Message is { InterruptsReceived: > 0 and var received, InterruptsSent: { } sent, Pcpu: { } pcpu })
                return [new RuledOut("interrupts", $"PCPU {pcpu} received {received} of {sent}: it has them on")];
            return _otherStack is { Kind: BacktraceKind.Saved } stack
                ? [new RuledOut("interrupts", $"PCPU {stack.Pcpu} answered the NMI: no storm of them keeps it from that")]
                : [];
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> NextSteps => EsxiAdvice.Of(Screen, KnownCases.Find(Screen, _otherStack, _panicStack));

    /// <inheritdoc/>
    public ThreadFacts? FindThread(ulong address) => _worlds.Find(address);

    /// <inheritdoc/>
    public ProcessFacts? FindProcess(ulong address) => _worlds.FindProcess(address);

    /// <inheritdoc/>
    public ObjectFacts? FindObject(ObjectReference reference) => _lock?.Reference == reference ? _lock : null;

    /// <inheritdoc/>
    public StackFacts GetStack(ThreadFacts thread) => thread.Processor is { } pcpu
        ? _stacks.Get(StackOn(pcpu), "the text has no stack of it")
        : new StackFacts([], "the text has no stack of it");

    /// <inheritdoc/>
    public (ThreadFacts? Thread, StackFacts Stack)? GetStopStack() =>
        _panicStack is { } own ? (_worlds.On(Screen.PanickingPcpu), _stacks.Get(own, ""))
        : _otherStack is { } other ? (_worlds.On(OtherPcpu), _stacks.Get(other, ""))
        : Screen.Backtraces.FirstOrDefault(b => b.Frames.Count > 0) is { } any ? (_worlds.On(any.Pcpu), _stacks.Get(any, ""))
        : null;

    /// <inheritdoc/>
    public ModuleFacts? FindModule(ulong address) => _stacks.Find(address);

    /// <inheritdoc/>
    public FrameFacts DescribeAddress(ulong address) => _stacks.Describe(address);

    /// <inheritdoc/>
    public Phrase? DescribeWait(ThreadFacts thread) => null;

    /// <inheritdoc/>
    public string? DescribeOperation(StackFacts stack) => null;

    /// <summary>The outermost function but for the one by which worlds begin.</summary>
    public string? DescribeLandmark(StackFacts stack)
    {
        for (int i = stack.Frames.Count - 1; i >= 0; i--)
            if (stack.Frames[i] is { IsWaitPrimitive: false, Symbol: { } symbol } frame
                && !EsxiGlyphs.AreAlike(symbol, "CpuSched_StartWorld") && !EsxiGlyphs.AreAlike(symbol, "vmkWorldFunc"))
                return frame.Function;
        return null;
    }

    /// <inheritdoc/>
    public string DescribeStackCommand(ThreadFacts thread) => thread.Processor is { } pcpu
        && Screen.StackOf(pcpu) is { Reason: { } reason }
        ? $"Saved backtrace from: pcpu {pcpu} {reason}"
        : "";

    /// <inheritdoc/>
    public string? DescribeObjectCommand(ObjectReference reference) => null;

    /// <inheritdoc/>
    public string DescribeModuleCommand(ModuleFacts module) => $"esxcli system module get -m {module.Name}";

    /// <inheritdoc/>
    public string? DescribePurpose(StackFacts stack) => null;

    private EsxiBacktrace? StackOn(int pcpu) => pcpu == Screen.PanickingPcpu
        ? _panicStack ?? Screen.StackOf(pcpu)
        : Screen.StackOf(pcpu);

    private static FrameFacts? Doing(StackFacts stack)
    {
        foreach (FrameFacts frame in stack.Frames)
            if (!frame.IsWaitPrimitive)
                return frame;
        return null;
    }

    private FrameFacts? Doing(EsxiBacktrace? stack) => Doing(_stacks.Get(stack, ""));

    /// <summary>
    /// The processor that keeps the panicking one waiting: the message names it, or else the one that was sent the spin
    /// lock's or the heartbeat's NMI.
    /// </summary>
    private static int? FindOther(PurpleScreen screen, out bool isNamed)
    {
        isNamed = screen.Message is { IsHang: true, Pcpu: not null };
        if (isNamed)
            return screen.Message!.Pcpu;
        if (screen.Message?.IsHang != true)
            return null;
        int? found = null;
        foreach (EsxiBacktrace stack in screen.Backtraces)
            if (stack is { Kind: BacktraceKind.Saved, Pcpu: { } pcpu } && pcpu != screen.PanickingPcpu)
            {
                if (found is not null && found != pcpu)
                    return null;
                found = pcpu;
            }
        return found;
    }

    private void AddWaits(bool isNamed)
    {
        if (Screen.Message is not { IsHang: true } message || _worlds.On(Screen.PanickingPcpu) is not { } waiter)
            return;
        ThreadFacts? other = OtherPcpu == Screen.PanickingPcpu ? null : _worlds.On(OtherPcpu);
        if (message.Kind == PanicKind.SpinCount)
            AddSpin(message, waiter, other, isNamed);
        else if (other is not null && message.Kind is PanicKind.NoHeartbeat or PanicKind.TlbLockup)
            AddSilence(message, waiter, other);
    }

    private void AddSpin(PanicMessage message, ThreadFacts waiter, ThreadFacts? holder, bool isNamed)
    {
        int pcpu = Screen.PanickingPcpu!.Value;
        ObjectReference spinLock = message.LockAddress != 0
            ? new ObjectReference(ObjectKind.Lock, message.LockAddress)
            : new ObjectReference(ObjectKind.Processor, (ulong)pcpu);
        EsxiFrame? frame = _panicStack is null ? null : SpinKnowledge.SpinFrame(_panicStack);
        _lock = new ObjectFacts(spinLock, "spin lock", message.LockName,
            holder is null ? Phrase.Of("the text does not say which PCPU holds it") : null);
        Certainty certainty = isNamed ? Certainty.Proven : Certainty.Inferred;
        _worlds.Change(pcpu, p => p with
        {
            Spin = new SpinFacts(spinLock, frame?.Symbol ?? "spin")
            {
                HasLasted = true, Holder = holder is null ? null : OtherPcpu, HolderCertainty = certainty,
            },
        });
        Phrase what = message.LockAddress == 0
            ? Phrase.Of($"PCPU {pcpu} spins for {EsxiStop.LockOf(message)}")
            : Phrase.Of($"PCPU {pcpu} spins for {EsxiStop.LockOf(message)} {spinLock}");
        _edges.Add(new WaitEdge(ObjectReference.To(waiter.Address), spinLock, what, Certainty.Proven, message.Text));
        if (holder is null)
            return;
        Phrase has = isNamed
            ? Phrase.Of($"held by PCPU {OtherPcpu}, as the message says")
            : Phrase.Of($"held by PCPU {OtherPcpu}, which was asked for its stack because of it");
        _edges.Add(new WaitEdge(spinLock, ObjectReference.To(holder.Address), has, certainty, DescribeStackCommand(holder)));
        if (_otherStack is { } stack && SpinKnowledge.SpinFrame(stack) is { } spins)
        {
            _worlds.Change(OtherPcpu!.Value, p => p with
            {
                Spin = new SpinFacts(new ObjectReference(ObjectKind.Processor, (ulong)OtherPcpu.Value), spins.Symbol!),
            });
            _unknowns.Add(new Unknown($"for which lock PCPU {OtherPcpu} spins",
                $"it is in {spins.Symbol}; if PCPU {pcpu} holds that lock, the two wait for each other"));
        }
        else if (_otherStack is null || SpinKnowledge.FirstFrame(_otherStack) is null)
            _unknowns.Add(new Unknown($"what PCPU {OtherPcpu} does", _otherStack is null
                ? "the text has no saved backtrace of it: it did not answer the NMI, or the text is not whole"
                : "its saved backtrace ends within the interrupt: the text is not whole"));
    }

    private void AddSilence(PanicMessage message, ThreadFacts waiter, ThreadFacts silent)
    {
        int pcpu = OtherPcpu!.Value;
        TimeSpan? silence = null;
        foreach (HeartbeatLoss loss in Screen.Heartbeats)
            silence = loss.Pcpu == pcpu ? loss.Silence : silence;
        bool? answers = message.InterruptsReceived is { } received ? received > 0 : _otherStack is null ? null : true;
        _worlds.Change(pcpu, p => p with { Stall = new StallFacts(silence, answers), Current = silent });
        string words = message.Kind == PanicKind.TlbLockup
            ? $"waits for PCPU {pcpu} to forget address translations"
            : $"waits for a sign of life of PCPU {pcpu}";
        string interrupts = message is { InterruptsReceived: { } got, InterruptsSent: { } sent }
            ? $", which received {got} of {sent} interrupts"
            : "";
        _edges.Add(new WaitEdge(ObjectReference.To(waiter.Address), ObjectReference.To(silent.Address),
            Phrase.Of($"PCPU {Screen.PanickingPcpu} {words}{interrupts}"), Certainty.Proven, message.Text));
    }

    private void AddUnknowns()
    {
        if (Screen.Message is null)
            _unknowns.Add(new Unknown("why the host panicked", "the line with the message is not in the text"));
        List<string> damage = [];
        if (Screen.UnreadLines > 0)
            damage.Add($"{Count(Screen.UnreadLines, "line")} not understood, such as \"{Screen.UnreadText[0]}\"");
        if (Screen.CutFrames > 0)
            damage.Add($"{Count(Screen.CutFrames, "frame")} cut");
        if (Screen.Repairs > 0)
            damage.Add($"{Count(Screen.Repairs, "character")} read as others that look alike");
        if (Screen.LongLines > 0)
            damage.Add($"{Count(Screen.LongLines, "line")} longer than {EsxiLimits.LineCharacters:N0} characters");
        if (damage.Count > 0)
            _unknowns.Add(new Unknown("parts of the text", string.Join("; ", damage)));
    }

    private static string Count(long number, string noun) => $"{number:N0} {noun}{(number == 1 ? "" : "s")}";
}
