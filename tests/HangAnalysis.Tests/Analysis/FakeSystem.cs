using HangAnalysis.Model;

namespace HangAnalysis.Tests.Analysis;

/// <summary>A system of plain facts: processes, threads and waits as a test says them, with no dump behind.</summary>
internal sealed class FakeSystem : ISystemFacts
{
    private readonly List<ThreadFacts> _threads = [];
    private readonly Dictionary<ulong, ThreadFacts> _index = [];
    private readonly List<ProcessFacts> _processes =
        [new ProcessFacts { Address = new ProcessAddress(0xffff_8000_0000_1000), Id = 0x3a4, Name = "app.exe" }];
    private readonly List<WaitEdge> _edges = [];
    private readonly Dictionary<ulong, StackFacts> _stacks = [];

    public bool HoldsThreads => HoldsWholeSystem;

    public bool HoldsWholeSystem { get; set; } = true;

    public bool WasInterrupted { get; set; }

    public int MissingThreads { get; set; }

    public StopFacts? Stop { get; set; }

    public IReadOnlyList<ProcessFacts> Processes => _processes;

    public IReadOnlyList<ThreadFacts> Threads => _threads;

    public IReadOnlyList<ProcessorFacts> Processors { get; set; } = [];

    public MemoryFacts Memory { get; set; } = new(null, null, null, null);

    public IReadOnlyList<LockCount> Locks { get; set; } = [];

    public (int Count, TimeSpan? Oldest) PendingRequests { get; set; }

    public IReadOnlyList<WaitEdge> Edges => _edges;

    public IReadOnlyList<Unknown> Unknowns { get; set; } = [];

    public ProcessFacts AddProcess(ulong id, string name, Importance importance)
    {
        _processes.Add(new ProcessFacts
        {
            Address = new ProcessAddress(0xffff_8000_0000_1000 * (id + 1)), Id = id, Name = name, Importance = importance,
        });
        return _processes[^1];
    }

    public ThreadFacts AddThread(ulong address, WaitRole role = WaitRole.Blocked, int seconds = 60, bool exited = false,
        ThreadActivity activity = ThreadActivity.Waiting, ProcessFacts? process = null, bool overdue = false)
    {
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(address), Process = process ?? Processes[0], Id = address & 0xffff, Activity = activity,
            State = activity.ToString(), WaitReason = "Executive", Age = TimeSpan.FromSeconds(seconds), HasExited = exited,
            WaitsInKernelMode = true, Role = role, IsOverdue = overdue,
        };
        _threads.Add(thread);
        _index[address] = thread;
        return thread;
    }

    public void AddWait(ObjectReference from, ObjectReference to, Certainty certainty = Certainty.Proven) =>
        _edges.Add(new WaitEdge(from, to, Phrase.Of("waits"), certainty, "dt"));

    public void SetStack(ThreadFacts thread, params (string Module, ModuleOrigin Origin, bool IsPrimitive)[] frames) =>
        _stacks[thread.Address.Value] = new StackFacts([.. frames.Select((f, i) => new FrameFacts((ulong)i * 8, 0x1000UL + (ulong)i,
            new ModuleFacts(f.Module, f.Module + ".sys", 0x1000, false) { Origin = f.Origin }, "F", 1, Certainty.Proven)
        { IsWaitPrimitive = f.IsPrimitive })], null);

    public ThreadFacts? FindThread(ulong address) => _index.GetValueOrDefault(address);

    public ProcessFacts? FindProcess(ulong address) => Processes.FirstOrDefault(p => p.Address.Value == address);

    public ObjectFacts? FindObject(ObjectReference reference) => null;

    public StackFacts GetStack(ThreadFacts thread) => _stacks.GetValueOrDefault(thread.Address.Value) ?? new StackFacts([], "none");

    public (ThreadFacts? Thread, StackFacts Stack)? GetStopStack() => null;

    public ModuleFacts? FindModule(ulong address) => null;

    public FrameFacts DescribeAddress(ulong address) => new(0, address, null, null, 0, Certainty.Proven);

    public Phrase? DescribeWait(ThreadFacts thread) => Phrase.Of("an event");

    public string? DescribeOperation(StackFacts stack) => null;

    public string? DescribeLandmark(StackFacts stack) => null;

    public string DescribeStackCommand(ThreadFacts thread) => "k";

    public string? DescribeObjectCommand(ObjectReference reference) => null;

    public string DescribeModuleCommand(ModuleFacts module) => "lm";

    public string? DescribePurpose(StackFacts stack) => null;
}
