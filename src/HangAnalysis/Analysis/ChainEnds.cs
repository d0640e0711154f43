using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Says why a chain ends where it does: what is known ends there, or what it leads to needs nothing further.</summary>
internal static class ChainEnds
{
    /// <summary>The reason.</summary>
    public static Phrase Of(ObjectReference end, ISystemFacts system) => end.Kind switch
    {
        ObjectKind.Thread => Phrase.Of(system.FindThread(end.Address) is { } thread
            ? OfThread(thread)
            : "the thread is in no process's list"),
        ObjectKind.Process => Phrase.Of(system.FindProcess(end.Address) switch
        {
            null => "the process is not in the list",
            { HasExited: true } => "the process has ended",
            _ => "which of its threads should act is not recorded",
        }),
        ObjectKind.Device when system.FindObject(end) is { State: { } state } => state,
        ObjectKind.Driver or ObjectKind.Device => Phrase.Of("what the driver waits for is private to it"),
        ObjectKind.Processor => Phrase.Of("the processor is at work"),
        _ => system.FindObject(end)?.State ?? Phrase.Of(end.Kind switch
        {
            ObjectKind.Message or ObjectKind.Port => "who should answer is not recorded",
            ObjectKind.Request => "which driver has it is not recorded",
            _ => "its owner is not recorded",
        }),
    };

    private static string OfThread(ThreadFacts thread) => thread switch
    {
        { HasExited: true } => "the thread has ended",
        { Activity: ThreadActivity.Running } => thread.Processor is { } number
            ? $"the thread runs on processor {number}"
            : "the thread runs",
        { Activity: ThreadActivity.Ready } => "the thread is ready and waits for a processor",
        { Activity: not ThreadActivity.Waiting } => $"the thread is {thread.State}",
        { StackResident: false } => "its stack is not in memory",
        { Role: WaitRole.Idle } => "the thread waits for work",
        { Role: WaitRole.Ordinary } => "the thread waits in its own program",
        { Role: WaitRole.Parked } => "the thread waits for a device or file system to tell it something",
        _ => "who would wake the thread is not recorded",
    };
}
