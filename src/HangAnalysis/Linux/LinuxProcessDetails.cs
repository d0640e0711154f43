using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>
/// What is recorded of one process beyond its facts; null where the kernel's types or the dump do not have it.
/// </summary>
/// <param name="Process">The process.</param>
/// <param name="Leader">The first of its tasks.</param>
public sealed record LinuxProcessDetails(ProcessFacts Process, TaskDetails Leader)
{
    /// <summary>The file that it runs. Text from the dump.</summary>
    public string? Program { get; init; }

    /// <summary>The function that a thread of the kernel runs.</summary>
    public FrameFacts? Function { get; init; }

    /// <summary>Its command line, from its own memory. Text from the dump.</summary>
    public string? CommandLine { get; init; }

    /// <summary>Its environment, from its own memory. Text from the dump.</summary>
    public IReadOnlyList<string>? Environment { get; init; }

    /// <summary>Why command line and environment are not known; null where they are.</summary>
    public string? WhyNoProgram { get; init; }

    /// <summary>Its working directory. Text from the dump.</summary>
    public string? Directory { get; init; }

    /// <summary>Its memory; null for threads of the kernel.</summary>
    public ProcessMemory? Memory { get; init; }

    /// <summary>Files that it has open.</summary>
    public int? OpenFiles { get; init; }

    /// <summary>Who it runs as.</summary>
    public ProcessUser? User { get; init; }

    /// <summary>Its control group, as its path. Text from the dump.</summary>
    public string? ControlGroup { get; init; }

    /// <summary>Namespaces of its own: those that are not init's, such as <c>mnt</c> and <c>net</c>.</summary>
    public IReadOnlyList<string>? OwnNamespaces { get; init; }

    /// <summary>Signals that are pending for the whole process.</summary>
    public ulong? PendingSignals { get; init; }

    /// <summary>How its system calls are filtered: 0 not, 1 to four calls, 2 by a program (seccomp).</summary>
    public int? Seccomp { get; init; }
}

/// <summary>Memory of a process, in bytes.</summary>
/// <param name="Size">VSZ and RSS.</param>
/// <param name="VirtualPeak">The largest VSZ.</param>
/// <param name="ResidentPeak">The largest RSS, as far as it was recorded.</param>
/// <param name="Data">Private writable memory.</param>
/// <param name="Code">Memory that can be executed.</param>
/// <param name="Stack">Stacks that grow.</param>
/// <param name="Locked">What may not be swapped out.</param>
/// <param name="Swapped">What is swapped out, as far as its counter says.</param>
/// <param name="PageTables">Page tables.</param>
/// <param name="Mappings">Number of mappings.</param>
public sealed record ProcessMemory(
    TaskMemory Size, ulong? VirtualPeak, ulong? ResidentPeak, ulong? Data, ulong? Code, ulong? Stack, ulong? Locked,
    ulong? Swapped,
    ulong? PageTables, int? Mappings);

/// <summary>Users and groups of a process by their numbers: real and effective.</summary>
public sealed record ProcessUser(uint User, uint EffectiveUser, uint Group, uint EffectiveGroup);
