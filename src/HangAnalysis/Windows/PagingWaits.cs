using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Follows threads that wait for pages: to be read in, or to become free.</summary>
/// <remarks>
/// The request that reads a page is in no thread's list (the memory manager is told of its end, not the thread). It names
/// the event that the faulting thread waits for as its UserEvent (the Event argument of IoPageRead), which is how it is
/// recognised wherever its address turns up: at a device that works on it or queues it (proven), or on the stack of the
/// thread that sent it (inferred: a stack may hold what is over).
/// </remarks>
internal sealed class PagingWaits(WindowsSystem system, StackSweep sweep, RequestReader reader, RequestWaits requests, WaitGraphBuilder graph)
{
    private static readonly HashSet<string> s_pageIn = ["WrPageIn", "PageIn"];
    private static readonly HashSet<string> s_freePage = ["WrFreePage", "FreePage"];

    /// <summary>The system threads that make pages free by writing them.</summary>
    private static readonly string[] s_pageWriters = ["nt!MiModifiedPageWriter", "nt!MiMappedPageWriter"];

    private readonly List<ThreadFacts> _pageIns = [];
    private readonly List<ThreadFacts> _freePages = [];
    private readonly Dictionary<ulong, (RequestFacts Request, Certainty Certainty)> _byEvent = [];

    /// <summary>Takes note of a blocked thread.</summary>
    public void Note(ThreadFacts thread)
    {
        if (thread.WaitReason is not { } reason)
            return;
        if (s_pageIn.Contains(reason))
            _pageIns.Add(thread);
        else if (s_freePage.Contains(reason))
            _freePages.Add(thread);
    }

    /// <summary>Adds the steps of the threads that were noted.</summary>
    public void Finish()
    {
        if (_pageIns.Count > 0)
        {
            FindAtDevices();
            FindOnStacks();
            AddPageIns();
        }
        if (_freePages.Count > 0)
            AddFreePages();
    }

    /// <summary>Looks at the devices that threads have requests at, and at those below them.</summary>
    private void FindAtDevices()
    {
        HashSet<ulong> devices = [];
        foreach (ThreadFacts thread in system.Threads)
        {
            if (!thread.HasRequests || system.Session.Cancellation.IsCancellationRequested)
                continue;
            foreach (RequestFacts request in reader.Read(thread))
            {
                Keep(request, Certainty.Proven);
                reader.Devices.AddStack(request.Device, devices);
            }
        }
        List<RequestFacts> found = [];
        foreach (ulong device in devices)
            reader.ReadDevice(device, found);
        foreach (RequestFacts request in found)
            Keep(request, Certainty.Proven);
    }

    private void FindOnStacks()
    {
        int looked = 0;
        HashSet<ulong> known = [];
        byte[] stack = new byte[Limits.PageInStackBytes];
        int pointer = system.Session.PointerSize;
        ulong poolMask = (ulong)(2 * pointer - 1);
        foreach (ThreadFacts thread in _pageIns)
        {
            if (!thread.StackResident || (Awaited(thread) is { } awaited && _byEvent.ContainsKey(awaited)))
                continue;
            if (looked++ == Limits.PageInStacks)
                break;
            ulong size = Math.Min(thread.StackBase - thread.KernelStack, (ulong)stack.Length);
            if (thread.KernelStack < thread.StackLimit || thread.KernelStack >= thread.StackBase)
                continue;
            int read = system.Session.Memory.Read(thread.KernelStack, stack.AsSpan(0, (int)size));
            for (int i = 0; i + pointer <= read; i += pointer)
            {
                ulong value = system.Session.ReadPointer(stack.AsSpan(i));
                // Pool is given out in units of two pointers; addresses of the thread's own stack are no pool.
                if ((value & poolMask) == 0 && system.Session.IsObject(value) && value - thread.StackLimit >= thread.StackBase - thread.StackLimit
                    && known.Add(value) && reader.ReadRequest(value) is { IsPaging: true } request)
                    Keep(request, Certainty.Inferred);
            }
        }
    }

    private void Keep(RequestFacts request, Certainty certainty)
    {
        if (request is { IsPaging: true, UserEvent: not 0, Place: RequestPlace.AtDriver, DriverObject: not 0 })
            _byEvent.TryAdd(request.UserEvent, (request, certainty));
    }

    private void AddPageIns()
    {
        ObjectReference? onlyDriver = null;
        bool isOneDriver = true;
        foreach ((RequestFacts request, _) in _byEvent.Values)
        {
            ObjectReference driver = requests.DriverOf(request);
            isOneDriver &= onlyDriver is null || onlyDriver == driver;
            onlyDriver = driver;
        }
        foreach (ThreadFacts thread in _pageIns)
        {
            ulong awaited = Awaited(thread) ?? 0;
            if (_byEvent.TryGetValue(awaited, out (RequestFacts Request, Certainty Certainty) found))
                requests.Add(thread, found.Request, found.Certainty);
            else if (onlyDriver is { } driver && isOneDriver)
                graph.Add(ObjectReference.To(thread.Address), driver,
                    Phrase.Of($"a page to be read; its request is not recorded, other page reads are at {system.FindObject(driver)?.Name}"),
                    Certainty.Candidate, DebuggerCommands.Stack(thread));
            else
                AddUnrecorded(thread);
        }
    }

    /// <summary>
    /// All page reads whose request is not found lead to one node without an address: that some disk owes the page is sure,
    /// which one is not recorded.
    /// </summary>
    private void AddUnrecorded(ThreadFacts thread)
    {
        ObjectReference disk = new(ObjectKind.Device, 0);
        graph.Describe(new ObjectFacts(disk, "disk", "the disk that pages are read from", Phrase.Of(
            "not recorded: page reads are in no thread's list, and no device or stack that was looked at holds them")));
        graph.Add(ObjectReference.To(thread.Address), disk, Phrase.Of($"a page to be read; its request is not recorded"),
            Certainty.Inferred, DebuggerCommands.Stack(thread));
    }

    /// <summary>Free pages come from the writers of modified pages, where these are blocked themselves.</summary>
    private void AddFreePages()
    {
        List<ThreadFacts> writers = [];
        foreach (ThreadFacts thread in system.Threads)
            if (thread is { IsSystemThread: true, Role: WaitRole.Blocked } && sweep.HasFrame(thread, s_pageWriters))
                writers.Add(thread);
        Certainty certainty = writers.Count == 1 ? Certainty.Inferred : Certainty.Candidate;
        foreach (ThreadFacts thread in _freePages)
            foreach (ThreadFacts writer in writers)
                if (writer != thread)
                    graph.Add(ObjectReference.To(thread.Address), ObjectReference.To(writer.Address),
                        Phrase.Of($"a free page, which thread {ObjectReference.To(writer.Address)} makes by writing modified ones"),
                        certainty, DebuggerCommands.Stack(writer));
    }

    private static ulong? Awaited(ThreadFacts thread)
    {
        foreach (WaitedObject waited in thread.WaitsFor)
            if (!waited.IsTimeout)
                return waited.Address;
        return null;
    }
}
