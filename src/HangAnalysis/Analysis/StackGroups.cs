using System.Runtime.InteropServices;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Threads with one stack.</summary>
/// <param name="Threads">The threads, the longest in their state first.</param>
/// <param name="EndNote">Why the stack is cut; null where it is whole.</param>
public sealed record StackGroup(List<ThreadFacts> Threads, string? EndNote);

/// <summary>Groups threads by identical stacks.</summary>
/// <remarks>
/// Stacks are compared as addresses: no name is looked up before the groups are known, so that naming costs by distinct
/// stacks and not by threads.
/// </remarks>
public sealed class StackGroups
{
    private StackGroups(List<StackGroup> groups, SortedDictionary<string, int> missing)
    {
        Groups = groups;
        Missing = missing;
    }

    /// <summary>The groups, the smallest first: what is rare is more telling than what is common.</summary>
    public IReadOnlyList<StackGroup> Groups { get; }

    /// <summary>Threads without a stack, counted by the reason.</summary>
    public IReadOnlyDictionary<string, int> Missing { get; }

    /// <summary>Groups threads.</summary>
    /// <param name="threads">The threads.</param>
    /// <param name="stackOf">The instruction pointers of a thread's stack, and why it is missing or cut.</param>
    /// <param name="cancellation">Ends the walk; the groups then hold the threads seen so far.</param>
    public static StackGroups Group(IEnumerable<ThreadFacts> threads,
        Func<ThreadFacts, (IReadOnlyList<ulong> Frames, string? EndNote)> stackOf, CancellationToken cancellation = default)
    {
        Dictionary<Key, StackGroup> groups = [];
        SortedDictionary<string, int> missing = new(StringComparer.Ordinal);
        foreach (ThreadFacts thread in threads)
        {
            if (cancellation.IsCancellationRequested)
                break;
            (IReadOnlyList<ulong> frames, string? note) = stackOf(thread);
            if (frames.Count == 0)
            {
                string reason = note ?? "the stack is empty";
                missing[reason] = missing.GetValueOrDefault(reason) + 1;
                continue;
            }
            ref StackGroup? group = ref CollectionsMarshal.GetValueRefOrAddDefault(groups, new Key(frames), out _);
            group ??= new StackGroup([], note);
            group.Threads.Add(thread);
        }
        List<StackGroup> sorted = [.. groups.Values];
        foreach (StackGroup group in sorted)
            group.Threads.Sort((a, b) => ByAge(a, b));
        sorted.Sort((a, b) => a.Threads.Count != b.Threads.Count
            ? a.Threads.Count.CompareTo(b.Threads.Count)
            : ByAge(a.Threads[0], b.Threads[0]));
        return new StackGroups(sorted, missing);
    }

    private static int ByAge(ThreadFacts a, ThreadFacts b)
    {
        int order = (b.Age ?? TimeSpan.Zero).CompareTo(a.Age ?? TimeSpan.Zero);
        return order != 0 ? order : a.Address.Value.CompareTo(b.Address.Value);
    }

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
