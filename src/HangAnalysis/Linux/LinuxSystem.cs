using HangAnalysis.Linux.Symbols;
using HangAnalysis.Linux.Waits;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>One Linux system in a vmcore: everything that is read once and asked for often.</summary>
public sealed partial class LinuxSystem : ISystemFacts, IInterruptible, IThreadStateNames, IWaitFunctionSource
{
    private readonly List<ThreadFacts> _threads = [];
    private readonly List<ProcessFacts> _processes = [];
    private readonly Dictionary<ulong, ThreadFacts> _threadIndex = [];
    private readonly Dictionary<ulong, ProcessFacts> _processIndex = [];
    private readonly Dictionary<ThreadFacts, Phrase> _waits = [];
    private readonly Dictionary<ulong, IMemory> _userMemory = [];
    private readonly WaitGraphBuilder _graph = new();
    private readonly LinuxStacks _stacks;
    private readonly LinuxModuleCatalog _modules;
    private readonly ProcessorSurvey _survey;
    private readonly List<ProcessorFacts> _processors = [];
    private List<LockCount> _locks = [];

    /// <summary>Reads the system; damage is told in <see cref="Unknowns"/> and never thrown.</summary>
    /// <param name="target">The dump.</param>
    /// <param name="vmlinux">The kernel's file, for what the dump lacks of the kernel's description of itself; null for none.</param>
    /// <param name="progress">Receives the number of tasks read so far.</param>
    /// <param name="cancellation">Ends the sweeps early; what is known by then stays.</param>
    public LinuxSystem(
        VmcoreTarget target, VmlinuxFile? vmlinux = null, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        Session = new LinuxSession(target, KernelSymbols.Read(target.KernelMemory, target.Info, vmlinux)) { Cancellation = cancellation };
        _modules = new LinuxModuleCatalog(Session);
        _stacks = new LinuxStacks(Session);
        Names = new LinuxFrameNames(Session, _modules);
        _survey = new ProcessorSurvey(this, Session, _stacks);
        Clock = new LinuxClock(Session, PerCpu);
        List<TaskRecord> tasks = ReadTasks(progress);
        AddProcesses(tasks);
        _processors.AddRange(_survey.Read());
        ReadWaits(tasks, progress);
        WasInterrupted = cancellation.IsCancellationRequested;
    }

    internal LinuxSession Session { get; }

    /// <summary>Whether all tasks could be read: then an address that is none of them is no task any more.</summary>
    internal bool AreTasksWhole { get; private set; }

    internal LinuxFrameNames Names { get; }

    internal LinuxClock Clock { get; }

    internal PerCpu PerCpu => Session.Symbols.PerCpu;

    /// <inheritdoc/>
    public SystemWords Words => LinuxWords.Words;

    /// <inheritdoc/>
    public CancellationToken Cancellation
    {
        get => Session.Cancellation;
        set => Session.Cancellation = value;
    }

    /// <inheritdoc/>
    public bool HoldsThreads => true;

    /// <inheritdoc/>
    public bool HoldsWholeSystem => _threads.Count > 0;

    /// <inheritdoc/>
    public int MissingThreads { get; private set; }

    /// <inheritdoc/>
    public bool WasInterrupted { get; }

    /// <inheritdoc/>
    public IReadOnlyList<ProcessFacts> Processes => _processes;

    /// <inheritdoc/>
    public IReadOnlyList<ThreadFacts> Threads => _threads;

    /// <inheritdoc/>
    public IReadOnlyList<ProcessorFacts> Processors => _processors;

    /// <inheritdoc/>
    public int? KernelModuleCount => Session.Symbols.Modules.All.Count + 1;

    /// <inheritdoc/>
    public MemoryFacts Memory => MemoryUse.Facts;

    /// <inheritdoc/>
    public IReadOnlyList<LockCount> Locks => _locks;

    /// <inheritdoc/>
    public (int Count, TimeSpan? Oldest) PendingRequests { get; private set; } = (-1, null);

    /// <inheritdoc/>
    public IReadOnlyList<WaitEdge> Edges => _graph.Edges;

