using System.Runtime.InteropServices;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Threads with one stack.</summary>
public sealed class StackGroup
{
    internal StackGroup()
    {
    }

    /// <summary>The threads, the longest in their state first.</summary>
    public List<ThreadFacts> Threads { get; } = [];

    /// <summary>Threads whose stack is cut behind these frames; what follows need not be the same.</summary>
    public int CutThreads { get; internal set; }

    /// <summary>Why the stack of the first of them is cut; null where all are whole.</summary>
    public string? EndNote { get; internal set; }

    /// <summary>The longest wait among the threads; null where none waits, or for an unknown time.</summary>
    public TimeSpan? LongestWait
    {
        get
        {
            TimeSpan? longest = null;
            foreach (ThreadFacts thread in Threads)
                if (thread.Activity == ThreadActivity.Waiting && (longest is null || thread.Age > longest))
                    longest = thread.Age;
            return longest;
        }
    }
}

/// <summary>Threads without a stack, for one kind of reason.</summary>
/// <param name="Reason">The reason, as it was told of the first of them.</param>
/// <param name="Threads">How many there are.</param>
/// <param name="HasOthers">Whether of further ones other addresses were told.</param>
public sealed record MissingStacks(string Reason, int Threads, bool HasOthers);

/// <summary>In which order groups are shown.</summary>
public enum StackOrder
{
    /// <summary>The fewest threads first: what is rare is more telling than what is common.</summary>
    Count,

    /// <summary>The longest wait first.</summary>
    Wait,
}

/// <summary>Groups threads by identical stacks.</summary>
/// <remarks>
/// Stacks are compared as addresses: no name is looked up before the groups are known, so that naming costs by distinct
/// stacks and not by threads.
/// </remarks>
public sealed class StackGroups
{
    private StackGroups(IReadOnlyList<StackGroup> groups, IReadOnlyList<MissingStacks> missing, int threads)
    {
        Groups = groups;
        Missing = missing;
        Threads = threads;
    }

    /// <summary>The groups in the order that was asked for.</summary>
    public IReadOnlyList<StackGroup> Groups { get; }

    /// <summary>Threads without a stack, by the kind of reason, the most frequent first.</summary>
    public IReadOnlyList<MissingStacks> Missing { get; }

    /// <summary>Threads that were looked at: fewer than were given where the walk was interrupted.</summary>
    public int Threads { get; }

    /// <summary>Groups threads.</summary>
    /// <param name="threads">The threads.</param>
    /// <param name="stackOf">The instruction pointers of a thread's stack, and why it is missing or cut.</param>
    /// <param name="order">Which groups come first.</param>
    /// <param name="cancellation">Ends the walk; the groups then hold the threads seen so far.</param>
    public static StackGroups Group(IEnumerable<ThreadFacts> threads,
        Func<ThreadFacts, (IReadOnlyList<ulong> Frames, string? EndNote)> stackOf, StackOrder order = StackOrder.Count,
        CancellationToken cancellation = default)
    {
        Dictionary<Key, StackGroup> groups = [];
        Dictionary<string, MissingStacks> missing = new(StringComparer.Ordinal);
        int count = 0;
        foreach (ThreadFacts thread in threads)
        {
            if (cancellation.IsCancellationRequested)
                break;
            count++;
            (IReadOnlyList<ulong> frames, string? note) = stackOf(thread);
            if (frames.Count == 0)
            {
                AddMissing(missing, note ?? "the stack is empty");
                continue;
            }
            ref StackGroup? group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, new Key(frames), out _);
            group ??= new StackGroup();
            group.Threads.Add(thread);
            if (note is not null)
            {
                group.CutThreads++;
                group.EndNote ??= note;
            }
        }
        List<MissingStacks> reasons = [.. missing.Values];
        reasons.Sort((a, b) => a.Threads != b.Threads
            ? b.Threads.CompareTo(a.Threads)
            : string.CompareOrdinal(a.Reason, b.Reason));
        return new StackGroups(Sort([.. groups.Values], order), reasons, count);
    }

    private static List<StackGroup> Sort(List<StackGroup> groups, StackOrder order)
    {
        foreach (StackGroup group in groups)
            group.Threads.Sort(ByAge);
        if (order == StackOrder.Count)
        {
            groups.Sort(ByCount);
            return groups;
        }
        List<(TimeSpan Wait, StackGroup Group)> timed = new(groups.Count);
        foreach (StackGroup group in groups)
            timed.Add((group.LongestWait ?? TimeSpan.MinValue, group));
        timed.Sort((a, b) => a.Wait != b.Wait ? b.Wait.CompareTo(a.Wait) : ByCount(a.Group, b.Group));
        return timed.ConvertAll(t => t.Group);
    }

    private static int ByCount(StackGroup a, StackGroup b) => a.Threads.Count != b.Threads.Count
        ? a.Threads.Count.CompareTo(b.Threads.Count)
        : ByAge(a.Threads[0], b.Threads[0]);

    private static int ByAge(ThreadFacts a, ThreadFacts b)
    {
        int order = (b.Age ?? TimeSpan.Zero).CompareTo(a.Age ?? TimeSpan.Zero);
        return order != 0 ? order : a.Address.Value.CompareTo(b.Address.Value);
    }

    /// <summary>Reasons that differ only by an address or a number are one kind: damage would fill screens otherwise.</summary>
    private static void AddMissing(Dictionary<string, MissingStacks> missing, string reason)
    {
        ref MissingStacks? kind = ref CollectionsMarshal.GetValueRefOrAddDefault(missing, KindOf(reason), out _);
        kind = kind is null
            ? new MissingStacks(reason, 1, false)
            : kind with { Threads = kind.Threads + 1, HasOthers = kind.HasOthers || reason != kind.Reason };
    }

    private static string KindOf(string reason) => !reason.AsSpan().ContainsAnyInRange('0', '9')
        ? reason
        : string.Join(' ', reason.Split(' ').Select(word => word.AsSpan().ContainsAnyInRange('0', '9') ? "#" : word));

    /// <summary>A stack as a key: its hash is made once.</summary>
    private readonly struct Key : IEquatable<Key>
    {
        private readonly IReadOnlyList<ulong> _frames;
        private readonly int _hash;

        public Key(IReadOnlyList<ulong> frames)
        {
            _frames = frames;
            HashCode hash = default;
            for (int i = 0; i < frames.Count; i++)
                hash.Add(frames[i]);
            _hash = hash.ToHashCode();
        }

        public bool Equals(Key other)
        {
            if (ReferenceEquals(_frames, other._frames))
                return true;
            if (_hash != other._hash || _frames.Count != other._frames.Count)
                return false;
            for (int i = 0; i < _frames.Count; i++)
                if (_frames[i] != other._frames[i])
                    return false;
            return true;
        }

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode() => _hash;
    }
}
