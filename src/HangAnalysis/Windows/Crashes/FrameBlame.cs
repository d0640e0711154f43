using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Which module the faulting instruction and its callers speak of, where nothing better is known.</summary>
/// <remarks>
/// Rule 0.10 of the triage facts. Modules of Windows through which everybody's pointers pass are victims more often than not;
/// frames that were only found by scanning a stack accuse nobody.
/// </remarks>
internal static class FrameBlame
{
    /// <summary>Modules that fail on what others gave them.</summary>
    private static readonly HashSet<string> s_victims = new(StringComparer.OrdinalIgnoreCase)
    {
        "nt", "hal", "win32k", "win32kbase", "win32kfull", "ntfs", "fltmgr", "ci", "tcpip", "afd", "netio", "ndis", "storport",
        "dxgkrnl", "dxgmms1", "dxgmms2", "wdf01000", "classpnp", "ksecdd", "cng", "verifierext",
    };

    /// <summary>Whether a module of Windows fails on what others gave it more often than by itself.</summary>
    public static bool IsVictim(ModuleFacts module) => module.Origin == ModuleOrigin.Core
        || module.Origin == ModuleOrigin.System && s_victims.Contains(module.Name);

    /// <summary>Accuses by the faulting instruction and the stack from it on.</summary>
    public static void Judge(CrashCase crash, FrameFacts where, StackFacts stack)
    {
        AccuseUnloaded(crash, where);
        if (crash.ReportedAddress is { } reported && where.Module is { } own)
            AccusePageable(crash, own, where, reported);
        string action = ActionOf(crash);
        if (where.Module is { } module && !IsVictim(module))
        {
            bool isSystem = module.Origin == ModuleOrigin.System;
            string reason = isSystem
                ? "the faulting instruction is its own; it is a part of Windows, so what it was given may be at fault"
                : "the faulting instruction is its own";
            crash.Accuse(BlameRank.FaultingFrame, new CrashBlame(CrashCause.Module, $"{module.FileName} {action}",
                isSystem ? Certainty.Candidate : Certainty.Inferred, reason) { Module = module, Frame = where });
            return;
        }
        string place = where.Module?.FileName ?? "code in no module";
        if (FirstForeign(stack) is { Module: { } caller } frame)
        {
            crash.Accuse(BlameRank.FaultingFrame, new CrashBlame(CrashCause.Module,
                $"{place}, called from {caller.FileName}, {action}", Certainty.Inferred,
                $"{where.Text} fails on what it is given; {frame.Text} is the first caller that is no part of Windows")
            {
                Module = caller,
                Frame = frame,
            });
            return;
        }
        bool isScanned = stack.Frames.Skip(1).Any(f => f.Certainty == Certainty.Candidate);
        if (IsPoolCode(where))
            crash.Accuse(BlameRank.FaultingFrame, Corrupt("pool",
                $"{where.Text} walks pool that somebody else damaged before"));
        crash.Accuse(BlameRank.FaultingFrame, new CrashBlame(CrashCause.Unknown, $"{place} {action}; who caused it is not known",
            Certainty.Candidate, isScanned
                ? $"{where.Text} fails on what it is given, and its callers were only found by scanning the stack: they accuse nobody"
                : $"{where.Text} fails on what it is given, and no other module is on the stack"));
        if (isScanned)
            crash.AddUnknown("who called", "the dump has no unwind data of the modules on the stack; --symbols with their images gives them");
    }

    /// <summary>
    /// Accuses where no instruction failed and somebody called for the stop: the first module on the stack that is no part of
    /// Windows.
    /// </summary>
    public static void JudgeCaller(CrashCase crash, StopFacts stop, StackFacts stack)
    {
        if (FirstForeign(stack) is not { Module: { } module } frame)
            return;
        crash.Accuse(BlameRank.FaultingFrame, new CrashBlame(CrashCause.Module,
            $"{module.FileName} was at work when Windows stopped: {stop.Meaning ?? stop.Title}", Certainty.Candidate,
            $"{frame.Text} is the first on the stack of the bug check that is no part of Windows")
        {
            Module = module,
            Frame = frame,
        });
    }

    /// <summary>The blame of damaged memory: whoever trips over it is a victim.</summary>
    public static CrashBlame Corrupt(string what, string reason) => new(CrashCause.Corruption,
        $"{what} was damaged by someone else before the crash: the code that failed is a victim, the culprit is not known",
        Certainty.Inferred, reason);

