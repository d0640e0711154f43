namespace HangAnalysis.DumpForge.Systems;

/// <summary>A thread: ETHREAD, stacks, and what it waits for.</summary>
public sealed class ThreadBuilder
{
    private readonly SystemBuilder _system;
    private readonly List<ulong> _waitObjects = [];
    private readonly string _semaphore;
    private string _state = "Waiting", _reason = "Executive";
    private readonly List<(int UserFrame, ulong Value)> _locals = [];
    private bool _isUserWait, _isWaitAll, _isStackAbsent, _isEnding;
    private TimeSpan _age;
    private sbyte _priority = 8;
    private ulong _start, _kernelTicks = 3;
    private uint _contextSwitches;
    private int _reserved;

    internal ThreadBuilder(SystemBuilder system, ProcessBuilder process, uint tid, ulong? address)
    {
        _system = system;
        Process = process;
        Tid = tid;
        Struct = system.Objects.New("_ETHREAD", "Thread", null, address);
        system.Objects.WriteDispatcher(Address, "ThreadObject", system.Layout.Size("_KTHREAD") / 4, 0);
        Struct.EmptyLists("Tcb.MutantListHead", "Tcb.ApcState.ApcListHead", "IrpList", "PostBlockList",
            "Tcb.QueueListEntry", "AlpcWaitListEntry", "KeyedWaitChain");
        system.Kernel.InitializeList(Struct.At("Tcb.ApcState.ApcListHead") + (ulong)(2 * system.Layout.PointerSize));
        // A KSEMAPHORE that belongs to the thread; ALPC (before Vista LPC) and keyed events wait for it.
        _semaphore = Struct.Has("AlpcWaitSemaphore") ? "AlpcWaitSemaphore" : "LpcReplySemaphore";
        system.Objects.WriteDispatcher(AlpcSemaphore, "SemaphoreObject", system.Layout.Size("_KSEMAPHORE") / 4, 0);
        Struct.Set(_semaphore + ".Limit", 1);
    }

    public ProcessBuilder Process { get; }

    public uint Tid { get; }

    public KernelStruct Struct { get; }

    public ulong Address => Struct.Address;

    public FrameList? Frames { get; private set; }

    public bool IsTerminated { get; private set; }

    /// <summary>The processor that the thread runs on; null for none.</summary>
    public int? Processor { get; private set; }

    /// <summary>The processor for which the thread is ready; null for none.</summary>
    public int? ReadyProcessor { get; private set; }

    /// <summary>Where a ready thread is.</summary>
    public ReadyPlace ReadyPlace { get; private set; }

    /// <summary>Current priority.</summary>
    public int CurrentPriority => _priority;

    /// <summary>Registers of a running thread besides those of its frames.</summary>
    public IDictionary<Images.X64Register, ulong> Registers { get; } = new SortedDictionary<Images.X64Register, ulong>();

    /// <summary>Registers of user mode in the trap frame of a system call of x86, by their names in KTRAP_FRAME.</summary>
    public IDictionary<string, ulong> UserRegisters { get; } = new SortedDictionary<string, ulong>(StringComparer.Ordinal);

    /// <summary>EFLAGS of a running thread of x86; null for the usual ones.</summary>
    public uint? Flags { get; set; }

    /// <summary>Registers in a trap frame of x86 within the kernel, likewise.</summary>
    public IDictionary<string, ulong> TrapRegisters { get; } = new SortedDictionary<string, ulong>(StringComparer.Ordinal);

    /// <summary>Whether it is a processor's idle thread, which no process's lists hold.</summary>
    public bool IsIdle { get; private set; }

    public TimeSpan Age => _age;

    /// <summary>Objects that the thread waits for.</summary>
    internal IReadOnlyList<ulong> WaitObjects => _waitObjects;

    /// <summary>Stack pointers of the frames (Child-SP); set by <see cref="SystemBuilder.Finish"/>.</summary>
    public IReadOnlyList<ulong> StackPointers { get; private set; } = [];

    public ulong StackBase { get; private set; }

    public ulong StackLimit { get; private set; }

    /// <summary>Values that the innermost function before the waiting machinery keeps in its frame.</summary>
    internal List<ulong> Kept { get; } = [];

