using System.Buffers.Binary;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>A power request that the power manager keeps an eye on.</summary>
/// <param name="Irp">Its IRP.</param>
/// <param name="PhysicalDevice">The lowest device of the stack that it was sent to.</param>
/// <param name="CurrentDevice">The device that it was last sent to; 0 where not recorded.</param>
internal sealed record PowerRequest(ulong Irp, ulong PhysicalDevice, ulong CurrentDevice)
{
    /// <summary>IRP_MN_ code; null where not recorded.</summary>
    public int? Minor { get; init; }

    /// <summary>Whether it is for a power state of a device (1) or of the system (0); null where not recorded.</summary>
    public int? StateType { get; init; }

    /// <summary>The state that is asked for.</summary>
    public int State { get; init; }

    /// <summary>Whether the watchdog counts its time; null where not recorded.</summary>
    public bool? IsWatched { get; init; }

    /// <summary>How long the watchdog has counted; null where not recorded.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>Whether it only waits for the device to wake the machine, which may last for ever.</summary>
    public bool IsWaitWake => Minor == 0;

    /// <summary>What it asks for: <c>set D3</c>; null where not recorded.</summary>
    public string? Action => PowerRequests.ActionOf(Minor, StateType, State);
}

/// <summary>A thread that sends power requests, and the one that it works on; zeros where it has none.</summary>
internal sealed record PowerWorker(ulong Thread, ulong Irp, ulong Device);

/// <summary>Reads the power manager's lists of pending requests and of the threads that send them.</summary>
/// <remarks>
/// TRIAGE_9F_POWER: {u16 Signature 0x8000, u16 Revision, LIST_ENTRY* IrpList, LIST_ENTRY* ThreadList, ...}: the layout is held
/// here, for symbols before 14393 lack the type although the block is passed since 7 [S, D]. Entries of IrpList are
/// POP_IRP_DATA; its first four members have been the same since the block was introduced (TRIAGE_POP_IRP_DATA [S]). Entries of
/// ThreadList lie on the workers' stacks: {LIST_ENTRY, thread, IRP, device} [DUMP].
/// </remarks>
internal sealed class PowerRequests
{
    private const ushort Signature = 0x8000, LatestRevision = 2;

    /// <summary>Requests and workers that are read at most: real systems have some dozens.</summary>
    private const int Most = 4096;

    private readonly KernelSession _session;
    private readonly IMemory _memory;
    private readonly int _pointer;
    private readonly FieldSlot _irp, _pdo, _current, _start, _minor, _type, _state, _enabled;

    public PowerRequests(KernelSession session)
    {
        _session = session;
        _memory = session.Memory;
        _pointer = _memory.PointerSize;
        StructLayout data = session.Types.Get("_POP_IRP_DATA");
        _irp = data.Optional("Irp");
        _pdo = data.Optional("Pdo");
        _current = data.Optional("CurrentDevice");
        _start = data.Optional("WatchdogStart");
        _minor = data.Optional("MinorFunction");
        _type = data.Optional("PowerStateType");
        _state = data.Optional("PowerState");
        _enabled = data.Optional("WatchdogEnabled");
    }

    /// <summary>The requests; empty where the list is not in the dump.</summary>
    public List<PowerRequest> Requests { get; } = [];

    /// <summary>The workers.</summary>
    public List<PowerWorker> Workers { get; } = [];

    /// <summary>Whether an address holds the triage block of a stop that carries one.</summary>
    public bool IsBlock(ulong block) => _session.IsKernel(block)
        && _memory.TryReadUInt16(block, out ushort signature) && signature == Signature
        && _memory.TryReadUInt16(block + sizeof(ushort), out ushort revision) && revision is >= 1 and <= LatestRevision;

