using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>A stack as instruction pointers, shared by all threads that have it.</summary>
/// <param name="Frames">The instruction pointers, innermost first.</param>
/// <param name="EndNote">Why the stack is missing or cut; null where it is whole.</param>
internal sealed record DistinctStack(ulong[] Frames, string? EndNote)
{
    /// <summary>Another stack with the same hash.</summary>
    public DistinctStack? Next { get; init; }
}

/// <summary>
/// The stacks of a system, each once: thousands of threads share a few hundred, so that a second look at all of them costs
/// a look-up for each thread and some bytes.
/// </summary>
internal sealed class DistinctStacks
{
    private readonly Dictionary<ThreadAddress, DistinctStack> _threads = [];
    private readonly Dictionary<ulong, DistinctStack> _stacks = [];
    private int _keptFrames;

    /// <summary>The stack of a thread, if it was kept.</summary>
    public bool TryFind(ThreadAddress thread, [NotNullWhen(true)] out DistinctStack? stack) =>
        _threads.TryGetValue(thread, out stack);

    /// <summary>Keeps the stack of a thread, and returns the one that other threads have too.</summary>
    public DistinctStack Keep(ThreadAddress thread, ReadOnlySpan<RawFrame> frames, string? endNote)
    {
        ref DistinctStack? first = ref CollectionsMarshal.GetValueRefOrAddDefault(_stacks, Hash(frames), out _);
        for (DistinctStack? known = first; known is not null; known = known.Next)
            if (known.EndNote == endNote && HasFrames(known, frames))
                return _threads[thread] = known;
        ulong[] addresses = new ulong[frames.Length];
        for (int i = 0; i < addresses.Length; i++)
            addresses[i] = frames[i].InstructionPointer;
        DistinctStack stack = new(addresses, endNote) { Next = first };
        if (_keptFrames + addresses.Length > Limits.KeptFrames)
            return stack;
        _keptFrames += addresses.Length;
        first = stack;
        return _threads[thread] = stack;
    }

    private static bool HasFrames(DistinctStack stack, ReadOnlySpan<RawFrame> frames)
    {
        if (stack.Frames.Length != frames.Length)
            return false;
        for (int i = 0; i < frames.Length; i++)
            if (stack.Frames[i] != frames[i].InstructionPointer)
                return false;
        return true;
    }

    /// <summary>FNV-1a over the instruction pointers.</summary>
    private static ulong Hash(ReadOnlySpan<RawFrame> frames)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (ref readonly RawFrame frame in frames)
            hash = (hash ^ frame.InstructionPointer) * 0x100000001b3;
        return hash;
    }
}
