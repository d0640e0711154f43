using HangAnalysis.Linux.Log;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;

namespace HangAnalysis.Linux.Stops;

/// <summary>Finds, on the stack of who ended the system, the instruction that failed or who called panic.</summary>
internal static class FaultStack
{
    /// <summary>Functions between an instruction that failed and the end of the system.</summary>
    private static readonly HashSet<string> s_deaths =
    [
        "oops_end", "die", "__die", "__die_body", "die_addr", "page_fault_oops", "no_context", "pgtable_bad",
            "kernelmode_fixup_or_oops",
        "do_trap_no_signal", "exc_double_fault", "do_double_fault", "handle_stack_overflow", "df_debug",
            "rewind_stack_and_make_dead",
    ];

    /// <summary>
    /// Number of the frame that was interrupted by a fault of which the kernel died; -1 where there is none.
    /// </summary>
    public static int FindFault(KernelStack stack, LinuxStacks names)
    {
        bool isDeath = false;
        for (int i = 0; i < stack.Frames.Length; i++)
        {
            LinuxFrame frame = stack.Frames[i];
            if (isDeath && frame is { IsInterrupted: true, RegistersIndex: >= 0 })
                return frame.Kind == LinuxFrameKind.User ? -1 : i;
            isDeath |= frame.Kind != LinuxFrameKind.User
                && s_deaths.Contains(LinuxFunctions.Plain(names.FunctionOf(stack, i)).ToString());
        }
        return -1;
    }

    /// <summary>Number of the first frame behind those that end the system: who called panic.</summary>
    public static int FindCaller(KernelStack stack, LinuxStacks names)
    {
        int first = 0;
        for (int i = 0; i < stack.Frames.Length; i++)
            if (stack.Frames[i].Kind != LinuxFrameKind.User && LinuxFunctions.IsDump(names.FunctionOf(stack, i)))
                first = i + 1;
        return first < stack.Frames.Length ? first : 0;
    }

    /// <summary>
    /// The stack as the log has it, for a task whose stack was given up: the kernel begins it anew before the task ends.
    /// Lines with a question mark are words that may be left over.
    /// </summary>
    public static StackFacts FromLog(IReadOnlyList<LogRecord> records, OopsReport oops, LinuxSystem system)
    {
        List<FrameFacts> frames = [];
        bool isTrace = false;
        if (system.FindCode(oops.Instruction) is not 0 and var fault)
            frames.Add(system.DescribeAddress(fault) with { Certainty = Certainty.Inferred });
        for (int i = oops.First; i <= oops.Last; i++)
        {
            ReadOnlySpan<char> line = records[i].Text.AsSpan().Trim();
            if (line.StartsWith("Call Trace"))
                isTrace = true;
            else if (isTrace && (line.StartsWith("RIP") || line.StartsWith("Modules linked in") || line.StartsWith("Code:")))
                break;
            else if (isTrace && !line.StartsWith("<"))
            {
                bool isLeftOver = line.StartsWith("? ");
                string text = (isLeftOver ? line[2..] : line).ToString();
                if (system.FindCode(text) is not 0 and var address)
                    frames.Add(system.DescribeAddress(address) with
                    {
                        Certainty = isLeftOver ? Certainty.Candidate : Certainty.Inferred,
                    });
            }
        }
        frames.RemoveAll(f => f.Certainty == Certainty.Candidate);
        return new StackFacts(frames, "as the log has it: the task's stack was given up when it died");
    }
}
