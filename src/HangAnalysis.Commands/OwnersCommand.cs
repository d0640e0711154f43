using System.Text.Json;
using HangAnalysis.Analysis;
using HangAnalysis.Model;
using HangAnalysis.Reports;

namespace HangAnalysis.Commands;

/// <summary><c>!owners</c>: who has the locks that somebody waits for.</summary>
internal sealed class OwnersCommand(CommandWords words) : ICommand
{
    /// <summary>Columns that the list of a lock's owners, and what they wait for, may take.</summary>
    private const int LongestOwner = 40;

    private const string NotRecorded = "not recorded";

    /// <inheritdoc/>
    public CommandHelp Help { get; } = new(CommandCategories.Waits, "owners",
        "lists the locks that somebody waits for: owners, waiters, the longest wait, and what the owner waits for",
        "!owners [LOCK | THREAD] [-k KIND] [/json] [/q]",
        [new("k", "KIND", $"only locks of one kind, such as {words.LockKinds}"), .. CommandHelp.ListingOptions],
        [("!owners", "every contended lock, the one with the most waiters first"),
            ($"!owners {words.Lock}", "one lock with all its waiters and the evidence; or the locks that a thread has"),
            ($"!owners -k {words.LockKind}", $"only {words.LockKind}s")]);

    /// <inheritdoc/>
    public CommandOutput Run(CommandSession session, CommandArguments arguments)
    {
        if (arguments.Words.Count > 1)
            throw new CommandUsageException("!owners: one lock or thread at a time; see !owners /?");
        session.RequireThreads(Help.Name);
        ulong? address = arguments.Words.Count == 0 ? null : session.ParseAddress(arguments.Words[0]);
        string? kind = arguments.Value("k");
        List<ContendedLock> locks = [.. session.Locks.Contended.Where(l => IsWanted(l, address, kind))];
        bool inDetail = address is not null && locks is [{ Reference.Address: var found }] && found == address;
        return new CommandOutput(inDetail ? Detail(locks[0], session) : List(locks, address, kind, session),
            () => JsonSerializer.Serialize(new LocksJson("hanganalysis-owners/1", [.. locks.Select(ToJson)]),
                ReportJsonContext.Default.LocksJson),
            inDetail
                ? [.. locks[0].Owners.Select(o => o.Reference.Address), .. locks[0].Waiters.Select(w => w.Reference.Address)]
                : [.. locks.Select(l => l.Reference.Address)]);
    }

    private static bool IsWanted(ContendedLock candidate, ulong? address, string? kind) =>
        (kind is null || candidate.Kind.Equals(kind, StringComparison.OrdinalIgnoreCase))
        && (address is null || candidate.Reference.Address == address || candidate.Owners.Any(o => o.Reference.Address == address));

    private static Document List(List<ContendedLock> locks, ulong? address, string? kind, CommandSession session)
    {
        Document document = new();
        if (locks.Count > 0)
        {
            document.Add(new TableBlock(
                [
                    new("Lock"), new("Kind", CanShrink: true), new("Owner"), new("Waiters", Align.Right),
                    new("Oldest", Align.Right), new("Owner waits for", CanShrink: true),
                ],
                [.. locks.Select(l => (IReadOnlyList<Span>)
                [
                    Address(l, session), l.Name is null ? l.Kind : $"{l.Kind} {l.Name}", Owner(l),
                    $"{l.Waiters.Count:N0}", AgeText.Format(l.Oldest), OwnerWait(l),
                ])]));
            document.Blank();
        }
        string what = $"contended lock{(locks.Count == 1 ? "" : "s")}{(kind is null ? "" : $" of kind {kind}")}";
        if (address is { } asked)
            document.Add(locks.Count == 0
                ? $"no thread waits for a lock at {asked:x16}, or for one that a thread at that address has"
                : $"{locks.Count:N0} {what} that {asked:x16} has");
        else
        {
            document.Add($"{locks.Count:N0} {what}");
            foreach (LockCount count in session.System.Locks)
                if (count.Total is { } total && (kind is null || count.Kind.Equals(kind, StringComparison.OrdinalIgnoreCase)))
                    document.Add($"{count.Contended:N0} of {total:N0} {count.Kind}s are contended");
        }
        return document;
    }

