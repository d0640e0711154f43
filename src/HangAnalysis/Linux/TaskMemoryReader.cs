using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Reads the size of programs' memory as <c>crash ps</c> and <c>/proc/PID/status</c> have it.</summary>
/// <remarks>
/// Up to 6.1 mm_struct.rss_stat is an array of counters, and each task keeps what it has not yet added (SPLIT_RSS_COUNTING);
/// since 6.2 each of its counters is a percpu_counter.
/// </remarks>
internal sealed class TaskMemoryReader
{
    private readonly LinuxSession _session;
    private readonly FieldSlot _total, _counts, _cached, _count, _counters;
    private readonly int[] _kinds;
    private readonly int _step, _swapKind;
    private readonly Dictionary<ulong, TaskMemory> _known = [];

    public TaskMemoryReader(LinuxSession session)
    {
        _session = session;
        Btf types = session.Symbols.Types;
        _total = session.Field("mm_struct", "total_vm");
        _kinds = [Kind(types, "MM_FILEPAGES", 0), Kind(types, "MM_ANONPAGES", 1), Kind(types, "MM_SHMEMPAGES", 3)];
        _swapKind = Kind(types, "MM_SWAPENTS", 2);
        _counts = session.Field("mm_struct", "rss_stat.count");
        if (!_counts.IsPresent && types.ElementSizeOf("mm_struct", "rss_stat") is int step && step > 8)
        {
            _counts = session.Field("mm_struct", "rss_stat");
            _step = step;
            _count = session.Field("percpu_counter", "count");
            _counters = session.Field("percpu_counter", "counters");
        }
        _cached = session.Field("task_struct", "rss_stat.count");
    }

    /// <summary>Memory of an <c>mm_struct</c> that the tasks of a process have; null where it is not in the dump.</summary>
    public TaskMemory? Read(ulong mm, ProcessFacts process)
    {
        if (_known.TryGetValue(mm, out TaskMemory? known))
            return known;
        if (!_total.IsPresent || !_session.Memory.TryReadUInt64(mm + (ulong)_total.Offset, out ulong total))
            return null;
        long resident = 0;
        foreach (int kind in _kinds)
            resident += (Count(mm, kind) ?? 0) + (_step > 0 ? 0 : Cached(process, kind));
        return _known[mm] = new TaskMemory(unchecked(total * LinuxMemory.PageBytes),
            (ulong)Math.Max(resident, 0) * LinuxMemory.PageBytes);
    }

    /// <summary>Bytes that are swapped out; null where there is no such counter.</summary>
    public ulong? Swapped(ulong mm) => Count(mm, _swapKind) is { } pages ? (ulong)Math.Max(pages, 0) * LinuxMemory.PageBytes
        : null;

    private long? Count(ulong mm, int kind)
    {
        if (!_counts.IsPresent || kind * Math.Max(_step, 8) >= _counts.Size)
            return null;
        return _step > 0 ? new PerCpuCounter(_session, _count, _counters).Sum(mm + (ulong)(_counts.Offset + kind * _step))
            : (long)_session.ReadPointer(mm + (ulong)(_counts.Offset + kind * 8));
    }

    private static int Kind(Btf types, string name, int usual) =>
        types.FindEnumValue(name) is long value and >= 0 and < 16 ? (int)value : usual;

    private long Cached(ProcessFacts process, int kind)
    {
        const int MostThreads = 4096;
        if (!_cached.IsPresent || kind * 4 >= _cached.Size)
            return 0;
        long sum = 0;
        for (int i = 0; i < process.Threads.Count && i < MostThreads; i++)
            if (_session.Memory.TryReadUInt32(process.Threads[i].Address.Value + (ulong)(_cached.Offset + kind * 4),
                out uint pages))
                sum += (int)pages;
        return sum;
    }
}

/// <summary>Reads a <c>percpu_counter</c>: a count, and what each processor has not yet added to it.</summary>
internal readonly struct PerCpuCounter(LinuxSession session, FieldSlot count, FieldSlot counters)
{
    public PerCpuCounter(LinuxSession session)
        : this(session, session.Field("percpu_counter", "count"), session.Field("percpu_counter", "counters"))
    {
    }

    /// <summary>The count alone, as <c>crash</c> prints it.</summary>
    public long Rough(ulong counter) => (long)session.Read(counter, count);

    /// <summary>The count with what the processors have not yet added.</summary>
    public long Sum(ulong counter)
    {
        long sum = Rough(counter);
        ulong own = session.Read(counter, counters);
        for (int cpu = 0; own != 0 && cpu < session.Symbols.PerCpu.Count && cpu < Limits.Processors; cpu++)
            if (session.Symbols.PerCpu.AddressOf(own, cpu) is { } address
                && session.Memory.TryReadUInt32(address, out uint part))
                sum += (int)part;
        return sum;
    }
}
