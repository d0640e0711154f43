using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>Where each processor has its own copy of a per-CPU variable.</summary>
/// <remarks>
/// include/linux/percpu-defs.h, per_cpu_ptr(): <c>__per_cpu_offset[cpu]</c> is added to the symbol. That holds for
/// zero-based
/// symbols (x86-64 before 6.15) and for real addresses (since), as the table of the kernel fits its symbols.
/// </remarks>
public sealed class PerCpu
{
    private readonly ulong[] _offsets;

    private PerCpu(ulong[] offsets) => _offsets = offsets;

    /// <summary>Number of processors that the kernel has room for: those that may be there, online or not.</summary>
    public int Count => _offsets.Length;

    /// <summary>Address of a variable's copy.</summary>
    /// <param name="symbol">The variable's symbol, or a pointer from <c>alloc_percpu</c>.</param>
    /// <param name="cpu">Number of the processor; null is returned for one that is not there.</param>
    public ulong? AddressOf(ulong symbol, int cpu) =>
        cpu >= 0 && cpu < _offsets.Length ? unchecked(_offsets[cpu] + symbol) : null;

    /// <summary>No processor is known.</summary>
    internal static PerCpu Empty { get; } = new([]);

    internal static PerCpu? Read(IMemory memory, Kallsyms names, out string why)
    {
        why = "";
        if (names.Count == 0)
        {
            why = "without kallsyms they cannot be found";
            return null;
        }
        // A kernel for one processor has no table: its variables are where their symbols say.
        if (names.Find("__per_cpu_offset") is not ulong table)
        {
            if (names.Find("nr_cpu_ids") is null)
                return new PerCpu([0]);
            why = "kallsyms has no __per_cpu_offset";
            return null;
        }
        uint count = 0;
        // CONFIG_FORCE_NR_CPUS makes nr_cpu_ids a constant; then the table's entries tell.
        bool known = names.Find("nr_cpu_ids") is ulong variable && memory.TryReadUInt32(variable, out count)
            && count is > 0 and <= SymbolLimits.Processors;
        byte[] raw = memory.ReadTable(table, (known ? count : SymbolLimits.Processors) * 8UL, SymbolLimits.Processors * 8);
        ulong[] offsets = new ulong[raw.Length / 8];
        for (int i = 0; i < offsets.Length; i++)
            offsets[i] = BinaryPrimitives.ReadUInt64LittleEndian(raw.AsSpan(i * 8));
        if (!known)
            Array.Resize(ref offsets, CountDistinct(offsets));
        if (offsets.Length > 0)
            return new PerCpu(offsets);
        why = "__per_cpu_offset is not in the dump";
        return null;
    }

    // Every processor that may be there has an area of its own; entries of others all hold the boot value.
    private static int CountDistinct(ulong[] offsets)
    {
        HashSet<ulong> seen = [];
        int count = 0;
        while (count < offsets.Length && offsets[count] != 0 && seen.Add(offsets[count]))
            count++;
        return count;
    }
}
