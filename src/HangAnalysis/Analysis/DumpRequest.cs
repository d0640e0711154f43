using HangAnalysis.Model;

namespace HangAnalysis.Analysis;

/// <summary>Which dump to ask for next, by what was found in this one and what it does not hold.</summary>
/// <remarks>
/// Server hang: kernel or active; waits on programs: complete or active; leak: kernel, twice; storage: kernel and the
/// hypervisor's log; hardware: several small ones.
/// </remarks>
public static class DumpRequest
{
    /// <summary>One line each: what this dump suffices for, or what to ask for instead.</summary>
    public static IReadOnlyList<string> For(Verdict verdict, DumpCheckFacts dump)
    {
        List<string> lines = [];
        bool hasKernel = dump.Holds(DumpAspect.Waits) != DumpHolds.No;
        bool hasUser = dump.Holds(DumpAspect.UserMemory) != DumpHolds.No;
        switch (verdict.Class)
        {
            case VerdictClass.Crash when hasKernel:
                lines.Add("this crash: the dump suffices; send the next one too, as only several show whether it is the hardware");
                break;
            case VerdictClass.Crash:
                lines.Add("this crash: keep at least three small dumps, which show whether it is the hardware; for a driver's lists, " +
                    "locks and pool ask for a kernel dump");
                break;
            case VerdictClass.ServerNotAnswering when !hasUser:
                lines.Add("a program does not answer: ask for a complete or active dump, which has the programs' own stacks");
                break;
            case VerdictClass.StuckIo:
                lines.Add(hasKernel ? "a request does not complete: this dump holds what drivers keep of their disks; ask also for the " +
                    "hypervisor's or the storage system's log of the same minutes"
                    : "a request does not complete: ask for a kernel dump");
                break;
            case VerdictClass.MemoryExhausted:
                lines.Add("memory is exhausted: ask for two kernel dumps some hours apart; what grew between them leaks");
                break;
            case VerdictClass.NotEnoughData when dump.IsDamaged:
                lines.Add("the dump is damaged: send the file again, compressed with a checksum, or force another one");
                break;
            case VerdictClass.NotEnoughData:
                lines.Add(hasKernel ? "threads could not be read: see the findings above before asking for another dump"
                    : "a hang is not to be seen in a small dump: ask for a kernel or active dump, forced while it hangs");
                break;
            case VerdictClass.NoHang:
                lines.Add("nothing hangs in this dump: ask for one that is forced while the hang is there" +
                    (hasUser ? "" : "; where a program hangs and not the machine, a complete or active one"));
                break;
            case VerdictClass.OwnerUnknown when !hasUser:
                lines.Add("who owes the wait is not recorded: a complete or active dump has programs' locks too");
                break;
            default:
                lines.Add("this hang: the dump suffices");
                break;
        }
        if (!hasUser && verdict.Class is not (VerdictClass.ServerNotAnswering or VerdictClass.OwnerUnknown or VerdictClass.NoHang))
            lines.Add("waits on programs, RPC or COM: not with this kind; ask for a complete or active dump");
        return lines;
    }
}
