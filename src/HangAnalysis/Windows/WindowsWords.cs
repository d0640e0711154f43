using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>How Windows is spoken of.</summary>
internal static class WindowsWords
{
    /// <summary>The words.</summary>
    public static SystemWords All { get; } = new()
    {
        Name = "Windows",
        HasCurrentProcess = true,
        Origin = "windows",
        RealTimePriority = 16, // the lowest of the real-time class (documented)
        ProcessorLevel = "IRQL",
        DeferredCall = "deferred procedure call",
        DeferredCalls = "DPCs",
        NoDeferredCall = "no DPC active",
        SpinReason = "what the holder does at its IRQL leaves no record",
        SpinHolder =
            "it does not record its owner, and no processor is known to be at DISPATCH_LEVEL or above without spinning",
        NetworkReason = "that is recorded only in the redirector's own structures",
        MissingThreads = "this kind of dump holds one thread; a kernel or complete dump holds them all",
        DumpAdvice = "a kernel or complete dump of the same hang holds the threads",
        MemoryAdvice = "who uses the memory: !mem, then !poolwho or !tl -mem",
        RunningTime =
            "Time is that since the thread was last made ready or went into a wait: it has run for at most as long",
        IdleTime = "Time of idle threads is not how long the processor idles: they are never made ready",
        MessageCommand = "!msg",
        PortCommand = "!lpcports",
        MessageChainCommand = "!lpcchain",
    };

    /// <summary>The words of systems whose messages and ports no command shows by themselves: with LPC, or without its types.</summary>
    public static SystemWords WithoutPorts { get; } = All with { MessageCommand = null, PortCommand = null };
}
