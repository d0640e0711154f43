using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>One way in which an issue shows, held against the evidence of a dump.</summary>
internal sealed class WayMatch(IssueEvidence way, RuleEvidence evidence)
{
    private readonly List<Phrase> _findings = [];

    /// <summary>What fits, in the order in which people look at a dump; null where something that is asked for does not.</summary>
    public IReadOnlyList<Phrase>? Find() =>
        Stop() && Parameters() && FaultingModule() && NamedModule() && Frames() && Holders() && Surroundings() ? _findings : null;

    private bool Stop()
    {
        if (way.Codes.Count > 0)
        {
            if (evidence.Code is not { } code || !way.Codes.Contains(code))
                return false;
            _findings.Add(Phrase.Of($"stop 0x{code:x}"));
        }
        if (way.Verdicts.Count > 0)
        {
            if (!way.Verdicts.Contains(evidence.Class))
                return false;
            _findings.Add(Phrase.Of($"verdict {ContractWords.Of(evidence.Class)}"));
        }
        if (way.Causes.Count > 0)
        {
            if (evidence.Cause is not { } cause || !way.Causes.Contains(cause.Cause))
                return false;
            _findings.Add(Phrase.Of($"cause {ContractWords.Of(cause.Cause)} ({ContractWords.Of(cause.Certainty)})"));
        }
        return true;
    }

    private bool Parameters()
    {
        for (int i = 0; i < way.Parameters.Count; i++)
        {
            if (way.Parameters[i] is not { } condition)
                continue;
            if (i >= evidence.Parameters.Count)
                return false;
            ulong value = evidence.Parameters[i];
            string remark = "";
            if (condition.Values.Count > 0 && !condition.Values.Contains(value & condition.Mask))
                return false;
            if (condition.OneBit)
            {
                if (!ulong.IsPow2(value))
                    return false;
                remark = $", bit {ulong.Log2(value)} alone";
            }
            if (condition.OneBitOff > 0)
            {
                ulong difference = condition.OneBitOff <= evidence.Parameters.Count
                    ? value ^ evidence.Parameters[condition.OneBitOff - 1] : 0;
                if (!ulong.IsPow2(difference))
                    return false;
                remark += $", bit {ulong.Log2(difference)} other than in parameter {condition.OneBitOff}";
            }
            if (condition.Modules.Count > 0)
            {
                if (evidence.FindModule(value) is not { } module || !IsOneOf(module, condition.Modules))
                    return false;
                remark += $" in {module.FileName}";
            }
            _findings.Add(Phrase.Of($"parameter {i + 1} 0x{value:x}{remark}"));
        }
        return true;
    }

    private bool FaultingModule()
    {
        if (way.FaultModule is { } condition)
        {
            if (evidence.Fault?.Module is not { } module || !IsMet(condition, module))
                return false;
            _findings.Add(Phrase.Of($"fault at {evidence.Fault.Text}{VersionOf(module, condition)}"));
        }
        if (way.Instructions.Count > 0)
        {
            if (evidence.Instruction is not { } instruction || !IsOneOf(instruction, way.Instructions))
                return false;
            _findings.Add(Phrase.Of($"instruction {instruction}"));
        }
        if (way.FaultUnloaded.Count > 0)
        {
            if (evidence.FaultUnloaded is not { } unloaded || !IsUnloaded(unloaded.Name, way.FaultUnloaded))
                return false;
            _findings.Add(Phrase.Of($"fault in the place of {unloaded.Name}, which had been unloaded"));
        }
        return true;
    }

    private bool NamedModule()
    {
        if (way.Culprit is not { } condition)
            return true;
        if (evidence.Culprit is not { } culprit || !IsMet(condition, culprit.Module))
            return false;
        _findings.Add(Phrase.Of($"verdict names {culprit.Module.FileName}{VersionOf(culprit.Module, condition)}: {culprit.Shows}"));
        return true;
    }

    private bool Frames()
    {
        if (way.StackAny.Count > 0 && !FindAny())
            return false;
        if (way.StackNone.Count > 0)
            foreach (EvidenceStack stack in evidence.Stacks)
                foreach (FrameFacts frame in stack.Frames)
                    if (IsFrame(frame, way.StackNone))
                        return false;
        return way.StackAll.Count == 0 || FindAll();
    }

    private bool FindAny()
    {
        foreach (EvidenceStack stack in evidence.Stacks)
            foreach (FrameFacts frame in stack.Frames)
                if (IsFrame(frame, way.StackAny))
                {
                    _findings.Add(Describe(frame, stack));
                    return true;
                }
        return false;
    }

    private bool FindAll()
    {
        foreach (EvidenceStack stack in evidence.Stacks)
        {
            List<FrameFacts> found = [];
            foreach (NamePattern pattern in way.StackAll)
                foreach (FrameFacts frame in stack.Frames)
                    if (IsFrame(frame, pattern))
                    {
                        found.Add(frame);
                        break;
                    }
            if (found.Count < way.StackAll.Count)
                continue;
            foreach (FrameFacts frame in found)
                _findings.Add(Describe(frame, stack));
            return true;
        }
        return false;
    }

    private bool Holders() => Holder(way.Owners, evidence.Owners, "held by") && Holder(way.Waiters, evidence.Waiters, "waiting")
        && Holder(way.RequestHolders, evidence.RequestHolders, "request at");

