using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the objects that one thread waits for: state, owner, other waiters, name.</summary>
/// <remarks>
/// Only mutants record an owner; threads and processes are themselves what is awaited. Names and types come from the headers
/// of objects, which only objects of their own have: an event inside a driver's or the kernel's own structure has none, and
/// what lies before it is not believed (<see cref="ObjectTypes"/>).
/// </remarks>
internal sealed class WaitObjectReader
{
    private readonly WindowsSystem _system;
    private readonly KernelSession _session;
    private readonly ObjectTypes _types;
    private readonly ObjectNames _names;
    private readonly QueueReader _queues;
    private readonly byte[] _buffer;
    private readonly FieldSlot _signalState, _waitListHead, _inserted, _waitListEntry, _blockThread, _owner, _abandoned;
    private readonly FieldSlot _limit, _dueTime, _currentCount, _maximumCount, _alpcSemaphore, _suspendEvent, _suspendSemaphore;
    private readonly int _headerSize, _threadSize, _fileSize, _largest;
    private readonly List<ulong> _entries = [];

    public WaitObjectReader(WindowsSystem system)
    {
        _system = system;
        _session = system.Session;
        _types = new ObjectTypes(_session);
        _names = new ObjectNames(_session);
        _queues = new QueueReader(system);
        KernelTypes types = _session.Types;
        StructLayout header = types.Get("_DISPATCHER_HEADER");
        _headerSize = header.Size;
        _signalState = header.Optional("SignalState");
        _waitListHead = header.Optional("WaitListHead");
        _inserted = header.Optional("Inserted");
        StructLayout block = types.Get("_KWAIT_BLOCK");
        _waitListEntry = block.Optional("WaitListEntry");
        _blockThread = block.Optional("Thread");
        StructLayout mutant = types.Get("_KMUTANT"), semaphore = types.Get("_KSEMAPHORE"), queue = types.Get("_KQUEUE");
        StructLayout timer = types.Get("_KTIMER"), thread = types.Get("_ETHREAD");
        _owner = mutant.Optional("OwnerThread");
        _abandoned = mutant.Optional("Abandoned");
        _limit = semaphore.Optional("Limit");
        _dueTime = timer.Optional("DueTime");
        _currentCount = queue.Optional("CurrentCount");
        _maximumCount = queue.Optional("MaximumCount");
        _alpcSemaphore = thread.Optional("AlpcWaitSemaphore");
        _suspendEvent = thread.Optional("Tcb.SuspendEvent");
        _suspendSemaphore = thread.Optional("Tcb.SuspendSemaphore");
        _threadSize = thread.Size;
        _fileSize = types.Get("_FILE_OBJECT").Size;
        foreach (int size in (ReadOnlySpan<int>)[_headerSize, mutant.Size, semaphore.Size, queue.Size, timer.Size])
            _largest = Math.Max(_largest, size);
        _buffer = new byte[_largest];
    }

    /// <summary>The objects of a thread's wait, and its time-out.</summary>
    /// <param name="thread">The thread; one that does not wait has neither.</param>
    /// <param name="requests">Its requests: an event may be that of one of them.</param>
    public (IReadOnlyList<WaitObjectFacts> Objects, TimeOutFacts? TimeOut) Read(
        ThreadFacts thread, IReadOnlyList<RequestFacts> requests)
    {
        List<WaitObjectFacts> objects = new(thread.WaitsFor.Count);
        TimeOutFacts? timeOut = null;
        foreach (WaitedObject waited in thread.WaitsFor)
            if (waited.IsTimeout)
                timeOut = new TimeOutFacts(waited.Address, DueIn(Load(waited.Address)));
            else
                objects.Add(Read(thread, waited, requests));
        return (objects, timeOut);
    }

    private WaitObjectFacts Read(ThreadFacts thread, WaitedObject waited, IReadOnlyList<RequestFacts> requests)
    {
        (List<ThreadFacts> others, bool areWhole) = ReadWaiters(thread, waited.Address);
        // Threads and processes may lie at the end of what is readable: of those only the header is looked at.
        ReadOnlySpan<byte> bytes = Load(waited.Address);
        int? signal = _signalState.IsPresent && bytes.Length >= _headerSize ? (int)_signalState.Read(bytes) : null;
        WaitObjectFacts facts = new(waited)
        {
            Name = NameOf(waited),
            IsSignaled = signal > 0,
            OtherWaiters = others,
            AreWaitersWhole = areWhole,
            Info = Phrase.Of("not in the dump"),
        };
        if (signal is not { } state)
            return facts with { IsSignaled = null };
        return waited.TypeName switch
        {
            "Mutant" => DescribeMutant(facts, thread, bytes, state),
            "Thread" => DescribeThread(facts),
            "Process" => DescribeProcess(facts),
            "Semaphore" => DescribeOwnerless(facts, thread, requests,
                _limit.IsPresent ? $"count {state:N0} of {_limit.Read(bytes):N0}" : $"count {state:N0}"),
            "Queue" => facts with { Info = DescribeQueue(waited, bytes, state) },
            "PriorityQueue" => facts with { Info = DescribeWorkQueue(waited, state) },
            "NotificationTimer" or "SynchronizationTimer" => DescribeTimer(facts, thread, bytes, state),
            "NotificationTimer2" or "SynchronizationTimer2" => facts with
            {
                Info = Phrase.Of($"{Signal(state)}; when it is due is in no public symbols"),
            },
            _ => DescribeOwnerless(facts, thread, requests, Signal(state)),
        };
    }

