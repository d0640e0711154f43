using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>What a processor's KPRCB says, as numbers.</summary>
internal sealed record ProcessorBlock(int Number, ulong Address, ulong Current, ulong Next, ulong Idle, bool DpcActive)
{
    /// <summary>IRQL before the processor was stopped; null where the symbols have no such field.</summary>
    public int? SavedIrql { get; init; }

    /// <summary>Address of the deferred procedure call's routine; 0 where not recorded.</summary>
    public ulong DpcRoutine { get; init; }

    /// <summary>See <see cref="ProcessorFacts.DpcTime"/>.</summary>
    public TimeSpan? DpcTime { get; init; }

    /// <summary>See <see cref="ProcessorFacts.DpcQueueDepth"/>.</summary>
    public int DpcQueueDepth { get; init; }

    /// <summary>See <see cref="ProcessorFacts.Times"/>.</summary>
    public ProcessorTimes? Times { get; init; }
}

/// <summary>Reads what each processor's KPRCB says.</summary>
/// <remarks>
/// The IRQL is the one that debuggers show with !irql: KPRCB.DebuggerSavedIRQL, the level before a debugger or a bug check
/// raised it (documented with that command). KPCR.Irql is kept by no x64 kernel of its own accord, so that it only counts
/// where it is not 0.
/// </remarks>
internal sealed class ProcessorReader
{
    private readonly KernelSession _session;
    private readonly SystemClock _clock;
    private readonly StructLayout _layout;
    private readonly FieldSlot _current, _next, _idle, _dpc, _savedIrql, _pcrIrql, _dpcRoutine, _dpcTimeCount;
    private readonly FieldSlot _dpcData, _kernelTime, _userTime, _dpcTime, _interruptTime, _depth, _activeDpc, _routine;
    private readonly int _prcbInPcr, _dpcDataSize;

    public ProcessorReader(KernelSession session, SystemClock clock)
    {
        _session = session;
        _clock = clock;
        StructLayout prcb = _layout = session.Types.Get("_KPRCB");
        _current = prcb.Required("CurrentThread");
        _next = prcb.Optional("NextThread");
        _idle = prcb.Required("IdleThread");
        _dpc = prcb.Optional("DpcRoutineActive");
        _savedIrql = prcb.Optional("DebuggerSavedIRQL");
        _dpcRoutine = prcb.Optional("CurrentDpcRoutine");
        _dpcTimeCount = prcb.Optional("DpcTimeCount");
        _dpcData = prcb.Optional("DpcData");
        _kernelTime = prcb.Optional("KernelTime");
        _userTime = prcb.Optional("UserTime");
        _dpcTime = prcb.Optional("DpcTime");
        _interruptTime = prcb.Optional("InterruptTime");
        StructLayout pcr = session.Types.Get("_KPCR");
        _prcbInPcr = pcr.Optional("Prcb") is { IsPresent: true } slot ? slot.Offset : 0;
        _pcrIrql = pcr.Optional("Irql");
        StructLayout data = session.Types.Get("_KDPC_DATA");
        _dpcDataSize = data.Size;
        _depth = data.Optional("DpcQueueDepth");
        _activeDpc = data.Optional("ActiveDpc");
        _routine = session.Types.Get("_KDPC").Optional("DeferredRoutine");
    }

    /// <summary>The processors by number; one whose threads cannot be read is left out.</summary>
    public List<ProcessorBlock> Read()
    {
        List<ProcessorBlock> processors = [];
        if (!_layout.Exists || !_session.TryGetAddress("KiProcessorBlock", out ulong blocks))
            return processors;
        int count = Math.Min(_session.Target.Description.ProcessorCount, Limits.Processors);
        int unreadable = 0;
        for (int i = 0; i < count; i++)
        {
            if (_session.Memory.TryReadPointer(blocks + (ulong)(i * _session.PointerSize), out ulong prcb) && _session.IsObject(prcb)
                && TryRead(prcb, _current, out ulong current) && TryRead(prcb, _idle, out ulong idle))
                processors.Add(ReadOne(i, prcb, current, idle));
            else
                unreadable++;
        }
        if (unreadable > 0)
            _session.AddUnknown($"what {unreadable} of {count} processors do", "their KPRCBs are not in the dump");
        return processors;
    }

    private ProcessorBlock ReadOne(int number, ulong prcb, ulong current, ulong idle)
    {
        TryRead(prcb, _next, out ulong next);
        TryRead(prcb, _dpc, out ulong active);
        (int depth, ulong routine) = ReadDpcs(prcb);
        if (TryRead(prcb, _dpcRoutine, out ulong recorded) && recorded != 0)
            routine = recorded;
        return new ProcessorBlock(number, prcb, current, next, idle, active != 0)
        {
            SavedIrql = ReadIrql(prcb),
            DpcRoutine = active != 0 ? routine : 0,
            DpcTime = Time(prcb, _dpcTimeCount),
            DpcQueueDepth = depth,
            Times = Time(prcb, _kernelTime) is { } kernel && Time(prcb, _userTime) is { } user && Time(prcb, _dpcTime) is { } dpc
                && Time(prcb, _interruptTime) is { } interrupt ? new ProcessorTimes(kernel, user, dpc, interrupt) : null,
        };
    }

    private int? ReadIrql(ulong prcb)
    {
        const ulong HighLevel = 15;
        bool known = TryRead(prcb, _savedIrql, out ulong irql);
        if (irql == 0 && _prcbInPcr != 0 && TryRead(prcb - (ulong)_prcbInPcr, _pcrIrql, out ulong inPcr))
            irql = inPcr;
        return known && irql <= HighLevel ? (int)irql : null;
    }

    /// <summary>
    /// The two queues of deferred procedure calls, normal and threaded. From 9600 on each tells which one it executes.
    /// </summary>
    private (int Depth, ulong Routine) ReadDpcs(ulong prcb)
    {
        // A queue cannot be longer than there are drivers' objects; a larger number is damage.
        const uint MostDpcs = 1_000_000;
        ulong depth = 0;
        ulong routine = 0;
        if (!_dpcData.IsPresent || _dpcDataSize == 0)
            return (0, 0);
        const int Queues = 2;
        for (int i = 0; i < Queues; i++)
        {
            ulong data = prcb + (ulong)(_dpcData.Offset + i * _dpcDataSize);
            if (TryRead(data, _depth, out ulong queued) && queued <= MostDpcs)
                depth += queued;
            if (routine == 0 && TryRead(data, _activeDpc, out ulong dpc) && _session.IsObject(dpc))
                TryRead(dpc, _routine, out routine);
        }
        return ((int)depth, routine);
    }

    private TimeSpan? Time(ulong prcb, FieldSlot ticks) =>
        TryRead(prcb, ticks, out ulong count) ? _clock.Length((uint)count) : null;

    private bool TryRead(ulong structure, FieldSlot field, out ulong value)
    {
        value = 0;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes.Clear();
        if (!field.IsPresent || field.Size is < 1 or > sizeof(ulong)
            || !_session.Memory.TryRead(structure + (ulong)field.Offset, bytes[..field.Size]))
            return false;
        value = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return true;
    }
}
