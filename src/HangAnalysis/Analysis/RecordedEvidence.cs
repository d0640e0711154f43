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
        IReadOnlyList<(string, Phrase)> stop = [.. OfDisks(system, chain), .. OfMemory(system), .. system.Stop?.Evidence ?? []];
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

    /// <summary>Limits of memory that are reached: whoever waits, they may be why.</summary>
    private static IEnumerable<(string, Phrase)> OfMemory(ISystemFacts system)
    {
        foreach (MemoryWarning warning in MemoryWarnings.FindLimits(system))
            yield return ("Memory", Phrase.Of($"{warning.Text} (rule: {warning.Rule})"));
    }

    /// <summary>What the queues of disks show of the requests on a chain; disks are read only where there is such a request.</summary>
    private static List<(string, Phrase)> OfDisks(ISystemFacts system, Chain? chain)
    {
        List<(string, Phrase)> lines = [];
        foreach (ChainLink link in chain?.Links ?? [])
        {
            if (link.Reference.Kind != ObjectKind.Request || system is not IStorageSource source)
                continue;
            foreach (DiskAdapterFacts adapter in source.Storage.Adapters)
                foreach (DiskFacts disk in adapter.Disks)
                    if (Has(source.Storage, disk, link.Reference.Address))
                        lines.Add(("Disk", Phrase.Of($"{disk.Name ?? $"disk {disk.Device:x16}"}: {DiskVerdict.Explain(disk)}")));
        }
        return lines;
    }

    /// <summary>Whether a request is at a disk: by the port driver's record, or because its current device is the disk's.</summary>
    private static bool Has(StorageFacts storage, DiskFacts disk, ulong request)
    {
        foreach (DiskRequestFacts record in disk.Requests)
            if (record.Request == request)
                return true;
        foreach (RequestFacts known in storage.Requests)
            if (known.Address == request && known.Device == disk.Device)
                return true;
        return false;
    }
}
