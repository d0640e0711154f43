using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Finds the module that a stack speaks of.</summary>
internal static class CulpritFinder
{
    /// <summary>
    /// The module that a waiting thread does not come out of: the first above the waiting machinery that is not a part of
    /// the operating system, else the first that is not one of its core parts. Null where there are only core parts.
    /// </summary>
    /// <param name="stack">The stack.</param>
    /// <param name="kernelOnly">Whether to look only at the kernel's half.</param>
    public static Culprit? OfWait(StackFacts stack, bool kernelOnly) =>
        stack.Suspect is { Module: { } suspect } frame
            ? new Culprit(suspect, frame)
            : Find(stack, kernelOnly, ModuleOrigin.ThirdParty) ?? Find(stack, kernelOnly, ModuleOrigin.Unknown)
            ?? Find(stack, kernelOnly, ModuleOrigin.System);

    /// <summary>
    /// The module of a crash: that of the faulting instruction unless it is a core part of the operating system, which is
    /// a victim more often than not; then the first that called it and is not one. Frames that were only found by scanning
    /// the stack accuse nobody: they may be left over from earlier calls.
    /// </summary>
    /// <param name="fault">The faulting instruction, or null where it is not known.</param>
    /// <param name="stack">The stack of the crash.</param>
    public static Culprit? OfCrash(FrameFacts? fault, StackFacts stack)
    {
        if (fault?.Module is { Origin: not ModuleOrigin.Core, IsUserMode: false } faulting)
            return new Culprit(faulting, fault);
        List<FrameFacts> unwound = [];
        foreach (FrameFacts frame in stack.Frames)
        {
            if (frame.Certainty == Certainty.Candidate)
                break;
            unwound.Add(frame);
        }
        return OfWait(stack with { Frames = unwound }, kernelOnly: true);
    }

    private static Culprit? Find(StackFacts stack, bool kernelOnly, ModuleOrigin origin)
    {
        foreach (FrameFacts frame in stack.Frames)
        {
            if (kernelOnly && frame.Module is { IsUserMode: true })
                break;
            if (!frame.IsWaitPrimitive && frame.Module is { } module && module.Origin == origin)
                return new Culprit(module, frame);
        }
        return null;
    }
}