    /// <summary>As much of an object as its largest kind has; only a part of it where the rest is not in the dump.</summary>
    private ReadOnlySpan<byte> Load(ulong address) =>
        _buffer.AsSpan(0, _session.IsObject(address) ? _session.Memory.Read(address, _buffer) : 0);

    private static string Signal(int state) => state > 0 ? "signaled" : "not signaled";

    private WaitObjectFacts DescribeMutant(WaitObjectFacts facts, ThreadFacts thread, ReadOnlySpan<byte> bytes, int state)
    {
        string abandoned = _abandoned.IsSet(bytes) ? ", abandoned by an earlier owner" : "";
        if (!_owner.IsPresent || bytes.Length < _owner.Offset + _owner.Size)
            return facts with { Info = Phrase.Of("its owner is not in the dump") };
        ulong address = _owner.Read(bytes);
        if (address == 0)
            return facts with { Info = Phrase.Of($"{Signal(state)}, not owned{abandoned}") };
        // A mutant counts down from 1 with each time that its owner takes it (KeReadStateMutex, documented).
        string times = state < 0 ? $", {1L - state:N0} times" : "";
        if (_system.FindThread(address) is not { } owner)
            return facts with { Info = Phrase.Of($"Owning Thread: {address:x16}, which is gone{times}{abandoned}") };
        string ended = owner.HasExited ? ", which has ended" : owner == thread ? ": the waiting thread itself" : "";
        return facts with
        {
            Owner = owner,
            Info = Phrase.Of($"Owning Thread: {ObjectReference.To(owner.Address)} ({owner.Process}){ended}{times}{abandoned}"),
        };
    }

    private WaitObjectFacts DescribeThread(WaitObjectFacts facts) =>
        _system.FindThread(facts.Object.Address) is { } awaited
            ? facts with
            {
                Thread = awaited,
                Info = Phrase.Of($"end of thread {awaited.ClientId} of {awaited.Process}: {StateOf(awaited)}"),
            }
            : facts with { Info = Phrase.Of("a thread that is in no list") };

    private WaitObjectFacts DescribeProcess(WaitObjectFacts facts) =>
        _system.FindProcess(facts.Object.Address) is { } awaited
            ? facts with { Process = awaited, Info = Phrase.Of($"end of {awaited}: {StateOf(awaited)}") }
            : facts with { Info = Phrase.Of("a process that is in no list") };

    private static string StateOf(ThreadFacts thread) => thread.HasExited ? "it has ended" : thread.State;

    private static string StateOf(ProcessFacts process) => process.HasExited ? "it has ended"
        : process.IsEnding ? "it is being ended"
        : $"{process.Threads.Count:N0} thread{(process.Threads.Count == 1 ? "" : "s")}";

    private WaitObjectFacts DescribeTimer(WaitObjectFacts facts, ThreadFacts thread, ReadOnlySpan<byte> bytes, int state)
    {
        // A timer that is not in the kernel's table keeps its last time.
        bool isSet = !_inserted.IsPresent || _inserted.IsSet(bytes);
        TimeSpan? due = isSet ? DueIn(bytes) : null;
        string when = due is { } time ? DueText(time) : isSet ? "due at an unknown time" : "not set";
        return facts with { DueIn = due, Info = Phrase.Of($"{Signal(state)}, {when}{Place(facts.Object.Address, thread)}") };
    }

    /// <summary>When a timer is due, in words.</summary>
    private static string DueText(TimeSpan due) =>
        due >= TimeSpan.Zero ? $"due in {AgeText.Format(due)}" : $"was due {AgeText.Format(-due)} ago";

    private TimeSpan? DueIn(ReadOnlySpan<byte> timer) =>
        _dueTime.IsPresent && timer.Length >= _dueTime.Offset + _dueTime.Size ? _system.Clock.Until(_dueTime.Read(timer)) : null;

