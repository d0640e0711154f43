using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>Turns what knowledge words into spans with links: which command shows which kind of object.</summary>
internal static class Links
{
    /// <summary>The spans of a phrase.</summary>
    public static IEnumerable<Span> ToSpans(Phrase phrase, ISystemFacts system)
    {
        foreach (PhrasePart part in phrase.Parts)
            yield return new Span(part.Text, Tone.Normal, part.Reference is { } reference ? CommandFor(reference, system) : null);
    }

    /// <summary>A thread's address as a link.</summary>
    public static Span To(ThreadAddress thread) =>
        new($"{thread.Value:x16}", Tone.Normal, CommandForThread(thread.Value));

    /// <summary>An object's address as a link to the command that shows it.</summary>
    public static Span To(ObjectReference reference, ISystemFacts system) =>
        new($"{reference.Address:x16}", Tone.Normal, CommandFor(reference, system));

    /// <summary>An object by other words than its address, as a link to the command that shows it.</summary>
    public static Span To(ObjectReference reference, ISystemFacts system, string text) =>
        new(text, Tone.Normal, CommandFor(reference, system));

    /// <summary>A message's address as a link.</summary>
    public static Span ToMessage(ulong message) => new($"{message:x16}", Tone.Normal, CommandForMessage(message));

    /// <summary>A port's address as a link.</summary>
    public static Span ToPort(ulong port) => new($"{port:x16}", Tone.Normal, CommandForPort(port));

    /// <summary>A process's address as a link.</summary>
    public static Span To(ProcessFacts process) => new($"{process.Address.Value:x16}", Tone.Normal, CommandFor(process));

    /// <summary>What is known of a module, as a link to it.</summary>
    public static Span To(ModuleFacts module, ISystemFacts system, string text, Tone tone = Tone.Normal) =>
        new(text, tone, module.IsUserMode ? null : system.DescribeModuleCommand(module));

    /// <summary>The command that shows a process.</summary>
    public static string CommandFor(ProcessFacts process) => CommandForProcess(process.Address.Value);

    /// <summary>The command that shows the stacks of a process.</summary>
    public static string CommandForStacks(ProcessFacts process) => $"!us -p {process.Address.Value:x16}";

    /// <summary>The command that shows a thread.</summary>
    public static string CommandFor(ThreadFacts thread) => CommandForThread(thread.Address.Value);

    /// <summary>The command that says why a thread does not go on.</summary>
    public static string CommandForWhy(ThreadFacts thread) => $"!why {thread.Address.Value:x16}";

    /// <summary>The command that shows what is at an address; null where nothing is known to be there.</summary>
    public static string? CommandForAddress(ulong address, ISystemFacts system)
    {
        if (system.FindThread(address) is { } thread)
            return To(thread.Address).Command;
        if (system.FindProcess(address) is { } process)
            return CommandFor(process);
        if (system.FindObject(new ObjectReference(ObjectKind.Lock, address)) is not null)
            return $"!owners {address:x16}";
        foreach (ObjectKind kind in Enum.GetValues<ObjectKind>())
            if (system.FindObject(new ObjectReference(kind, address)) is { } known)
                return CommandFor(known.Reference, system);
        return null;
    }

    private static string? CommandFor(ObjectReference reference, ISystemFacts system) => reference.Kind switch
    {
        ObjectKind.Thread => CommandForThread(reference.Address),
        ObjectKind.Process => CommandForProcess(reference.Address),
        ObjectKind.Message when system.Words.MessageCommand is { } shows => $"{shows} {reference.Address:x16}",
        ObjectKind.Port when system.Words.PortCommand is { } shows => $"{shows} {reference.Address:x16}",
        _ => system.DescribeObjectCommand(reference),
    };

    private static string CommandForThread(ulong address) => $"!t {address:x16}";

    private static string CommandForProcess(ulong address) => $"!p {address:x16}";

    private static string CommandForMessage(ulong address) => $"!msg {address:x16}";

    private static string CommandForPort(ulong address) => $"!lpcports {address:x16}";
}
