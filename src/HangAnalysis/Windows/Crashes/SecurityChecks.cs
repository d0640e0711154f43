using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Checks that the compiler or the kernel builds into code: 0x139, 0xF7.</summary>
/// <remarks>[D] parameters; codes of winnt.h; [DUMP] that the third parameter of 0xF7 is the complement of the second.</remarks>
internal static class SecurityChecks
{
    /// <summary>What a fail fast says of its culprit.</summary>
    private enum Reach
    {
        /// <summary>Whoever fails the check gave the wrong thing to it.</summary>
        Caller,

        /// <summary>Somebody has damaged memory before.</summary>
        Corruption,

        /// <summary>The function that returns has overrun its own buffer.</summary>
        Own,
    }

    /// <summary>0x139.</summary>
    public static void FastFail(CrashCase crash)
    {
        ulong code = crash.P(1);
        string words = FastFailCodes.Of(code) ?? $"fail fast {code:x}, which is not known";
        crash.Name(1, "kind of check", Phrase.Of(words));
        crash.Name(2, "trap frame");
        crash.Name(3, "exception record");
        crash.Name(4, "reserved");
        crash.Exception = crash.Contexts.ReadException(crash.P(3));
        crash.Context = crash.Contexts.FromTrapFrame(crash.P(2), crash.Exception?.Address ?? 0, "parameter 2");
        if (crash.Context is not { } context)
        {
            crash.AddUnknown("the registers at the check", "the dump does not hold the trap frame, or it is not that of the exception");
            AccuseWithout(crash, code, words);
            return;
        }
        const ulong ListEntry = 3;
        if (code == ListEntry && TestList(crash, context))
            return;
        (_, StackFacts stack) = crash.System.WalkFrom(context.Registers);
        FrameFacts? function = FunctionOf(stack.Frames);
        switch (ReachOf(code))
        {
            case Reach.Corruption:
                AccuseNobody(crash, words, function);
                break;
            case Reach.Own when function?.Module is { } module:
                AccuseOverrun(crash, module, function, words);
                break;
            default:
                AccuseCaller(crash, stack, words);
                break;
        }
    }