    /// <summary>Lowest address of a stack that something was placed on before its frames; 0 for none.</summary>
    internal ulong ReservedStack { get; private set; }

    /// <summary>A mask of the lock entries that are free.</summary>
    internal uint FreeLockEntries { get; set; } = 0x3f;

    /// <summary>RBP of the innermost frame.</summary>
    public ulong FramePointer { get; private set; }

    /// <summary>EBP in each frame of x86; empty elsewhere. Set by <see cref="SystemBuilder.Finish"/>.</summary>
    public IReadOnlyList<ulong> FramePointers { get; private set; } = [];

    internal ulong FramePointerOf(int frame) => frame < FramePointers.Count ? FramePointers[frame] : 0;

    /// <summary>Thread environment block; 0 for a thread without user mode.</summary>
    public ulong Teb { get; private set; }

    /// <summary>Address that the thread environment block is to have; 0 for any.</summary>
    public ulong GivenTeb { get; set; }

    /// <summary>
    /// Flags that COM keeps of the thread: 0x80 in a single-threaded apartment, 0x100 in the multithreaded one; 0 for no COM.
    /// </summary>
    public uint ApartmentFlags { get; set; }

    /// <summary>What the scheduler and the accounting know of the thread.</summary>
    public ThreadSchedule Schedule { get; } = new();

    /// <summary>Object that ALPC and keyed events make this thread wait for.</summary>
    public ulong AlpcSemaphore => Struct.At(_semaphore);

    public ThreadBuilder Stack(string frames) => Stack(_system.Frames(frames));

    public ThreadBuilder Stack(FrameList frames)
    {
        Frames = frames;
        return this;
    }

    /// <summary>Puts the thread into a wait; the reason is a name of KWAIT_REASON.</summary>
    public ThreadBuilder Waiting(string reason, bool userMode, TimeSpan age, params ReadOnlySpan<ulong> objects)
    {
        (_state, _reason, _isUserWait, _age) = ("Waiting", reason, userMode, age);
        _waitObjects.AddRange(objects);
        return this;
    }

    /// <summary>
    /// Takes room on the kernel stack for a structure that others refer to. It lies at the low end: the frames' places are
    /// known only when all images are.
    /// </summary>
    public ulong PlaceOnStack(int size)
    {
        if (ReservedStack == 0)
            ReservedStack = StackWriter.TakeStack(_system);
        ulong taken = ReservedStack + (ulong)_reserved;
        _reserved += size + 15 & ~15;
        return taken;
    }

    /// <summary>The wait ends only when all objects are signalled.</summary>
    public ThreadBuilder WaitsForAll()
    {
        _isWaitAll = true;
        return this;
    }

    public ThreadBuilder State(string state, TimeSpan age, string? reason = null)
    {
        (_state, _age, _reason) = (state, age, reason ?? _reason);
        return this;
    }

    /// <summary>How often the thread was switched to, and its kernel time in ticks.</summary>
    public ThreadBuilder Ran(uint contextSwitches, ulong kernelTicks)
    {
        (_contextSwitches, _kernelTicks) = (contextSwitches, kernelTicks);
        return this;
    }

    public ThreadBuilder RunsOn(int processor, bool isIdle = false)
    {
        (_state, Processor, IsIdle, _priority) = ("Running", processor, isIdle, isIdle ? (sbyte)0 : _priority);
        return this;
    }

    /// <summary>The thread could run, and is in the queue of the one processor that may run it, or elsewhere.</summary>
    public ThreadBuilder ReadyOn(int processor, TimeSpan age, ReadyPlace place = ReadyPlace.Own)
    {
        (ReadyProcessor, ReadyPlace, Schedule.IdealProcessor) = (processor, place, processor);
        return State(place switch
        {
            ReadyPlace.Next => "Standby",
            ReadyPlace.Deferred => "DeferredReady",
            _ => "Ready",
        }, age);
    }

