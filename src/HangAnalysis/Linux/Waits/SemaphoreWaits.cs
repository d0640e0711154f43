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
    private readonly ListedWaiter _waiters;
    private readonly FieldSlot _count, _lastHolder;

    public SemaphoreWaits(WaitContext context)
    {
        _context = context;
        _waiters = new ListedWaiter(context, TypeName, "semaphore_waiter");
        _count = context.Session.Field("semaphore", "count");
        _lastHolder = context.Session.Field("semaphore", "last_holder");
    }

    /// <summary>How many wait so.</summary>
    public LockCount Count => _waiters.Count;

    /// <summary>Adds the step of a task, if a word on its stack is part of a semaphore_waiter.</summary>
    public bool TryAdd(ThreadFacts thread, in StackWaiter waiter)
    {
        ReadOnlySpan<char> name = waiter.Function.AsSpan().TrimStart('_');
        bool isDown = name.StartsWith("down", StringComparison.Ordinal)
            && !name.StartsWith("down_read", StringComparison.Ordinal) && !name.StartsWith("down_write", StringComparison.Ordinal);
        if (!isDown || _waiters.TryAdd(thread, waiter) is not { } found)
            return false;
        if (found.IsNew)
            Describe(found.Lock, found.Name);
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
