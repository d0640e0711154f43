using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Windows;

/// <summary>
/// Reads what the kernel records of one process beyond <see cref="ProcessFacts"/>: one read of its EPROCESS, and one of each
/// structure that this leads to.
/// </summary>
/// <remarks>
/// EPROCESS.ProcessQuotaUsage is indexed by PS_QUOTA_TYPE: 0 nonpaged, 1 paged pool, in bytes (ReactOS pstypes.h). The
/// working set lies in Vm (MMSUPPORT) up to 9600 and in Vm.Instance from 14393 on, and is counted in pages, as is
/// CommitCharge. HANDLE_TABLE.HandleCount is there up to 7601; later tables count in free lists of which there are several.
/// </remarks>
internal sealed class ProcessDetailsReader
{
    private const ulong PageSize = 0x1000;

    /// <summary>More pages than any machine has: 2^40 pages are 4 PB.</summary>
    private const ulong ImpossiblePages = 1UL << 40;

    /// <summary>The end of the user half with five levels of page tables.</summary>
    private const ulong ImpossibleBytes = 1UL << 56;

    private readonly KernelSession _session;
    private readonly AccountReader _accounts;
    private readonly byte[] _buffer;
    private readonly FieldSlot _createTime, _exitTime, _exitStatus, _objectTable, _handleCount, _token, _virtual, _virtualPeak;
    private readonly FieldSlot _workingSet, _workingSetPeak, _commit, _commitPeak, _quota, _priorityClass, _basePriority;
    private readonly FieldSlot _privatePages, _protection, _protected, _auditName, _jobId, _jobProcesses;

    public ProcessDetailsReader(KernelSession session)
    {
        _session = session;
        _accounts = new AccountReader(session);
        StructLayout process = session.Types.Get("_EPROCESS");
        _buffer = new byte[process.Size];
        _createTime = process.Optional("CreateTime");
        _exitTime = process.Optional("ExitTime");
        _exitStatus = process.Optional("ExitStatus");
        _objectTable = process.Optional("ObjectTable");
        _token = process.Optional("Token");
        _virtual = process.Optional("VirtualSize");
        _virtualPeak = process.Optional("PeakVirtualSize");
        _workingSet = First(process, "Vm.WorkingSetSize", "Vm.Instance.WorkingSetSize");
        _workingSetPeak = First(process, "Vm.PeakWorkingSetSize", "Vm.Instance.PeakWorkingSetSize");
        _commit = process.Optional("CommitCharge");
        _commitPeak = process.Optional("CommitChargePeak");
        _privatePages = process.Optional("NumberOfPrivatePages");
        _quota = process.Optional("ProcessQuotaUsage");
        _priorityClass = process.Optional("PriorityClass");
        _basePriority = process.Optional("Pcb.BasePriority");
        // A level of one byte from 9600 on, one bit before.
        _protection = process.Optional("Protection");
        _protected = process.Optional("ProtectedProcess");
        _auditName = process.Optional("SeAuditProcessCreationInfo.ImageFileName");
        _handleCount = session.Types.Get("_HANDLE_TABLE").Optional("HandleCount");
        StructLayout job = session.Types.Get("_EJOB");
        _jobId = job.Optional("JobId");
        _jobProcesses = job.Optional("ActiveProcesses");
    }

    /// <summary>Reads a process's details; a process that is not in the dump has none.</summary>
    public ProcessDetails Read(ProcessFacts process)
    {
        Span<byte> bytes = _buffer;
        if (bytes.IsEmpty || !_session.Memory.TryRead(process.Address.Value, bytes))
            return new ProcessDetails();
        ulong table = _objectTable.Read(bytes);
        uint? handles = ReadUInt32(table, _handleCount);
        return new ProcessDetails
        {
            CreateTime = DumpDescription.ToTime(_createTime.Read(bytes)),
            ExitTime = process.HasExited ? DumpDescription.ToTime(_exitTime.Read(bytes)) : null,
            // Up to the end it is STATUS_PENDING.
            ExitStatus = process.HasExited && _exitStatus.IsPresent ? (uint)_exitStatus.Read(bytes) : null,
            Handles = handles,
            WhyNoHandles = handles is not null ? null
                : table == 0 ? "it has no handle table"
                : !_handleCount.IsPresent ? "handle tables of this system do not record one count"
                : "its handle table is not in the dump",
            Account = _accounts.Read(_token.Read(bytes)),
            PriorityClass = _priorityClass.IsPresent ? ProcessKnowledge.PriorityClassOf((int)_priorityClass.Read(bytes)) : null,
            BasePriority = _basePriority.IsPresent ? (int)_basePriority.Read(bytes) : null,
            Protection = ReadProtection(bytes),
            ImagePath = _auditName.IsPresent ? UnicodeStrings.Read(_session.Memory, _auditName.Read(bytes)) : null,
            GroupId = ReadUInt32(process.Group, _jobId) is { } id && id != 0 ? id : null,
            GroupProcesses = ReadUInt32(process.Group, _jobProcesses),
            Memory = new MemoryUse
            {
                Virtual = Bytes(bytes, _virtual),
                VirtualPeak = Bytes(bytes, _virtualPeak),
                WorkingSet = Pages(bytes, _workingSet),
                WorkingSetPeak = Pages(bytes, _workingSetPeak),
                Committed = Pages(bytes, _commit),
                CommittedPeak = Pages(bytes, _commitPeak),
                Private = Pages(bytes, _privatePages),
                NonPagedQuota = Quota(bytes, 0),
                PagedQuota = Quota(bytes, 1),
            },
        };
    }

    /// <summary>When a process was created; null where that is not in the dump.</summary>
    public DateTimeOffset? ReadCreateTime(ProcessFacts process) =>
        _createTime.IsPresent && _session.Memory.TryReadUInt64(process.Address.Value + (ulong)_createTime.Offset, out ulong time)
            ? DumpDescription.ToTime(time)
            : null;

    private static FieldSlot First(StructLayout structure, string path, string otherPath) =>
        structure.Optional(path) is { IsPresent: true } slot ? slot : structure.Optional(otherPath);

    private string? ReadProtection(ReadOnlySpan<byte> process)
    {
        if (_protection.IsPresent && _protection.Offset < process.Length)
            return ProcessKnowledge.ProtectionOf(process[_protection.Offset]);
        return _protected.IsSet(process) ? "protected" : null;
    }

    private uint? ReadUInt32(ulong address, FieldSlot field) =>
        field.IsPresent && _session.IsObject(address)
        && _session.Memory.TryReadUInt32(address + (ulong)field.Offset, out uint value) ? value : null;

    private static ulong? Bytes(ReadOnlySpan<byte> process, FieldSlot field) =>
        field.IsPresent && field.Read(process) is var bytes && bytes < ImpossibleBytes ? bytes : null;

    private static ulong? Pages(ReadOnlySpan<byte> process, FieldSlot field) =>
        field.IsPresent && field.Read(process) is var pages && pages < ImpossiblePages ? pages * PageSize : null;

    private ulong? Quota(ReadOnlySpan<byte> process, int kind)
    {
        FieldSlot element = new(_quota.Offset + kind * _session.PointerSize, _session.PointerSize);
        return _quota.IsPresent ? Bytes(process, element) : null;
    }
}