    /// <summary>Somebody has suspended the thread, which then waits in the kernel.</summary>
    public ThreadBuilder Suspended(TimeSpan age)
    {
        // Up to 7601 a semaphore of the thread, later an event.
        bool hasEvent = _system.Layout.Has("_KTHREAD", "SuspendEvent");
        string gate = hasEvent ? "Tcb.SuspendEvent" : "Tcb.SuspendSemaphore";
        _system.Objects.WriteDispatcher(Struct.At(gate), hasEvent ? "EventSynchronizationObject" : "SemaphoreObject", 6, 0);
        Struct.Set("Tcb.SuspendCount", 1);
        return Waiting("Suspended", userMode: false, age, Struct.At(gate));
    }

    public ThreadBuilder Priority(int priority)
    {
        _priority = (sbyte)priority;
        return this;
    }

    public ThreadBuilder Start(ulong address)
    {
        _start = address;
        return this;
    }

    /// <summary>The thread has ended, but its object is still referenced and listed.</summary>
    public ThreadBuilder Terminated(TimeSpan age)
    {
        IsTerminated = true;
        return State("Terminated", age);
    }

    /// <summary>Somebody has asked for the thread's end; it goes on with what it does in the kernel.</summary>
    public ThreadBuilder Ending()
    {
        _isEnding = true;
        return this;
    }

    /// <summary>A value that a user frame keeps on the stack; the innermost user frame has number 0, stubs keep none.</summary>
    public ThreadBuilder Local(int userFrame, ulong value)
    {
        _locals.Add((userFrame, value));
        return this;
    }

    internal IReadOnlyList<(int UserFrame, ulong Value)> Locals => _locals;

    /// <summary>The kernel stack has been written to the page file.</summary>
    public ThreadBuilder PagedOut()
    {
        _isStackAbsent = true;
        return this;
    }

    internal void UseModules()
    {
        if (Frames is null)
            return;
        foreach (StackFrame frame in Frames.User)
            if (frame.Module is { } module)
                Process.Use(module);
    }

    internal void Finish()
    {
        WriteIdentity();
        if (!IsTerminated)
        {
            StackWriter stack = StackWriter.For(_system, this);
            stack.Write(_isStackAbsent);
            (StackPointers, StackBase, StackLimit, Teb, FramePointer) =
                (stack.StackPointers, stack.StackBase, stack.StackLimit, stack.Teb, stack.FramePointer);
            FramePointers = stack.FramePointers;
            Struct.Set("Tcb.KernelStackResident", _isStackAbsent ? 0u : 1u);
        }
        WriteWait();
        if (IsIdle)
            return;
        _system.Kernel.AppendToList(Process.Struct.At("ThreadListHead"), Struct.At("ThreadListEntry"));
        _system.Kernel.AppendToList(Process.Struct.At("Pcb.ThreadListHead"), Struct.At("Tcb.ThreadListEntry"));
        if (!IsTerminated)
            Process.Struct.Set("ActiveThreads", Process.Struct.Get("ActiveThreads") + 1);
    }

    private void WriteIdentity()
    {
        ulong ticks = _system.Options.TickCount - SystemOptions.TicksOf(_age);
        bool system = Process.IsSystem;
        Struct.Set("Cid.UniqueProcess", Process.Pid).Set("Cid.UniqueThread", Tid)
            .TrySet("Tcb.Process", Process.Address).TrySet("ThreadsProcess", Process.Address).Set("Tcb.ApcState.Process", Process.Address)
            .Set("Tcb.State", _system.Enum("_KTHREAD_STATE", IsAtGate ? "GateWait" : _state))
            .Set("Tcb.WaitReason", _system.Enum("_KWAIT_REASON", _reason))
            .Set("Tcb.WaitMode", _isUserWait ? 1u : 0u).Set("Tcb.WaitTime", (uint)ticks)
            .Set("Tcb.PreviousMode", system ? 0u : 1u).TrySet("Tcb.SystemThread", system ? 1u : 0u)
            .Set("Tcb.ContextSwitches", _contextSwitches != 0 ? _contextSwitches : 17 + Tid)
            .Set("Tcb.KernelTime", _kernelTicks).Set("Tcb.UserTime", Schedule.UserTicks ?? (system ? 0u : 2u))
            .TrySet("Tcb.Running", Processor is null ? 0u : 1u)
            .TrySet("Tcb.AbEntrySummary", FreeLockEntries)
            .Set("CreateTime", _system.Options.FileTime - (ulong)_system.Options.Uptime.Ticks + 20_000_000ul + Tid);
        ulong start = _start;
        if (start == 0 && Frames is { Frames.Count: > 0 })
            start = Frames.Frames[Math.Max(Frames.Frames.Count - 3, 0)].Function;
        Struct.Set("StartAddress", start).Set("Win32StartAddress", start);
        Struct.Set("CrossThreadFlags", 2);
        if (_isEnding)
            Struct.Set("Terminated", 1);
        if (IsTerminated)
            Struct.Set("Terminated", 1).Set("ExitTime", _system.Options.FileTime - (ulong)_age.Ticks);
        else if (system)
            // ETHREAD.CrossThreadFlags.SystemThread is not in all symbols' bit fields: bit 4, as in public headers.
            Struct.Set("CrossThreadFlags", 0x12);
        Schedule.Write(this, _system.Options.Processors);
    }

