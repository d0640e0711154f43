using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows blocked threads to the I/O requests that they wait for, and these to the drivers that hold them.</summary>
internal sealed class RequestWaits(WindowsSystem system, RequestReader reader, WaitGraphBuilder graph)
{
    /// <summary>Functions of the I/O manager that wait for the request which the thread itself has just sent.</summary>
    private static readonly HashSet<string> s_synchronousCallers =
    [
        "nt!IopSynchronousServiceTail", "nt!IopXxxControlFile", "nt!IopWaitForSynchronousIoEvent", "nt!IopCancelAlertedRequest",
        "nt!NtReadFile", "nt!NtWriteFile", "nt!NtFlushBuffersFile", "nt!NtFlushBuffersFileEx", "nt!IoSynchronousPageWrite",
        "nt!IoPageRead", "nt!IopCloseFile", "nt!IopParseDevice", "nt!NtQueryInformationFile", "nt!NtSetInformationFile",
    ];

    /// <summary>
    /// Adds the steps of one blocked thread: to its request if the wait is for that request's event (proven), or if the I/O
    /// manager called the wait (inferred). A thread with requests that waits for something else is not followed this way.
    /// </summary>
    /// <param name="thread">The thread.</param>
    /// <param name="waitCaller">The function that called the waiting machinery, such as <c>nt!IopSynchronousServiceTail</c>.</param>
    public void Add(ThreadFacts thread, string? waitCaller)
    {
        if (!thread.HasRequests)
            return;
        IReadOnlyList<Request> requests = reader.Read(thread.Address.Value);
        foreach (Request request in requests)
        {
            bool waitsForEvent = request.UserEvent != 0 && WaitsFor(thread, request.UserEvent)
                || request.FileObject != 0 && WaitsInside(thread, request.FileObject, FileObjectSize);
            bool called = waitCaller is not null && s_synchronousCallers.Contains(waitCaller);
            if (request.Major is null || (!waitsForEvent && !(called && requests.Count == 1)))
                continue;
            ObjectReference reference = new(ObjectKind.Request, request.Address);
            string evidence = $"dt nt!_IRP {request.Address:x16}";
            graph.Add(ObjectReference.To(thread.Address), reference, Phrase.Of($"request {reference} ({request.Major})"),
                waitsForEvent ? Certainty.Proven : Certainty.Inferred, evidence);
            graph.Describe(new ObjectFacts(reference, request.Major, request.FileName, null));
            if (request.DriverObject != 0)
            {
                // The image tells more than the driver object: version, company, link date.
                ModuleFacts? module = system.FindModule(request.DriverStart);
                ObjectReference driver = new(ObjectKind.Driver, module?.BaseAddress ?? request.DriverObject);
                ObjectReference device = new(ObjectKind.Device, request.Device);
                string name = module?.FileName ?? request.DriverName ?? $"driver {request.DriverObject:x16}";
                graph.Describe(new ObjectFacts(driver, "driver", name, null));
                graph.Add(reference, driver, Phrase.Of($"currently at {request.DriverName ?? name}, device {device}"), Certainty.Proven, evidence);
            }
        }
    }

    private ulong FileObjectSize { get; } = (ulong)system.Session.Types.Get("_FILE_OBJECT").Size;

    private static bool WaitsFor(ThreadFacts thread, ulong address) => WaitsInside(thread, address, 1);

    private static bool WaitsInside(ThreadFacts thread, ulong address, ulong size)
    {
        foreach (WaitedObject waited in thread.WaitsFor)
            if (waited.Address - address < size)
                return true;
        return false;
    }
}
