namespace HangAnalysis.Esxi;

/// <summary>Why a host stopped, by the message of its purple screen.</summary>
public enum PanicKind
{
    /// <summary>The message is missing, or none that is known here.</summary>
    Unknown,

    /// <summary>A processor waited too long for a spin lock.</summary>
    SpinCount,

    /// <summary>A processor gave no sign of life.</summary>
    NoHeartbeat,

    /// <summary>The service console gave no sign of life (ESX before 5).</summary>
    LostHeartbeat,

    /// <summary>A processor did not answer when it was to forget address translations.</summary>
    TlbLockup,

    /// <summary>A processor's exception in kernel code: <c>#PF</c>, <c>#GP</c> and the like.</summary>
    Exception,

    /// <summary>The processor or the chipset reported an error of the hardware.</summary>
    MachineCheck,

    /// <summary>A non-maskable interrupt of the board: its hardware, or somebody's NMI button.</summary>
    BoardNmi,

    /// <summary>A processor was stopped because another one panics; the first one's screen has the reason.</summary>
    OtherPcpu,

    /// <summary>Somebody asked for it.</summary>
    Forced,

    /// <summary>The kernel found itself in a state that its code rules out.</summary>
    Assertion,

    /// <summary>A heap of the kernel has no memory left.</summary>
    OutOfMemory,
}

/// <summary>The message of a panic, taken apart.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Text">The message as printed.</param>
public sealed record PanicMessage(PanicKind Kind, string Text)
{
    /// <summary>Name of the spin lock; null where the message has none.</summary>
    public string? LockName { get; init; }

    /// <summary>Address of the spin lock; 0 where the message has none.</summary>
    public ulong LockAddress { get; init; }

    /// <summary>
    /// The processor that the message names: that holds the lock, that is silent; null where it names none.
    /// </summary>
    public int? Pcpu { get; init; }

    /// <summary>Interrupts that the silent processor has received; null where not told.</summary>
    public int? InterruptsReceived { get; init; }

    /// <summary>Interrupts that it was sent; null where not told.</summary>
    public int? InterruptsSent { get; init; }

    /// <summary>Vector of the exception, such as 14 of <c>#PF</c>; null where there is none.</summary>
    public int? Vector { get; init; }

    /// <summary>Its short name, such as <c>#PF</c>; null where there is none.</summary>
    public string? ExceptionName { get; init; }

    /// <summary>The world in which it happened; null where not told.</summary>
    public ulong? World { get; init; }

    /// <summary>That world's name. Text from the screen.</summary>
    public string? WorldName { get; init; }

    /// <summary>The instruction that failed; 0 where not told.</summary>
    public ulong InstructionPointer { get; init; }

    /// <summary>The address that was accessed; null where not told.</summary>
    public ulong? FaultAddress { get; init; }

    /// <summary>
    /// Source file and line of an assertion, such as <c>bora/vmkernel/main/heap.c:123</c>; null where not told.
    /// </summary>
    public string? Source { get; init; }

    /// <summary>Whether it stood behind <c>@BlueScreen:</c>: then it is a panic's message and nothing else.</summary>
    public bool IsMarked { get; init; }

    /// <summary>Whether the words do not say by themselves that the host stopped: alarms in a log read the same.</summary>
    public bool IsWeak { get; init; }

    /// <summary>
    /// How much of the message was understood: of two ways to join a wrapped message the fuller one is right.
    /// </summary>
    internal int Fullness => (Kind == PanicKind.Unknown ? 0 : 1) + (LockName is null ? 0 : 1) + (LockAddress == 0 ? 0 : 1)
        + (Pcpu is null ? 0 : 1) + (InterruptsReceived is null ? 0 : 1) + (Vector is null ? 0 : 1) + (World is null ? 0 : 1)
        + (WorldName is null ? 0 : 1) + (InstructionPointer == 0 ? 0 : 1) + (FaultAddress is null ? 0 : 1)
        + (Source is null ? 0 : 1);

    /// <summary>Whether the host stopped because it hung, and not because code failed.</summary>
    public bool IsHang =>
        Kind is PanicKind.SpinCount or PanicKind.NoHeartbeat or PanicKind.LostHeartbeat or PanicKind.TlbLockup;

    /// <summary>Whether somebody asked for the stop, or hardware did: the kernel itself found no fault.</summary>
    public bool IsFromOutside => Kind is PanicKind.Forced or PanicKind.BoardNmi or PanicKind.OtherPcpu;
}
