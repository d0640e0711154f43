namespace HangAnalysis.Model;

/// <summary>How much it matters that threads of a process wait.</summary>
public enum Importance
{
    /// <summary>Like any other process.</summary>
    Ordinary,

    /// <summary>What the user sees or what services depend on: the shell, service hosts, drivers' workers.</summary>
    Important,

    /// <summary>Nobody can log on, off or work when it waits: session and security processes.</summary>
    Vital,
}

/// <summary>A process.</summary>
public sealed class ProcessFacts
{
    /// <summary>Address of the process object.</summary>
    public required ProcessAddress Address { get; init; }

    /// <summary>Process identifier.</summary>
    public required ulong Id { get; init; }

    /// <summary>Image name as the kernel keeps it (at most 14 characters) or longer where known. Text from the dump.</summary>
    public required string Name { get; init; }

    /// <summary>Whether its system's identifiers are written in decimal; otherwise in hexadecimal.</summary>
    /// <seealso cref="SystemWords.HasDecimalIds"/>
    public bool IsIdDecimal { get; init; }

    /// <summary>Identifier of the process that created it.</summary>
    public ulong ParentId { get; init; }

    /// <summary>Session, or null where it has none or the dump does not tell.</summary>
    public uint? SessionId { get; init; }

    /// <summary>Physical address of the top page table.</summary>
    public ulong DirectoryTableBase { get; init; }

    /// <summary>Address of the process environment block; 0 for kernel-only processes.</summary>
    public ulong EnvironmentBlock { get; init; }

    /// <summary>Address of the object that groups it with other processes (a job); 0 for none.</summary>
    public ulong Group { get; init; }

    /// <summary>Whether it is a 32-bit program on a 64-bit system.</summary>
    public bool Is32Bit { get; init; }

    /// <summary>Whether it has ended and only its object is left.</summary>
    public bool HasExited { get; init; }

    /// <summary>Whether the system keeps all its threads from running, as it does with applications in the background.</summary>
    public bool IsFrozen { get; init; }

    /// <summary>Whether somebody has asked for its end and it has not ended yet.</summary>
    public bool IsEnding { get; init; }

    /// <summary>How much it matters that its threads wait.</summary>
    public Importance Importance { get; init; }

    /// <summary>Its threads in list order.</summary>
    public IReadOnlyList<ThreadFacts> Threads => ThreadList;

    /// <summary>The list behind <see cref="Threads"/>, filled while the process is read.</summary>
    internal List<ThreadFacts> ThreadList { get; } = [];

    /// <summary>Its identifier as people write it: <c>3a4</c>, or <c>932</c>.</summary>
    public string IdText => FormatId(Id);

    /// <summary>Such as <c>svchost.exe 3a4</c> or <c>abba-ka 96</c>: name and identifier.</summary>
    public string Title => $"{Name} {IdText}";

    /// <summary>An identifier of one of its threads, or of another process, as people write it.</summary>
    public string FormatId(ulong id) => IsIdDecimal ? $"{id}" : $"{id:x}";
}
