using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Windows;

/// <summary>Reads what is recorded of one thread beyond <see cref="ThreadFacts"/>, each in one read of its ETHREAD.</summary>
/// <remarks>
/// KTHREAD.PriorityDecrement is one byte of two halves: the foreground's boost in the low one, the unusual boost in the high
/// one (the bit fields ForegroundBoost and UnusualBoost of all public layouts from 7601 on). Affinity is a GROUP_AFFINITY
/// (documented: mask, then group) up to 20348, and a pointer to a KAFFINITY_EX in 22000.
/// </remarks>
internal sealed class ThreadDetailsReader
{
    /// <summary>Bits of KTHREAD.NextProcessor that are the number: bit 31 is NextProcessorReserved or Running.</summary>
    private const ulong ProcessorMask = 0x7fff_ffff;

    private readonly KernelSession _session;
    private readonly SystemClock _clock;
    private readonly byte[] _buffer;
    private readonly FieldSlot _kernelTime, _userTime, _contextSwitches, _basePriority, _foregroundBoost, _unusualBoost;
    private readonly FieldSlot _ioPriority, _pagePriority, _affinity, _nextProcessor, _idealProcessor, _createTime, _exitTime;
    private readonly FieldSlot _start, _programStart, _suspendCount, _name, _bitmap;

    public ThreadDetailsReader(KernelSession session, SystemClock clock)
    {
        _session = session;
        _clock = clock;
        StructLayout thread = session.Types.Get("_ETHREAD");
        _buffer = new byte[thread.Size];
        _kernelTime = thread.Optional("Tcb.KernelTime");
        _userTime = thread.Optional("Tcb.UserTime");
        _contextSwitches = thread.Optional("Tcb.ContextSwitches");
        _basePriority = thread.Optional("Tcb.BasePriority");
        _foregroundBoost = thread.Optional("Tcb.ForegroundBoost");
        _unusualBoost = thread.Optional("Tcb.UnusualBoost");
        _affinity = thread.Optional("Tcb.Affinity");
        _nextProcessor = thread.Optional("Tcb.NextProcessor");
        _idealProcessor = thread.Optional("Tcb.IdealProcessor");
        _suspendCount = thread.Optional("Tcb.SuspendCount");
        _ioPriority = thread.Optional("ThreadIoPriority");
        _pagePriority = thread.Optional("ThreadPagePriority");
        _createTime = thread.Optional("CreateTime");
        _exitTime = thread.Optional("ExitTime");
        _start = thread.Optional("StartAddress");
        _programStart = thread.Optional("Win32StartAddress");
        // New in 14393.
        _name = thread.Optional("ThreadName");
        _bitmap = session.Types.Get("_KAFFINITY_EX").Optional("Bitmap");
    }

    /// <summary>Reads a thread's details; a thread that is not in the dump has none.</summary>
    public ThreadDetails Read(ThreadFacts thread)
    {
        Span<byte> bytes = _buffer;
        if (bytes.IsEmpty || !_session.Memory.TryRead(thread.Address.Value, bytes))
            return new ThreadDetails();
        (ulong? affinity, int? group) = ReadAffinity(bytes);
        return new ThreadDetails
        {
            KernelTime = Time(bytes, _kernelTime),
            UserTime = Time(bytes, _userTime),
            ContextSwitches = (uint?)Number(bytes, _contextSwitches),
            BasePriority = (sbyte?)Number(bytes, _basePriority),
            ForegroundBoost = (int?)Number(bytes, _foregroundBoost),
            UnusualBoost = (int?)Number(bytes, _unusualBoost),
            IoPriority = (int?)Number(bytes, _ioPriority),
            PagePriority = (int?)Number(bytes, _pagePriority),
            Affinity = affinity,
            ProcessorGroup = group,
            NextProcessor = Processor(bytes, _nextProcessor),
            IdealProcessor = Processor(bytes, _idealProcessor),
            CreateTime = DumpDescription.ToTime(_createTime.Read(bytes)),
            // Up to the end of the thread the field is a list of ports (union with PostBlockList): only then it is a time.
            ExitTime = thread.HasExited ? DumpDescription.ToTime(_exitTime.Read(bytes)) : null,
            StartAddress = _start.Read(bytes),
            ProgramStartAddress = _programStart.Read(bytes),
            SuspendCount = (int?)Number(bytes, _suspendCount),
            Name = _name.Read(bytes) is var name && _session.IsObject(name)
                ? UnicodeStrings.Read(_session.Memory, name) : null,
        };
    }

    private (ulong? Mask, int? Group) ReadAffinity(ReadOnlySpan<byte> thread)
    {
        if (!_affinity.IsPresent)
            return (null, null);
        ReadOnlySpan<byte> value = _affinity.Slice(thread);
        int size = _session.PointerSize;
        // GROUP_AFFINITY: a mask of a pointer's size, then the group.
        if (value.Length > size)
            return (_session.ReadPointer(value), BinaryPrimitives.ReadUInt16LittleEndian(value[size..]));
        ulong pointer = _affinity.Read(thread);
        if (!_bitmap.IsPresent || !_session.IsObject(pointer)
            || !_session.Memory.TryReadPointer(pointer + (ulong)_bitmap.Offset, out ulong mask) || mask == 0)
            return (null, null);
        return (mask, 0);
    }

    private TimeSpan? Time(ReadOnlySpan<byte> thread, FieldSlot ticks) =>
        ticks.IsPresent ? _clock.Length((uint)ticks.Read(thread)) : null;

    private static ulong? Number(ReadOnlySpan<byte> thread, FieldSlot field) => field.IsPresent ? field.Read(thread) : null;

    private static int? Processor(ReadOnlySpan<byte> thread, FieldSlot field) =>
        Number(thread, field) is { } number && (number & ProcessorMask) < Limits.Processors ? (int)(number & ProcessorMask) : null;
}
