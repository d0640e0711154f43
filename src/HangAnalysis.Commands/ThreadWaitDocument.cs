using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;
using HangAnalysis.Windows;

namespace HangAnalysis.Commands;

/// <summary>
/// Arranges what one thread waits for: requests, objects in its wait blocks, what these stand for, and what it holds.
/// </summary>
internal sealed class ThreadWaitDocument
{
    private const int Indent = 4, MostWaiters = 10;

    private readonly ThreadFacts _thread;
    private readonly ThreadExamination _examined;
    private readonly WindowsSystem _system;
    private readonly ThreadStepsDocument _steps;
    private readonly Document _document;
    private readonly bool _isVerbose;

    public ThreadWaitDocument(
        CommandSession session, ThreadFacts thread, ThreadExamination examined, Document document, bool isVerbose)
    {
        (_thread, _examined, _system) = (thread, examined, session.Windows);
        (_document, _isVerbose) = (document, isVerbose);
        _steps = new ThreadStepsDocument(session, thread, document, isVerbose);
    }

    /// <summary>The steps of the wait graph away from the thread.</summary>
    public IReadOnlyList<WaitEdge> Steps => _steps.Steps;

    /// <summary>Locks that the thread has and that others wait for.</summary>
    public IReadOnlyList<(ContendedLock Lock, LockOwner Ownership)> Held => _steps.Held;

    /// <summary>Adds everything.</summary>
    public void Add()
    {
        if (_examined.Requests.Count > 0)
            AddRequests();
        List<WaitEdge> further = [];
        foreach (WaitEdge step in _steps.Steps)
            if (!IsInWaitBlocks(step.To))
                further.Add(step);
        if (_thread.Activity == ThreadActivity.Waiting)
            AddWaitBlocks(further.Count > 0);
        _steps.Add(further);
        _steps.AddHeld();
    }

    private bool IsInWaitBlocks(ObjectReference awaited)
    {
        foreach (WaitedObject waited in _thread.WaitsFor)
            if (waited.Reference == awaited)
                return true;
        return false;
    }

    private void AddRequests()
    {
        _document.Add(new Span("Irp List:", Tone.Strong), $" {ChainDocument.Count(_examined.Requests.Count, "request")}");
        _document.Add(new TableBlock(
            [
                new("IRP"), new("File", CanShrink: true), new("Driver", CanShrink: true), new("Device"),
                new("Function", CanShrink: true), new("State", CanShrink: true),
            ],
            [.. _examined.Requests.Select(Row)], Indent));
    }

    private IReadOnlyList<Span> Row(RequestFacts request)
    {
        ModuleFacts? module = RequestWords.Module(request, _system);
        string driver = RequestWords.Driver(request, module);
        string state = request.Place == RequestPlace.AtDriver && request.Remarks.Length == 0 && request.MasterRequest == 0
            ? Position(request) : RequestWords.Remarks(request);
        return
        [
            Links.To(new ObjectReference(ObjectKind.Request, request.Address), _system), request.FileName ?? "-",
            module is null ? driver : Links.To(module, _system, driver,
                module.Origin == ModuleOrigin.ThirdParty ? Tone.Caution : Tone.Normal),
            request.Device == 0 ? "-" : Links.To(new ObjectReference(ObjectKind.Device, request.Device), _system),
            RequestWords.Function(request) ?? "-", state,
        ];
    }

    /// <summary>Which device of its stack has a request, the highest is the first; for a device alone its kind.</summary>
    private static string Position(RequestFacts request) => request.DevicesAbove + request.DevicesBelow == 0
        ? request.DeviceKind
        : $"device {request.DevicesAbove + 1} of {request.DevicesAbove + request.DevicesBelow + 1}";

    private void AddWaitBlocks(bool standForOthers)
    {
        IReadOnlyList<WaitObjectFacts> objects = _examined.Objects;
        string kind = objects.Count < 2 ? "" : objects[0].Object.NeedsAll
            ? $" all of {objects.Count:N0} objects" : $" any of {objects.Count:N0} objects";
        _document.Add(new Span("WaitBlockList:", Tone.Strong), objects.Count > 0 ? kind : " it waits for no object");
        if (objects.Count > 0)
            _document.Add(new TableBlock(
                [new("Object"), new("Type"), new("Other Waiters", Align.Right), new("Info", CanShrink: true)],
                [.. objects.Select(o => Row(o, standForOthers))], Indent));
        if (_examined.TimeOut is { } timeOut)
            _document.Add(new LineBlock(["Time-out: ", timeOut.DueIn switch
            {
                null => "when it is due is not known",
                { } due when due >= TimeSpan.Zero => $"in {AgeText.Format(due)}",
                { } due => $"was due {AgeText.Format(-due)} ago",
            }, ", timer ", Links.To(new ObjectReference(ObjectKind.Event, timeOut.Timer), _system)], [], Indent));
        if (_isVerbose)
            foreach (WaitObjectFacts waited in objects)
                AddWhole(waited);
    }

    private IReadOnlyList<Span> Row(WaitObjectFacts facts, bool standForOthers)
    {
        string name = facts.Name is null ? "" : $"'{facts.Name}' ";
        // How a lock or a message lets a thread wait says nothing of who must act; what is waited for stands below.
        string owner = standForOthers && facts.Object.Kind == ObjectKind.Event ? "; see below" : OwnerText(facts);
        string? command = null;
        foreach (PhrasePart part in facts.Info.Parts)
            if (part.Reference is { } reference)
                command ??= Links.To(reference, _system).Command;
        return
        [
            Links.To(facts.Object.Reference, _system), facts.Object.TypeName, OtherWaiters(facts),
            new Span($"{name}{facts.Info}{owner}", Tone.Normal, command),
        ];
    }

    /// <summary>What is said of an owner that nothing tells.</summary>
    public static string OwnerText(WaitObjectFacts facts) => facts.IsOwnerUnrecorded ? ", no owner recorded" : "";

    /// <summary>How many others wait; a plus where the list could not be read to its end.</summary>
    private static string OtherWaiters(WaitObjectFacts facts) => facts.AreWaitersWhole ? $"{facts.OtherWaiters.Count:N0}"
        : facts.OtherWaiters.Count > 0 ? $"{facts.OtherWaiters.Count:N0}+" : "-";

    /// <summary>What the table has no room for: words in full, the other waiters, the command that shows the object.</summary>
    private void AddWhole(WaitObjectFacts facts)
    {
        const int RoomInTable = 60;
        string name = facts.Name is null ? "" : $"'{facts.Name}' ";
        List<Span> line = [Links.To(facts.Object.Reference, _system), " "];
        if (name.Length + facts.Info.ToString().Length > RoomInTable)
            line.AddRange([name, .. Links.ToSpans(facts.Info, _system), OwnerText(facts), "  "]);
        if (_system.DescribeObjectCommand(facts.Object.Reference) is { } command)
            line.Add(new Span(command, Tone.Muted, command));
        _document.Add(new LineBlock(line, [], Indent, Indent));
        if (facts.OtherWaiters.Count == 0)
            return;
        List<Span> waiters = ["other waiters:"];
        for (int i = 0; i < facts.OtherWaiters.Count && i < MostWaiters; i++)
            waiters.AddRange([i == 0 ? " " : ", ", Links.To(facts.OtherWaiters[i].Address),
                $" {facts.OtherWaiters[i].Process.Title}"]);
        if (facts.OtherWaiters.Count > MostWaiters)
            waiters.Add(" ...");
        _document.Add(new LineBlock(waiters, [], Indent * 2, Indent));
    }
}
