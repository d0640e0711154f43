using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>What the scheduler and the accounting know of a thread besides its state. What is not given is usual.</summary>
public sealed class ThreadSchedule
{
    /// <summary>Priority without boosts; null for the current one.</summary>
    public int? BasePriority { get; set; }

    /// <summary>What the current priority is raised by because the window is in the foreground.</summary>
    public int ForegroundBoost { get; set; }

    /// <summary>What the current priority is raised by for other reasons, to be taken back step by step.</summary>
    public int UnusualBoost { get; set; }

    /// <summary>Priority of requests: 2 is normal (IO_PRIORITY_HINT of wdm.h).</summary>
    public int IoPriority { get; set; } = 2;

    /// <summary>Priority of pages: 5 is normal.</summary>
    public int PagePriority { get; set; } = 5;

    /// <summary>The processor that the thread runs on by preference; null for one by its number.</summary>
    public int? IdealProcessor { get; set; }

    /// <summary>Processors that may run the thread; null for all.</summary>
    public ulong? Affinity { get; set; }

    /// <summary>Ticks in user mode; null for a few.</summary>
    public uint? UserTicks { get; set; }

    internal void Write(ThreadBuilder thread, int processors)
    {
        int ideal = IdealProcessor ?? thread.Processor ?? (int)(thread.Tid / 4 % (uint)processors);
        thread.Struct.Set("Tcb.Priority", (byte)thread.CurrentPriority)
            .Set("Tcb.BasePriority", (byte)(BasePriority ?? thread.CurrentPriority))
            .Set("Tcb.PriorityDecrement", (uint)(UnusualBoost << 4 | ForegroundBoost))
            .TrySet("Tcb.IdealProcessor", (ulong)ideal).TrySet("Tcb.UserIdealProcessor", (ulong)ideal)
            // In the same word since 8: that the thread is in the queue which processors share.
            .TrySet("Tcb.NextProcessor", (ulong)(thread.Processor ?? thread.ReadyProcessor ?? ideal))
            .TrySet("ThreadIoPriority", (ulong)IoPriority).TrySet("ThreadPagePriority", (ulong)PagePriority);
        ulong mask = Affinity ?? All(processors);
        thread.Struct.TrySet("Tcb.Affinity.Mask", mask).TrySet("Tcb.UserAffinity.Mask", mask);
        // Before 7 an affinity is a number.
        if (IsNumber(thread))
            thread.Struct.Set("Tcb.Affinity", mask).TrySet("Tcb.UserAffinity", mask);
    }

    /// <summary>Since 20348 a thread's affinities are structures of their own, which equal ones share here.</summary>
    internal void WriteAffinity(ThreadBuilder thread, SystemBuilder system, Dictionary<ulong, ulong> known)
    {
        if (system.Layout.Has("_KTHREAD", "Affinity.Mask") || IsNumber(thread))
            return;
        ulong mask = Affinity ?? All(system.Options.Processors);
        if (!known.TryGetValue(mask, out ulong address))
        {
            known.Add(mask, address = system.Pool.Take(system.Layout.Size("_KAFFINITY_EX")));
            system.Kernel.Write(address, new byte[system.Layout.Size("_KAFFINITY_EX")]);
            system.Struct("_KAFFINITY_EX", address).Set("Count", 1).Set("Size", 32).Set("Bitmap", mask);
        }
        thread.Struct.Set("Tcb.Affinity", address).Set("Tcb.UserAffinity", address);
    }

    private static bool IsNumber(ThreadBuilder thread) =>
        thread.Struct.Has("Tcb.Affinity") && thread.Struct.Writer.Layout.Field("_KTHREAD", "Affinity").Type.Pointers == 0
        && TypeText.SimpleSize(thread.Struct.Writer.Layout.Field("_KTHREAD", "Affinity").Type.Name) is not null;

    private static ulong All(int processors) => processors >= 64 ? ulong.MaxValue : (1ul << processors) - 1;
}
