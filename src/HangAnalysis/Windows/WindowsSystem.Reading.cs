using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>How a system is read: all processes with their threads, or of a small dump what it holds.</summary>
public sealed partial class WindowsSystem
{
    private void ReadSystem(IProgress<int>? progress)
    {
        if (!_threadReader.IsKnown)
        {
            SymbolGaps.TellSymbols(Session);
            return;
        }
        _processes = _processReader.ReadAll(progress);
        foreach (ProcessFacts process in _processes)
        {
            _processIndex[process.Address.Value] = process;
            foreach (ThreadFacts thread in process.Threads)
                AddThread(thread);
        }
        _processors.AddRange(new ProcessorSurvey(this, _names, _kernelModules, new ProcessorReader(Session, Clock))
            .Read((current, idle) => FindThread(current) ?? ReadIdleThread(current, idle)));
        Memory = MemoryReader.Read(Session);
        int swept = 0;
        foreach (ThreadFacts thread in _threads)
        {
            if (Session.Cancellation.IsCancellationRequested)
            {
                Session.AddUnknown($"the waits of {_threads.Count - swept:N0} of {_threads.Count:N0} threads", "interrupted");
                break;
            }
            _sweep.SetRole(thread);
            if (++swept % 1024 == 0)
                progress?.Report(swept);
        }
        WaitReader waits = new(this, _sweep, _graph);
        waits.Read();
        _locks.AddRange(waits.Locks);
        PendingRequests = waits.PendingRequests;
        WorkQueues = waits.WorkQueues;
    }

    /// <summary>A small dump: the thread that crashed, its process, and whatever blocks show of them.</summary>
    private void ReadCrashOnly()
    {
        if (!_threadReader.IsKnown)
            SymbolGaps.TellSymbols(Session);
        if (Target is not ICrashSource crash || crash.CurrentThread == 0)
            return;
        ulong processAddress = 0;
        if (_threadReader.OwningProcess.IsPresent)
            Session.Memory.TryReadPointer(crash.CurrentThread + (ulong)_threadReader.OwningProcess.Offset, out processAddress);
        if (_processReader.Read(processAddress) is not { } process)
            return;
        _processes = [process];
        _processIndex[processAddress] = process;
        if (_threadReader.Read(crash.CurrentThread, process) is not { } thread)
            return;
        process.ThreadList.Add(thread);
        AddThread(thread);
        _crashThread = thread;
    }

    private void AddThread(ThreadFacts thread)
    {
        if (_threadIndex.TryAdd(thread.Address.Value, thread))
            _threads.Add(thread);
        else
            Session.AddUnknown($"which process thread {thread.Address.Value:x16} belongs to", "two processes' lists hold it");
    }

    /// <summary>
    /// A thread at an address that some structure names: one of the lists, or, in a small dump, one that it holds beside the
    /// thread of the crash. Null where none is there.
    /// </summary>
    internal ThreadFacts? ReadThread(ulong address)
    {
        if (FindThread(address) is { } known)
            return known;
        if (!Session.IsObject(address) || !_threadReader.OwningProcess.IsPresent || !Session.Memory.TryReadPointer(
                address + (ulong)_threadReader.OwningProcess.Offset, out ulong processAddress))
            return null;
        ProcessFacts? process = FindProcess(processAddress) ?? _processReader.Read(processAddress);
        return process is null ? null : _threadReader.Read(address, process);
    }

    /// <summary>A process at an address that some structure names, whether it is in the list or not; null where none is there.</summary>
    internal ProcessFacts? ReadProcess(ulong address) => FindProcess(address) ?? _processReader.Read(address);

    /// <summary>Idle threads belong to a process that is in no list.</summary>
    private ThreadFacts? ReadIdleThread(ulong current, ulong idle)
    {
        if (current != idle || !_threadReader.OwningProcess.IsPresent
            || !Session.Memory.TryReadPointer(current + (ulong)_threadReader.OwningProcess.Offset, out ulong address)
            || (address == 0 && !Session.Memory.TryReadPointer(
                current + (ulong)_threadReader.AttachedProcess.Offset, out address)))
            return null;
        ProcessFacts? process = FindProcess(address) ?? _processReader.Read(address);
        if (process is null || _threadReader.Read(current, process) is not { } thread)
            return null;
        _processIndex.TryAdd(address, process);
        process.ThreadList.Add(thread);
        AddThread(thread);
        return thread;
    }
}
