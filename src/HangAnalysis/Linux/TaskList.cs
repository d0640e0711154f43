using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Finds all tasks: the processes on the list of <c>init_task</c>, and the threads of each.</summary>
/// <remarks>Idle tasks of all processors but the first are on no list; they come from the run queues.</remarks>
internal sealed class TaskList(LinuxSession session)
{
    private readonly FieldSlot _tasks = session.Field("task_struct", "tasks");
    private readonly FieldSlot _node = session.Field("task_struct", "thread_node");
    private readonly FieldSlot _signal = session.Field("task_struct", "signal");
    private readonly FieldSlot _head = session.Field("signal_struct", "thread_head");

    /// <summary>Whether the lists were read to their ends, so that a task that is not among them is gone.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Addresses of the tasks, in the order of the list; empty, with the reason told, where there is no list.</summary>
    public List<ulong> Collect()
    {
        List<ulong> tasks = [];
        ulong first = session.AddressOf("init_task");
        if (first == 0 || !_tasks.IsPresent)
        {
            IsWhole = false;
            session.AddUnknown("the tasks", first == 0 ? "the kernel's symbols do not have init_task" : "no type information on task_struct");
            return tasks;
        }
        List<ulong> leaders = [];
        if (ListRing.Collect(session.Memory, first + (ulong)_tasks.Offset, Limits.Processes * 8, leaders) is { } problem)
            TellDamage("some of the processes", $"the list of tasks is damaged: {problem}");
        HashSet<ulong> seen = new(leaders.Count + 1) { first };
        tasks.Add(first);
        List<ulong> threads = [];
        foreach (ulong node in leaders)
        {
            if (session.Cancellation.IsCancellationRequested || tasks.Count >= Limits.Threads)
            {
                IsWhole = false;
                break;
            }
            ulong leader = node - (ulong)_tasks.Offset;
            if (!seen.Add(leader))
                continue;
            tasks.Add(leader);
            AddThreads(leader, threads, seen, tasks);
        }
        return tasks;
    }

    private void AddThreads(ulong leader, List<ulong> threads, HashSet<ulong> seen, List<ulong> tasks)
    {
        ulong signal = session.Read(leader, _signal);
        if (!_node.IsPresent || !_head.IsPresent || !LinuxSession.IsObject(signal))
        {
            IsWhole = false;
            return;
        }
        threads.Clear();
        if (ListRing.Collect(session.Memory, signal + (ulong)_head.Offset, Limits.ThreadsPerProcess, threads) is { } problem)
            TellDamage($"some of the threads of task {leader:x16}", $"their list is damaged: {problem}");
        foreach (ulong node in threads)
            if (seen.Add(node - (ulong)_node.Offset))
                tasks.Add(node - (ulong)_node.Offset);
    }

    private void TellDamage(string what, string why)
    {
        IsWhole = false;
        session.AddUnknown(what, why);
    }
}
