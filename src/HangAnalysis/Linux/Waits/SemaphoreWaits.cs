using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a counting <c>struct semaphore</c>. It records nobody who took it.</summary>
/// <remarks>
/// Since 6.15, kernels built with DETECT_HUNG_TASK_BLOCKER keep the last one that took it (last_holder); it may have given it
/// up since, so it is a candidate.
/// </remarks>
internal sealed class SemaphoreWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "semaphore";

    private readonly WaitContext _context;
    private readonly FieldSlot _waiterTask, _waiterList, _waitList, _count, _lastHolder;
    private readonly LockWaiterCount _waiters = new(TypeName);
    private readonly HashSet<ulong> _known = [];

    public SemaphoreWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _waiterTask = session.Field("semaphore_waiter", "task");
        _waiterList = session.Field("semaphore_waiter", "list");
        _waitList = session.Field("semaphore", "wait_list");
        _count = session.Field("semaphore", "count");
        _lastHolder = session.Field("semaphore", "last_holder");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.ToLockCount();

    /// <summary>Adds the step of a task, if a word on its stack is part of a semaphore_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        ReadOnlySpan<char> name = waiter.Function.AsSpan().TrimStart('_');
        bool isDown = name.StartsWith("down", StringComparison.Ordinal)
            && !name.StartsWith("down_read", StringComparison.Ordinal) && !name.StartsWith("down_write", StringComparison.Ordinal);
        if (!isDown || !_waiterTask.IsPresent || !_waitList.IsPresent)
            return false;
        ulong start = waiter.Address - (ulong)_waiterTask.Offset;
        ulong node = start + (ulong)_waiterList.Offset;
        ulong head = ListRing.IsLinked(_context.Session.Memory, node)
            ? _context.Rings.FindHead(node, _waiterTask.Offset - _waiterList.Offset)
            : 0;
        if (head == 0)
            return false;
        ulong address = head - (ulong)_waitList.Offset;
        _waiters.Add(thread, address);
        ObjectReference semaphore = new(ObjectKind.Lock, address);
        string? variable = _context.VariableAt(address);
        _context.AddWait(thread, semaphore,
            variable is null ? Phrase.Of($"semaphore {semaphore}") : Phrase.Of($"semaphore {variable} {semaphore}"),
            Certainty.Proven, CrashCommands.Structure("semaphore_waiter", start));
        if (_known.Add(address))
            Describe(semaphore, variable);
        return true;
    }

    private void Describe(ObjectReference semaphore, string? variable)
    {
        string evidence = CrashCommands.Structure("semaphore", semaphore.Address);
        uint count = (uint)_context.Session.Read(semaphore.Address, _count);
        if (_context.System.FindThread(_context.Session.Read(semaphore.Address, _lastHolder)) is { } holder)
            _context.AddOwner(semaphore, holder, Certainty.Candidate, evidence, "last taken");
        _context.Graph.Describe(new ObjectFacts(semaphore, TypeName, variable,
            Phrase.Of($"its count is {(int)count}; a semaphore does not record who has taken it")));
    }
}
