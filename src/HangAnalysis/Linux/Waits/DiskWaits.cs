using HangAnalysis.Model;

namespace HangAnalysis.Linux.Waits;

/// <summary>Makes disks nodes of the wait graph: what waits for a page, a buffer or a request waits for the disk that delivers it.</summary>
internal sealed class DiskWaits(WaitContext context, BlockDevices devices)
{
    private readonly HashSet<ulong> _known = [];

    /// <summary>The block devices.</summary>
    public BlockDevices Devices => devices;

    /// <summary>Adds that a task waits for a disk; false where the disk has no name and so is none.</summary>
    public bool TryAdd(ObjectReference waiter, ulong disk, Phrase what, Certainty certainty, string evidence)
    {
        if (Describe(disk) is not { } reference)
            return false;
        context.Graph.Add(waiter, reference, what, certainty, evidence);
        if (waiter.Kind == ObjectKind.Thread && context.System.FindThread(waiter.Address) is { } thread)
            context.System.SetWait(thread, what);
        return true;
    }

    /// <summary>The disk as a node of the graph; null where the address is of none.</summary>
    private ObjectReference? Describe(ulong disk)
    {
        if (devices.NameOf(disk) is not { } name)
            return null;
        ObjectReference reference = new(ObjectKind.Device, disk);
        if (_known.Add(disk))
        {
            Phrase state = devices.CountInFlight(disk) switch
            {
                null => Phrase.Of("its driver does not count what it has to do in a way that is known here"),
                { Count: 0 } => Phrase.Of("its driver has no request: what is waited for was not sent to it, or is above it"),
                { } r => Phrase.Of($"{r.Count:N0} request{(r.Count == 1 ? "" : "s")} with its driver" +
                    (r.Oldest is { } age ? $", the oldest for {AgeText.Format(age)}" : "")),
            };
            context.Graph.Describe(new ObjectFacts(reference, "disk", name, state));
        }
        return reference;
    }
}
