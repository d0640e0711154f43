using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for locks of their own program: critical sections, the loader lock among them.</summary>
/// <remarks>
/// The kernel knows nothing of these locks: the lock is looked for in the frames of the functions that wait for it and in
/// the registers that they keep. A value there counts only if a critical section that is owned and waited for lies at it
/// (<see cref="CriticalSectionReader"/>), and only if it is the only one that another thread owns: a caller may know others.
/// Slim locks, condition variables and waits on addresses record no owner. Waits in user mode are how programs idle, so
/// that only those which have lasted are looked at.
/// </remarks>
internal sealed class UserLockWaits
{
    /// <summary>What the wait graph calls them.</summary>
    public const string TypeName = "critical section";

    /// <summary>User frames among which the lock's functions stand: the system call, the wait, the lock.</summary>
    private const int MostFrames = 8;

    private static readonly HashSet<string> s_criticalSections =
    [
        "RtlpWaitOnCriticalSection", "RtlpEnterCriticalSectionContended", "RtlEnterCriticalSection",
        "RtlpWaitForCriticalSection",
    ];

    private static readonly HashSet<string> s_slimLocks =
    [
        "RtlAcquireSRWLockExclusive", "RtlAcquireSRWLockShared", "RtlpAcquireSRWLockExclusiveContended",
        "RtlpAcquireSRWLockSharedContended",
    ];

    /// <summary>Registers that functions keep for their callers: rbx, rbp, rsi, rdi, r12 to r15.</summary>
    private static readonly int[] s_keptRegisters = [3, 5, 6, 7, 12, 13, 14, 15];

    private readonly WindowsSystem _system;
    private readonly StackSweep _sweep;
    private readonly WaitGraphBuilder _graph;
    private readonly CriticalSectionReader _sections;
    private readonly FieldSlot _loaderLock;
    private readonly bool _hasAlerts;
    private readonly byte[] _stack = new byte[Limits.UserLockBytes];
    private readonly List<CriticalSection> _found = [];
    private readonly List<ThreadFacts> _unreadable = [];
    private readonly Dictionary<ProcessFacts, int> _slimWaiters = [];

    public UserLockWaits(WindowsSystem system, StackSweep sweep, WaitGraphBuilder graph)
    {
        (_system, _sweep, _graph) = (system, sweep, graph);
        _sections = new CriticalSectionReader(system.Session.Types);
        _loaderLock = system.Session.Types.Get("_PEB").Optional("LoaderLock");
        // Where the kernel can wake a thread by its identifier (9600 and later), locks of programs use nothing else;
        // before, they wait for events and keyed events as other code does.
        _hasAlerts = Array.IndexOf(system.Session.Types.EnumNames("_KWAIT_REASON"), "WrAlertByThreadId") >= 0;
    }

    /// <summary>Adds the steps of one thread.</summary>
    public void Add(ThreadFacts thread)
    {
        if (!MayWaitForLock(thread) || !WaitEvidence.HasLasted(thread))
            return;
        RawStack stack = _sweep.GetRawStack(thread);
        if (stack.UserContext is not { } context || !stack.HasUserModules)
        {
            _unreadable.Add(thread);
            return;
        }
        int end = Math.Min(stack.Frames.Length, stack.FirstUserFrame + MostFrames);
        int lockFrame = -1;
        for (int i = stack.FirstUserFrame; i < end; i++)
        {
            // Symbols of a program's own modules may have to be fetched from afar: the lock's functions are ntdll's.
            string? function = _sweep.UserFunction(thread.Process, stack.Frames[i].InstructionPointer, "ntdll");
            if (function is null)
                break;
            if (s_criticalSections.Contains(function))
                lockFrame = i;
            else if (s_slimLocks.Contains(function))
            {
                _slimWaiters[thread.Process] = _slimWaiters.GetValueOrDefault(thread.Process) + 1;
                return;
            }
            else if (lockFrame >= 0)
                break;
        }
        if (lockFrame >= 0)
            AddSection(thread, stack, lockFrame, context);
    }

