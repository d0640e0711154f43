using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;
using HangAnalysis.Windows.Crashes;
using HangAnalysis.Windows.Memory;
using HangAnalysis.Windows.Storage;

namespace HangAnalysis.Windows;

/// <summary>One Windows system in a dump: everything that is read once and asked for often.</summary>
public sealed partial class WindowsSystem : ISystemFacts, IInterruptible, IThreadStateNames, IThreadDetailsSource,
    IWaitFunctionSource, IWorkQueueSource, IHostedCodeSource, IStorageSource, ICrashFactsSource,
    IInventorySource, IPoolSource, IMemoryStatusSource
{
    private readonly List<ThreadFacts> _threads = [];
    private readonly List<ProcessorFacts> _processors = [];
    private readonly Dictionary<ulong, ThreadFacts> _threadIndex = [];
    private readonly Dictionary<ulong, ProcessFacts> _processIndex = [];
    private readonly List<LockCount> _locks = [];
    private readonly ModuleIndex _kernelModules;
    private readonly StackReader _stacks;
    private readonly FrameNames _names;
    private readonly StackSweep _sweep;
    private readonly ThreadReader _threadReader;
    private readonly ProcessReader _processReader;
    private readonly UserModules _userModules;
    private ThreadDetailsReader? _threadDetails;
    private ThreadExaminer? _examiner;
    private ProcessDetailsReader? _processDetails;
    private ProgramReader? _programs;
    private readonly WaitGraphBuilder _graph = new();
    private List<ProcessFacts> _processes = [];
    private MessagePorts? _messagePorts;
    private CrashFacts? _crash;
    private StopFacts? _stop;
    private bool _isStopKnown;
    private SystemInventory? _inventory;
    private StorageFacts? _storage;
    private PoolFacts? _pool;
    private MemoryStatus? _memoryStatus;

    /// <summary>The one thread of a small dump: its registers stand in the header.</summary>
    private ThreadFacts? _crashThread;

    /// <summary>Reads the system; damage is told in <see cref="Unknowns"/> and never thrown.</summary>
    /// <param name="target">The dump.</param>
    /// <param name="progress">Receives the number of threads read so far.</param>
    /// <param name="cancellation">Ends the sweeps early; what is known by then stays.</param>
    public WindowsSystem(ITarget target, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        Target = target;
        Session = new KernelSession(target) { Cancellation = cancellation };
        _kernelModules = new ModuleIndex(target, target.KernelModules);
        _userModules = new UserModules(Session);
        Catalog = new ModuleCatalog(target);
        _stacks = new StackReader(Session, _kernelModules, _userModules);
        _names = new FrameNames(target, _kernelModules, _userModules, Catalog);
        _sweep = new StackSweep(_stacks, _names);
        Clock = new SystemClock(Session);
        _threadReader = new ThreadReader(Session, Clock);
        _processReader = new ProcessReader(Session, _threadReader);
        if (target.Description.HoldsPages)
            ReadSystem(progress);
        else
            ReadCrashOnly();
        if (Session.Types.HasAny)
            SymbolGaps.TellTypes(Session, _threadReader.IsKnown);
        WasInterrupted = cancellation.IsCancellationRequested;
    }

    /// <summary>The dump.</summary>
    public ITarget Target { get; }

    /// <inheritdoc/>
    public CancellationToken Cancellation
    {
        get => Session.Cancellation;
        set => Session.Cancellation = value;
    }

    /// <inheritdoc/>
    public SystemWords Words => MessagePorts.IsDescribed ? WindowsWords.All : WindowsWords.WithoutPorts;

    /// <inheritdoc/>
    public bool HoldsThreads => Target.Description.HoldsPages;

    /// <inheritdoc/>
    public bool HoldsWholeSystem => Target.Description.HoldsPages && _threads.Count > 0;

    /// <inheritdoc/>
    public bool WasInterrupted { get; }

    /// <inheritdoc/>
    /// <remarks>Who forced a dump is told by its stack: it is looked at when first asked for.</remarks>
    public StopFacts? Stop
    {
        get
        {
            if (!_isStopKnown)
                (_stop, _isStopKnown) = (StopKinds.Describe(this), true);
            return _stop;
        }
    }

    /// <inheritdoc/>
    public CrashFacts? Crash => _crash ??= CrashReader.Read(this);

    /// <inheritdoc/>
    public SystemInventory Inventory => _inventory ??= InventoryReader.Read(this);

    /// <inheritdoc/>
    public StorageFacts Storage
    {
        get
        {
            StorageFacts storage = _storage ?? StorageReader.Read(this);
            // What was read in part is read anew by the next command.
            if (!Cancellation.IsCancellationRequested)
                _storage = storage;
            return storage;
        }
    }

    /// <inheritdoc/>
    public PoolFacts Pool => _pool ??= PoolTrackers.Read(Session);

    /// <inheritdoc/>
    public MemoryStatus MemoryStatus => _memoryStatus ??= MemoryStatusReader.Read(Session);

    /// <inheritdoc/>
    public IReadOnlyList<MemoryHolder> GetMemoryHolders()
    {
        List<MemoryHolder> holders = new(_processes.Count);
        foreach (ProcessFacts process in _processes)
            if (GetDetails(process) is { Memory: { Committed: not null } memory } details)
                holders.Add(new MemoryHolder(process, memory, details.Handles));
        holders.Sort((a, b) => b.Memory.Committed != a.Memory.Committed
            ? b.Memory.Committed!.Value.CompareTo(a.Memory.Committed!.Value) : a.Process.Id.CompareTo(b.Process.Id));
        return holders;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PoolTagOwners> FindPoolOwners(IReadOnlyList<uint> tags) =>
        PoolOwnerFinder.Find(Session, tags, Catalog.Describe, address => DescribeAddress(address).Text);

    /// <inheritdoc/>
    public IReadOnlyList<ProcessFacts> Processes => _processes;

    /// <inheritdoc/>
    public IReadOnlyList<ThreadFacts> Threads => _threads;

    /// <inheritdoc/>
    public IReadOnlyList<ProcessorFacts> Processors => _processors;

    /// <inheritdoc/>
    public int? KernelModuleCount => Target.KernelModules.Count;

    /// <inheritdoc/>
    public MemoryFacts Memory { get; private set; } = new(null, null, null, null);

    /// <inheritdoc/>
    public IReadOnlyList<LockCount> Locks => _locks;

    /// <inheritdoc/>
    public (int Count, TimeSpan? Oldest) PendingRequests { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<WaitEdge> Edges => _graph.Edges;

    /// <inheritdoc/>
    public IReadOnlyList<Unknown> Unknowns => Session.Unknowns;

    /// <inheritdoc/>
    public IReadOnlyList<WorkQueueFacts> WorkQueues { get; private set; } = [];

    /// <inheritdoc/>
    public IReadOnlyList<string> ThreadStateNames => _threadReader.StateNames;

    /// <inheritdoc/>
    public IReadOnlyList<string> WaitReasonNames => _threadReader.ReasonNames;

    internal KernelSession Session { get; }

    internal SystemClock Clock { get; }

    internal ModuleCatalog Catalog { get; }

    private ProcessDetailsReader DetailsReader => _processDetails ??= new ProcessDetailsReader(Session);

    private ProgramReader Programs => _programs ??= new ProgramReader(Session, _userModules);

    /// <summary>Whether an address as it is typed can be one of the kernel's, and is no identifier.</summary>
    public bool IsKernel(ulong address) => Session.IsKernel(Session.Narrow(address));

    /// <inheritdoc/>
    public ThreadFacts? FindThread(ulong address) => _threadIndex.GetValueOrDefault(Session.Narrow(address));

    /// <inheritdoc/>
    public ProcessFacts? FindProcess(ulong address) => _processIndex.GetValueOrDefault(Session.Narrow(address));

    /// <inheritdoc/>
    public ObjectFacts? FindObject(ObjectReference reference) => _graph.Objects.GetValueOrDefault(reference);

    /// <inheritdoc/>
    public StackFacts GetStack(ThreadFacts thread)
    {
        if (thread == _crashThread && GetStopStack() is { } stop)
            return stop.Stack;
        if (thread.Processor is { } processor)
            return Target.TryGetProcessorContext(processor, out CpuContext context)
                ? _names.Name(_stacks.Walk(context, thread, withUserFrames: true), thread)
                : new StackFacts([], $"the registers of processor {processor} are not in the dump");
        return _sweep.GetStack(thread);
    }

    /// <inheritdoc/>
    /// <remarks>Of threads with the same stack the list is the same object.</remarks>
    public (IReadOnlyList<ulong> Frames, string? EndNote) GetRawStack(ThreadFacts thread)
    {
        if (thread.Processor is not null || thread == _crashThread)
        {
            StackFacts named = GetStack(thread);
            return (named.Frames.Select(f => f.InstructionPointer).ToArray(), named.EndNote);
        }
        DistinctStack stack = _sweep.GetDistinctStack(thread);
        return (stack.Frames, stack.EndNote);
    }

    /// <inheritdoc/>
    public (ThreadFacts? Thread, StackFacts Stack)? GetStopStack()
    {
        if (!Target.TryGetHeaderContext(out CpuContext context) || context.InstructionPointer == 0)
            return null;
        return WalkFrom(context);
    }

    /// <summary>The stack from given registers on, and the thread whose stack it is, where that is known.</summary>
    internal (ThreadFacts? Thread, StackFacts Stack) WalkFrom(in CpuContext context)
    {
        ThreadFacts? thread = null;
        foreach (ThreadFacts candidate in _threads)
            if (context.StackPointer - candidate.StackLimit < candidate.StackBase - candidate.StackLimit)
                thread = candidate;
        return (thread, _names.Name(_stacks.Walk(context, thread, withUserFrames: thread is not null), thread));
    }

    /// <summary>
    /// The registers with which unwinding from the dump's header comes to the place where given registers stand; null where it
    /// does not come there by unwind data alone.
    /// </summary>
    internal CpuContext? UnwindTo(in CpuContext place) =>
        Target.TryGetHeaderContext(out CpuContext header) ? _stacks.UnwindTo(header, place) : null;

    /// <summary>The trap frame to which unwinding from the dump's header leads; 0 where it leads to none.</summary>
    internal ulong FindTrap() => Target.TryGetHeaderContext(out CpuContext header) ? _stacks.FindTrap(header) : 0;

    /// <inheritdoc/>
    public ModuleFacts? FindModule(ulong address) =>
        _kernelModules.FindModule(address) is { } module ? Catalog.Describe(module) : null;

    /// <summary>
    /// Every request that can be reached: those in threads' lists, those that hang on the files of these (files of a
    /// completion port), and those that their devices work on or queue. Read when asked for.
    /// </summary>
    public IReadOnlyList<RequestFacts> FindRequests() => RequestSurvey.ReadAll(this);

    /// <summary>Everything that is recorded of a thread, its waits and its requests. Read when asked for.</summary>
    public ThreadExamination Examine(ThreadFacts thread) => (_examiner ??= new ThreadExaminer(this, _names)).Examine(thread);

    /// <summary>The ports of the system and the messages at them.</summary>
    public MessagePorts MessagePorts => _messagePorts ??= new MessagePorts(this);

    /// <summary>The whole path of a process's image, as the kernel keeps it; null where the dump does not have it.</summary>
    public string? GetImagePath(ProcessFacts process) => _processReader.ReadImagePath(process.Address);

    /// <inheritdoc/>
    public FrameFacts DescribeAddress(ulong address) => _names.NameAddress(address);

    /// <inheritdoc/>
    public Phrase? DescribeWait(ThreadFacts thread)
    {
        if (thread.Activity != ThreadActivity.Waiting)
            return null;
        WaitedObject? waited = null;
        int count = 0;
        bool timed = false;
        foreach (WaitedObject candidate in thread.WaitsFor)
        {
            timed |= candidate.IsTimeout;
            if (!candidate.IsTimeout && count++ == 0)
                waited = candidate;
        }
        string limit = timed ? ", with a time-out" : "";
        if (waited is null)
            return Phrase.Of($"{thread.WaitReason ?? thread.State}{limit}");
        ObjectReference reference = new(waited.Kind, waited.Address);
        if (count > 1)
            return Phrase.Of($"any or all of {count} objects, first {waited.TypeName} {reference}{limit}");
        string place = Place(waited.Address, thread);
        if (FindObject(reference) is { State: { } state } known)
            return Phrase.Of($"{known.Title} {reference}{place}, {state}{limit}");
        string owner = waited.Kind == ObjectKind.Event ? ", no owner recorded" : "";
        return Phrase.Of($"{waited.TypeName} {reference}{place}{owner}{limit}");
    }

    /// <inheritdoc/>
    public string? DescribeOperation(StackFacts stack) => OperationKnowledge.Operation(stack);

    /// <inheritdoc/>
    public string? DescribeLandmark(StackFacts stack) => OperationKnowledge.Landmark(stack);

    /// <inheritdoc/>
    public string DescribeStackCommand(ThreadFacts thread) => DebuggerCommands.Stack(thread);

    /// <inheritdoc/>
    public string? DescribeObjectCommand(ObjectReference reference) =>
        DebuggerCommands.Object(Session.Memory, reference, FindObject(reference));

    /// <inheritdoc/>
    public string? DescribeQueueCommand(WorkQueueFacts queue) => DebuggerCommands.Queue(queue);

    /// <inheritdoc/>
    public string DescribeModuleCommand(ModuleFacts module) => DebuggerCommands.Module(module);

    /// <inheritdoc/>
    public string? DescribePurpose(StackFacts stack) => OperationKnowledge.Purpose(stack);

    /// <inheritdoc/>
    public ThreadDetails GetDetails(ThreadFacts thread) =>
        (_threadDetails ??= new ThreadDetailsReader(Session, Clock)).Read(thread);

    /// <inheritdoc/>
    public (string? Function, string? Why) FindWaitFunction(ThreadFacts thread) =>
        thread.Activity == ThreadActivity.Waiting ? _sweep.FindWaitCaller(thread) : (null, null);

    /// <summary>What the kernel records of a process beyond its facts. Read when asked for.</summary>
    public ProcessDetails GetDetails(ProcessFacts process) => DetailsReader.Read(process);

    /// <summary>What a process's own memory says of it. Read when asked for.</summary>
    public ProgramDetails GetProgram(ProcessFacts process) => Programs.Read(process);

    /// <summary>How a process was called, by its own memory; null where the dump does not hold that.</summary>
    public string? GetCommandLine(ProcessFacts process) => Programs.ReadCommandLine(process);

    /// <inheritdoc/>
    /// <remarks>The services of a service host, by its command line.</remarks>
    public string? DescribeHosted(ProcessFacts process) =>
        ProcessKnowledge.IsServiceHost(process.Name) && GetCommandLine(process) is { } line
            ? ProcessKnowledge.HostedBy(line)
            : null;

    /// <summary>The thread that people mean by the main thread of a process; null where no thread is left.</summary>
    public MainThreadFacts? FindMainThread(ProcessFacts process) => MainThreads.Find(this, process);

    /// <summary>
    /// The process that created another. Identifiers are used again: one that was created later than its child is not the
    /// parent.
    /// </summary>
    public ParentFacts FindParent(ProcessFacts process)
    {
        foreach (ProcessFacts candidate in _processes)
            if (candidate.Id == process.ParentId && process.ParentId != 0)
                return DetailsReader.ReadCreateTime(candidate) is { } created
                    && DetailsReader.ReadCreateTime(process) is { } child && created > child
                        ? new ParentFacts(null, candidate)
                        : new ParentFacts(candidate, null);
        return new ParentFacts(null, null);
    }

    /// <summary>What is known of a module: version, company, origin.</summary>
    public ModuleFacts DescribeModule(TargetModule module) => Catalog.Describe(module);

    /// <summary>The name of a variable of the kernel or a driver: <c>nt!CmpRegistryLock</c>; null for other addresses.</summary>
    internal string? NameVariable(ulong address) =>
        _kernelModules.FindModule(address) is null ? null : _names.NameAddress(address).Text;

    /// <summary>The image of the kernel or a driver at an address, as unwinding reads it; null for other addresses.</summary>
    internal UnwindImage? FindImage(ulong address) => _kernelModules.Find(address);

    /// <summary>The kernel's module at an address as the target has it; null for other addresses.</summary>
    internal TargetModule? FindTargetModule(ulong address) => _kernelModules.FindModule(address);

    private string Place(ulong address, ThreadFacts thread)
    {
        if (_kernelModules.FindModule(address) is { } module)
            return $" inside {module.FileName}";
        return address - thread.StackLimit < thread.StackBase - thread.StackLimit ? " on its own stack" : "";
    }
}
