namespace HangAnalysis.DumpForge.Layouts;

/// <summary>What of the layout files goes into the built-in table: enough for every scenario.</summary>
internal static class LayoutSelection
{
    public static readonly string[] Types = Words("""
        _KTHREAD _ETHREAD _KPROCESS _EPROCESS _KPRCB _KPCR _KPROCESSOR_STATE _KSPECIAL_REGISTERS _CONTEXT
        _KAPC_STATE _KWAIT_BLOCK _DISPATCHER_HEADER _KEVENT _KMUTANT _KSEMAPHORE _KQUEUE _KPRIQUEUE _KTIMER _KGATE
        _FAST_MUTEX _KGUARDED_MUTEX _ERESOURCE _OWNER_ENTRY _KWAIT_CHAIN _KWAIT_CHAIN_ENTRY _EX_PUSH_LOCK
        _EX_PUSH_LOCK_WAIT_BLOCK _KLOCK_ENTRY _KLOCK_ENTRY_LOCK_STATE _ALPC_PORT _ALPC_COMMUNICATION_INFO
        _KALPC_MESSAGE _PORT_MESSAGE _CLIENT_ID _IRP _IO_STACK_LOCATION _DEVICE_OBJECT _DRIVER_OBJECT _FILE_OBJECT
        _VPB _DEVOBJ_EXTENSION _OBJECT_HEADER _OBJECT_HEADER_NAME_INFO _OBJECT_HEADER_CREATOR_INFO _OBJECT_TYPE
        _OBJECT_DIRECTORY _OBJECT_DIRECTORY_ENTRY _HANDLE_TABLE _HANDLE_TABLE_ENTRY _PEB _TEB _PEB_LDR_DATA
        _LDR_DATA_TABLE_ENTRY _KLDR_DATA_TABLE_ENTRY _RTL_USER_PROCESS_PARAMETERS _RTL_CRITICAL_SECTION
        _RTL_CRITICAL_SECTION_DEBUG _UNICODE_STRING _STRING _LIST_ENTRY _SINGLE_LIST_ENTRY _LARGE_INTEGER
        _ULARGE_INTEGER _KTRAP_FRAME _KEXCEPTION_FRAME _EXCEPTION_RECORD _KDPC _KDPC_DATA _KDPC_LIST
        _KSPIN_LOCK_QUEUE _KLOCK_QUEUE_HANDLE _EWOW64PROCESS _SE_AUDIT_PROCESS_CREATION_INFO
        _OBJECT_NAME_INFORMATION _EX_WORK_QUEUE _WORK_QUEUE_ITEM _KSHARED_READY_QUEUE _KUSER_SHARED_DATA
        _KSYSTEM_TIME _EX_RUNDOWN_REF _EX_FAST_REF _MI_SYSTEM_INFORMATION _MI_PARTITION _MI_PARTITION_COMMIT
        _MI_VISIBLE_PARTITION _MI_VISIBLE_STATE _MI_POOL_STATE _POOL_HEADER _MMINPAGE_SUPPORT _POOL_TRACKER_TABLE
        _POOL_TRACKER_BIG_PAGES
        _IO_STATUS_BLOCK _KAPC _KSTACK_CONTROL _KERNEL_STACK_SEGMENT _EJOB _NT_TIB _IO_COMPLETION_CONTEXT
        _FAST_ERESOURCE_INTERNAL _FAST_OWNER_ENTRY _KDEVICE_QUEUE _SECTION_OBJECT_POINTERS _KERNEL_STACK_CONTROL
        _TOKEN _SID _SID_AND_ATTRIBUTES _SID_IDENTIFIER_AUTHORITY _HANDLE_TABLE_FREE_LIST _MMSUPPORT _MMSUPPORT_FULL
        _MMSUPPORT_INSTANCE _GROUP_AFFINITY _KAFFINITY_EX _MMPFNLIST _MMPAGING_FILE _MI_SYSTEM_PTE_TYPE
        _MI_SYSTEM_PTE_STATE _MM_PAGED_POOL_INFO _MI_PARTITION_PAGE_LISTS
        _DEVICE_NODE _POP_IRP_DATA _TRIAGE_9F_POWER
        """);

    /// <summary>What XP and 2003 have instead of ALPC, and a name of x86 alone.</summary>
    private static readonly string[] s_typesOfX86 = Words("""
        _LPCP_PORT_OBJECT _LPCP_MESSAGE _LPCP_PORT_QUEUE _LPCP_NONPAGED_PORT_QUEUE _DESCRIPTOR
        _EXCEPTION_REGISTRATION_RECORD _HANDLE_TABLE_FREE_LIST _POOL_DESCRIPTOR
        """);

    public static readonly string[] Symbols = Words("""
        KiSwapContext KiSwapThread KiCommitThreadWait KeWaitForSingleObject KeWaitForMultipleObjects
        KdDebuggerDataBlock PsLoadedModuleList PsActiveProcessHead KiProcessorBlock ExpSystemResourcesList
        MiSystemPartition MiState PsIdleProcess PsInitialSystemProcess KiSystemCall64 KiSystemServiceCopyEnd
        KiIdleLoop NtBuildLab KiBugCheckData MmUnloadedDrivers MmLastUnloadedDriver ObTypeIndexTable ObHeaderCookie
        AlpcpPortList KeNumberProcessors MmPhysicalMemoryBlock ExWorkerQueue PspCidTable ObpRootDirectoryObject
        PoolTrackTable PoolTrackTableSize ExPoolTagTables KeMaximumIncrement KeTimeIncrement KeNodeBlock
        ExpWorkerThread MmAvailablePages
        """);

    /// <summary>Cuts a layout down to the selection and the types that its fields hold by value.</summary>
    public static KernelLayout Apply(KernelLayout layout)
    {
        Dictionary<string, TypeDefinition> types = new(StringComparer.Ordinal);
        Stack<string> work = new(Types);
        if (layout.Architecture == Architecture.X86)
            foreach (string name in s_typesOfX86)
                work.Push(name);
        while (work.TryPop(out string? name))
        {
            if (types.ContainsKey(name) || !layout.Types.TryGetValue(name, out TypeDefinition? type))
                continue;
            types.Add(name, type);
            foreach (LayoutField field in type.Fields)
                if (field.Type.Pointers == 0)
                    work.Push(field.Type.Name);
        }
        Dictionary<string, uint> symbols = new(StringComparer.Ordinal);
        foreach (string name in Symbols)
            if (layout.Symbols.TryGetValue(name, out uint rva))
                symbols.Add(name, rva);
        return new KernelLayout(layout.Identity, types, layout.Enums, symbols);
    }

    private static string[] Words(string text) =>
        text.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);
}
