using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads threads, each in one bulk read of its ETHREAD.</summary>
internal sealed class ThreadReader
{
    private const int StateRunning = 2;
    private const int StateTerminated = 4;
    private const int StateWaiting = 5;

    /// <summary>
    /// Names of _KTHREAD_STATE; 8 is GateWait up to 7601 and obsolete from 9600 on, 9 is new in 9600. For kernels whose
    /// symbols lack the enumeration.
    /// </summary>
    private static readonly string[] s_states =
    [
        "Initialized", "Ready", "Running", "Standby", "Terminated", "Waiting", "Transition", "DeferredReady", "GateWait",
        "WaitingForProcessInSwap",
    ];

    private readonly KernelSession _session;
    private readonly SystemClock _clock;
    private readonly WaitBlockReader _waitBlocks;
    private readonly string[] _stateNames;
    private readonly string[] _reasonNames;
    private readonly byte[] _buffer;
    private readonly int _stateGateWait;
    private readonly FieldSlot _type, _state, _waitReason, _waitMode, _waitTime, _priority, _kernelStack, _stackBase;
    private readonly FieldSlot _stackLimit, _resident, _systemThread, _teb, _trapFrame, _waitBlockList, _waitBlockCount, _waitBlock;
    private readonly FieldSlot _timer, _threadId, _terminated, _irpList, _alpcMessage, _suspendCount, _freezeCount, _freezeFlags;

    public ThreadReader(KernelSession session, SystemClock clock)
    {
        _session = session;
        _clock = clock;
        _waitBlocks = new WaitBlockReader(session);
        _stateNames = session.Types.EnumNames("_KTHREAD_STATE") is { Length: > 0 } states ? states : s_states;
        _reasonNames = session.Types.EnumNames("_KWAIT_REASON") is { Length: > 0 } reasons ? reasons : WaitReasons.Names;
        // Where symbols have the enumeration and call the state obsolete, no thread is in it.
        _stateGateWait = Array.IndexOf(_stateNames, "GateWait");
        StructLayout thread = session.Types.Get("_ETHREAD");
        _buffer = new byte[thread.Size];
        _type = thread.Required("Tcb.Header.Type");
        _state = thread.Required("Tcb.State");
        _waitReason = thread.Required("Tcb.WaitReason");
        _waitMode = thread.Required("Tcb.WaitMode");
        _waitTime = thread.Required("Tcb.WaitTime");
        _priority = thread.Required("Tcb.Priority");
        _kernelStack = thread.Required("Tcb.KernelStack");
        _stackBase = thread.Required("Tcb.StackBase");
        _stackLimit = thread.Required("Tcb.StackLimit");
        _resident = thread.Required("Tcb.KernelStackResident");
        // A flag of the ETHREAD up to Vista.
        _systemThread = FirstOf(thread, "Tcb.SystemThread", "SystemThread");
        _teb = thread.Required("Tcb.Teb");
        _trapFrame = thread.Required("Tcb.TrapFrame");
        _waitBlockList = thread.Required("Tcb.WaitBlockList");
        // Blocks that form a ring need no count; without either nobody knows which blocks are those of this wait.
        StructLayout block = session.Types.Get("_KWAIT_BLOCK");
        bool needsCount = block.Exists && !block.Optional("NextWaitBlock").IsPresent;
        _waitBlockCount = needsCount ? thread.Required("Tcb.WaitBlockCount") : thread.Optional("Tcb.WaitBlockCount");
        _waitBlock = thread.Optional("Tcb.WaitBlock");
        _timer = thread.Required("Tcb.Timer");
        _threadId = thread.Required("Cid.UniqueThread");
        _terminated = thread.Required("Terminated");
        _irpList = thread.Required("IrpList");
        _alpcMessage = thread.Optional("AlpcMessage");
        _suspendCount = thread.Optional("Tcb.SuspendCount");
        _freezeCount = thread.Optional("Tcb.FreezeCount");
        // Since 22000.1219 a thread may be frozen in two ways, which are flags of their own.
        _freezeFlags = thread.Optional("Tcb.FreezeFlags");
        ProcessThreadListEntry = thread.Required("ThreadListEntry");
        KernelThreadListEntry = thread.Required("Tcb.ThreadListEntry");
        // XP has no KTHREAD.Process, and its idle threads are KTHREADs alone.
        AttachedProcess = thread.Optional("Tcb.ApcState.Process");
        OwningProcess = FirstOf(thread, "Tcb.Process", "ThreadsProcess");
    }

    private static FieldSlot FirstOf(StructLayout thread, string path, string earlier) =>
        thread.Optional(earlier) is { IsPresent: true } slot && !thread.Optional(path).IsPresent ? slot : thread.Required(path);

    /// <summary>Names of _KTHREAD_STATE.</summary>
    public IReadOnlyList<string> StateNames => [.. _stateNames.Where(n => n is not null)];

    /// <summary>Names of _KWAIT_REASON.</summary>
    public IReadOnlyList<string> ReasonNames => [.. _reasonNames.Where(n => n is not null)];

