using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Reads everything that is recorded of one thread; nothing before it is asked for.</summary>
internal sealed class ThreadExaminer
{
    private readonly WindowsSystem _system;
    private readonly FrameNames _names;
    private readonly RequestReader _requests;
    private readonly WaitObjectReader _waits;
    private readonly ComApartment _apartments;

    public ThreadExaminer(WindowsSystem system, FrameNames names)
    {
        (_system, _names) = (system, names);
        _requests = new RequestReader(system);
        _waits = new WaitObjectReader(system);
        _apartments = new ComApartment(system.Session, names);
    }

    /// <summary>Examines a thread.</summary>
    public ThreadExamination Examine(ThreadFacts thread)
    {
        ThreadDetails details = _system.GetDetails(thread);
        IReadOnlyList<RequestFacts> requests = thread.HasRequests ? _requests.Read(thread) : [];
        (IReadOnlyList<WaitObjectFacts> objects, TimeOutFacts? timeOut) = _waits.Read(thread, requests);
        return new ThreadExamination
        {
            Details = details,
            Requests = requests,
            Objects = objects,
            TimeOut = timeOut,
            Apartment = _apartments.Read(thread),
            Start = Name(details.StartAddress, thread),
            ProgramStart = Name(details.ProgramStartAddress, thread),
            Processor = FindProcessor(thread),
        };
    }

    private FrameFacts? Name(ulong address, ThreadFacts thread) => address == 0 ? null
        : _system.Session.IsKernel(address) ? _names.NameAddress(address) : _names.NameAddress(address, thread);

    private ProcessorFacts? FindProcessor(ThreadFacts thread)
    {
        foreach (ProcessorFacts processor in _system.Processors)
            if (processor.Current == thread)
                return processor;
        return null;
    }
}