    /// <summary>
    /// Up to 7601 a wait for a gate is a state of its own; its block has a thread and an object and nothing else (ReactOS
    /// ke/gate.c). Later symbols call the state obsolete; those of 7601 lack the enumeration.
    /// </summary>
    private bool IsAtGate =>
        !_system.Layout.Enums.ContainsKey("_KTHREAD_STATE") && _state == "Waiting" && _waitObjects.Count == 1
        && _system.Kernel.Read(_waitObjects[0], 1)[0] == _system.Enum("_KOBJECTS", "GateObject");

    private void WriteGateWait(ulong gate)
    {
        KernelStruct block = _system.Struct("_KWAIT_BLOCK", Struct.At("Tcb.WaitBlock"));
        block.Set("Thread", Address).Set("Object", gate);
        ulong head = gate + (ulong)_system.Layout.Offset("_DISPATCHER_HEADER", "WaitListHead");
        _system.Kernel.AppendToList(head, block.At("WaitListEntry"));
    }

    private void WriteWait()
    {
        if (IsAtGate)
        {
            WriteGateWait(_waitObjects[0]);
            return;
        }
        bool isRing = _system.Layout.Has("_KWAIT_BLOCK", "NextWaitBlock");
        int size = _system.Layout.Size("_KWAIT_BLOCK"), count = _waitObjects.Count;
        // Four blocks are part of the thread; a wait for more objects brings its own.
        ulong first = count <= 3 ? Struct.At("Tcb.WaitBlock") : _system.Pool.Take(size * count);
        Struct.Set("Tcb.WaitBlockList", first).TrySet("Tcb.WaitBlockCount", (ulong)count);
        for (int i = 0; i < count; i++)
        {
            KernelStruct block = _system.Struct("_KWAIT_BLOCK", first + (ulong)(size * i));
            ulong target = _waitObjects[i];
            block.Set("Thread", Address).Set("Object", target).Set("WaitKey", (ulong)i)
                .Set("WaitType", _isWaitAll ? 0u : 1u)
                .TrySet("BlockState", _system.Enum("_KWAIT_BLOCK_STATE", "WaitBlockActive", 2));
            if (isRing)
                block.Set("NextWaitBlock", first + (ulong)(size * ((i + 1) % count)));
            ulong head = target + (ulong)_system.Layout.Offset("_DISPATCHER_HEADER", "WaitListHead");
            _system.Kernel.AppendToList(head, block.At("WaitListEntry"));
            if (_reason != "WrQueue")
                continue;
            // A thread that has taken from a queue stays on the queue's list, waiting or not.
            Serves(target);
        }
    }

    /// <summary>Associates the thread with a queue, as taking from it does.</summary>
    internal void Serves(ulong queue)
    {
        Struct.Set("Tcb.Queue", queue);
        bool byPriority = _system.Struct("_DISPATCHER_HEADER", queue).Get("Type") != _system.Enum("_KOBJECTS", "QueueObject");
        ulong threads = queue + (ulong)_system.Layout.Offset(byPriority ? "_KPRIQUEUE" : "_KQUEUE", "ThreadListHead");
        _system.Kernel.AppendToList(threads, Struct.At("Tcb.QueueListEntry"));
    }
}