    private Phrase DescribeQueue(WaitedObject waited, ReadOnlySpan<byte> bytes, int entries)
    {
        string threads = _queues.FindThreads(waited.Address) is { } found ? $", {found.Count:N0} threads serve it" : "";
        bool hasCounts = _currentCount.IsPresent && _maximumCount.IsPresent
            && bytes.Length >= _maximumCount.Offset + _maximumCount.Size;
        string counts = hasCounts ? $", {_currentCount.Read(bytes):N0} of at most {_maximumCount.Read(bytes):N0} at work" : "";
        return Phrase.Of($"{entries:N0} entries{threads}{counts}");
    }

    private Phrase DescribeWorkQueue(WaitedObject waited, int entries)
    {
        foreach (WorkQueueFacts queue in _system.WorkQueues)
            if (queue.Address == waited.Address)
                return Phrase.Of($"work queue {queue.Name}: {queue.Items:N0} entries, " +
                    $"{queue.Workers.Count:N0} threads serve it, {queue.IdleWorkers:N0} idle");
        return Phrase.Of($"{entries:N0} entries");
    }

    /// <summary>An object that records no owner: where it lies, and whose it is as far as that shows.</summary>
    private WaitObjectFacts DescribeOwnerless(
        WaitObjectFacts facts, ThreadFacts thread, IReadOnlyList<RequestFacts> requests, string state)
    {
        ulong address = facts.Object.Address;
        foreach (RequestFacts request in requests)
        {
            ObjectReference reference = new(ObjectKind.Request, request.Address);
            if (request.UserEvent == address)
                return facts with { Request = request.Address,
                    Info = Phrase.Of($"{state}, set when request {reference} is completed") };
            if (request.FileObject != 0 && address - request.FileObject < (ulong)_fileSize)
                return facts with { Request = request.Address, Info = Phrase.Of($"{state}, of the file of request {reference}") };
        }
        if (_system.FindObject(facts.Object.Reference) is { Title: ObjectWaits.JobTypeName })
            return facts with { Info = Phrase.Of($"{state}, set when its job ends") };
        if (address - thread.Address.Value < (ulong)_threadSize)
            return facts with { Info = Phrase.Of($"{state}, {PlaceInThread((int)(address - thread.Address.Value))}") };
        return facts with { Info = Phrase.Of($"{state}{Place(address, thread)}"), IsOwnerUnrecorded = true };
    }

    private string PlaceInThread(int offset) =>
        _alpcSemaphore.IsPresent && offset == _alpcSemaphore.Offset ? "the thread's own for replies and keyed events"
        : (_suspendEvent.IsPresent && offset == _suspendEvent.Offset)
            || (_suspendSemaphore.IsPresent && offset == _suspendSemaphore.Offset) ? "the thread's own for its suspension"
        : "in the thread object itself";

    private string Place(ulong address, ThreadFacts thread) =>
        address - thread.StackLimit < thread.StackBase - thread.StackLimit ? ", on its own stack"
        : _system.NameVariable(address) is { } variable ? $", at {variable}" : "";

    private string? NameOf(WaitedObject waited) => waited.Kind is not (ObjectKind.Thread or ObjectKind.Process)
        && _types.Find(waited.Address) == TypeOf(waited.TypeName) ? _names.Find(waited.Address) : null;

    /// <summary>Name of the type of objects that begin with such a header.</summary>
    private static string TypeOf(string kind) => kind switch
    {
        "NotificationEvent" or "SynchronizationEvent" => "Event",
        "Queue" => "IoCompletion",
        "NotificationTimer" or "SynchronizationTimer" => "Timer",
        _ => kind,
    };

    private (List<ThreadFacts> Others, bool AreWhole) ReadWaiters(ThreadFacts thread, ulong address)
    {
        List<ThreadFacts> others = [];
        if (!_waitListHead.IsPresent || !_waitListEntry.IsPresent || !_blockThread.IsPresent)
            return (others, false);
        _entries.Clear();
        bool isWhole = LinkedList.Collect(
            _session.Memory, address + (ulong)_waitListHead.Offset, Limits.ThreadsPerProcess, _entries) is null;
        bool hasSelf = false;
        HashSet<ulong> seen = [];
        foreach (ulong entry in _entries)
        {
            ulong block = entry - (ulong)_waitListEntry.Offset;
            if (!_session.Memory.TryReadPointer(block + (ulong)_blockThread.Offset, out ulong waiter))
            {
                isWhole = false;
                continue;
            }
            hasSelf |= waiter == thread.Address.Value;
            // Blocks of other kinds name a queue or a deferred call in the same place.
            if (waiter != thread.Address.Value && seen.Add(waiter) && _system.FindThread(waiter) is { } other)
                others.Add(other);
        }
        return (others, isWhole && hasSelf);
    }
}
