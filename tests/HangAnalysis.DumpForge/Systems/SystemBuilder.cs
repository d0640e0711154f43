using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// A Windows system in the making: modules, processes, threads and objects are added in any order, and what
/// depends on all of them (images, stacks, wait lists, processors) is written by <see cref="Finish"/>. Structures are
/// laid out by the layout's offsets alone. The same calls give the same bytes.
/// </summary>
public sealed class SystemBuilder
{
    private readonly Disorder? _disorder = Disorder.Current;
    private bool _isFinished;
    private PoolTables? _poolTables;

    public SystemBuilder(SystemOptions options)
    {
        Options = options;
        Addresses = new AddressMap(options);
        bool isNarrow = Layout.PointerSize == 4;
        Pool = new AddressPool(Addresses.Pool, _disorder, isNarrow);
        Stacks = new AddressPool(Addresses.Stacks, _disorder, isNarrow);
        Texts = new AddressPool(Addresses.Texts, _disorder, isNarrow);
        Physical = new PhysicalMemory(seed: _disorder?.Seed ?? options.Seed);
        Kernel = new AddressSpace(Physical, mode: Addresses.Paging);
        Writer = new StructureWriter(Kernel, Layout);
        Modules = new ModuleSet(this);
        Variables = new KernelVariables(this);
        Objects = new KernelObjects(this);
        Alpc = new AlpcObjects(this);
        Resources = new ResourceObjects(this);
        Requests = new RequestObjects(this);
        PushLocks = new PushLockObjects(this);
        Mutexes = new FastMutexObjects(this);
        WorkQueues = new WorkQueueObjects(this);
    }

    public SystemOptions Options { get; }

    public KernelLayout Layout => Options.Layout;

    /// <summary>
    /// The types that the kernel's PDB has: those of <see cref="Layout"/> unless some are taken out, for tests of what a reader
    /// does without them.
    /// </summary>
    public KernelLayout SymbolLayout
    {
        get => field ?? Layout;
        set;
    }

    /// <summary>Where the parts of the system lie.</summary>
    internal AddressMap Addresses { get; }

    public PhysicalMemory Physical { get; }

    /// <summary>The kernel's address space.</summary>
    public AddressSpace Kernel { get; }

    public StructureWriter Writer { get; }

    public ModuleSet Modules { get; }

    public ForgedModule Nt => Modules.Nt;

    /// <summary>Variables of nt.</summary>
    public KernelVariables Variables { get; }

    public KernelObjects Objects { get; }

    public AlpcObjects Alpc { get; }

    public ResourceObjects Resources { get; }

    public RequestObjects Requests { get; }

    public PushLockObjects PushLocks { get; }

    public FastMutexObjects Mutexes { get; }

    public WorkQueueObjects WorkQueues { get; }

    /// <summary>What the memory manager counts, where a test wants other values than the options have.</summary>
    public MemoryDetails? MemoryDetails { get; set; }

    /// <summary>What pool counts by tag; only systems that ask for it have that.</summary>
    public PoolTables PoolTables => _poolTables ??= new PoolTables(this);

    /// <summary>Non-paged pool.</summary>
    public AddressPool Pool { get; }

    /// <summary>Kernel stacks.</summary>
    public AddressPool Stacks { get; }

    /// <summary>Texts of UNICODE_STRINGs.</summary>
    internal AddressPool Texts { get; }

    public IList<ProcessBuilder> Processes { get; } = [];

    public IList<ThreadBuilder> Threads { get; } = [];

    /// <summary>Where structures begin that were made as such, and of which type they are.</summary>
    public IDictionary<ulong, string> Structures { get; } = new Dictionary<ulong, string>();

    /// <summary>What is true of this system by construction.</summary>
    public Truth Truth { get; set; } = Truth.NoHang;

    /// <summary>What a scenario writes into processors' KPRCBs, by number.</summary>
    public IList<(int Processor, Action<KernelStruct> Write)> ProcessorDetails { get; } = [];

    /// <summary>CONTEXTs in memory: where, and of which frame of which thread.</summary>
    public IList<(ulong Address, ThreadBuilder Thread, int Frame)> ContextRecords { get; } = [];

    /// <summary>Values that calls have left on stacks: whose, in the home area of which frame, and what.</summary>
    public IList<(ThreadBuilder Thread, int Frame, ulong Value)> StackValues { get; } = [];

