using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Finds every request that can be reached from the system's threads.</summary>
/// <remarks>
/// A request of a file with a completion port hangs on the file and on no thread. There is no list of all files: those are
/// looked at that a request of some thread names. Requests that a driver keeps in lists of its own, and page reads, are in
/// no list that public symbols describe.
/// </remarks>
internal static class RequestSurvey
{
    /// <summary>The requests, each once, in the order of the threads.</summary>
    public static IReadOnlyList<RequestFacts> ReadAll(WindowsSystem system)
    {
        RequestReader reader = new(system);
        Dictionary<ulong, RequestFacts> all = [];
        HashSet<ulong> files = [];
        HashSet<ulong> devices = [];
        foreach (ThreadFacts thread in system.Threads)
        {
            if (!thread.HasRequests || system.Session.Cancellation.IsCancellationRequested)
                continue;
            foreach (RequestFacts request in reader.Read(thread))
            {
                all.TryAdd(request.Address, request);
                if (request.FileObject != 0)
                    files.Add(request.FileObject);
                reader.Devices.AddStack(request.Device, devices);
            }
        }
        List<RequestFacts> further = [];
        foreach (ulong file in files)
            reader.ReadFile(file, further);
        foreach (ulong device in devices)
            reader.ReadDevice(device, further);
        foreach (RequestFacts request in further)
            all.TryAdd(request.Address, request);
        return [.. all.Values];
    }
}
