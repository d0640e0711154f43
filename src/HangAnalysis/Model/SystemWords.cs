namespace HangAnalysis.Model;

/// <summary>
/// How one operating system is spoken of where all have the same fact: its name, its notation, and the words that only its
/// people use. What is null it does not have, and nothing is said of it.
/// </summary>
public sealed record SystemWords
{
    /// <summary>Words that are true of any system.</summary>
    public static SystemWords Plain { get; } = new();

    /// <summary>Name of the system: <c>Windows</c>, <c>Linux</c>.</summary>
    public string Name { get; init; } = "the system";

    /// <summary>What a module that is a part of the system is called in JSON.</summary>
    public string Origin { get; init; } = "system";

    /// <summary>
    /// Whether people write identifiers of processes and threads in decimal: then a short decimal number is an identifier
    /// and never an address.
    /// </summary>
    public bool HasDecimalIds { get; init; }

    /// <summary>
    /// Whether people look at one process at a time, as a debugger has a current one: commands are on its threads then unless
    /// they are told otherwise, and on all threads where not.
    /// </summary>
    public bool HasCurrentProcess { get; init; }

    /// <summary>A thread, as a column's title: <c>Thread</c>, <c>TASK</c>.</summary>
    public string ThreadTitle { get; init; } = "Thread";

    /// <summary>Its identifier, and that of its process, as titles: <c>Id</c> and <c>PID</c>, or <c>PID</c> and <c>TGID</c>.</summary>
    public (string Thread, string Process) IdTitles { get; init; } = ("Id", "PID");

    /// <summary>The level of interrupts that a processor lets in, as a column's title: <c>IRQL</c>.</summary>
    public string? ProcessorLevel { get; init; }

    /// <summary>The lowest priority of threads that are real-time ones; null where priorities do not tell.</summary>
    public int? RealTimePriority { get; init; }

    /// <summary>Work that interrupts leave for later, one piece: <c>deferred procedure call</c>, <c>softirq</c>.</summary>
    public string? DeferredCall { get; init; }

    /// <summary>The same in short, several: <c>DPCs</c>, <c>softirqs</c>.</summary>
    public string? DeferredCalls { get; init; }

    /// <summary>What is said of it where no processor does any: <c>no DPC active</c>.</summary>
    public string? NoDeferredCall { get; init; }

    /// <summary>What is said where no request is pending.</summary>
    public string NoRequest { get; init; } = "no thread has a request pending";

    /// <summary>Why it is not known what the holder of a spin lock does.</summary>
    public string SpinReason { get; init; } = "what the holder does leaves no record";

    /// <summary>Why it is not known who holds a spin lock.</summary>
    public string SpinHolder { get; init; } = "it does not record its owner, and no processor is known that could hold it";

    /// <summary>Why it is not known which machine behind a network must answer.</summary>
    public string NetworkReason { get; init; } = "that is recorded only in the network file system's own structures";

    /// <summary>What a dump that holds one thread lacks, and which kind holds all.</summary>
    public string MissingThreads { get; init; } = "this dump does not hold the threads of the system";

    /// <summary>Which dump to take instead; null where there is no other kind.</summary>
    public string? DumpAdvice { get; init; }

    /// <summary>How to find out who uses the memory; null where nothing is known to tell.</summary>
    public string? MemoryAdvice { get; init; }

    /// <summary>What the time in a table of running threads means; null where it is how long they have run.</summary>
    public string? RunningTime { get; init; }

    /// <summary>What that time means for idle threads; null where nothing need be said.</summary>
    public string? IdleTime { get; init; }

    /// <summary>The command that shows a message between processes; null where there are none.</summary>
    public string? MessageCommand { get; init; }

    /// <summary>The command that shows a message port; null where there are none.</summary>
    public string? PortCommand { get; init; }

    /// <summary>The command that follows a thread from message to message; null where there are none.</summary>
    public string? MessageChainCommand { get; init; }

    /// <summary>What is said where something is not known because the system keeps no record of it.</summary>
    public string NotRecorded => $"{Name} does not record that";

    /// <summary>Whether a word is an identifier in this system's notation, and which one.</summary>
    public bool TryParseId(string word, out ulong id)
    {
        const int MostDigits = 10;
        id = 0;
        return HasDecimalIds && word.Length is > 0 and <= MostDigits && !word.AsSpan().ContainsAnyExceptInRange('0', '9')
            && ulong.TryParse(word, out id);
    }
}
