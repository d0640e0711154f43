using System.Text;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads the processes of the system and their threads.</summary>
internal sealed class ProcessReader
{
    private readonly KernelSession _session;
    private readonly ThreadReader _threads;
    private readonly byte[] _buffer;
    private readonly FieldSlot _type, _id, _parent, _name, _directoryTableBase, _peb, _session32, _links, _threadList;
    private readonly FieldSlot _kernelThreadList, _exitTime, _sessionPointer, _auditName, _freezeCount, _deepFreeze, _delete, _job;
    private readonly FieldSlot _wow64;
    private readonly ulong _tableMask;
    private readonly List<ulong> _entries = [];

    public ProcessReader(KernelSession session, ThreadReader threads)
    {
        _session = session;
        _threads = threads;
        StructLayout process = session.Types.Get("_EPROCESS");
        _buffer = new byte[process.Size];
        _type = process.Required("Pcb.Header.Type");
        _id = process.Required("UniqueProcessId");
        _parent = process.Required("InheritedFromUniqueProcessId");
        _name = process.Required("ImageFileName");
        _directoryTableBase = process.Required("Pcb.DirectoryTableBase");
        // On x86 an array of two: the second is that of hyperspace.
        _tableMask = session.Is32Bit ? uint.MaxValue : ulong.MaxValue;
        _peb = process.Required("Peb");
        _links = process.Required("ActiveProcessLinks");
        _threadList = process.Required("ThreadListHead");
        _kernelThreadList = process.Required("Pcb.ThreadListHead");
        _exitTime = process.Required("ExitTime");
        _freezeCount = process.Optional("Pcb.FreezeCount");
        _deepFreeze = process.Optional("Pcb.DeepFreeze");
        _delete = process.Optional("ProcessDelete");
        _job = process.Optional("Job");
        // Spelt otherwise from 14393 on.
        FieldSlot wow64 = process.Optional("Wow64Process");
        _wow64 = wow64.IsPresent ? wow64 : process.Optional("WoW64Process");
        _sessionPointer = process.Optional("Session");
        _auditName = process.Optional("SeAuditProcessCreationInfo.ImageFileName");
        // MM_SESSION_SPACE.SessionId lies at +8 in every public layout; the type is not in all symbol tables.
        _session32 = session.Types.Get("_MM_SESSION_SPACE").Optional("SessionId");
    }

    /// <summary>Reads all processes, each with its threads.</summary>
    public List<ProcessFacts> ReadAll(IProgress<int>? progress)
    {
        List<ProcessFacts> processes = [];
        if (_buffer.Length == 0)
            return processes;
        if (!_session.TryGetAddress("PsActiveProcessHead", out ulong head))
        {
            _session.AddUnknown("the processes", "the kernel's symbols have no PsActiveProcessHead");
            return processes;
        }
        List<ulong> links = [];
        string? problem = LinkedList.Collect(_session.Memory, head, Limits.Processes, links);
        if (problem is not null)
            _session.AddUnknown("some processes", $"the process list is damaged: {problem}");
        int threads = 0;
        foreach (ulong link in links)
        {
            if (_session.Cancellation.IsCancellationRequested)
            {
                _session.AddUnknown($"{links.Count - processes.Count:N0} of {links.Count:N0} processes",
                    $"interrupted when {threads:N0} threads had been read");
                break;
            }
            ulong address = link - (ulong)_links.Offset;
            if (Read(address) is not { } process)
            {
                _session.AddUnknown($"the process at {address:x16}", "its EPROCESS cannot be read or is none");
                continue;
            }
            processes.Add(process);
            ReadThreads(process, ref threads);
            progress?.Report(threads);
        }
        return processes;
    }

