using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary>
/// Arranges what one thread waits for by the wait graph, with the owners, and what it holds that others wait for.
/// </summary>
internal sealed class ThreadStepsDocument
{
    private const int Indent = 4, MostSteps = 8, MostOwners = 4;

    private readonly ThreadFacts _thread;
    private readonly ISystemFacts _system;
    private readonly LockOverview _locks;
    private readonly Document _document;
    private readonly bool _isVerbose;

    public ThreadStepsDocument(CommandSession session, ThreadFacts thread, Document document, bool isVerbose)
    {
        (_thread, _system, _locks, _document, _isVerbose) = (thread, session.System, session.Locks, document, isVerbose);
        ObjectReference self = ObjectReference.To(thread.Address);
        Steps = _locks.StepsFrom(self);
        Held = _locks.HeldBy(self);
    }

    /// <summary>The steps of the wait graph away from the thread.</summary>
    public IReadOnlyList<WaitEdge> Steps { get; }

    /// <summary>Locks that the thread has and that others wait for.</summary>
    public IReadOnlyList<(ContendedLock Lock, LockOwner Ownership)> Held { get; }

    /// <summary>Adds steps away from the thread, and what follows each.</summary>
    public void Add(IReadOnlyList<WaitEdge> steps)
    {
        foreach (WaitEdge step in steps.Take(MostSteps))
            AddStep(step);
        if (steps.Count > MostSteps)
            _document.Add(new LineBlock([$"… and {steps.Count - MostSteps:N0} more; see ",
                new Span(Links.CommandForWhy(_thread), Tone.Normal, Links.CommandForWhy(_thread))], [], Indent));
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

    /// <summary>Adds the locks that the thread has and that others wait for.</summary>
    public void AddHeld()
    {
        if (Held.Count == 0)
            return;
        List<Span> line = [new Span("Holds: ", Tone.Strong)];
        foreach ((ContendedLock held, LockOwner ownership) in Held.Take(MostSteps))
        {
            string address = $"{held.Reference.Address:x16}";
            string name = held.Name is null ? "" : $" '{held.Name}'";
            string sure = ownership.Step.Certainty == Certainty.Proven ? ""
                : $", {VerdictWords.Of(ownership.Step.Certainty)}";
            line.AddRange([line.Count > 1 ? "; " : "", $"{held.Kind}{name} ",
                new Span(address, Tone.Normal, $"!owners {address}"),
                $" ({ChainDocument.Count(held.Waiters.Count, "waiter")}, the longest {AgeText.Format(held.Oldest)}{sure})"]);
        }
        if (Held.Count > MostSteps)
            line.Add($"; and {Held.Count - MostSteps:N0} more");
        _document.Add(new LineBlock(line, [], 0, Indent));
    }
}