    /// <inheritdoc/>
    public IReadOnlyList<Unknown> Unknowns => Session.Unknowns;

    /// <inheritdoc/>
    public IReadOnlyList<string> ThreadStateNames { get; } = ["R", "S", "D", "T", "t", "X", "Z", "I"];

    /// <inheritdoc/>
    public IReadOnlyList<string> WaitReasonNames { get; } =
        ["TASK_UNINTERRUPTIBLE", "TASK_INTERRUPTIBLE", "TASK_IDLE", "TASK_STOPPED", "TASK_TRACED"];

    /// <inheritdoc/>
    public ThreadFacts? FindThread(ulong address) => _threadIndex.GetValueOrDefault(address);

    /// <inheritdoc/>
    public ProcessFacts? FindProcess(ulong address) => _processIndex.GetValueOrDefault(address);

    /// <inheritdoc/>
    public ObjectFacts? FindObject(ObjectReference reference) => _graph.Objects.GetValueOrDefault(reference);

    /// <inheritdoc/>
    public StackFacts GetStack(ThreadFacts thread) => Names.Name(GetKernelStack(thread));

    /// <inheritdoc/>
    public (IReadOnlyList<ulong> Frames, string? EndNote) GetRawStack(ThreadFacts thread)
    {
        KernelStack stack = GetKernelStack(thread);
        ulong[] frames = new ulong[stack.Frames.Length];
        for (int i = 0; i < frames.Length; i++)
            frames[i] = stack.Frames[i].InstructionPointer;
        return (frames, stack.EndNote);
    }

    /// <inheritdoc/>
    public ModuleFacts? FindModule(ulong address) => _modules.Find(address);

    /// <inheritdoc/>
    public FrameFacts DescribeAddress(ulong address) => Names.NameAddress(address);

    /// <inheritdoc/>
    public Phrase? DescribeWait(ThreadFacts thread)
    {
        if (thread.Activity != ThreadActivity.Waiting)
            return null;
        if (_waits.TryGetValue(thread, out Phrase? wait))
            return wait;
        return FindWaitFunction(thread).Function is { } function
            ? Phrase.Of($"{thread.WaitReason ?? thread.State} in {function}")
            : Phrase.Of(thread.WaitReason ?? thread.State);
    }

    /// <inheritdoc/>
    public (string? Function, string? Why) FindWaitFunction(ThreadFacts thread)
    {
        if (thread.Activity != ThreadActivity.Waiting)
            return (null, null);
        KernelStack stack = GetKernelStack(thread);
        for (int i = 0; i < stack.Frames.Length; i++)
            if (stack.Frames[i].Kind != LinuxFrameKind.User && !LinuxFunctions.IsWaitPrimitive(_stacks.FunctionOf(stack, i)))
                return (Names.NameFrame(stack.Frames[i]).Function, null);
        return (null, stack.EndNote ?? "the kernel stack holds nothing but waiting functions");
    }

    /// <inheritdoc/>
    public string? DescribeOperation(StackFacts stack) => LinuxOperations.Operation(stack);

    /// <inheritdoc/>
    public string? DescribeLandmark(StackFacts stack) => LinuxOperations.Landmark(stack);

    /// <inheritdoc/>
    public string? DescribePurpose(StackFacts stack) => null;

    /// <inheritdoc/>
    public string DescribeStackCommand(ThreadFacts thread) => CrashCommands.Stack(thread.Address.Value);

    /// <inheritdoc/>
    public string? DescribeObjectCommand(ObjectReference reference) => FindObject(reference) is { } facts
        ? CrashCommands.Object(facts)
        : null;

    /// <inheritdoc/>
    public string DescribeModuleCommand(ModuleFacts module) => $"mod -t {module.Name}";

    /// <summary>Tells what a task waits for, in words.</summary>
    internal void SetWait(ThreadFacts thread, Phrase what) => _waits[thread] = what;

    /// <summary>The variable at an address, such as <c>abba_lock_a [abba]</c>; null where it is in no image.</summary>
    internal string? NameVariable(ulong address) => Names.NameVariable(address);

