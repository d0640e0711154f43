namespace HangAnalysis.Model;

/// <summary>Address of a thread object (ETHREAD).</summary>
public readonly record struct ThreadAddress(ulong Value);

/// <summary>Address of a process object (EPROCESS).</summary>
public readonly record struct ProcessAddress(ulong Value);

/// <summary>What an address in a report is: decides which command shows it.</summary>
public enum ObjectKind
{
    /// <summary>A thread.</summary>
    Thread,

    /// <summary>A process.</summary>
    Process,

    /// <summary>A message between processes (ALPC, LPC).</summary>
    Message,

    /// <summary>A message port.</summary>
    Port,

    /// <summary>Something that can be owned: a mutex, an ERESOURCE, a push lock.</summary>
    Lock,

    /// <summary>Something that can be signalled and that nobody owns: an event, a semaphore, a timer, a queue.</summary>
    Event,

    /// <summary>An I/O request (IRP).</summary>
    Request,

    /// <summary>A driver, or another module.</summary>
    Driver,

    /// <summary>A device object.</summary>
    Device,

    /// <summary>A processor; the "address" is its number.</summary>
    Processor,

    /// <summary>A queue of work that threads of the system serve.</summary>
    Queue,
}

/// <summary>One object of the dump.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Address">Where it is; a processor's number.</param>
/// <param name="Space">
/// The process in whose own memory it lies; 0 for the kernel's. User addresses mean another object in every process.
/// </param>
public readonly record struct ObjectReference(ObjectKind Kind, ulong Address, ulong Space = 0)
{
    /// <summary>Refers to a thread.</summary>
    public static ObjectReference To(ThreadAddress thread) => new(ObjectKind.Thread, thread.Value);

    /// <summary>Refers to a process.</summary>
    public static ObjectReference To(ProcessAddress process) => new(ObjectKind.Process, process.Value);
}
