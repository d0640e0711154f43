using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Windows.Collecting;

/// <summary>Says what a dump of Windows is worth: kind, contents, damage, platform, and how to get the next one.</summary>
public sealed class DumpChecker
{
    private readonly WindowsSystem _system;
    private readonly TargetDescription _description;
    private readonly DumpFileFacts? _file;
    private readonly DumpKinds.DumpKindFacts _kind;
    private readonly DumpHealth _health;
    private readonly List<DumpFinding> _findings = [];
    private readonly List<DumpContent> _contents = [];

    private DumpChecker(WindowsSystem system)
    {
        _system = system;
        _description = system.Target.Description;
        _file = DumpFileFacts.TryRead(_description.Path, out string? problem);
        if (problem is not null)
            Note($"the file itself could not be looked at: {problem}");
        _kind = DumpKinds.Of(_file, _description, DumpTriggers.IsLive(_description.BugCheck?.Code));
        _health = DumpHealth.Count(system);
    }

    /// <summary>Checks a dump. Searches symbols of a few modules along the symbol path.</summary>
    public static DumpCheckFacts Check(WindowsSystem system) => new DumpChecker(system).Check();

    private ulong? Machine => _system.Memory.Physical ?? _file?.MachineBytes;

    private DumpCheckFacts Check()
    {
        FindContents();
        FindDamage();
        FindGaps();
        IReadOnlyList<TargetModule> modules = _system.Target.KernelModules;
        List<PlatformFacts> platforms = Platforms.Find(modules, _system.Processes);
        (string trigger, Certainty certainty) = DumpTriggers.Find(_system);
        return new DumpCheckFacts
        {
            Kind = _kind.Name,
            KindReason = _kind.Reason,
            Worth = _kind.Worth,
            Trigger = trigger,
            TriggerCertainty = certainty,
            FileBytes = _file?.FileBytes,
            HeldBytes = _file?.HeldBytes - _file?.MissingBytes ?? _file?.Small?.BlockBytes,
            MachineBytes = Machine,
            Contents = _contents,
            Findings = _findings,
            Platforms = platforms,
            DumpDrivers = Platforms.FindDumpDrivers(modules),
            Settings = DumpSettings.Of(Machine),
            Ways = Ways(platforms, modules),
            ThreadsWithoutStack = _health.WithoutStack,
        };
    }

    private static List<ForcedDumpWay> Ways(List<PlatformFacts> platforms, IReadOnlyList<TargetModule> modules)
    {
        List<ForcedDumpWay> ways = [];
        foreach (PlatformFacts platform in platforms)
            foreach (ForcedDumpWay way in NmiWays.Of(platform.Kind is PlatformKind.Unknown ? PlatformKind.Physical : platform.Kind))
                if (!ways.Contains(way))
                    ways.Add(way);
        ways.Add(DumpSettings.NmiSetting);
        ways.AddRange(DumpSettings.WaysInside(modules));
        return ways;
    }

    private void FindContents()
    {
        int threads = _system.Threads.Count;
        bool isSmall = !_description.HoldsPages;
        Has(DumpAspect.Stop, "the stop, its registers, modules",
            _system.Target.TryGetHeaderContext(out _) && _system.Target.KernelModules.Count > 0 ? DumpHolds.Yes : DumpHolds.Partly,
            $"{_system.Target.KernelModules.Count:N0} modules, {_system.Target.UnloadedModules.Count:N0} unloaded drivers recorded");
        DumpHolds stacks = isSmall ? DumpHolds.Partly : threads == 0 ? DumpHolds.No
            : _health.WithoutStack.Count == 0 ? DumpHolds.Yes : DumpHolds.Partly;
        Has(DumpAspect.KernelStacks, "kernel stacks of all threads", stacks, isSmall
            ? $"that of the thread that stopped, and what its {_file?.Small?.Blocks ?? 0:N0} blocks of memory have"
            : threads == 0 ? "no thread can be found: see below"
            : $"{_health.Stacks - _health.WithoutStack.Count:N0} of {_health.Stacks:N0}" +
                (_health.SwappedOut > 0 ? $"; of {_health.SwappedOut:N0} more the system had written the stack out" : ""));
        DumpHolds kernel = isSmall ? DumpHolds.No : _file is { MissingBytes: > 0 } ? DumpHolds.Partly
            : threads > 0 ? DumpHolds.Yes : DumpHolds.Partly;
        string why = isSmall ? "small dumps hold none" : kernel == DumpHolds.Yes ? "all kernel memory that was in use"
            : _file is { MissingBytes: > 0 } ? "as far as pages are there" : "in the pages, but they cannot be followed: see below";
        Has(DumpAspect.Waits, "locks, messages, requests, queues", kernel, why);
        Has(DumpAspect.PoolTables, "pool by tag, for leaks", kernel,
            _file?.Small is { HasMemoryCounters: true } ? "no tables, but the totals of the memory manager" : why);
        Has(DumpAspect.DriverData, "drivers' own data, as disk queues", kernel, why);
        (DumpHolds user, string detail) = User();
        Has(DumpAspect.UserMemory, "programs: user stacks, heaps, command lines", user, detail);
        Has(DumpAspect.PagedOut, "what was paged out", DumpHolds.No, "no kernel dump holds it");
        Has(DumpAspect.OtherSystems, "hypervisor, secure kernel, guests", DumpHolds.No, "no dump of this system holds them");
    }