    private bool Holder(IReadOnlyList<NamePattern> names, IReadOnlyList<EvidenceModule> modules, string role)
    {
        if (names.Count == 0)
            return true;
        foreach (EvidenceModule module in modules)
            if (IsOneOf(module.Module, names))
            {
                _findings.Add(Phrase.Of($"{role} {module.Module.FileName}: {module.Shows}"));
                return true;
            }
        return false;
    }

    /// <summary>What is true of a machine and not of what happened to it.</summary>
    private bool Surroundings()
    {
        if (way.PoolTag is { } tag && !Pool(tag))
            return false;
        if (way.Processes.Count > 0)
        {
            if (evidence.Processes.FirstOrDefault(p => IsOneOf(p, way.Processes)) is not { } process)
                return false;
            _findings.Add(Phrase.Of($"process {process}"));
        }
        if (way.LeastWait is { } least)
        {
            if (evidence.LongestWait is not { } wait || wait < least)
                return false;
            _findings.Add(Phrase.Of($"longest wait {AgeText.Format(wait)}"));
        }
        foreach (ModuleCondition condition in way.Loaded)
            if (!Loaded(condition))
                return false;
        if (way.Unloaded.Count > 0)
        {
            if (evidence.Inventory.UnloadedModules.FirstOrDefault(m => IsUnloaded(m.Name, way.Unloaded)) is not { } unloaded)
                return false;
            _findings.Add(Phrase.Of($"{unloaded.Name} had been unloaded"));
        }
        if (way.Builds != default)
        {
            if (evidence.Build is not { } build || build < way.Builds.First || build > way.Builds.Last)
                return false;
            _findings.Add(Phrase.Of($"build {build}"));
        }
        if (way.Days != default)
        {
            if (evidence.Time is not { } time)
                return false;
            DateOnly day = DateOnly.FromDateTime(time.UtcDateTime);
            if (day < way.Days.First || day > way.Days.Last)
                return false;
            _findings.Add(Phrase.Of($"dump of {day:yyyy-MM-dd}"));
        }
        return true;
    }

    private bool Pool(PoolTagCondition condition)
    {
        foreach (TaggedMemory use in evidence.Inventory.PoolTags)
            if (use.Bytes >= condition.LeastBytes && (condition.IsPaged ?? use.IsPaged) == use.IsPaged
                && IsOneOf(use.Tag.TrimEnd(), condition.Tags))
            {
                _findings.Add(Phrase.Of(
                    $"{ByteText.Format(use.Bytes)} of {(use.IsPaged ? "paged" : "nonpaged")} pool under tag {use.Tag.TrimEnd()}"));
                return true;
            }
        return false;
    }

    private bool Loaded(ModuleCondition condition)
    {
        foreach (ListedModule listed in evidence.Inventory.Modules)
        {
            if (!IsOneOf(listed.Name, condition.Names))
                continue;
            bool isPlain = condition is { First: null, Before: null, LinkedBefore: null };
            if (!isPlain && (evidence.FindModule(listed.Start) is not { } module || !IsMet(condition, module)))
                continue;
            _findings.Add(Phrase.Of($"{listed.Name} is loaded"));
            return true;
        }
        return false;
    }

    private static bool IsMet(ModuleCondition condition, ModuleFacts module)
    {
        if (!IsOneOf(module, condition.Names))
            return false;
        if (condition.First is not null || condition.Before is not null)
        {
            if (FileVersion.TryParse(module.Version) is not { } version
                || (condition.First is { } first && version.CompareTo(first) < 0)
                || (condition.Before is { } before && version.CompareTo(before) >= 0))
                return false;
        }
        return condition.LinkedBefore is not { } day
            || (module.LinkDate is { } linked && DateOnly.FromDateTime(linked) < day);
    }

    private static string VersionOf(ModuleFacts module, ModuleCondition condition) =>
        condition.First is not null || condition.Before is not null ? $", version {module.Version}"
        : condition.LinkedBefore is not null ? $", linked {module.LinkDate:yyyy-MM-dd}" : "";

    /// <summary>A module by either of its names; a pattern may have the extension or not.</summary>
    private static bool IsOneOf(ModuleFacts module, IReadOnlyList<NamePattern> names) =>
        IsOneOf(module.Name, names) || IsOneOf(module.FileName, names);

    private static bool IsOneOf(string name, IReadOnlyList<NamePattern> names)
    {
        foreach (NamePattern pattern in names)
            if (pattern.Fits(name))
                return true;
        return false;
    }

    /// <summary>Names of unloaded drivers have their extension, or are cut after twelve characters.</summary>
    private static bool IsUnloaded(string name, IReadOnlyList<NamePattern> names)
    {
        int dot = name.LastIndexOf('.');
        return IsOneOf(name, names) || (dot > 0 && IsOneOf(name[..dot], names));
    }

    private static bool IsFrame(FrameFacts frame, IReadOnlyList<NamePattern> patterns)
    {
        foreach (NamePattern pattern in patterns)
            if (IsFrame(frame, pattern))
                return true;
        return false;
    }

    /// <summary>A frame by its function, or by its place in a module; a module without symbols has frames without a function.</summary>
    private static bool IsFrame(FrameFacts frame, NamePattern pattern) => frame.Module is { } module
        && (pattern.Fits($"{module.Name}!{frame.Symbol}") || pattern.Fits(frame.Text));

    private static Phrase Describe(FrameFacts frame, EvidenceStack stack) => stack.Thread is { } thread
        ? Phrase.Of($"frame {frame.Text} of the {stack.Title} {ObjectReference.To(thread.Address)}")
        : Phrase.Of($"frame {frame.Text} of the {stack.Title}");
}