    /// <summary>Functions of nt that take pool apart, by the names that they have had since Windows 7.</summary>
    public static bool IsPoolCode(FrameFacts frame) => frame is { Module.Name: "nt", Symbol: { } name }
        && (name.StartsWith("ExAllocatePool", StringComparison.Ordinal) || name.StartsWith("ExFreePool", StringComparison.Ordinal)
            || name.StartsWith("ExDeferredFreePool", StringComparison.Ordinal) || name.StartsWith("ExpAllocatePool", StringComparison.Ordinal)
            || name.StartsWith("ExpFreePool", StringComparison.Ordinal) || name.StartsWith("ExAllocateHeapPool", StringComparison.Ordinal)
            || name.StartsWith("ExFreeHeapPool", StringComparison.Ordinal) || name.StartsWith("RtlpHp", StringComparison.Ordinal));

    /// <summary>What was tried, as a verb with its object: <c>read from 0000000000000008, a null pointer with offset 0x8</c>.</summary>
    public static string ActionOf(CrashCase crash)
    {
        if (crash.ReportedAddress is { } address)
        {
            string verb = crash.Access switch
            {
                CrashAccessKind.Write => "wrote to",
                CrashAccessKind.Execute => "jumped to",
                CrashAccessKind.Read => "read from",
                _ => "accessed",
            };
            // A general protection fault names no address; the one that the registers make may be none.
            foreach (CrashAccess access in crash.Fault?.Accesses ?? [])
                if (address == ulong.MaxValue && access.Address is { } made && !AddressWords.IsCanonical(made))
                    return $"{verb} {made:x16}: {AddressWords.Describe(crash.System, made)}";
            return $"{verb} {address:x16}: {AddressWords.Describe(crash.System, address)}";
        }
        return crash.Exception is { } exception ? $"raised {ExceptionWords.Describe(exception.Code)}" : "failed";
    }

    private static FrameFacts? FirstForeign(StackFacts stack)
    {
        foreach (FrameFacts frame in stack.Frames)
        {
            if (frame.Certainty == Certainty.Candidate || frame.Module is { IsUserMode: true })
                return null;
            if (frame.Module is { Origin: ModuleOrigin.ThirdParty or ModuleOrigin.Unknown })
                return frame;
        }
        return null;
    }

    /// <summary>A driver that is gone: its code was called, or its memory accessed.</summary>
    private static void AccuseUnloaded(CrashCase crash, FrameFacts where)
    {
        if (AddressWords.FindUnloaded(crash.System, where.InstructionPointer) is { } called)
        {
            Tell(crash, called, $"the instruction {where.InstructionPointer:x16}");
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"{called.Name} was called after it had been unloaded: it left a timer, a work item or a callback behind",
                Certainty.Proven, "the instruction lies where the driver was, and nothing else is there now")
            {
                Module = Facts(called),
                Frame = where,
            });
        }
        else if (crash.ReportedAddress is { } address && AddressWords.FindUnloaded(crash.System, address) is { } accessed)
        {
            Tell(crash, accessed, $"the address {address:x16}");
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"memory of {accessed.Name} was used after that driver had been unloaded: it left something behind",
                Certainty.Inferred, "the address lies where the driver was, and nothing else is there now") { Module = Facts(accessed) });
        }
    }

    private static void Tell(CrashCase crash, UnloadedModule module, string what)
    {
        crash.Tell("Unloaded", Phrase.Of($"{what} lies in {module.Name}, which was at {module.StartAddress:x16} to {module.EndAddress:x16}"));
        const int CutLength = 12;
        if (module.Name.Length == CutLength)
            crash.AddUnknown("the whole name of the unloaded driver", "small dumps cut it to 12 characters");
    }

    /// <summary>What is known of a driver that is gone: its name.</summary>
    private static ModuleFacts Facts(UnloadedModule module)
    {
        int dot = module.Name.LastIndexOf('.');
        return new ModuleFacts(dot > 0 ? module.Name[..dot] : module.Name, module.Name, module.StartAddress, IsUserMode: false);
    }

    /// <summary>A driver's own pageable code or data at an IRQL at which no page can be read in.</summary>
    private static void AccusePageable(CrashCase crash, ModuleFacts module, FrameFacts where, ulong reported)
    {
        const ulong DispatchLevel = 2;
        if (crash.Irql is not { } irql || irql < DispatchLevel || crash.System.FindModule(reported) is not { } touched
            || !AddressWords.IsPageable(crash.System, reported))
            return;
        string section = AddressWords.SectionOf(crash.System, reported) ?? "";
        ModuleFacts owner = module.BaseAddress == touched.BaseAddress || IsVictim(module) ? touched : module;
        crash.Tell("Pageable", Phrase.Of($"{reported:x16} lies in section {section} of {touched.FileName}, which may be paged out"));
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
            $"{module.FileName} used pageable {(crash.Access == CrashAccessKind.Execute ? "code" : "code or data")} of {touched.FileName} at IRQL {irql}",
            IsVictim(owner) ? Certainty.Candidate : Certainty.Inferred,
            $"section {section} can be paged out, and at IRQL {irql} no page can be read in") { Module = owner, Frame = where });
    }
}
