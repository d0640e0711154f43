namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes <see cref="MemoryDetails"/> where a build keeps them: in variables of their own, or in MiState and the partition.</summary>
internal sealed class MemoryDetailsWriter
{
    private const ulong PageSize = 0x1000;
    private const int Vista = 6000;

    private static readonly (string Name, int Size)[] s_variables =
    [
        ("MmPeakCommitment", 8), ("MmResidentAvailablePages", 8), ("MmNumberOfPagingFiles", 8), ("MmPagingFile", 128),
        ("MmSharedCommit", 8), ("MmProcessCommit", 8), ("MmDriverCommit", 8), ("MmMaximumNonPagedPoolInBytes", 8),
        ("MmSizeOfPagedPoolInBytes", 8),
    ];

    private static readonly (string Variable, string Type)[] s_structures =
    [
        ("MmModifiedPageListHead", "_MMPFNLIST"), ("MmZeroedPageListHead", "_MMPFNLIST"), ("MmFreePageListHead", "_MMPFNLIST"),
        ("MmPagedPoolInfo", "_MM_PAGED_POOL_INFO"),
    ];

    private readonly SystemBuilder _system;
    private readonly bool _hasPartition;
    private readonly int _build;

    public MemoryDetailsWriter(SystemBuilder system, bool hasPartition)
    {
        (_system, _hasPartition, _build) = (system, hasPartition, system.Layout.Build);
        if (hasPartition)
        {
            system.Nt.Variable("MiState", system.Layout.Size("_MI_SYSTEM_INFORMATION"));
            return;
        }
        foreach ((string name, int size) in s_variables)
            system.Nt.Variable(name, size);
        foreach ((string name, string type) in s_structures)
            system.Nt.Variable(name, system.Layout.Size(type));
        if (HasPteType)
            system.Nt.Variable("MiSystemPteInfo", system.Layout.Size("_MI_SYSTEM_PTE_TYPE"));
        if (_build < Vista)
        {
            system.Nt.Variable("MmStandbyPageListHead", system.Layout.Size("_MMPFNLIST"));
            system.Nt.Variable("NonPagedPoolDescriptor", system.Layout.Size("_POOL_DESCRIPTOR"));
            system.Nt.Variable("MmTotalSystemPtes", 4);
            system.Nt.Variable("MmTotalFreeSystemPtes", 8);
            return;
        }
        system.Nt.Variable("MmStandbyPageListByPriority", 8 * system.Layout.Size("_MMPFNLIST"));
        // Of Vista it is not known whether it has these.
        if (!HasPteType)
            return;
        system.Nt.Variable("MmAllocatedNonPagedPool", 8);
        system.Nt.Variable("MiChargeCommitmentFailures", 16);
    }

    public void Write(MemoryCounters memory, MemoryDetails details)
    {
        if (_hasPartition)
            WritePartition(details);
        else
            WriteVariables(memory, details);
    }

    private bool HasPteType => _system.Layout.Types.ContainsKey("_MI_SYSTEM_PTE_TYPE");

    private ulong At(string variable) => _system.Nt.Variable(variable, 0);

    private void WritePartition(MemoryDetails d)
    {
        KernelStruct partition = _system.Struct("_MI_PARTITION", At("MiSystemPartition"));
        KernelStruct visible = _system.Struct("_MI_VISIBLE_PARTITION", partition.At("Vp"));
        _system.Struct("_MI_PARTITION_COMMIT", partition.At("Commit")).Set("PeakCommitment", d.Peak);
        visible.Set("NumberOfPagingFiles", (ulong)d.PageFiles.Count).TrySet("SharedCommit", d.SharedCommit);
        for (int i = 0; i < d.PageFiles.Count; i++)
            _system.Kernel.WritePointer(visible.At($"PagingFile[{i}]"), WritePageFile(d.PageFiles[i]));
        for (int i = 0; i < 4; i++)
            _system.Kernel.WriteUInt32(visible.At("ChargeCommitmentFailures") + 4 * (ulong)i, d.ChargeFailures[i]);
        WriteList(visible.At("ModifiedPageListHead"), d.Modified);
        KernelStruct lists = _system.Struct("_MI_PARTITION_PAGE_LISTS", partition.At("PageLists"));
        WriteList(lists.At("ZeroedPageListHead"), d.Zeroed);
        WriteList(lists.At("FreePageListHead"), d.Free);
        for (int i = 0; i < 8; i++)
            WriteList(lists.At($"StandbyPageListByPriority[{i}]"), d.Standby[i]);

        KernelStruct state = _system.Struct("_MI_SYSTEM_INFORMATION", At("MiState"));
        _system.Struct("_MI_POOL_STATE", state.At("Pools")).Set("AllocatedNonPagedPool", d.NonPagedPool);
        KernelStruct vs = _system.Struct("_MI_VISIBLE_STATE", state.At("Vs"))
            .Set("MaximumNonPagedPoolInPages", d.NonPagedPoolMaximum).Set("SizeOfPagedPoolInPages", d.PagedPoolMaximum)
            .Set("NonPagedPoolCommit", d.NonPagedPoolCommit).Set("ProcessCommit", d.ProcessCommit)
            .Set("DriverCommit", d.DriverCommit).TrySet("SharedCommit", d.SharedCommit);
        _system.Struct("_MM_PAGED_POOL_INFO", vs.At("PagedPoolInfo")).Set("AllocatedPagedPool", d.PagedPool);
        KernelStruct ptes = _system.Struct("_MI_SYSTEM_PTE_STATE", state.At("SystemPtes"));
        WritePtes(ptes.At("SystemViewPteInfo"), d);
    }

