namespace HangAnalysis.Reports;

/// <summary>The JSON of <c>!t</c> on Linux: the tasks, and how many more there are.</summary>
public sealed record LinuxTasksJson(string Schema, IReadOnlyList<LinuxTaskJson> Tasks, int MoreTasks);

/// <summary>A task. What is not recorded is null.</summary>
public sealed record LinuxTaskJson
{
    /// <summary>Address of its task_struct.</summary>
    public required string Task { get; init; }

    /// <summary>Its own identifier, which programs call TID.</summary>
    public ulong Pid { get; init; }

    /// <summary>Identifier of its process.</summary>
    public ulong Tgid { get; init; }

    /// <summary>Identifier of the parent process.</summary>
    public ulong ParentPid { get; init; }

    /// <summary>Its name.</summary>
    public required string Command { get; init; }

    /// <summary>Whether it is a thread of the kernel.</summary>
    public bool IsKernelThread { get; init; }

    /// <summary>The processor that it is on or was on last.</summary>
    public int Cpu { get; init; }

    /// <summary>Whether it is on it.</summary>
    public bool OnCpu { get; init; }

    /// <summary>State in the two letters of crash.</summary>
    public required string State { get; init; }

    /// <summary>State in the letter of ps.</summary>
    public required string StateLetter { get; init; }

    /// <summary>Time since it was last put on a processor.</summary>
    public string? Time { get; init; }

    /// <summary>Scheduling policy.</summary>
    public string? Policy { get; init; }

    /// <summary>Nice value.</summary>
    public int? Nice { get; init; }

    /// <summary>Priority as the kernel counts it.</summary>
    public int Priority { get; init; }

    /// <summary>Real-time priority; 0 for others.</summary>
    public int? RealTimePriority { get; init; }

    /// <summary>Time in the program.</summary>
    public string? UserTime { get; init; }

    /// <summary>Time in the kernel.</summary>
    public string? SystemTime { get; init; }

    /// <summary>How often it gave up its processor by itself.</summary>
    public ulong? VoluntarySwitches { get; init; }

    /// <summary>How often its processor was taken from it.</summary>
    public ulong? InvoluntarySwitches { get; init; }

    /// <summary>When it was started, after the start of the system.</summary>
    public string? Started { get; init; }

    /// <summary>Names of its own pending signals.</summary>
    public IReadOnlyList<string>? PendingSignals { get; init; }

    /// <summary>What it waits in or for, in words.</summary>
    public string? Wait { get; init; }

    /// <summary>What it waits for by the wait graph, and who has that.</summary>
    public required IReadOnlyList<ThreadStepJson> WaitsFor { get; init; }

    /// <summary>Locks that it has and that others wait for.</summary>
    public required IReadOnlyList<ThreadHeldJson> Holds { get; init; }

    /// <summary>The system call that it is in.</summary>
    public LinuxSystemCallJson? SystemCall { get; init; }

    /// <summary>The stack, innermost frame first; null where it was not asked for.</summary>
    public IReadOnlyList<LinuxFrameJson>? Frames { get; init; }

    /// <summary>The registers of the program that entered the kernel, by name.</summary>
    public IReadOnlyDictionary<string, string>? UserRegisters { get; init; }

    /// <summary>Why the stack is missing or cut; null where it is whole.</summary>
    public string? StackEnd { get; init; }
}

/// <summary>A system call; name is null for a number that has none.</summary>
public sealed record LinuxSystemCallJson(ulong Number, string? Name);

/// <summary>
/// A frame. Number and slot, where its return address lies, are null for a function that was interrupted; registers are
/// those
/// with which it was.
/// </summary>
public sealed record LinuxFrameJson(
    int? Number, string? Slot, string Address, string Frame, string Certainty, IReadOnlyDictionary<string,
        string>? Registers);