    /// <summary>ETHREAD.ThreadListEntry, linked into EPROCESS.ThreadListHead.</summary>
    public FieldSlot ProcessThreadListEntry { get; }

    /// <summary>KTHREAD.ThreadListEntry, linked into KPROCESS.ThreadListHead.</summary>
    public FieldSlot KernelThreadListEntry { get; }

    /// <summary>KTHREAD.Process.</summary>
    public FieldSlot OwningProcess { get; }

    /// <summary>KTHREAD.ApcState.Process: the process in whose memory the thread works, which it may have attached to.</summary>
    public FieldSlot AttachedProcess { get; }

    /// <summary>Whether the symbols tell where a thread is listed and what it does; without that nothing is known of any.</summary>
    public bool IsKnown => _state.IsPresent && ProcessThreadListEntry.IsPresent;

    /// <summary>Reads the thread at an address; null where no thread is there.</summary>
    public ThreadFacts? Read(ulong address, ProcessFacts process)
    {
        Span<byte> thread = _buffer;
        if (thread.IsEmpty || !_session.Memory.TryRead(address, thread)
            || (_type.IsPresent && (_type.Read(thread) & 0x7f) != DispatcherObjects.Thread))
            return null;
        int state = (int)_state.Read(thread);
        bool atGate = state == _stateGateWait;
        bool waiting = state == StateWaiting || atGate;
        uint tick = (uint)_waitTime.Read(thread);
        ulong teb = _teb.Read(thread);
        ulong message = waiting ? _alpcMessage.Read(thread) : 0;
        string? reason = waiting ? Name(_reasonNames, (int)_waitReason.Read(thread), "reason") : null;
        return new ThreadFacts
        {
            Address = new ThreadAddress(address),
            Process = process,
            Id = _threadId.Read(thread),
            Activity = ToActivity(state),
            State = Name(_stateNames, state, "state"),
            WaitReason = reason,
            // Not waiting for an object: 6 (Transition) for its kernel stack, 9 for its process to be read in.
            WaitGroup = state is 6 or 9 ? WaitGroup.Memory : WaitReasonGroups.Of(reason),
            Age = _clock.Since(tick),
            Priority = (sbyte)_priority.Read(thread),
            WaitsInKernelMode = waiting ? _waitMode.Read(thread) == 0 : null,
            IsSystemThread = _systemThread.IsPresent ? _systemThread.IsSet(thread) : teb == 0,
            // CrossThreadFlags.Terminated is set when the end is asked for (ReactOS PspTerminateThreadByPointer); a thread in
            // the middle of a kernel operation goes on until it comes out of that. Only the state tells that it has ended.
            HasExited = state == StateTerminated,
            IsEnding = state != StateTerminated && _terminated.IsSet(thread),
            IsSuspended = _suspendCount.IsSet(thread) || _freezeCount.IsSet(thread) || _freezeFlags.IsSet(thread)
                || reason is "Suspended" or "WrSuspended",
            KernelStack = _kernelStack.Read(thread),
            StackBase = _stackBase.Read(thread),
            StackLimit = _stackLimit.Read(thread),
            StackResident = !_resident.IsPresent || _resident.IsSet(thread),
            TrapFrame = _trapFrame.Read(thread),
            EnvironmentBlock = teb,
            // The field is a union with AlpcReceiveAttributeSet: it is a message only while a reply is awaited.
            Message = reason == "WrLpcReply" ? message : 0,
            HasRequests = HasEntries(thread, address, _irpList),
            WaitsFor = atGate ? _waitBlocks.ReadGate(address, address + (ulong)_waitBlock.Offset)
                : waiting ? _waitBlocks.Read(address, _waitBlockList.Read(thread), (int)_waitBlockCount.Read(thread),
                    address + (ulong)_timer.Offset)
                : [],
        };
    }

    private static ThreadActivity ToActivity(int state) => state switch
    {
        1 or 3 or 7 => ThreadActivity.Ready,
        StateRunning => ThreadActivity.Running,
        // 6 Transition: waits for its kernel stack to come in; 8 waits for a gate (up to 7601); 9 for its process.
        StateWaiting or 6 or 8 or 9 => ThreadActivity.Waiting,
        0 or StateTerminated => ThreadActivity.NotRunnable,
        _ => ThreadActivity.Unknown,
    };

    private static string Name(string[] names, int value, string kind) =>
        (uint)value < (uint)names.Length && names[value] is { } name ? name : $"{kind} {value}";

    /// <summary>Whether a list head inside the structure points to anything but itself.</summary>
    private bool HasEntries(ReadOnlySpan<byte> structure, ulong address, FieldSlot list)
    {
        if (!list.IsPresent || list.Offset + _session.PointerSize > structure.Length)
            return false;
        ulong first = _session.ReadPointer(structure[list.Offset..]);
        return first != address + (ulong)list.Offset && _session.IsObject(first);
    }
}
