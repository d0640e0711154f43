using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// Seeded damage to the structures by which threads wait: wait blocks, objects and their lists, owners and owner tables, lock
/// entries, messages and ports, requests, devices, work items — everything that a scenario has made in pool, and of its
/// threads the fields of waits.
/// </summary>
internal sealed class WaitDamage
{
    /// <summary>Structures in pool that waits do not lead through, or that all systems have many of and that hold nothing.</summary>
    private static readonly HashSet<string> s_others = ["_EPROCESS", "_OBJECT_TYPE", "_OBJECT_DIRECTORY", "_ETHREAD"];

    /// <summary>Fields of ETHREAD that tell of waits; those that a layout lacks are passed over.</summary>
    private static readonly string[] s_threadFields =
    [
        "Tcb.WaitBlockList", "Tcb.WaitBlock[0].WaitListEntry", "Tcb.WaitBlock[0].Thread", "Tcb.WaitBlock[0].Object",
        "Tcb.WaitBlock[0].NextWaitBlock", "Tcb.WaitBlock[0].WaitType", "Tcb.MutantListHead", "Tcb.Queue", "Tcb.QueueListEntry",
        "Tcb.ThreadListEntry", "ThreadListEntry", "IrpList", "AlpcMessage", "AlpcMessageId", "AlpcWaitSemaphore", "Tcb.WaitReason",
        "Tcb.State", "CrossThreadFlags", "Tcb.LockEntries", "LockEntries", "Tcb.AbEntrySummary", "OwnerEntryListHead",
    ];

    private readonly SystemBuilder _system;
    private readonly List<(ulong Address, int Size)> _blocks = [];
    private readonly ulong[] _threads;
    private readonly int[] _threadOffsets;

    /// <summary>Prepares for what a system held before the blocks from <paramref name="end"/> on were made.</summary>
    /// <param name="system">The finished system.</param>
    /// <param name="end">Number of blocks of pool that belong to the scenario; later ones are spared.</param>
    /// <param name="spared">Threads that are spared.</param>
    public WaitDamage(SystemBuilder system, int end, IReadOnlySet<ulong> spared)
    {
        _system = system;
        HashSet<ulong> others = [.. system.Structures.Where(s => s_others.Contains(s.Value)).Select(s => s.Key)];
        foreach ((ulong address, int size) in system.Pool.Blocks.Take(end))
            if (!others.Any(o => o - address < (ulong)size))
                _blocks.Add((address, size));
        // In truth or not: idle threads are damaged too, but those of the hang more often.
        HashSet<ulong> actors = [.. system.Truth.Links.Select(l => l.Address)];
        ulong[] threads = [.. system.Threads.Select(t => t.Address).Where(t => !spared.Contains(t))];
        _threads = [.. threads, .. Enumerable.Repeat(threads.Where(actors.Contains), 1 + threads.Length / 4).SelectMany(t => t)];
        _threadOffsets = [.. s_threadFields.Where(f => system.Layout.Has("_ETHREAD", f))
            .Select(f => system.Layout.Offset("_ETHREAD", f) & ~7)];
    }

    /// <summary>One to four blows; words by address.</summary>
    public void Strike(Random random, Dictionary<ulong, ulong> words)
    {
        words.Clear();
        for (int blows = random.Next(1, 5); blows > 0; blows--)
        {
            (ulong structure, ulong at) = random.Next(5) < 2 ? PickThreadWord(random) : PickWord(random);
            words[at] = Damage(random, structure, Read(at));
        }
    }

    /// <summary>
    /// Whether a blow put the address of one object in the place of that of another of the same type. The dump is then that
    /// of another system, in which the other object is meant: nothing in it says otherwise.
    /// </summary>
    public bool IsAnotherSystem(Dictionary<ulong, ulong> words) => words.Any(w =>
    {
        string? before = TypeAt(Read(w.Key)), after = TypeAt(w.Value);
        return before is not null && before == after && Read(w.Key) != w.Value;
    });

    // Flags in low bits (owners, lock words) are no part of the address.
    private string? TypeAt(ulong value) =>
        _system.Structures.TryGetValue(value & ~7ul, out string? type) ? type : null;

    private ulong Damage(Random random, ulong structure, ulong word) => random.Next(7) switch
    {
        // Exchange: a word of another structure, or its address.
        0 => random.Next(2) == 0 ? Read(PickWord(random).At) : PickWord(random).Structure,
        // A loop: to the structure itself.
        1 => structure,
        // Dangling: into pool that is not there.
        2 => word < 0xffff000000000000 ? 0xffffab0700000010 : word + 0x40_0000_0000,
        // Off by a bit.
        3 => word ^ 1ul << random.Next(48),
        4 => 0,
        5 => word & ~0xffff_fffful | (uint)random.Next(),
        _ => (ulong)random.NextInt64(),
    };

    private (ulong Structure, ulong At) PickThreadWord(Random random)
    {
        ulong thread = _threads[random.Next(_threads.Length)];
        return (thread, thread + (ulong)_threadOffsets[random.Next(_threadOffsets.Length)]);
    }

    // Of the words of a block those that hold something: zeros are most of them, and mostly unused.
    private (ulong Structure, ulong At) PickWord(Random random)
    {
        (ulong address, int size) = _blocks[random.Next(_blocks.Count)];
        ulong at = address;
        for (int i = 0; i < 8; i++)
        {
            at = address + 8 * (ulong)random.Next(Math.Max(size / 8, 1));
            if (Read(at) != 0 || random.Next(16) == 0)
                break;
        }
        return (address, at);
    }

    private ulong Read(ulong at) => _system.Kernel.Translate(at) is null ? 0 : _system.Kernel.ReadUInt64(at);
}