    /// <summary>The function that begins at an address, without its module; null where none does.</summary>
    internal string? FunctionAt(ulong address) =>
        Session.Symbols.TryFindFunction(address, out LinuxSymbol symbol) && symbol.Address == address ? symbol.Name : null;

    /// <summary>The walked stack of a task, with the registers that were saved on it.</summary>
    public KernelStack GetKernelStack(ThreadFacts thread)
    {
        if (thread.HasExited)
            return KernelStack.Missing("the task has ended, and its stack may be gone");
        if (thread.Processor is not { } cpu)
            return _stacks.Sleeping(thread);
        return _survey.RegistersOf(cpu) is { } registers
            ? _stacks.Running(thread, registers.Context)
            : KernelStack.Missing($"the registers of processor {cpu} are not in the dump");
    }

    /// <summary>The memory of a task's program; null for threads of the kernel.</summary>
    internal IMemory? UserMemory(in TaskRecord task) => UserMemory(task.Memory);

    /// <summary>The memory of a program by its <c>mm_struct</c>; null where there is none.</summary>
    internal IMemory? UserMemory(ulong mm)
    {
        if (mm == 0)
            return null;
        if (!_userMemory.TryGetValue(mm, out IMemory? memory))
        {
            // The direct map begins where page_offset_base says; it stands still only without CONFIG_RANDOMIZE_MEMORY.
            const ulong Fixed = 0xffff_8880_0000_0000;
            ulong start = Session.AddressOf("page_offset_base") is not 0 and var variable ? Session.ReadPointer(variable) : Fixed;
            ulong table = Session.Read(mm, Session.Field("mm_struct", "pgd"));
            if (table < start || start == 0)
                return null;
            _userMemory[mm] = memory = Session.Target.OpenAddressSpace(table - start);
        }
        return memory;
    }

    private List<TaskRecord> ReadTasks(IProgress<int>? progress)
    {
        TaskReader reader = new(Session);
        List<TaskRecord> tasks = [];
        if (!reader.IsKnown)
        {
            Session.AddUnknown("the tasks", "no type information on task_struct: without it no task can be read");
            return tasks;
        }
        HashSet<ulong> seen = [];
        int unread = 0;
        TaskList list = new(Session);
        foreach (ulong address in list.Collect())
        {
            if (Session.Cancellation.IsCancellationRequested)
                break;
            if (!seen.Add(address))
                continue;
            if (reader.Read(address) is { } task)
                tasks.Add(task);
            else
                unread++;
            if (tasks.Count % 1024 == 0)
                progress?.Report(tasks.Count);
        }
        MissingThreads = unread;
        AreTasksWhole = list.IsWhole && unread == 0 && !Session.Cancellation.IsCancellationRequested;
        if (unread > 0)
            Session.AddUnknown($"{unread:N0} task{(unread == 1 ? "" : "s")}", "their task_structs are not in the dump");
        for (int cpu = 0; cpu < _survey.Count; cpu++)
            if (_survey.IdleOf(cpu) is not 0 and var idle && seen.Add(idle) && reader.Read(idle) is { } task
                && (_survey.CurrentOf(cpu) != 0 || _survey.RegistersOf(cpu) is not null))
                tasks.Insert(Math.Min(cpu, tasks.Count), task);
        foreach (TaskRecord task in tasks)
            Clock.Advance(task.LastArrival);
        return tasks;
    }

    private void AddProcesses(List<TaskRecord> tasks)
    {
        Dictionary<ulong, int> pids = new(tasks.Count);
        HashSet<ulong> current = [];
        foreach (TaskRecord task in tasks)
            pids[task.Address] = task.GroupId;
        for (int cpu = 0; cpu < _survey.Count; cpu++)
            current.Add(_survey.CurrentOf(cpu));
        foreach (TaskRecord task in tasks)
            if (task.Leader == task.Address || !pids.ContainsKey(task.Leader))
                AddProcess(task, pids);
        foreach (TaskRecord task in tasks)
            AddThread(task, current.Contains(task.Address));
    }

