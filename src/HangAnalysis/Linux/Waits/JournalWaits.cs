using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a journal of jbd2 (ext4) to the thread that commits its transactions.</summary>
/// <remarks>
/// The wait queues lie in journal_s, which names its commit thread (j_task): who waits for a commit waits for it; who waits
/// for room or for a locked transaction waits for the commit that makes it, so for the same thread.
/// </remarks>
internal sealed class JournalWaits : IQueueOwner
{
    private static readonly string[] s_queues = ["j_wait_done_commit", "j_wait_transaction_locked", "j_wait_updates"];

    private readonly WaitContext _context;
    private readonly FieldSlot _queueHead, _task, _name;
    private readonly FieldSlot[] _queues;

    public JournalWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _queueHead = session.Field("wait_queue_head", "head");
        _task = session.ModuleField("jbd2", "journal_s", "j_task");
        _name = session.ModuleField("jbd2", "journal_s", "j_devname");
        _queues = [.. s_queues.Select(q => session.ModuleField("jbd2", "journal_s", q))];
    }

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        string? function = _context.Stacks.FindFunction(stack, f => f.StartsWith("jbd2_", StringComparison.Ordinal)
            || f is "wait_transaction_locked" or "add_transaction_credits" or "start_this_handle");
        if (function is null || waiter.Head == 0 || !_task.IsPresent)
            return false;
        for (int i = 0; i < _queues.Length; i++)
        {
            ulong journal = waiter.Head - (ulong)_queueHead.Offset - (ulong)_queues[i].Offset;
            if (!_queues[i].IsPresent || _context.System.FindThread(_context.Session.Read(journal, _task)) is not { } commits)
                continue;
            ObjectReference reference = new(ObjectKind.Event, journal);
            string? name = _name.IsPresent ? _context.Session.ReadText(journal + (ulong)_name.Offset, 64) : null;
            _context.AddWait(thread, reference, Phrase.Of($"journal {reference}{(name is null ? "" : $" of {name}")}, {s_queues[i]}"),
                Certainty.Proven, CrashCommands.Structure("journal_s", journal));
            // The commit thread waits for handles of others to be closed itself (j_wait_updates): who has them is not recorded.
            if (commits != thread && s_queues[i] != "j_wait_updates")
                _context.AddOwner(reference, commits, Certainty.Inferred, CrashCommands.Field("journal_s", "j_task", journal), "committed");
            _context.Graph.Describe(new ObjectFacts(reference, "journal", name, Phrase.Of("its transactions are committed by the thread that it names")));
            return true;
        }
        return false;
    }
}
