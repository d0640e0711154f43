using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Completions that lie in, or are named by, another task: vfork and kthread_stop.</summary>
/// <remarks>
/// A parent in vfork waits until its child has called exec or ended; the child names the completion (task_struct.vfork_done).
/// kthread_stop waits for kthread.exited of the thread that shall end.
/// </remarks>
internal sealed class ChildCompletions : ICompletionOwner
{
    private readonly WaitContext _context;
    private readonly FieldSlot _vforkDone, _exited, _private;

    public ChildCompletions(WaitContext context)
    {
        _context = context;
        _vforkDone = context.Session.Field("task_struct", "vfork_done");
        _exited = context.Session.Field("kthread", "exited");
        _private = context.Session.Field("task_struct", "worker_private", "set_child_tid");
    }

    /// <inheritdoc/>
    public Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack)
    {
        if (_context.Stacks.FindFunction(stack, f => f is "wait_for_vfork_done" or "kernel_clone") is not null)
            return FindTask(completion.Address, _vforkDone) is { } child
                ? Add(completion, child, "vfork_done", "completed when its child calls exec or ends")
                : null;
        if (_exited.IsPresent && _context.Stacks.FindFunction(stack, f => f == "kthread_stop") is not null)
            return FindTask(completion.Address - (ulong)_exited.Offset, _private) is { } thread
                ? Add(completion, thread, "worker_private", "completed when the thread that is told to stop has ended")
                : null;
        return null;
    }

    private Phrase Add(ObjectReference completion, ThreadFacts thread, string field, string meaning)
    {
        ObjectReference task = ObjectReference.To(thread.Address);
        _context.Graph.Add(completion, task, Phrase.Of($"{meaning}: task {task} of {thread.Process}"), Certainty.Proven,
            CrashCommands.Field("task_struct", field, thread.Address.Value));
        return Phrase.Of(meaning);
    }

    private ThreadFacts? FindTask(ulong value, FieldSlot field)
    {
        foreach (ThreadFacts thread in _context.System.Threads)
            if (field.IsPresent && _context.Session.Read(thread.Address.Value, field) == value)
                return thread;
        return null;
    }
}