    private void AddProcess(in TaskRecord task, Dictionary<ulong, int> pids)
    {
        ProcessFacts process = new()
        {
            Address = new ProcessAddress(task.Address),
            Id = (ulong)Math.Max(task.GroupId, 0),
            IsIdDecimal = true,
            Name = task.Name,
            // Who made the idle task of a processor is not its parent: nobody asks for its end.
            ParentId = task.Pid != 0 && pids.TryGetValue(task.Parent, out int parent) ? (ulong)Math.Max(parent, 0) : 0,
            HasExited = task.State is 'Z' or 'X',
            IsFrozen = TaskState.IsStopped(task.State),
            IsEnding = (task.Flags & TaskState.Exiting) != 0,
            Importance = LinuxProcessKnowledge.ImportanceOf(task.Name, task.Pid),
        };
        _processes.Add(process);
        _processIndex[task.Address] = process;
    }

    private void AddThread(in TaskRecord task, bool isCurrent)
    {
        ProcessFacts process = _processIndex.GetValueOrDefault(task.Leader) ?? _processIndex.GetValueOrDefault(task.Address)!;
        TimeSpan? age = Clock.Since(task.LastArrival);
        // An idle task that does not run has nothing to do; its state is R all the same.
        ThreadActivity activity = task.Pid == 0 && !isCurrent ? ThreadActivity.NotRunnable : TaskState.Activity(task.State, isCurrent);
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(task.Address),
            Process = process,
            Id = (ulong)Math.Max(task.Pid, 0),
            Activity = activity,
            State = task.State.ToString(),
            WaitReason = activity == ThreadActivity.Waiting ? TaskState.WaitReason(task.State) : null,
            WaitGroup = activity != ThreadActivity.Waiting ? WaitGroup.None : task.State switch
            {
                'I' => WaitGroup.Work,
                'T' or 't' => WaitGroup.Suspended,
                _ => WaitGroup.Other,
            },
            Age = age,
            Priority = task.Priority,
            WaitsInKernelMode = activity == ThreadActivity.Waiting ? task.State == 'D' : null,
            IsSystemThread = task.IsKernelThread,
            HasExited = task.State is 'Z' or 'X',
            IsSuspended = TaskState.IsStopped(task.State),
            IsOverdue = task.State == 'D' && age >= LinuxWaitRoles.OverdueAge,
            IsEnding = (task.Flags & TaskState.Exiting) != 0,
            KernelStack = task.StackPointer,
            StackLimit = task.Stack,
            StackBase = task.Stack + (ulong)Session.Symbols.Unwinder.StackSize,
        };
        process.ThreadList.Add(thread);
        _threadIndex[task.Address] = thread;
        _threads.Add(thread);
    }

    private void ReadWaits(List<TaskRecord> tasks, IProgress<int>? progress)
    {
        WaiterRings rings = new(Session, new TaskStacks(tasks, Session.Symbols.Unwinder.StackSize));
        Workers workers = _workers = new Workers(Session);
        foreach (TaskRecord task in tasks)
            if ((task.Flags & TaskState.Worker) != 0 && FindThread(task.Address) is { } worker)
                workers.Add(worker);
        BlockDevices devices = new(Session, Clock);
        if (devices.CountAll() is { } requests)
            PendingRequests = (requests.Count, requests.Oldest);
        WaitSurvey survey = new(new WaitContext(this, Session, _stacks, rings, _graph), workers, devices);
        int done = 0;
        foreach (TaskRecord task in tasks)
        {
            if (Session.Cancellation.IsCancellationRequested)
            {
                Session.AddUnknown($"the waits of {tasks.Count - done:N0} of {tasks.Count:N0} tasks", "interrupted");
                break;
            }
            if (FindThread(task.Address) is { Activity: ThreadActivity.Waiting } thread)
            {
                KernelStack stack = GetKernelStack(thread);
                thread.Role = LinuxWaitRoles.Classify(task.State, task.IsKernelThread, stack, _stacks);
                survey.Add(thread, task, stack);
            }
            if (++done % 1024 == 0)
                progress?.Report(done);
        }
        survey.Finish();
        _locks = [.. survey.Locks];
    }
}