    /// <summary>Reads the process at an address without its threads; null where none is there.</summary>
    public ProcessFacts? Read(ulong address)
    {
        Span<byte> bytes = _buffer;
        if (bytes.IsEmpty || !_session.IsObject(address) || !_session.Memory.TryRead(address, bytes)
            || (_type.IsPresent && (_type.Read(bytes) & 0x7f) != DispatcherObjects.Process))
            return null;
        string name = ReadName(bytes);
        return new ProcessFacts
        {
            Address = new ProcessAddress(address),
            Id = _id.Read(bytes),
            Name = name,
            ParentId = _parent.Read(bytes),
            SessionId = ReadSessionId(_sessionPointer.Read(bytes)),
            DirectoryTableBase = _directoryTableBase.Read(bytes) & _tableMask,
            EnvironmentBlock = _peb.Read(bytes),
            Group = _job.Read(bytes),
            Is32Bit = _wow64.IsSet(bytes),
            HasExited = _exitTime.IsSet(bytes),
            IsFrozen = _freezeCount.IsSet(bytes) || _deepFreeze.IsSet(bytes),
            // ExitTime is set when the last thread ends, ProcessDelete when the end is asked for (ReactOS NtTerminateProcess).
            IsEnding = !_exitTime.IsSet(bytes) && _delete.IsSet(bytes),
            Importance = ProcessKnowledge.ImportanceOf(name),
        };
    }

    /// <summary>The path of a process's image: that of the file that was audited at its creation.</summary>
    public string? ReadImagePath(ProcessAddress process) =>
        _auditName.IsPresent && _session.Memory.TryReadPointer(process.Value + (ulong)_auditName.Offset, out ulong information)
            ? UnicodeStrings.Read(_session.Memory, information)
            : null;

    private void ReadThreads(ProcessFacts process, ref int total)
    {
        _entries.Clear();
        ulong head = process.Address.Value + (ulong)_threadList.Offset;
        int offset = _threads.ProcessThreadListEntry.Offset;
        string? problem = LinkedList.Collect(_session.Memory, head, Limits.ThreadsPerProcess, _entries);
        if (problem is not null)
        {
            // The kernel keeps a second list of the same threads; whichever shows more of them is taken.
            List<ulong> second = [];
            ulong secondHead = process.Address.Value + (ulong)_kernelThreadList.Offset;
            string? secondProblem = LinkedList.Collect(_session.Memory, secondHead, Limits.ThreadsPerProcess, second);
            if (secondProblem is not null)
                _session.AddUnknown($"some threads of {process.Title}", $"its thread list is damaged: {problem}");
            if (second.Count > _entries.Count || secondProblem is null)
            {
                _entries.Clear();
                _entries.AddRange(second);
                offset = _threads.KernelThreadListEntry.Offset;
            }
        }
        int unreadable = 0;
        foreach (ulong entry in _entries)
        {
            if (total >= Limits.Threads)
            {
                _session.AddUnknown("further threads", $"more than {Limits.Threads:N0} threads");
                break;
            }
            if (_threads.Read(entry - (ulong)offset, process) is { } thread)
            {
                process.ThreadList.Add(thread);
                total++;
            }
            else
                unreadable++;
        }
        if (unreadable > 0)
            _session.AddUnknown($"{unreadable} threads of {process.Title}", "their ETHREADs cannot be read or are none");
    }

    /// <summary>The name: ImageFileName holds 14 characters; longer ones are taken from the audit path where that agrees.</summary>
    private string ReadName(ReadOnlySpan<byte> process)
    {
        ReadOnlySpan<byte> text = _name.Slice(process);
        int end = text.IndexOf((byte)0);
        string shortName = Encoding.Latin1.GetString(end < 0 ? text : text[..end]);
        const int LongestShortName = 14;
        if (shortName.Length < LongestShortName || !_auditName.IsPresent)
            return shortName.Length == 0 ? "unnamed" : shortName;
        string? path = UnicodeStrings.Read(_session.Memory, _auditName.Read(process));
        string? longName = path?[(path.LastIndexOf('\\') + 1)..];
        return longName is not null && longName.StartsWith(shortName, StringComparison.OrdinalIgnoreCase) ? longName : shortName;
    }

    private uint? ReadSessionId(ulong sessionSpace)
    {
        ulong offset = _session32.IsPresent ? (ulong)_session32.Offset : 8;
        return _session.IsObject(sessionSpace)
            && _session.Memory.TryReadUInt32(sessionSpace + offset, out uint id) && id < 0x10000 ? id : null;
    }
}