    /// <summary>Reads both lists: from the block where there is one, otherwise by the kernel's own variables.</summary>
    public void Read(ulong block)
    {
        ulong irps = 0, threads = 0;
        if (IsBlock(block))
        {
            _memory.TryReadPointer(block + (ulong)_pointer, out irps);
            _memory.TryReadPointer(block + 2 * (ulong)_pointer, out threads);
        }
        if (!_session.IsObject(irps))
            _session.TryGetAddress("PopIrpList", out irps);
        if (!_session.IsObject(threads))
            _session.TryGetAddress("PopIrpThreadList", out threads);
        foreach (ulong entry in Collect(irps, "pending power requests"))
            if (ReadRequest(entry) is { } request)
                Requests.Add(request);
        foreach (ulong entry in Collect(threads, "threads that send power requests"))
            if (_memory.TryReadPointer(entry + 2 * (ulong)_pointer, out ulong thread)
                && _memory.TryReadPointer(entry + 3 * (ulong)_pointer, out ulong irp)
                && _memory.TryReadPointer(entry + 4 * (ulong)_pointer, out ulong device))
                Workers.Add(new PowerWorker(thread, irp, device));
    }

    /// <summary>Words of a power request as the field writes them; null where nothing is recorded.</summary>
    public static string? ActionOf(int? minor, int? stateType, int state)
    {
        // IRP_MN_ codes and the two enumerations of wdm.h: states count from 1, S4 is hibernation, S5 shutdown.
        string? verb = minor switch { 0 => "wait for wake", 1 => "power sequence", 2 => "set", 3 => "query", _ => null };
        if (verb is null || minor is 0 or 1)
            return verb;
        return stateType switch
        {
            0 when state is >= 1 and <= 6 => $"{verb} S{state - 1}",
            1 when state is >= 1 and <= 4 => $"{verb} D{state - 1}",
            _ => verb,
        };
    }

    private List<ulong> Collect(ulong head, string what)
    {
        List<ulong> entries = [];
        if (!_session.IsObject(head))
            return entries;
        if (LinkedList.Collect(_memory, head, Most, entries) is { } problem)
            _session.AddUnknown($"some {what}", $"their list is damaged: {problem}");
        return entries;
    }

    private PowerRequest? ReadRequest(ulong entry)
    {
        ulong irpAt = entry + (_irp.IsPresent ? (ulong)_irp.Offset : 2 * (ulong)_pointer);
        ulong pdoAt = entry + (_pdo.IsPresent ? (ulong)_pdo.Offset : 3 * (ulong)_pointer);
        if (!_memory.TryReadPointer(irpAt, out ulong irp) || !_memory.TryReadPointer(pdoAt, out ulong pdo)
            || !_session.IsObject(irp))
            return null;
        ulong current = 0;
        if (_current.IsPresent)
            _memory.TryReadPointer(entry + (ulong)_current.Offset, out current);
        TimeSpan? age = null;
        // Both count units of 100 ns since the start: 300.0002 s in a real dump whose watchdog allows 300 [DUMP].
        if (_start.IsPresent && _memory.TryReadUInt64(entry + (ulong)_start.Offset, out ulong start) && start != 0
            && _session.Target.Description.Uptime is { } uptime && start <= (ulong)uptime.Ticks)
            age = uptime - TimeSpan.FromTicks((long)start);
        return new PowerRequest(irp, pdo, current)
        {
            Minor = Small(entry, _minor),
            StateType = Small(entry, _type),
            State = Small(entry, _state) ?? 0,
            IsWatched = Small(entry, _enabled) is { } enabled ? enabled != 0 : null,
            Age = age,
        };
    }

    private int? Small(ulong entry, FieldSlot field)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        bytes.Clear();
        // An enumeration, and the union of two, have four bytes; symbols need not say so.
        int size = field.Size is 1 or 2 ? field.Size : sizeof(uint);
        if (!field.IsPresent || !_memory.TryRead(entry + (ulong)field.Offset, bytes[..size]))
            return null;
        return (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }
}
