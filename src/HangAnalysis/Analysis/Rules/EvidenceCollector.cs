using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>Brings together what of a verdict rules are held against.</summary>
public static class EvidenceCollector
{
    /// <summary>Threads that wait whose stacks are looked at: the chain of the verdict, and no more.</summary>
    private const int MostWaiters = 16;

    /// <summary>The evidence of a verdict.</summary>
    /// <param name="system">The system.</param>
    /// <param name="verdict">Its verdict.</param>
    /// <param name="build">Build of the system; null where not known.</param>
    /// <param name="time">When the dump was taken; null where not known.</param>
    public static RuleEvidence Collect(ISystemFacts system, Verdict verdict, int? build, DateTimeOffset? time)
    {
        SystemInventory inventory = (system as IInventorySource)?.Inventory ?? new SystemInventory();
        // Whoever forced a dump had it carry a code that says nothing of the hang, but for hangs that have codes of their own.
        CrashFacts? crash = system.Stop is null ? null : (system as ICrashFactsSource)?.Crash;
        FrameFacts? fault = crash?.Fault?.Where
            ?? (system.Stop is { FaultAddress: not 0 } stop ? system.DescribeAddress(stop.FaultAddress) : null);
        CrashBlame? blame = crash?.Blame is { Cause: not CrashCause.Unknown } known ? known : null;
        List<EvidenceStack> stacks = [];
        foreach (TitledStack stack in verdict.Stacks)
            AddStack(stacks, stack.Title, stack.Thread, stack.Stack);
        foreach (CrashStack stack in crash?.Stacks ?? [])
            AddStack(stacks, stack.Title, stack.Thread, stack.Stack);
        List<EvidenceModule> owners = [], waiters = [], holders = [];
        List<string> processes = [];
        if (verdict.Chains.Count > 0)
            FollowChain(verdict.Chains[0], system, stacks, owners, waiters, holders, processes);
        if (blame is { Cause: CrashCause.Device, Module: { } device })
            holders.Add(new EvidenceModule(device, Phrase.Of(blame.Reason)));
        foreach (EvidenceStack stack in stacks)
            AddName(processes, stack.Thread?.Process);
        foreach (ulong parameter in inventory.StopParameters)
            AddName(processes, system.FindProcess(parameter));
        ModuleFacts? named = verdict.Culprit?.Module ?? blame?.Module;
        return new RuleEvidence
        {
            Class = verdict.Class,
            Code = inventory.StopCode,
            Parameters = inventory.StopParameters,
            FindModule = system.FindModule,
            Cause = blame is null ? null : (blame.Cause, blame.Certainty),
            Fault = fault,
            Instruction = Instruction(crash?.Fault),
            FaultUnloaded = fault is not { Module: null } ? null : inventory.UnloadedModules.FirstOrDefault(
                m => fault.InstructionPointer - m.Start < m.End - m.Start),
            Culprit = named is null ? null
                : new EvidenceModule(named, Phrase.Of(verdict.Culprit?.Evidence ?? blame!.Frame?.Text ?? blame.Reason)),
            Stacks = stacks,
            Owners = owners,
            Waiters = waiters,
            RequestHolders = holders,
            Processes = processes,
            LongestWait = verdict.LongestWait,
            Inventory = inventory,
            Build = build,
            Time = time,
        };
    }

    /// <summary>
    /// The threads of the chain by what they do in it: of a circle all are owners and waiters; of others the last is what the
    /// rest waits for, unless it waits for a request itself. A driver has a request where one stands before it; else it only
    /// says what the last thread does not come out of.
    /// </summary>
    private static void FollowChain(Chain chain, ISystemFacts system, List<EvidenceStack> stacks, List<EvidenceModule> owners,
        List<EvidenceModule> waiters, List<EvidenceModule> holders, List<string> processes)
    {
        ObjectReference? end = null;
        bool isRequestAbove = false;
        foreach (ChainLink link in chain.Links)
        {
            AddName(processes, link.Process);
            if (link.Reference.Kind == ObjectKind.Driver && isRequestAbove && system.FindModule(link.Reference.Address) is { } driver)
                holders.Add(new EvidenceModule(driver, Phrase.Of($"a request that others wait for does not come back from it")));
            isRequestAbove = link.Reference.Kind is ObjectKind.Request or ObjectKind.Device;
            if (link.Thread is not null || isRequestAbove)
                end = link.Thread is null ? null : link.Reference;
        }
        int looked = 0;
        foreach (ChainLink link in chain.Links)
        {
            if (link.Thread is not { } thread || looked >= MostWaiters && link.Reference != end)
                continue;
            looked++;
            StackFacts stack = system.GetStack(thread);
            bool isOwner = chain.IsCycle || link.Reference == end;
            if (isOwner && !stacks.Exists(s => s.Thread == thread))
                AddStack(stacks, chain.IsCycle ? "thread in the circle" : "thread at the end of the chain", thread, stack);
            if (CulpritFinder.OfWait(Unwound(stack), kernelOnly: true) is not { } culprit)
                continue;
            EvidenceModule module = new(culprit.Module,
                Phrase.Of($"{culprit.Evidence} in thread {link.Reference} of {thread.Process.Title}"));
            if (isOwner)
                owners.Add(module);
            if (chain.IsCycle || !isOwner)
                waiters.Add(module);
        }
    }

    private static void AddStack(List<EvidenceStack> stacks, string title, ThreadFacts? thread, StackFacts stack) =>
        stacks.Add(new EvidenceStack(title, thread, Unwound(stack).Frames));

    private static StackFacts Unwound(StackFacts stack)
    {
        List<FrameFacts> frames = [];
        foreach (FrameFacts frame in stack.Frames)
            if (frame.Certainty != Certainty.Candidate)
                frames.Add(frame);
        return stack with { Frames = frames, Suspect = stack.Suspect is { Certainty: Certainty.Candidate } ? null : stack.Suspect };
    }

    private static void AddName(List<string> names, ProcessFacts? process)
    {
        if (process is not null && !names.Contains(process.Name))
            names.Add(process.Name);
    }

    private static string? Instruction(CrashFault? fault)
    {
        foreach (CrashCodeLine line in fault?.Code ?? [])
            if (line.IsFault)
                return line.Text;
        return null;
    }
}
