using HangAnalysis.Commands;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Tests.Commands;

/// <summary>
/// A system that is not Windows, of plain facts: decimal identifiers, names of modules behind their symbols, two threads that
/// wait for each other's mutex, one behind them, and a processor that spins. It has only what every system must have.
/// </summary>
internal sealed class OtherSystem : ISystemFacts
{
    public const ulong FirstLock = 0xffff_ffff_c0a3_e080, SecondLock = 0xffff_ffff_c0a3_e0c0;

    private static readonly ModuleFacts s_kernel =
        new("vmlinux", "vmlinux", 0xffff_ffff_8100_0000, false) { Origin = ModuleOrigin.Core, Notation = SymbolNotation.Absent };

    private static readonly ModuleFacts s_module =
        new("abba", "abba.ko", 0xffff_ffff_c0a3_c000, false) { Origin = ModuleOrigin.ThirdParty, Notation = SymbolNotation.Behind };

    private readonly List<ProcessFacts> _processes = [];
    private readonly List<ThreadFacts> _threads = [];

    public OtherSystem()
    {
        ThreadFacts a = Add(96, "abba-ka", 0xffff_8881_0123_4000, ThreadActivity.Waiting, 125);
        ThreadFacts b = Add(97, "abba-kb", 0xffff_8881_0123_8000, ThreadActivity.Waiting, 124);
        ThreadFacts victim = Add(110, "sh", 0xffff_8881_0123_c000, ThreadActivity.Waiting, 60);
        ThreadFacts spinner = Add(200, "stress", 0xffff_8881_0124_0000, ThreadActivity.Running, 3);
        spinner.Processor = 0;
        Edges =
        [
            Waits(a, SecondLock), Owns(SecondLock, b), Waits(b, FirstLock), Owns(FirstLock, a), Waits(victim, FirstLock),
        ];
        Processors =
        [
            new ProcessorFacts(0, spinner, false, false)
            {
                Doing = Frame("native_queued_spin_lock_slowpath", s_kernel),
                Spin = new SpinFacts(new ObjectReference(ObjectKind.Lock, 0xffff_8881_0777_0000), "_raw_spin_lock"),
                Times = new ProcessorTimes(TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6), TimeSpan.Zero, TimeSpan.Zero),
            },
            new ProcessorFacts(1, null, true, false),
        ];
    }

    public SystemWords Words { get; } = SystemWords.Plain with
    {
        Name = "Linux", HasDecimalIds = true, DeferredCall = "softirq", DeferredCalls = "softirqs",
    };

    public bool HoldsThreads => true;

    public bool HoldsWholeSystem => true;

    public bool WasInterrupted => false;

    public StopFacts? Stop { get; set; }

    public int? KernelModuleCount => 12;

    public IReadOnlyList<ProcessFacts> Processes => _processes;

    public IReadOnlyList<ThreadFacts> Threads => _threads;

    public IReadOnlyList<ProcessorFacts> Processors { get; }

    public MemoryFacts Memory => new(4UL << 30, 3UL << 30, null, null);

    public IReadOnlyList<LockCount> Locks => [new LockCount("mutex", null, 2) { Waiters = 3 }];

    public (int Count, TimeSpan? Oldest) PendingRequests => (0, null);

    public IReadOnlyList<WaitEdge> Edges { get; }

    public IReadOnlyList<Unknown> Unknowns => [];

    /// <summary>A session of this system.</summary>
    public CommandSession Open() => new(new DumpSource(
        new TargetDescription
        {
            Path = "vmcore", Kind = "kdump", HoldsPages = true, Architecture = Architecture.X64, ProcessorCount = 2,
            OperatingSystem = "Linux 6.12.43", Damage = [],
        },
        CommandTable.Linux, (_, _) => this, new Nothing()));

    public ThreadFacts? FindThread(ulong address) => _threads.Find(t => t.Address.Value == address);

    public ProcessFacts? FindProcess(ulong address) => _processes.Find(p => p.Address.Value == address);

    public ObjectFacts? FindObject(ObjectReference reference) => reference is { Kind: ObjectKind.Lock, Address: FirstLock or SecondLock }
        ? new ObjectFacts(reference, "mutex", reference.Address == FirstLock ? "lock_a" : "lock_b", null)
        : null;

    public StackFacts GetStack(ThreadFacts thread) => thread.Activity == ThreadActivity.Running
        ? new StackFacts([Frame("native_queued_spin_lock_slowpath", s_kernel)], null)
        : new StackFacts(
            [
                Frame("__schedule", s_kernel, isPrimitive: true), Frame("__mutex_lock.constprop.0", s_kernel, isPrimitive: true),
                Frame("abba_take_b", s_module), Frame("kthread", s_kernel),
            ], null);

    public (ThreadFacts? Thread, StackFacts Stack)? GetStopStack() => (_threads[0], GetStack(_threads[0]));

    public ModuleFacts? FindModule(ulong address) => s_module;

    public FrameFacts DescribeAddress(ulong address) => Frame("abba_take_b", s_module);

    public Phrase? DescribeWait(ThreadFacts thread) =>
        thread.Activity == ThreadActivity.Waiting ? Phrase.Of($"mutex {new ObjectReference(ObjectKind.Lock, FirstLock)}") : null;

    public string? DescribeOperation(StackFacts stack) => null;

    public string? DescribeLandmark(StackFacts stack) => "kthread";

    public string DescribeStackCommand(ThreadFacts thread) => $"bt {thread.Id}";

    public string? DescribeObjectCommand(ObjectReference reference) => $"struct mutex {reference.Address:x}";

    public string DescribeModuleCommand(ModuleFacts module) => $"mod -s {module.Name}";

    public string? DescribePurpose(StackFacts stack) => null;

    private static FrameFacts Frame(string symbol, ModuleFacts module, bool isPrimitive = false) =>
        new(0xffff_c900_0000_1000, module.BaseAddress + 0x135, module, symbol, 0x35, Certainty.Proven) { IsWaitPrimitive = isPrimitive };

    private static WaitEdge Waits(ThreadFacts thread, ulong address)
    {
        ObjectReference to = new(ObjectKind.Lock, address);
        return new WaitEdge(ObjectReference.To(thread.Address), to, Phrase.Of($"mutex {to}"), Certainty.Proven, $"bt {thread.Id}");
    }

    private static WaitEdge Owns(ulong address, ThreadFacts owner)
    {
        ObjectReference to = ObjectReference.To(owner.Address);
        return new WaitEdge(new ObjectReference(ObjectKind.Lock, address), to, Phrase.Of($"held by task {to}"), Certainty.Proven,
            $"struct mutex.owner {address:x}");
    }

    private ThreadFacts Add(ulong id, string name, ulong address, ThreadActivity activity, int seconds)
    {
        ProcessFacts process = new() { Address = new ProcessAddress(address), Id = id, Name = name, IsIdDecimal = true };
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(address), Process = process, Id = id, Activity = activity,
            State = activity == ThreadActivity.Running ? "R" : "D", WaitReason = activity == ThreadActivity.Running ? null : "mutex",
            Age = TimeSpan.FromSeconds(seconds), WaitsInKernelMode = true,
            Role = activity == ThreadActivity.Running ? WaitRole.None : WaitRole.Blocked,
        };
        process.ThreadList.Add(thread);
        _processes.Add(process);
        _threads.Add(thread);
        return thread;
    }

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