    /// <summary>One lock: every owner and every waiter with what is recorded of it, and the command that shows it.</summary>
    private static Document Detail(ContendedLock of, CommandSession session)
    {
        Document document = new();
        document.Add(new Span(of.Name is null ? of.Kind : $"{of.Kind} {of.Name}", Tone.Strong), "  ", Address(of, session),
            $"  {ChainDocument.Count(of.Waiters.Count, "waiter")}, the longest {AgeText.Format(of.Oldest)}");
        if (of.State is { } state)
            document.Add(new LineBlock([.. Links.ToSpans(state, session.System)], [], 2));
        document.Blank();
        document.Add(new Span(of.Owners.Count == 0 ? $"Owner {NotRecorded}" : "Owners", Tone.Strong));
        foreach (LockOwner owner in of.Owners)
        {
            AddStep(document, owner.Reference, owner.Thread, owner.Step, session);
            if (owner.WaitsFor is { } wait)
                document.Add(new LineBlock([new Span("└─ "), .. Links.ToSpans(wait, session.System)], [], 5, 3));
        }
        document.Blank();
        document.Add(new Span("Waiters", Tone.Strong));
        foreach (LockWaiter waiter in of.Waiters)
            AddStep(document, waiter.Reference, waiter.Thread, waiter.Step, session);
        document.Blank();
        List<string> commands = [];
        foreach (WaitEdge step in of.Owners.Select(o => o.Step).Concat(of.Waiters.Select(w => w.Step)))
            if (step.Evidence.Length > 0 && !commands.Contains(step.Evidence))
                commands.Add(step.Evidence);
        document.Add(new Span("Evidence", Tone.Strong));
        foreach (string command in commands.Take(MostEvidence))
            document.Add(new LineBlock([new Span(command, Tone.Normal, command)], [], 2));
        if (commands.Count > MostEvidence)
            document.Add(new LineBlock([$"… and {commands.Count - MostEvidence:N0} more; see /json"], [], 2));
        return document;
    }

    private const int MostEvidence = 8;

    private static void AddStep(Document document, ObjectReference reference, ThreadFacts? thread, WaitEdge step,
        CommandSession session)
    {
        List<Span> text = thread is null
            ? [new Span($"{reference.Kind} {reference.Address:x16}")]
            : [new Span(thread.Process.Title, Tone.Strong, Links.CommandFor(thread.Process)), "  thread ", Links.To(thread.Address),
                thread.Activity == ThreadActivity.Waiting ? $"  {AgeText.Format(thread.Age)}" : $"  {thread.State}"];
        text.Add("  ");
        text.AddRange(Links.ToSpans(step.What, session.System));
        document.Add(new LineBlock(text, [new Span(VerdictWords.Of(step.Certainty), ChainDocument.ToneOf(step.Certainty))], 2, 3));
    }

    private static Span Address(ContendedLock of, CommandSession session) =>
        new($"{of.Reference.Address:x16}", Tone.Normal, $"!owners {of.Reference.Address:x16}");

    private static Span Owner(ContendedLock of)
    {
        if (of.Owners.Count == 0)
            return new Span(NotRecorded, Tone.Caution);
        LockOwner first = of.Owners[0];
        string more = of.Owners.Count == 1 ? "" : $" +{of.Owners.Count - 1}";
        string guess = first.Step.Certainty == Certainty.Candidate ? "?" : "";
        return first.Thread is { } thread
            ? new Span($"{thread.Address.Value:x16} {thread.Process.Title}{guess}{more}", Tone.Normal, Links.CommandForWhy(thread))
            : new Span($"{first.Reference.Kind} {first.Reference.Address:x16}{guess}{more}");
    }

    private static string OwnerWait(ContendedLock of)
    {
        string text = of.Owners.Count > 0 ? of.Owners[0].WaitsFor?.ToString() ?? "-" : of.State?.ToString() ?? "-";
        return text.Length <= LongestOwner ? text : text[..(LongestOwner - 1)] + "…";
    }

    private static LockJson ToJson(ContendedLock of) => new(
        VerdictJsonMapper.Hex(of.Reference.Address), of.Kind, of.Name, of.State?.ToString(),
        [.. of.Owners.Select(o => ToJson(o.Reference, o.Thread, o.Step, o.WaitsFor?.ToString()))],
        [.. of.Waiters.Select(w => ToJson(w.Reference, w.Thread, w.Step, w.Step.What.ToString()))],
        VerdictJsonMapper.Age(of.Oldest));

    private static LockPartyJson ToJson(ObjectReference reference, ThreadFacts? thread, WaitEdge step, string? waitsFor) => new(
        VerdictWords.Of(reference.Kind), VerdictJsonMapper.Hex(reference.Address), thread?.Process.Name, thread?.Process.Id,
        thread?.Id, waitsFor, VerdictJsonMapper.Age(thread?.Age), VerdictWords.Of(step.Certainty), step.Evidence);
}
