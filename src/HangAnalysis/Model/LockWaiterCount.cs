namespace HangAnalysis.Model;

/// <summary>Counts the threads that wait for locks of a kind, the locks they wait for, and their longest wait.</summary>
internal sealed class LockWaiterCount(string kind)
{
    private readonly HashSet<ulong> _locks = [];
    private int _waiters;
    private TimeSpan? _oldest;

    /// <summary>Counts one waiter of a lock.</summary>
    public void Add(ThreadFacts thread, ulong lockAddress)
    {
        _locks.Add(lockAddress);
        _waiters++;
        if (_oldest is null || thread.Age > _oldest)
            _oldest = thread.Age;
    }

    /// <summary>The figures. The locks of such a kind are in no list, so that there is no total.</summary>
    public LockCount ToLockCount() => new(kind, null, _locks.Count) { Waiters = _waiters, OldestWait = _oldest };
}
