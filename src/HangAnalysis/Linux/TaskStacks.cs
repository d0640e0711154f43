using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Tells on whose kernel stack an address lies.</summary>
internal sealed class TaskStacks
{
    private readonly ulong[] _starts;
    private readonly ulong[] _tasks;

    /// <summary>Takes the stacks of all tasks.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="size">Bytes of each stack.</param>
    public TaskStacks(IReadOnlyList<TaskRecord> tasks, int size)
    {
        Size = size;
        _starts = new ulong[tasks.Count];
        _tasks = new ulong[tasks.Count];
        for (int i = 0; i < tasks.Count; i++)
            (_starts[i], _tasks[i]) = (tasks[i].Stack, tasks[i].Address);
        Array.Sort(_starts, _tasks);
    }

    /// <summary>Bytes of each stack (THREAD_SIZE).</summary>
    public int Size { get; }

    /// <summary>The task on whose stack an address lies; 0 where it lies on none.</summary>
    public ulong TaskAt(ulong address)
    {
        int at = Array.BinarySearch(_starts, address);
        if (at < 0)
            at = ~at - 1;
        return at >= 0 && address - _starts[at] < (ulong)Size ? _tasks[at] : 0;
    }

    /// <summary>
    /// Bytes of a kernel stack: THREAD_SIZE is a macro, but the union that a stack begins as has its size; where the types do
    /// not have that, 16 KB, which x86-64 has since 3.15 unless built with KASAN.
    /// </summary>
    public static int SizeOf(LinuxSession session)
    {
        const int Usual = 16 * 1024;
        int size = session.SizeOf("thread_union");
        return size is >= 4096 and <= Limits.StackBytes ? size : Usual;
    }
}