    /// <summary>0xF7.</summary>
    public static void StackCookie(CrashCase crash)
    {
        ulong actual = crash.P(1), expected = crash.P(2);
        crash.Name(1, "cookie on the stack", actual == 0 ? Phrase.Of("zero: the buffer was overrun with zeros, or the cookie never written") : null);
        crash.Name(2, "cookie that should be there");
        crash.Name(3, "complement of the cookie that should be there");
        crash.Name(4, "reserved");
        ulong width = crash.Session.Memory.PointerSize == sizeof(uint) ? uint.MaxValue : ulong.MaxValue;
        if ((crash.P(3) ^ ~expected & width) is var difference and not 0)
        {
            // The two copies of one value lie side by side in the image: they cannot differ unless one was damaged.
            crash.Tell("Copies", Phrase.Of($"the cookie and its complement do not fit together: they differ in {difference:x}"));
            if (BitTest.Differs(crash.P(3), ~expected & width) is { } copied)
                crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
                    $"memory is defective: bit {copied} of the cookie that functions compare with is flipped", Certainty.Inferred,
                    "the cookie and its complement, which nobody writes, differ in one bit alone"));
        }
        else if (BitTest.Differs(actual, expected) is { } bit)
        {
            crash.Tell("Single bit", Phrase.Of($"the cookie on the stack differs in bit {bit} alone"));
            crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
                $"memory is defective: bit {bit} of a stack's cookie is flipped", Certainty.Inferred,
                "a buffer that is overrun changes whole bytes; one flipped bit is an error of memory"));
            MemoryManagement.AdviseMemoryTest(crash);
        }
        if (FunctionOf(CrashStacks.Unwound(crash)) is { Module: { } module } function)
            AccuseOverrun(crash, module, function, "its stack cookie is overwritten");
        else
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "a buffer on the stack was overrun, in a function that is not known",
                Certainty.Candidate, "the stack could not be unwound to the function whose cookie it was"));
    }

    /// <summary>What a single register of a fail fast on a list tells: true where it names memory itself.</summary>
    private static bool TestList(CrashCase crash, FaultContext context)
    {
        if (ListTest.Find(crash.Session, context) is not { } broken)
        {
            crash.AddUnknown("which list is corrupt", "no register holds an entry that one neighbour points back to and the other does not");
            return false;
        }
        string side = broken.IsForward ? "next" : "one before";
        crash.Tell("List", Phrase.Of($"entry {broken.Entry:x16}: the {side}, {broken.Neighbour:x16}, points back to {broken.PointsTo:x16} and not to it"));
        (int count, string end) = ListTest.Walk(crash.Session, broken);
        crash.Tell("", Phrase.Of($"{(broken.IsForward ? "backwards" : "forwards")} {count:N0} {(count == 1 ? "entry is" : "entries are")} whole, {end}"));
        if (BitTest.Differs(broken.PointsTo, broken.Entry) is not { } bit)
            return false;
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            $"memory is defective: bit {bit} of a link of a list is flipped", Certainty.Inferred,
            $"{broken.PointsTo:x16} and {broken.Entry:x16} differ in one bit alone; software that goes astray writes bytes and words"));
        MemoryManagement.AdviseMemoryTest(crash);
        return true;
    }

    private static Reach ReachOf(ulong code) => code switch
    {
        0 or 2 => Reach.Own,
        1 or 3 or 10 or 21 or 29 or 35 or 50 or 59 or 60 or 61 or 63 => Reach.Corruption,
        _ => Reach.Caller,
    };

    /// <summary>
    /// The function whose check failed: the first frame that is none of those that report, which each module has of its own.
    /// </summary>
    private static FrameFacts? FunctionOf(IReadOnlyList<FrameFacts> frames)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            FrameFacts frame = frames[i];
            if (frame.Certainty == Certainty.Candidate || frame.Module is not { IsUserMode: false } module)
                return null;
            if (IsBugCheck(frame) || IsReport(frame))
                continue;
            // Without symbols the reporting function cannot be told from the one that called it, but it is of the same module.
            bool isFirst = i == 0 || IsBugCheck(frames[i - 1]);
            return isFirst && frame.Symbol is null && i + 1 < frames.Count && frames[i + 1] is { Certainty: not Certainty.Candidate } next
                && next.Module?.BaseAddress == module.BaseAddress ? next : frame;
        }
        return null;
    }

    private static bool IsBugCheck(FrameFacts frame) => frame is { Module.Name: "nt", Symbol: { } name }
        && (name.StartsWith("KeBugCheck", StringComparison.Ordinal) || name.StartsWith("KiBugCheck", StringComparison.Ordinal));

    private static bool IsReport(FrameFacts frame) => frame.Symbol is { } name
        && (name.Contains("report_gsfailure", StringComparison.Ordinal) || name.Contains("report_securityfailure", StringComparison.Ordinal)
            || name.Contains("report_rangecheckfailure", StringComparison.Ordinal));

    private static void AccuseOverrun(CrashCase crash, ModuleFacts module, FrameFacts function, string words)
    {
        crash.Tell("Function", Phrase.Of($"{function.Text} returns, and its cookie is not what it was"));
        if (module.Origin == ModuleOrigin.Core)
        {
            AccuseNobody(crash, $"{words}, in {function.Text}", function);
            return;
        }
        // What others of its stack wrote, by a pointer to an outer buffer, is rarer than an overrun of its own.
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
            $"{module.FileName} overran a buffer on the stack{(function.Symbol is null ? "" : $" in {function.Symbol}")}",
            CrashStacks.IsForeign(module) ? Certainty.Inferred : Certainty.Candidate,
            $"{words}; {function.Text} is the function whose buffer it was, or it gave that buffer to one that overran it")
        { Module = module, Frame = function });
        crash.Advise($"an overrun may be an attack: look at what {module.FileName} was given to read");
    }

    private static void AccuseCaller(CrashCase crash, StackFacts stack, string words)
    {
        FrameFacts? own = stack.Frames.Count > 0 ? stack.Frames[0] : null;
        foreach (FrameFacts frame in stack.Frames)
        {
            if (frame.Certainty == Certainty.Candidate || frame.Module is { IsUserMode: true })
                break;
            if (frame.Module is not { Origin: not ModuleOrigin.Core } module)
                continue;
            bool isOwn = frame == own;
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, $"{module.FileName}: {words}",
                CrashStacks.IsForeign(module) && isOwn ? Certainty.Inferred : Certainty.Candidate,
                isOwn ? $"the check failed in its own code, {frame.Text}"
                    : $"{own?.Text} failed the check on what it was given, and {frame.Text} is the first of a driver that called it")
            { Module = module, Frame = frame });
            return;
        }
        AccuseNobody(crash, words, own);
    }

    private static void AccuseNobody(CrashCase crash, string words, FrameFacts? finder)
    {
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Corruption,
            $"memory of the kernel was damaged, by whom is not known: {words}", Certainty.Inferred,
            "who comes upon the damage is its victim; who did it was gone before"));
        if (finder?.Module is { } module)
            crash.RuleOut(module.FileName, $"{finder.Text} only came upon the damage");
        crash.Advise("turn on Driver Verifier with special pool for all drivers that are not Microsoft's, and wait for the next dump");
    }

    private static void AccuseWithout(CrashCase crash, ulong code, string words)
    {
        if (ReachOf(code) == Reach.Corruption)
            AccuseNobody(crash, words, null);
        else
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, words, Certainty.Candidate,
                "the registers at the check are not in the dump"));
    }
}
