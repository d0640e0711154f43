using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>How Linux is spoken of.</summary>
internal static class LinuxWords
{
    /// <summary>The words.</summary>
    public static SystemWords Words { get; } = new()
    {
        Name = "Linux",
        Origin = "system",
        HasDecimalIds = true,
        ThreadTitle = "TASK",
        IdTitles = ("PID", "TGID"),
        DeferredCall = "softirq",
        DeferredCalls = "softirqs",
        NoRequest = "no disk's driver has a request",
        SpinReason = "a spin lock's holder leaves no record of why it goes on",
        SpinHolder = "it does not record its owner, and no other processor was in the kernel",
    };
}