    private void WriteVariables(MemoryCounters memory, MemoryDetails d)
    {
        Memory.AddressSpace kernel = _system.Kernel;
        foreach ((string name, ulong value) in ((string, ulong)[])
        [
            ("MmPeakCommitment", d.Peak), ("MmResidentAvailablePages", memory.ResidentAvailable), ("MmSharedCommit", d.SharedCommit),
            ("MmProcessCommit", d.ProcessCommit), ("MmMaximumNonPagedPoolInBytes", d.NonPagedPoolMaximum * PageSize),
            ("MmSizeOfPagedPoolInBytes", d.PagedPoolMaximum * PageSize),
        ])
            kernel.WritePointer(At(name), value);
        kernel.WriteUInt32(At("MmDriverCommit"), (uint)d.DriverCommit);
        kernel.WriteUInt32(At("MmNumberOfPagingFiles"), (uint)d.PageFiles.Count);
        for (int i = 0; i < d.PageFiles.Count; i++)
            kernel.WritePointer(At("MmPagingFile") + (ulong)(kernel.PointerSize * i), WritePageFile(d.PageFiles[i]));
        WriteList(At("MmModifiedPageListHead"), d.Modified);
        WriteList(At("MmZeroedPageListHead"), d.Zeroed);
        WriteList(At("MmFreePageListHead"), d.Free);
        _system.Struct("_MM_PAGED_POOL_INFO", At("MmPagedPoolInfo")).Set("AllocatedPagedPool", d.PagedPool);
        if (_build < Vista)
        {
            WriteBeforeVista(d);
            return;
        }
        for (int i = 0; i < 8; i++)
            WriteList(At("MmStandbyPageListByPriority") + (ulong)(i * _system.Layout.Size("_MMPFNLIST")), d.Standby[i]);
        if (!HasPteType)
            return;
        kernel.WritePointer(At("MmAllocatedNonPagedPool"), d.NonPagedPool);
        for (int i = 0; i < 4; i++)
            kernel.WriteUInt32(At("MiChargeCommitmentFailures") + 4 * (ulong)i, d.ChargeFailures[i]);
        WritePtes(At("MiSystemPteInfo"), d);
    }

    private void WriteBeforeVista(MemoryDetails d)
    {
        WriteList(At("MmStandbyPageListHead"), d.Standby.Aggregate(0ul, (sum, pages) => sum + pages));
        // Large blocks are counted apart from the pages that hold small ones.
        ulong small = Math.Min(d.NonPagedPool, 1000);
        _system.Struct("_POOL_DESCRIPTOR", At("NonPagedPoolDescriptor")).Set("TotalPages", small)
            .Set("TotalBigPages", d.NonPagedPool - small);
        _system.Kernel.WriteUInt32(At("MmTotalSystemPtes"), (uint)d.SystemPtes);
        // The second one is of nonpaged pool's expansion.
        _system.Kernel.WriteUInt32(At("MmTotalFreeSystemPtes"), (uint)d.FreeSystemPtes);
        _system.Kernel.WriteUInt32(At("MmTotalFreeSystemPtes") + 4, (uint)d.FreeExpansionPtes);
    }

    private void WritePtes(ulong at, MemoryDetails d) => _system.Struct("_MI_SYSTEM_PTE_TYPE", at)
        .Set("TotalSystemPtes", d.SystemPtes).Set("TotalFreeSystemPtes", d.FreeSystemPtes).Set("PteFailures", d.PteFailures);

    private void WriteList(ulong at, ulong total) => _system.Struct("_MMPFNLIST", at).Set("Total", total);

    private ulong WritePageFile(PageFile file)
    {
        KernelStruct made = _system.NewStruct("_MMPAGING_FILE").Set("Size", file.Size).Set("MaximumSize", file.Maximum)
            .Set("MinimumSize", file.Minimum).Set("FreeSpace", file.Free).Set("PeakUsage", file.Peak)
            .TrySet("VirtualStorePagefile", file.IsVirtual ? 1u : 0u).TrySet("WsSwapPagefile", file.IsSwap ? 1u : 0u);
        if (file.Name.Length > 0)
            _system.WriteText(made.At("PageFileName"), file.Name);
        return made.Address;
    }
}