    /// <summary>Says what was not seen, and only where it matters: threads that others wait for, and slim locks.</summary>
    public void ReportAbsent()
    {
        foreach ((ProcessFacts process, int waiters) in _slimWaiters)
            _system.Session.AddUnknown($"who holds the slim locks that {waiters:N0} threads of {process.Title} wait for",
                "slim reader/writer locks do not record their owners");
        if (_unreadable.Count == 0)
            return;
        HashSet<ObjectReference> awaited = [];
        foreach (WaitEdge edge in _graph.Edges)
            awaited.Add(edge.To);
        int matter = 0;
        foreach (ThreadFacts thread in _unreadable)
            if (awaited.Contains(ObjectReference.To(thread.Address)))
                matter++;
        if (matter > 0)
            _system.Session.AddUnknown(matter == 1
                    ? "which lock of its own program a thread waits for that others wait for"
                    : $"which locks of their own programs {matter:N0} threads wait for that others wait for",
                "their user-mode pages are not in the dump");
    }

    private bool MayWaitForLock(ThreadFacts thread)
    {
        if (_hasAlerts)
            return thread.WaitReason == "WrAlertByThreadId";
        return thread.WaitReason == "WrKeyedEvent"
            || (thread.WaitReason == "UserRequest" && thread.WaitsFor is [{ TypeName: "SynchronizationEvent" }, ..]);
    }

    private void AddSection(ThreadFacts thread, RawStack stack, int lockFrame, in CpuContext context)
    {
        ProcessFacts process = thread.Process;
        IMemory memory = _sweep.UserMemory(process);
        _found.Clear();
        foreach (int register in s_keptRegisters)
            Consider(memory, context.Registers[register], thread);
        // The lock's functions and what their caller keeps for them: up to the end of the caller's frame.
        ulong first = stack.Frames[stack.FirstUserFrame].StackPointer;
        int last = Math.Min(lockFrame + 2, stack.Frames.Length - 1);
        ulong size = Math.Min(stack.Frames[last].StackPointer - first, Limits.UserLockBytes);
        int pointer = memory.PointerSize;
        Span<byte> slots = _stack.AsSpan(0, (int)size & -pointer);
        int read = memory.Read(first, slots);
        for (int at = 0; at + pointer <= read; at += pointer)
            Consider(memory, memory.PointerAt(slots[at..]), thread);
        if (_found.Count != 1)
        {
            _system.Session.AddUnknown($"which critical section thread {thread.Address.Value:x16} waits for",
                _found.Count == 0 ? "its frames name none that is owned" : $"its frames name {_found.Count}");
            return;
        }
        AddSection(thread, _found[0], memory);
    }

    private void Consider(IMemory memory, ulong value, ThreadFacts waiter)
    {
        foreach (CriticalSection known in _found)
            if (known.Address == value)
                return;
        // Its owner enters it again at will, so that the waiter owns no section that it waits for.
        if (_sections.ReadContended(memory, value) is { } section && section.Owner != waiter.Id)
            _found.Add(section);
    }

    private void AddSection(ThreadFacts thread, CriticalSection section, IMemory memory)
    {
        ProcessFacts process = thread.Process;
        ObjectReference target = new(ObjectKind.Lock, section.Address, process.Address.Value);
        bool isLoaderLock = _loaderLock.IsPresent && process.EnvironmentBlock != 0
            && memory.TryReadPointer(process.EnvironmentBlock + (ulong)_loaderLock.Offset, out ulong loaderLock)
            && loaderLock == section.Address;
        string? name = isLoaderLock ? "loader lock" : null;
        string evidence = DebuggerCommands.CriticalSection(target);
        _graph.Add(ObjectReference.To(thread.Address), target,
            Phrase.Of($"{name ?? TypeName} {target} of {process}"), Certainty.Inferred, evidence);
        ThreadFacts? owner = null;
        foreach (ThreadFacts candidate in process.Threads)
            if (candidate.Id == section.Owner)
                owner = candidate;
        bool isOrphaned = owner is null || owner.HasExited;
        _graph.Describe(new ObjectFacts(target, TypeName, name, isOrphaned
            ? Phrase.Of($"owned by thread identifier {section.Owner:x}, which {process} has no longer")
            : null)
        {
            IsOrphaned = isOrphaned,
        });
        if (owner is not null)
            _graph.Add(target, ObjectReference.To(owner.Address),
                Phrase.Of($"owned by thread {ObjectReference.To(owner.Address)} of {process}"), Certainty.Proven, evidence);
    }
}
