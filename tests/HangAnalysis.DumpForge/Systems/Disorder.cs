using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>
/// Makes a system that is the same in another order: lists are linked in any order, objects of one kind lie in several
/// regions of pool, physical pages are mixed, and there are more threads, in states that no scenario asks for. Nothing of
/// that changes who waits for whom.
/// </summary>
public sealed class Disorder
{
    // Distances of the regions: far enough apart that no scenario's own addresses lie between.
    private static readonly ulong[] s_regions = [0, 0x1000_0000, 0x3000_0000, 0x7000_0000];

    /// <summary>States that a thread can be in without anybody caring; the first three cannot run.</summary>
    private static readonly string[] s_states =
        ["Initialized", "Transition", "Terminated", "Standby", "Ready", "DeferredReady"];

    private const int MoreThreads = 24, StatesThatCannotRun = 3;
    private const uint FirstTid = 0x7000;

    [ThreadStatic]
    private static Disorder? t_current;

    private ulong _random;

    private Disorder(ulong seed)
    {
        Seed = seed;
        // Seeds that differ by one give unrelated numbers (the mixing step of splitmix64).
        ulong mixed = (seed + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
        _random = (mixed ^ mixed >> 31) | 1;
    }

    public ulong Seed { get; }

    /// <summary>What systems that are made now have; null for order.</summary>
    internal static Disorder? Current => t_current;

    /// <summary>
    /// Makes a system in disorder. Scenarios make their systems themselves and know nothing of this: it comes round them.
    /// </summary>
    public static SystemBuilder Make(ulong seed, Func<SystemBuilder> build)
    {
        t_current = new Disorder(seed);
        try
        {
            return build();
        }
        finally
        {
            t_current = null;
        }
    }

    /// <summary>Distance of a region; in an address space of 32 bits they are closer together.</summary>
    internal ulong TakeRegion(bool isNarrow) => s_regions[Next(s_regions.Length)] >> (isNarrow ? 8 : 0);

    internal void AddThreads(SystemBuilder system)
    {
        HashSet<ProcessBuilder> inTruth = [.. system.Processes.Where(p => system.Truth.Links.Any(l => l.Pid == p.Pid))];
        ProcessBuilder[] processes = [.. system.Processes.Where(p => p.Pid != 0 && !p.IsExited)];
        for (uint i = 0; i < MoreThreads; i++)
        {
            ProcessBuilder process = processes[Next(processes.Length)];
            // A thread that could run might be the one that answers: whoever is part of the hang gets none.
            string state = s_states[Next(inTruth.Contains(process) ? StatesThatCannotRun : s_states.Length)];
            ThreadBuilder thread = process.AddThread(FirstTid + 4 * i);
            if (state == "Terminated")
                thread.Terminated(TimeSpan.FromSeconds(Next(1000)));
            else
                thread.State(state, TimeSpan.Zero);
        }
    }

    internal void ShuffleLists(SystemBuilder system)
    {
        foreach (string variable in (string[])["PsActiveProcessHead", "ExpSystemResourcesList", "AlpcpPortList"])
            Shuffle(system.Kernel, system.Variables[variable]);
        foreach (ProcessBuilder process in system.Processes)
        {
            Shuffle(system.Kernel, process.Struct.At("ThreadListHead"));
            Shuffle(system.Kernel, process.Struct.At("Pcb.ThreadListHead"));
        }
        ulong waiters = (ulong)system.Layout.Offset("_DISPATCHER_HEADER", "WaitListHead");
        foreach (ulong waited in system.Threads.SelectMany(t => t.WaitObjects).Distinct().ToArray())
            Shuffle(system.Kernel, waited + waiters);
    }

    private void Shuffle(AddressSpace kernel, ulong head)
    {
        List<ulong> entries = [];
        for (ulong entry = kernel.ReadPointer(head); entry != head; entry = kernel.ReadPointer(entry))
            entries.Add(entry);
        for (int i = entries.Count - 1; i > 0; i--)
        {
            int other = Next(i + 1);
            (entries[i], entries[other]) = (entries[other], entries[i]);
        }
        kernel.InitializeList(head);
        foreach (ulong entry in entries)
            kernel.AppendToList(head, entry);
    }

    // xorshift64.
    private int Next(int end)
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return (int)((_random >> 11) % (ulong)end);
    }
}
