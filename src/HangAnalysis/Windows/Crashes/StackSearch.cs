using System.Runtime.InteropServices;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Searches the stacks of a dump for a pointer: how records are found that no parameter names.</summary>
/// <remarks>
/// A record may lie on another stack than the one on which the bug check was called [DUMP: a real 0x3B has its exception record
/// on the thread's own stack and KeBugCheckEx on another], so that all of a small dump's blocks are searched, and of other dumps
/// the stack of the processor and that of its thread.
/// </remarks>
internal sealed class StackSearch
{
    /// <summary>Bytes that one search reads: real small dumps hold up to 4.2 MB.</summary>
    private const long MostBytes = 16 * 1024 * 1024;

    /// <summary>Places that one search gives: the address of an instruction is on a stack a few times.</summary>
    private const int MostFound = 256;

    /// <summary>Bytes that are read around a stack pointer whose stack is not known.</summary>
    private const ulong UnknownStack = 0x6000;

    private const ulong PageSize = 0x1000;

    private readonly IMemory _memory;
    private readonly List<(ulong Start, ulong End)> _ranges = [];

    public StackSearch(WindowsSystem system)
    {
        _memory = system.Session.Memory;
        if (system.Target is IBlockSource { Blocks.Count: > 0 } small)
            AddBlocks(small.Blocks);
        if (system.Target.TryGetHeaderContext(out CpuContext context))
            AddStackOf(system, context.StackPointer);
        ulong current = (system.Target as ICrashSource)?.CurrentThread ?? 0;
        ThreadFacts? thread = system.FindThread(current);
        if (thread is null && system.Processors.Count > 0)
            thread = system.Processors[0].Current;
        if (thread is not null)
            Add(thread.StackLimit, thread.StackBase);
    }

    /// <summary>Where stacks hold a value, by address, at most some hundred.</summary>
    public List<ulong> Find(ulong value)
    {
        List<ulong> found = [];
        byte[] buffer = new byte[Limits.StackBytes];
        int width = _memory.PointerSize;
        foreach ((ulong start, ulong end) in _ranges)
            for (ulong at = start; at < end && found.Count < MostFound;)
            {
                int wanted = (int)Math.Min(end - at, (ulong)buffer.Length);
                int read = _memory.Read(at, buffer.AsSpan(0, wanted)) & ~(width - 1);
                Match(buffer.AsSpan(0, read), at, value, width, found);
                at += (ulong)read;
                if (read < (wanted & ~(width - 1)) || read == 0)
                    at = (at | (PageSize - 1)) + 1;
                if (at == 0)
                    break;
            }
        return found;
    }

    private static void Match(ReadOnlySpan<byte> bytes, ulong at, ulong value, int width, List<ulong> found)
    {
        if (width == sizeof(uint))
        {
            ReadOnlySpan<uint> narrow = MemoryMarshal.Cast<byte, uint>(bytes);
            for (int i = 0; i < narrow.Length && found.Count < MostFound; i++)
                if (narrow[i] == value)
                    found.Add(at + (ulong)i * sizeof(uint));
            return;
        }
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int from = 0; found.Count < MostFound && words[from..].IndexOf(value) is >= 0 and var next; from += next + 1)
            found.Add(at + (ulong)(from + next) * sizeof(ulong));
    }

    /// <summary>The blocks of a small dump, those that touch as one.</summary>
    private void AddBlocks(IReadOnlyList<(ulong Address, uint Size)> blocks)
    {
        List<(ulong Address, uint Size)> sorted = [.. blocks];
        sorted.Sort();
        long total = 0;
        foreach ((ulong address, uint size) in sorted)
        {
            ulong end = address + size;
            if (end < address || (total += size) > MostBytes)
                continue;
            ulong start = address + 7 & ~7ul;
            if (_ranges.Count > 0 && start <= _ranges[^1].End)
                _ranges[^1] = (_ranges[^1].Start, Math.Max(_ranges[^1].End, end));
            else
                _ranges.Add((start, end));
        }
    }

    private void AddStackOf(WindowsSystem system, ulong pointer)
    {
        foreach (ThreadFacts thread in system.Threads)
            if (pointer - thread.StackLimit < thread.StackBase - thread.StackLimit)
            {
                Add(thread.StackLimit, thread.StackBase);
                return;
            }
        Add(pointer & ~7ul, pointer + UnknownStack);
    }

    private void Add(ulong start, ulong end)
    {
        if (end <= start || !KernelSession.IsKernelAddress(start) && _memory.PointerSize == sizeof(ulong))
            return;
        end = Math.Min(end, start + Limits.StackBytes);
        foreach ((ulong known, ulong knownEnd) in _ranges)
            if (start >= known && end <= knownEnd)
                return;
        _ranges.Add((start & ~7ul, end));
    }
}
