using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Follows blocked threads to the I/O requests that they wait for, and these to the drivers that have them.</summary>
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
        IReadOnlyList<RequestFacts> requests = reader.Read(thread);
        foreach (RequestFacts request in requests)
        {
            bool waitsForEvent = request.UserEvent != 0 && WaitsFor(thread, request.UserEvent)
                || request.FileObject != 0 && WaitsInside(thread, request.FileObject, FileObjectSize);
            bool called = waitCaller is not null && s_synchronousCallers.Contains(waitCaller) && requests.Count == 1
                // Before a request is sent, the same functions wait for other things.
                && request.Place is RequestPlace.AtDriver or RequestPlace.Completed;
            if (request.Place != RequestPlace.Unknown && (waitsForEvent || called))
                Add(thread, request, waitsForEvent ? Certainty.Proven : Certainty.Inferred);
        }
    }

    /// <summary>Adds the step from a thread to a request that it waits for, and from there to the driver that has it.</summary>
    public void Add(ThreadFacts thread, RequestFacts request, Certainty certainty)
    {
        ObjectReference reference = new(ObjectKind.Request, request.Address);
        string evidence = $"dt nt!_IRP {request.Address:x16}";
        string name = Describe(request);
        graph.Add(ObjectReference.To(thread.Address), reference, Phrase.Of($"request {reference} ({name})"), certainty, evidence);
        graph.Describe(new ObjectFacts(reference, name, request.FileName, request.PlaceText is { } place
            ? Phrase.Of(place)
            : request.DriverObject == 0 ? Phrase.Of("the driver that has it is not in the dump") : null));
        if (request.Place != RequestPlace.AtDriver || request.DriverObject == 0)
            return;
        string position = request.Position is { } p ? $" ({p})" : "";
        string cancelled = request.IsCancelled ? "; cancelled and not completed" : "";
        Phrase where = Phrase.Of(
            $"currently at {DriverName(request)} for {AgeText.Format(thread.Age)}, device {new ObjectReference(ObjectKind.Device, request.Device)}{position}{cancelled}");
        graph.Add(reference, DriverOf(request), request.MasterRequest == 0
            ? where
            : Phrase.Of($"{where}; part of request {new ObjectReference(ObjectKind.Request, request.MasterRequest)}"),
            Certainty.Proven, evidence);
    }

    /// <summary>The driver that has a request, as a node of the graph. The image tells more than the driver object does.</summary>
    public ObjectReference DriverOf(RequestFacts request)
    {
        ModuleFacts? module = system.FindModule(request.DriverStart);
        ObjectReference driver = new(ObjectKind.Driver, module?.BaseAddress ?? request.DriverObject);
        // One driver may have devices of several kinds: then it is a driver of devices.
        string kind = graph.Objects.GetValueOrDefault(driver) is { } known && known.Title != request.DeviceKind
            ? "device" : request.DeviceKind;
        graph.Describe(new ObjectFacts(driver, kind, module?.FileName ?? DriverName(request), null));
        return driver;
    }

    private string DriverName(RequestFacts request) => request.DriverName
        ?? system.FindModule(request.DriverStart)?.FileName ?? $"driver {request.DriverObject:x16}";

    private static string Describe(RequestFacts request) =>
        $"{(request.IsPaging ? "paging " : "")}{request.Function ?? "IRP"}";

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
