using HangAnalysis.Analysis;
using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>
/// The distinct stacks that a command is asked for: stacks of chosen threads, grouped first, and then chosen by their text, so
/// that names are looked up once for each stack and only where a text is asked for.
/// </summary>
internal sealed class StackSelection
{
    /// <summary>Modules of unknown origin that are named.</summary>
    private const int MostModules = 5;

    private readonly StackGroups _all;
    private readonly List<StackGroup> _groups = [];
    private readonly SortedSet<string> _unknownModules = new(StringComparer.OrdinalIgnoreCase);
    private readonly string _systemName;
    private readonly bool _isFiltered;
    private readonly int _notLookedAt;
    private int _unknownStacks, _unknownThreads;

    /// <summary>Groups threads and chooses among their stacks.</summary>
    /// <param name="session">The dump.</param>
    /// <param name="threads">The threads.</param>
    /// <param name="isFiltered">Whether the threads were already chosen by a filter.</param>
    /// <param name="matcher">The texts.</param>
    /// <param name="onlyThirdParty">Whether only stacks through code that is no part of the system are wanted.</param>
    /// <param name="order">Which stacks come first.</param>
    public StackSelection(CommandSession session, ThreadSelection threads, bool isFiltered, StackMatcher matcher,
        bool onlyThirdParty = false, StackOrder order = StackOrder.Count)
    {
        ISystemFacts system = session.System;
        _systemName = system.Words.Name;
        Threads = threads;
        _all = StackGroups.Group(threads.Threads, system.GetRawStack, order, session.Cancellation);
        bool looksAtNames = onlyThirdParty || !matcher.IsEmpty;
        _isFiltered = isFiltered || looksAtNames;
        _notLookedAt = threads.Threads.Count - _all.Threads;
        foreach (StackGroup group in _all.Groups)
        {
            if (looksAtNames && session.Cancellation.IsCancellationRequested)
                _notLookedAt += group.Threads.Count;
            else if (!looksAtNames || IsWanted(group, system, matcher, onlyThirdParty))
            {
                _groups.Add(group);
                MatchingThreads += group.Threads.Count;
            }
        }
        if (!looksAtNames)
            MatchingThreads = threads.Threads.Count;
    }

    /// <summary>The options that choose among stacks by their text.</summary>
    public static IReadOnlyList<OptionHelp> TextOptions { get; } =
    [
        new("e", "TEXT", "not the stacks that have this text"),
        new("r", null, "the texts are regular expressions; case does not matter in either way"),
    ];

    /// <summary>The threads among which was chosen.</summary>
    public ThreadSelection Threads { get; }

    /// <summary>The stacks that are wanted.</summary>
    public IReadOnlyList<StackGroup> Groups => _groups;

    /// <summary>Threads that all filters let through; where stacks had to be looked at, those with such a stack.</summary>
    public int MatchingThreads { get; }

    /// <summary>Lines on what is not shown, and why: threads, stacks, and what could not be told.</summary>
    public IEnumerable<string> DescribeRest()
    {
        if (_isFiltered)
            yield return $"Threads matching filter: {MatchingThreads:N0} out of {Threads.Considered.Count:N0}";
        foreach ((int count, string reason) in MissingReasons())
            yield return $"{count:N0} stack(s) were not displayed because {reason}";
        if (DescribeUnknownModules() is { } unknown)
            yield return $"{_unknownStacks:N0} more stack(s) with {_unknownThreads:N0} threads {unknown}";
        if (_notLookedAt > 0)
            yield return $"{_notLookedAt:N0} thread(s) were not looked at: interrupted";
    }

    /// <summary>Threads and stacks that are not shown, with the reasons, as programs read it.</summary>
    public IEnumerable<(string What, string Why)> ListRest()
    {
        foreach ((int count, string reason) in MissingReasons())
            yield return ($"{count:N0} threads", reason);
        if (DescribeUnknownModules() is { } unknown)
            yield return ($"{_unknownThreads:N0} threads", $"their stacks {unknown}");
        if (_notLookedAt > 0)
            yield return ($"{_notLookedAt:N0} threads", "interrupted");
    }

    private IEnumerable<(int Count, string Reason)> MissingReasons() =>
        _all.Missing.Select(m => (m.Threads, m.HasOthers ? $"{m.Reason} (that is of the first)" : m.Reason));

    private bool IsWanted(StackGroup group, ISystemFacts system, StackMatcher matcher, bool onlyThirdParty)
    {
        StackFacts stack = system.GetStack(group.Threads[0]);
        if (!matcher.Matches(stack))
            return false;
        if (!onlyThirdParty)
            return true;
        bool isUnknown = false;
        foreach (FrameFacts frame in stack.Frames)
            if (frame.Module?.Origin == ModuleOrigin.ThirdParty)
                return true;
            else
                isUnknown |= frame.Module is null or { Origin: ModuleOrigin.Unknown };
        if (isUnknown)
            AddUnknown(group, stack);
        return false;
    }

    private void AddUnknown(StackGroup group, StackFacts stack)
    {
        _unknownStacks++;
        _unknownThreads += group.Threads.Count;
        foreach (FrameFacts frame in stack.Frames)
            if (frame.Module is { Origin: ModuleOrigin.Unknown } module)
                _unknownModules.Add(module.Name);
    }

    /// <summary>
    /// Whether code is a part of the system is told by its version resource or its name; of some neither tells, and of code
    /// in no module nothing does.
    /// </summary>
    private string? DescribeUnknownModules()
    {
        if (_unknownStacks == 0)
            return null;
        if (_unknownModules.Count == 0)
            return "have frames in no module that is known";
        string more = _unknownModules.Count > MostModules ? $" and {_unknownModules.Count - MostModules:N0} more" : "";
        return $"have frames of which the dump does not tell whether they are of {_systemName}: " +
            $"{string.Join(", ", _unknownModules.Take(MostModules))}{more}";
    }
}