    private (DumpHolds Holds, string Detail) User()
    {
        if (!_description.HoldsPages || _health.Programs == 0)
            return (_description.HoldsPages ? _kind.HoldsUser : DumpHolds.No, _description.HoldsPages
                ? "by the dump's kind; no program could be looked at" : "small dumps hold none");
        int held = _health.ProgramsHeld, all = _health.Programs;
        string counted = $"{held:N0} of {all:N0} programs have their environment block (PEB) in it";
        return held == 0 ? (DumpHolds.No, $"none of {all:N0} programs has its environment block (PEB) in it")
            : (held == all && _kind.HoldsUser == DumpHolds.Yes ? DumpHolds.Yes : DumpHolds.Partly, counted);
    }

    private void FindDamage()
    {
        HashSet<string> told = [];
        foreach (string line in _description.Damage)
            if (told.Add(line))
                _findings.Add(new DumpFinding(FindingLevel.Damage, line));
        foreach (string line in _file?.Damage ?? [])
            if (told.Add(line))
                _findings.Add(new DumpFinding(FindingLevel.Damage, line));
        if (_file is { Unwritten: { Count: > 0 } unwritten })
            Caution($"the header was not written in full: {string.Join(", ", unwritten)}" +
                (_description.BugCheck is null ? "; with no bug check either, a converter or another tool made it" : ""));
        if (_file is { Comment: { Length: > 0 } comment })
            Note($"comment in the header: '{comment}'");
        if (_file?.Small is { } small)
            FindSmallGaps(small);
    }

    private void FindSmallGaps(SmallDumpFacts small)
    {
        List<string> missing = [];
        if (!small.HasProcessor)
            missing.Add("processor block (KPRCB)");
        if (!small.HasThread)
            missing.Add("current thread (ETHREAD)");
        if (!small.HasProcess)
            missing.Add("current process (EPROCESS)");
        if (missing.Count > 0)
            Caution($"not in it: {string.Join(", ", missing)}");
        if (small.StackBytes == 0)
            Caution("the stack of the thread that stopped is not in it");
        Note(small.HasMemoryCounters
            ? $"triage options 0x{small.Options:x}: the memory manager's figures are in it"
            : $"triage options 0x{small.Options:x}: without the memory manager's figures");
    }

    private void FindGaps()
    {
        if (_description.HoldsPages && _system.Threads.Count == 0)
            Caution("no thread could be read" +
                (_system.Unknowns.Count > 0 ? $": {_system.Unknowns[0].What}: {_system.Unknowns[0].Why}" : ""));
        if (_health.WithoutStack.Count > 0)
            Caution($"{_health.WithoutStack.Count:N0} of {_health.Stacks:N0} kernel stacks that were in memory are not in the dump");
        int processors = _description.ProcessorCount;
        if (_description.HoldsPages && _health.ProcessorsHeld < processors && _system.Threads.Count > 0)
            Caution($"registers of {_health.ProcessorsHeld:N0} of {processors:N0} processors are in it");
        int modules = _system.Target.KernelModules.Count;
        if (_description.HoldsPages && _health.ImagesHeld < modules)
            Note($"headers of {modules - _health.ImagesHeld:N0} of {modules:N0} modules are not in it: their symbols are found by name only");
        List<string> without = [];
        foreach ((string module, string use, bool found) in _health.Symbols)
            if (!found)
                without.Add($"{module} (for {use})");
        if (without.Count > 0)
            Caution($"no symbols found for {string.Join(", ", without)}; {_system.Target.SymbolPathAdvice}");
        else if (_health.Symbols.Count > 0)
            Note($"symbols found for {string.Join(", ", _health.Symbols.ConvertAll(s => s.Module))}");
        if (_description.BugCheck is null)
            Note("no bug check: nothing says that the system stopped by itself; treat it as a hang");
        if (_description.Time is null)
            Note("when it was taken is not in the header");
    }

    private void Has(DumpAspect aspect, string what, DumpHolds holds, string detail) =>
        _contents.Add(new DumpContent(aspect, what, holds, detail));

    private void Note(string text) => _findings.Add(new DumpFinding(FindingLevel.Note, text));

    private void Caution(string text) => _findings.Add(new DumpFinding(FindingLevel.Caution, text));
}