    /// <summary>What a scenario writes when the stacks and images lie where they will.</summary>
    public IList<Action> Finishing { get; } = [];

    /// <summary>Words of kernel memory that a transcript shows, written last.</summary>
    public IList<(ulong Address, ulong Value)> Words { get; } = [];

    /// <summary>Memory that a triage dump holds besides what it always does.</summary>
    public IList<(ulong Address, int Size)> TriageMemory { get; } = [];

    /// <summary>The kind of dump that the scenario is about.</summary>
    public DumpKind PreferredKind { get; set; }

    public IReadOnlyList<ProcessorState> ProcessorStates { get; private set; } = [];

    /// <summary>The thread that crashed; null for none. It has to run on processor 0.</summary>
    public CrashState? Crash { get; set; }

    /// <summary>Turns lines of "[address] module!symbol+offset" into frames.</summary>
    public FrameList Frames(string text) => FrameList.Parse(this, text);

    /// <summary>Adds a process; the first with pid 4 is PsInitialSystemProcess.</summary>
    public ProcessBuilder AddProcess(
        string name, uint pid, ulong? address = null, uint session = 0, uint parent = 0, string? path = null)
    {
        ProcessBuilder process = new(this, name, pid, address, session, parent, path);
        Processes.Add(process);
        return process;
    }

    /// <summary>Writes a UNICODE_STRING with its text in pool.</summary>
    public void WriteText(ulong at, string text) =>
        Kernel.WriteUnicodeString(at, Texts.Take(2 * text.Length + 2), text);

    public KernelStruct Struct(string type, ulong address) => Writer.At(type, address);

    /// <summary>A structure of zeros in pool.</summary>
    public KernelStruct NewStruct(string type, ulong? address = null)
    {
        int size = Layout.Size(type);
        ulong at = address ?? Pool.Take(size);
        Kernel.Write(at, new byte[size]);
        Structures[at] = type;
        return Struct(type, at);
    }

    /// <summary>Number of an enumeration's value.</summary>
    public ulong Enum(string type, string name, ulong? otherwise = null) =>
        Layout.Enums.TryGetValue(type, out IReadOnlyDictionary<string, long>? values)
        && values.TryGetValue(name, out long value)
            ? (ulong)value
            : otherwise ?? Published(name)
                ?? throw new KeyNotFoundException($"{Layout.Version} has no {type}.{name}");

    // Public symbols of 7601 lack these enumerations. The numbers have been the same in all later builds.
    private static ulong? Published(string name) => name switch
    {
        "Initialized" => 0,
        "Ready" => 1,
        "Running" => 2,
        "Standby" => 3,
        "Terminated" => 4,
        "Waiting" => 5,
        "Transition" => 6,
        "DeferredReady" => 7,
        "GateWait" => 8,
        _ => null,
    };

    /// <summary>Writes all that depends on the whole; afterwards nothing can be added.</summary>
    public void Finish()
    {
        if (_isFinished)
            return;
        _isFinished = true;
        _disorder?.AddThreads(this);
        foreach (ThreadBuilder thread in Threads)
            thread.UseModules();
        Modules.Build();
        foreach (ProcessBuilder process in Processes)
            process.Finish();
        foreach (ThreadBuilder thread in Threads)
            thread.Finish();
        Alpc.Finish();
        _disorder?.ShuffleLists(this);
        ProcessorStates = Processors.Write(this);
        foreach ((ulong address, ThreadBuilder thread, int frame) in ContextRecords)
            Kernel.Write(address, Processors.Registers(this).Context(
                thread.Frames!.Frames[frame].Address, thread.StackPointers[frame], thread.FramePointerOf(frame)));
        foreach ((ThreadBuilder thread, int frame, ulong value) in StackValues)
            Kernel.WritePointer(thread.StackPointers[frame] + (ulong)Layout.PointerSize, value);
        foreach (Action write in Finishing)
            write();
        foreach ((ulong address, ulong value) in Words)
            Kernel.WritePointer(address, value);
        Variables.Write();
        _poolTables?.Write();
        DebuggerData.Write(this);
        SharedUserData.Write(this);
        Modules.WriteImages();
        // Last, so that nothing else lies elsewhere for it.
        ProcessAccounting.Write(this);
    }
}

/// <summary>Why and where the system crashed.</summary>
public sealed record CrashState(ThreadBuilder Thread, uint ExceptionCode, ulong ExceptionAddress, ulong[] Parameters);
