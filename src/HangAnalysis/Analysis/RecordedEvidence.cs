using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>What the system itself recorded of a hang: lines of its log, and of its stop.</summary>
internal static class RecordedEvidence
{
    /// <summary>The lines on those who are on a chain, in the order of the log, then those on the stop.</summary>
    /// <param name="system">The system.</param>
    /// <param name="chain">The chain; null where there is none: then the lines on anybody.</param>
    public static IReadOnlyList<(string Label, Phrase Text)> Collect(ISystemFacts system, Chain? chain)
    {
        IReadOnlyList<(string, Phrase)> stop = system.Stop?.Evidence ?? [];
        if (system is not ILogSource log)
            return stop;
        HashSet<ThreadFacts> threads = [];
        HashSet<int> processors = [];
        HashSet<string> names = [];
        foreach (ChainLink link in chain?.Links ?? [])
        {
            if (link.Thread is { } thread)
            {
                threads.Add(thread);
                if (thread.Processor is { } cpu)
                    processors.Add(cpu);
            }
            else if (link.Reference.Kind == ObjectKind.Processor)
                processors.Add((int)link.Reference.Address);
            else
                names.Add(link.Name);
            if (system.FindObject(link.Reference)?.Name is { } name)
                names.Add(name);
        }
        return [.. log.GetLogEvidence(threads, processors, names), .. stop];
    }
}
