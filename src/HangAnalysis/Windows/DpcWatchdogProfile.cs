using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Stacks that are the same, function by function, of those that the watchdog took.</summary>
/// <param name="Number">Number of the first, from 1 for the oldest.</param>
/// <param name="Stack">Its frames.</param>
/// <param name="Count">How many are alike.</param>
internal sealed record WatchdogSample(int Number, StackFacts Stack, int Count);

/// <summary>Reads the stacks that the DPC watchdog samples while a processor stays at DISPATCH_LEVEL or above.</summary>
/// <remarks>
/// KPRCB.DpcWatchdogProfile points at an array of return addresses, innermost first, stack behind stack;
/// DpcWatchdogProfileCurrentEmptyCapture at where the next goes (since 14393 [S]). How long the array is stands in the
/// DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK that the stop names: {u32 0xAEBECEDE, u16 revision, u16 size, u16 offset of the pointer in
/// the KPRCB, u32 length in bytes}; no public symbols have that type, so that its layout is held here [D]. Zeros part two stacks;
/// where there are none, a stack begins with the clock interrupt that took it [K].
/// </remarks>
internal sealed class DpcWatchdogProfile(WindowsSystem system)
{
    private const uint BlockSignature = 0xaebecede;

    /// <summary>Bytes of the array that are read at most; real ones have 33 KB.</summary>
    private const int MostBytes = 1 << 20;

    /// <summary>Stacks that are taken apart at most.</summary>
    private const int MostSamples = 4096;

    /// <summary>How the clock interrupt takes a sample, and what calls deferred procedure calls: machinery, and nobody's fault.</summary>
    private static readonly HashSet<string> s_sampler =
    [
        "KeAccumulateTicks", "KiUpdateRunTime", "KeUpdateRunTime", "KiUpdateTime", "KeUpdateTime", "KeClockInterruptNotify",
        "HalpTimerClockInterrupt", "HalpTimerClockIpiRoutine", "HalpTimerClockInterruptEpilogCommon", "KiCallInterruptServiceRoutine",
        "KiInterruptSubDispatchNoLockNoEtw", "KiInterruptDispatchNoLockNoEtw", "KiInterruptDispatchNoLock", "KiInterruptDispatch",
    ];

    private readonly IMemory _memory = system.Session.Memory;

    /// <summary>The different stacks, those that were seen most often first.</summary>
    public IReadOnlyList<WatchdogSample> Samples { get; private set; } = [];

    /// <summary>How many stacks there are.</summary>
    public int Count { get; private set; }

    /// <summary>In how many stacks each module is that does not belong to the kernel's core, most often seen first.</summary>
    public IReadOnlyList<(ModuleFacts Module, FrameFacts Frame, int Count)> Modules { get; private set; } = [];

    /// <summary>Whether the block that the stop names is one.</summary>
    public bool IsBlock(ulong block) => system.Session.IsKernel(block)
        && _memory.TryReadUInt32(block, out uint signature) && signature == BlockSignature;

    /// <summary>Reads the stacks of one processor.</summary>
    /// <param name="prcb">Its KPRCB.</param>
    /// <param name="block">The block that the stop names, or 0.</param>
    /// <returns>Null where there are any, otherwise why there are none.</returns>
    public string? Read(ulong prcb, ulong block)
    {
        StructLayout layout = system.Session.Types.Get("_KPRCB");
        FieldSlot array = layout.Optional("DpcWatchdogProfile"), next = layout.Optional("DpcWatchdogProfileCurrentEmptyCapture");
        int offset = array.Offset;
        uint length = 0;
        if (IsBlock(block) && _memory.TryReadUInt16(block + 8, out ushort recorded) && _memory.TryReadUInt32(block + 12, out uint bytes)
            && bytes is > 0 and <= MostBytes)
            (offset, length) = (recorded, bytes);
        else if (!array.IsPresent)
            return "this kernel keeps none, or its symbols do not say where";
        if (!_memory.TryReadPointer(prcb + (ulong)offset, out ulong start) || !system.Session.IsObject(start))
            return "the processor has none";
        ulong end = 0;
        if (next.IsPresent)
            _memory.TryReadPointer(prcb + (ulong)next.Offset, out end);
        if (length == 0 && end > start)
            length = (uint)Math.Min(end - start, MostBytes);
        byte[] values = new byte[length / sizeof(ulong) * sizeof(ulong)];
        int read = _memory.Read(start, values);
        if (read < sizeof(ulong))
            return "they are not in the dump";
        // What lies behind the place of the next is older than what lies before it.
        int split = end > start && end - start <= (ulong)read ? (int)(end - start) / sizeof(ulong) * sizeof(ulong) : 0;
        List<List<FrameFacts>> stacks = [];
        Split(values.AsSpan(split, read - split), stacks);
        Split(values.AsSpan(0, split), stacks);
        Take(stacks);
        return Count == 0 ? "the processor has none" : null;
    }

    private void Split(ReadOnlySpan<byte> values, List<List<FrameFacts>> stacks)
    {
        List<FrameFacts> stack = [];
        bool inSampler = false;
        for (; values.Length >= sizeof(ulong) && stacks.Count < MostSamples; values = values[sizeof(ulong)..])
        {
            ulong address = BinaryPrimitives.ReadUInt64LittleEndian(values);
            FrameFacts? frame = address == 0 ? null : system.DescribeAddress(address);
            bool isSampler = frame?.Symbol is { } symbol && s_sampler.Contains(symbol);
            if (frame is null || (isSampler && !inSampler) || stack.Count == Limits.Frames)
                End(stacks, ref stack);
            inSampler = isSampler;
            if (frame is not null && !isSampler)
                stack.Add(frame);
        }
        End(stacks, ref stack);
    }

    private static void End(List<List<FrameFacts>> stacks, ref List<FrameFacts> stack)
    {
        if (stack.Count == 0)
            return;
        stacks.Add(stack);
        stack = [];
    }

    private void Take(List<List<FrameFacts>> stacks)
    {
        Count = stacks.Count;
        Dictionary<string, (int Number, List<FrameFacts> Frames, int Count)> distinct = new(StringComparer.Ordinal);
        Dictionary<ModuleFacts, (FrameFacts Frame, int Count, int Depth)> modules = [];
        for (int i = 0; i < stacks.Count; i++)
        {
            string shape = string.Join('\n', stacks[i].Select(f => f.Function));
            distinct[shape] = distinct.TryGetValue(shape, out var known) ? known with { Count = known.Count + 1 } : (i + 1, stacks[i], 1);
            HashSet<ModuleFacts> seen = [];
            for (int depth = 0; depth < stacks[i].Count; depth++)
                if (stacks[i][depth] is { Module: { Origin: not ModuleOrigin.Core } module } frame && seen.Add(module))
                    modules[module] = modules.TryGetValue(module, out var counted)
                        ? (counted.Frame, counted.Count + 1, counted.Depth + depth)
                        : (frame, 1, depth);
        }
        Samples = [.. distinct.Values.OrderByDescending(s => s.Count).ThenBy(s => s.Number)
            .Select(s => new WatchdogSample(s.Number, new StackFacts(s.Frames, null), s.Count))];
        // Of those that are in as many stacks the one that is further in, on the average, is told first.
        Modules = [.. modules.OrderByDescending(m => m.Value.Count).ThenBy(m => m.Value.Depth / m.Value.Count)
            .ThenBy(m => m.Key.BaseAddress).Select(m => (m.Key, m.Value.Frame, m.Value.Count))];
    }
}
