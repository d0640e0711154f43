using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>
/// A task as it truly is: its state is the letter of ps (R, S, D, T, I, Z), its frames are innermost
/// first.
/// </summary>
public sealed record TruthTask(
    ulong Address, uint Pid, uint Tgid, string Comm, char State, int Cpu, bool IsCurrent, IReadOnlyList<TruthFrame> Frames);

/// <summary>
/// A wait that is there: who waits for what, and who holds it (0: nobody is known). Kinds: mutex, rwsem-read, rwsem-write,
/// semaphore, completion, wait-queue, folio, buffer, flush, fuse, futex, rt-mutex, percpu-rwsem, spinlock, rcu, request.
/// </summary>
public sealed record TruthWait(string Kind, uint Pid, ulong Object, uint OwnerPid = 0, string Name = "");

/// <summary>
/// What an analysis should find in a vmcore, true by construction: the class as <see cref="Truth"/> has it, the module, disk
/// or process to blame, and the chain from a victim to the end.
/// </summary>
public sealed record LinuxTruth(string Class, string? Culprit, IReadOnlyList<TruthLink> Links)
{
    public static LinuxTruth NoHang { get; } = new("no-hang", null, []);

    /// <summary>Tasks that form a circle or are the end of the chain.</summary>
    public IReadOnlyList<uint> Owners { get; init; } = [];

    /// <summary>Tasks that wait behind them.</summary>
    public IReadOnlyList<uint> Victims { get; init; } = [];

    /// <summary>Pids of a circle of waits, in its order.</summary>
    public IReadOnlyList<uint> Cycle { get; init; } = [];

    public IReadOnlyList<TruthWait> Waits { get; init; } = [];

    /// <summary>The dump was forced: panic reason, or null for a live dump.</summary>
    public string? Panic { get; init; }

    /// <summary>Task that panicked.</summary>
    public uint? PanicPid { get; init; }

    /// <summary>The truth in the form of the analysis's own JSON.</summary>
    public byte[] ToJson() => Truth.ToJson(Class, HasModule ? Culprit : null, null, null, Links);

    // Else it is a disk, a process or a file system.
    private bool HasModule => Class is not ("stuck-io" or "server-not-answering" or "owner-unknown" or "starvation");

    /// <summary>Waits of many tasks for one object.</summary>
    public static IEnumerable<TruthWait> WaitsOf(
        string kind, ulong waitedFor, LinuxTask? owner, string name, params IEnumerable<LinuxTask> tasks) =>
        tasks.Select(task => new TruthWait(kind, task.Pid, waitedFor, owner?.Pid ?? 0, name));

    public static TruthLink Link(LinuxTask task) => new("thread", task.Address, task.Comm, task.Tgid, task.Pid);

    public static TruthLink Link(string kind, ulong address, string name = "") => new(kind, address, name);
}
