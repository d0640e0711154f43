namespace HangAnalysis.Commands;

/// <summary>What the help of commands that serve several systems says for one of them: names and examples.</summary>
internal sealed record CommandWords
{
    /// <summary>For Windows, and its debugger.</summary>
    public static CommandWords Windows { get; } = new()
    {
        System = "Windows",
        HasDebugger = true,
        Processors = "thread, IRQL, deferred procedure call, spin lock, who waits for it",
        Thread = "ffffab06b1b28800",
        Process = "ffffab06b8137800",
        ProcessName = "explorer.exe",
        Lock = "ffffab06b8121080",
        LockKind = "ERESOURCE",
        LockKinds = "ERESOURCE or mutant",
        Reasons = "WrResource,WrPushLock",
        States = "Ready,Standby",
        File = @"C:\dumps\vmcore",
        Function = "TmXPFlt",
        FunctionForm = "module!function",
        IdleFunctions = "ExpWorkerThread|KiIdleLoop",
    };

    /// <summary>For Linux.</summary>
    public static CommandWords Linux { get; } = new()
    {
        System = "Linux",
        Processors = "task, softirq, spin lock, who waits for it",
        Thread = "96",
        Process = "96",
        ProcessName = "mysqld",
        Lock = "ffffffffc0a3e080",
        LockKind = "mutex",
        LockKinds = "mutex or rw_semaphore",
        Reasons = "mutex,rw_semaphore",
        States = "D,R",
        File = "/var/crash/vmcore",
        Function = "ext4_",
        FunctionForm = "a function or [module]",
        IdleFunctions = "worker_thread|do_idle",
    };

    /// <summary>For texts of ESXi.</summary>
    public static CommandWords Esxi { get; } = Linux with
    {
        System = "ESXi",
        Processors = "world, spin lock, who waits for it",
        LockKind = "spinlock",
        LockKinds = "spinlock",
        Function = "Vmxnet3",
        IdleFunctions = "CpuSched_IdleLoop",
    };

    /// <summary>Name of the system.</summary>
    public required string System { get; init; }

    /// <summary>Whether its people have a debugger with a loop over what a command prints.</summary>
    public bool HasDebugger { get; init; }

    /// <summary>What <c>!cpus</c> tells of a processor.</summary>
    public required string Processors { get; init; }

    /// <summary>A thread, by its address or identifier.</summary>
    public required string Thread { get; init; }

    /// <summary>A process, by its address or identifier.</summary>
    public required string Process { get; init; }

    /// <summary>A process, by its name.</summary>
    public required string ProcessName { get; init; }

    /// <summary>Address of a lock.</summary>
    public required string Lock { get; init; }

    /// <summary>A kind of lock.</summary>
    public required string LockKind { get; init; }

    /// <summary>Two of them.</summary>
    public required string LockKinds { get; init; }

    /// <summary>Wait reasons, as an option takes them.</summary>
    public required string Reasons { get; init; }

    /// <summary>States of threads, as an option takes them.</summary>
    public required string States { get; init; }

    /// <summary>Path of another dump.</summary>
    public required string File { get; init; }

    /// <summary>A text of frames that one would look for.</summary>
    public required string Function { get; init; }

    /// <summary>What such a text may be.</summary>
    public required string FunctionForm { get; init; }

    /// <summary>Functions of threads that have nothing to do, as a pattern.</summary>
    public required string IdleFunctions { get; init; }

    /// <summary>Examples that are loops of the debugger; none where there is no debugger.</summary>
    public IReadOnlyList<(string Call, string Effect)> Loops(params (string Call, string Effect)[] loops) =>
        HasDebugger ? loops : [];
}
