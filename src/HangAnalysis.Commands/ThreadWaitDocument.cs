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
    private const int Indent = 4, MostSteps = 8, MostOwners = 4, MostWaiters = 10;

    private readonly ThreadFacts _thread;
    private readonly ThreadExamination _examined;
    private readonly WindowsSystem _system;
    private readonly LockOverview _locks;
    private readonly Document _document;
    private readonly bool _isVerbose;

    public ThreadWaitDocument(
        CommandSession session, ThreadFacts thread, ThreadExamination examined, Document document, bool isVerbose)
    {
        (_thread, _examined, _system, _locks) = (thread, examined, session.Windows, session.Locks);
        (_document, _isVerbose) = (document, isVerbose);
        ObjectReference self = ObjectReference.To(thread.Address);
        Steps = _locks.StepsFrom(self);
        Held = _locks.HeldBy(self);
    }

    /// <summary>The steps of the wait graph away from the thread.</summary>
    public IReadOnlyList<WaitEdge> Steps { get; }

    /// <summary>Locks that the thread has and that others wait for.</summary>
    public IReadOnlyList<(ContendedLock Lock, LockOwner Ownership)> Held { get; }

    /// <summary>Adds everything.</summary>
    public void Add()
    {
        if (_examined.Requests.Count > 0)
            AddRequests();
        List<WaitEdge> further = [];
        foreach (WaitEdge step in Steps)
            if (!IsInWaitBlocks(step.To))
                further.Add(step);
        if (_thread.Activity == ThreadActivity.Waiting)
            AddWaitBlocks(further.Count > 0);
        foreach (WaitEdge step in further.Take(MostSteps))
            AddStep(step);
        if (further.Count > MostSteps)
            _document.Add(new LineBlock([$"… and {further.Count - MostSteps:N0} more; see ",
                new Span(Links.CommandForWhy(_thread), Tone.Normal, Links.CommandForWhy(_thread))], [], Indent));
        if (Held.Count > 0)
            AddHeld();
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

    private void AddStep(WaitEdge step)
    {
        _document.Add(new LineBlock([new Span("Waits for: ", Tone.Strong, Links.CommandForWhy(_thread)), .. Words(step)],
            [Certain(step)], 0, Indent));
        AddEvidence(step);
        IReadOnlyList<WaitEdge> next = _locks.StepsFrom(step.To);
        foreach (WaitEdge then in next.Take(MostOwners))
        {
            _document.Add(new LineBlock([new Span("└─ "), .. Words(then)], [Certain(then)], Indent, 3));
            AddEvidence(then);
        }
        if (next.Count > MostOwners)
            _document.Add(new LineBlock([$"└─ … and {next.Count - MostOwners:N0} more"], [], Indent));
        if (next.Count == 0 && _system.FindObject(step.To)?.State is { } state)
            _document.Add(new LineBlock([new Span("└─ "), .. Links.ToSpans(state, _system)], [], Indent, 3));
    }

    /// <summary>The words of a step; a thread or process that they do not name is named behind them.</summary>
    private IEnumerable<Span> Words(WaitEdge step)
    {
        bool isNamed = step.To.Kind is not (ObjectKind.Thread or ObjectKind.Process);
        foreach (PhrasePart part in step.What.Parts)
            isNamed |= part.Reference == step.To;
        IEnumerable<Span> words = Links.ToSpans(step.What, _system);
        return isNamed ? words : words.Append(": ").Append(Links.To(step.To, _system));
    }

    private void AddEvidence(WaitEdge step)
    {
        if (_isVerbose && step.Evidence.Length > 0)
            _document.Add(new LineBlock([new Span(step.Evidence, Tone.Muted, step.Evidence)], [], Indent * 2));
    }

    private static Span Certain(WaitEdge step) => new(VerdictWords.Of(step.Certainty), ChainDocument.ToneOf(step.Certainty));

    private void AddHeld()
    {
        List<Span> line = [new Span("Holds: ", Tone.Strong)];
        foreach ((ContendedLock held, LockOwner ownership) in Held.Take(MostSteps))
        {
            string address = $"{held.Reference.Address:x16}";
            string name = held.Name is null ? "" : $" '{held.Name}'";
            string sure = ownership.Step.Certainty == Certainty.Proven ? "" : $", {VerdictWords.Of(ownership.Step.Certainty)}";
            line.AddRange([line.Count > 1 ? "; " : "", $"{held.Kind}{name} ",
                new Span(address, Tone.Normal, $"!owners {address}"),
                $" ({ChainDocument.Count(held.Waiters.Count, "waiter")}, the longest {AgeText.Format(held.Oldest)}{sure})"]);
        }
        if (Held.Count > MostSteps)
            line.Add($"; and {Held.Count - MostSteps:N0} more");
        _document.Add(new LineBlock(line, [], 0, Indent));
    }
}
