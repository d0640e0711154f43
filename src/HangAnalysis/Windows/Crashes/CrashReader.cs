using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Takes a bug check apart: its code's own knowledge first, then what holds for every code.</summary>
internal static class CrashReader
{
    /// <summary>Everything that is known of the bug check of a dump; null where there was none.</summary>
    public static CrashFacts? Read(WindowsSystem system)
    {
        if (system.Stop is not { } stop || system.Target.Description.BugCheck is not { } bugCheck)
            return null;
        // The stack of a watchdog is that of whoever noticed.
        CrashCase crash = new(system, stop, bugCheck.Code, bugCheck.Parameters) { BlamesFrame = !stop.IsHang };
        ForcedStops.Accuse(crash, stop);
        CrashCodes.Find(bugCheck.Code)?.Invoke(crash);
        FrameFacts? where = AddFault(crash);
        StackFacts stack = AddStack(crash, where);
        if (crash.Context is { } context && crash.FaultCode is { } code)
            HardwareTests.Run(crash, context, code);
        if (where is not null && crash.BlamesFrame)
            Judge(crash, where, stack);
        else if (crash.BlamesFrame && !stop.IsForced)
            FrameBlame.JudgeCaller(crash, stop, stack);
        TellNamedDriver(crash);
        TellIdentity(crash);
        AddHalt(crash);
        return crash.ToFacts();
    }

    /// <summary>The instruction with its registers; null where no instruction is known.</summary>
    private static FrameFacts? AddFault(CrashCase crash)
    {
        if (crash.Context is not { } context)
            return crash.InstructionPointer == 0 ? null : crash.System.DescribeAddress(crash.InstructionPointer);
        crash.InstructionPointer = context.InstructionPointer;
        FrameFacts where = crash.System.DescribeAddress(context.InstructionPointer) with
        {
            StackPointer = context.Registers.StackPointer,
        };
        FaultCode? code = crash.FaultCode = FaultCode.Read(crash.System, context);
        if (context.Registers.Architecture == Architecture.Arm64)
            crash.AddUnknown("the instruction", "code of ARM64 is not taken apart here; the debugger's u does it");
        else if (code is null)
            crash.AddUnknown("the instruction", "neither the dump nor a file on the symbol path holds its bytes");
        else if (code.IsFromFile)
            crash.AddUnknown("whether memory held the same code", "the bytes of the instruction are the file's; the dump does not hold them");
        crash.Fault = new CrashFault(where, context.Source)
        {
            Registers = RegisterNames.Known(context),
            UnknownRegisters = RegisterNames.Unknown(context),
            Code = code?.Lines ?? [],
            Accesses = [.. (code?.Instruction?.Memory ?? []).Select(m => new CrashAccess(m.Text, m.Address, m.IsWrite, m.Bytes))],
            ReportedAddress = crash.ReportedAddress,
            ErrorCode = context.ErrorCode,
        };
        return where;
    }

    /// <summary>Where the kernel stopped, and where the program had called it.</summary>
    private static void AddHalt(CrashCase crash)
    {
        if (crash.Fault is null && crash.Contexts.FromHeader() is { } header)
            crash.Halt = Describe(crash.System, header);
        ThreadFacts? thread = crash.FirstThread ?? crash.System.GetStopStack()?.Thread;
        if (thread is not null && crash.Contexts.FromSystemCall(thread) is { } call)
            crash.Entry = Describe(crash.System, call);
    }

    private static CrashFault Describe(WindowsSystem system, FaultContext context) => new(
        system.DescribeAddress(context.InstructionPointer) with { StackPointer = context.Registers.StackPointer }, context.Source)
    {
        Registers = RegisterNames.Known(context),
        UnknownRegisters = RegisterNames.Unknown(context),
        Code = context.InstructionPointer <= system.Session.HighestUserAddress ? [] : FaultCode.Read(system, context)?.Lines ?? [],
        ErrorCode = context.ErrorCode,
    };

    /// <summary>The stack from the fault on; where its registers are not known, that from the bug check on.</summary>
    private static StackFacts AddStack(CrashCase crash, FrameFacts? where)
    {
        if (crash.Context is { } context)
        {
            CpuContext start = context.Registers;
            List<FrameFacts> frames = [];
            // A jump to where no code is leaves the address of its caller on the stack.
            if (crash.System.FindModule(start.InstructionPointer) is null && where is not null
                && crash.Session.Memory.TryReadPointer(start.StackPointer, out ulong caller)
                && crash.System.FindModule(caller) is not null)
            {
                frames.Add(where);
                start.InstructionPointer = caller;
                start.StackPointer += (ulong)crash.Session.Memory.PointerSize;
            }
            (ThreadFacts? thread, StackFacts stack) = crash.System.WalkFrom(start);
            stack = new StackFacts([.. frames, .. stack.Frames], stack.EndNote);
            crash.AddStack(new CrashStack("faulting thread", thread, stack));
            return stack;
        }
        if (crash.System.GetStopStack() is not { } stop)
            return new StackFacts([], "the registers of the processor are not in the dump");
        // The code's own knowledge may have told it already, by a better name, or stacks that tell more than a watchdog's.
        if (!crash.HasStack(stop.Stack) && (crash.BlamesFrame || !crash.HasStacks))
            crash.AddStack(new CrashStack("bug check", stop.Thread, stop.Stack));
        if (where is null)
            return stop.Stack;
        // What called KeBugCheckEx is the trap's handler: without the fault's own registers only the frames that unwinding proves
        // beyond the trap tell of the fault.
        int at = IndexOf(stop.Stack, where.InstructionPointer);
        return at < 0 ? new StackFacts([], null) : new StackFacts([.. stop.Stack.Frames.Skip(at)], stop.Stack.EndNote);
    }

    private static void Judge(CrashCase crash, FrameFacts where, StackFacts stack)
    {
        if (crash.BlamesAsChecker is { } deed)
        {
            FrameFacts? frame = where.Module is { } own && !FrameBlame.IsVictim(own) ? where : null;
            for (int i = 0; frame is null && i < stack.Frames.Count && stack.Frames[i].Certainty != Certainty.Candidate; i++)
                if (stack.Frames[i].Module is { IsUserMode: false } module && !FrameBlame.IsVictim(module))
                    frame = stack.Frames[i];
            if (frame?.Module is { } culprit)
                crash.Accuse(BlameRank.Checker, new CrashBlame(CrashCause.Module, $"{culprit.FileName} {deed}", Certainty.Inferred,
                    $"the checker stops at the access itself, and {frame.Text} makes it") { Module = culprit, Frame = frame });
        }
        FrameBlame.Judge(crash, where, stack);
    }

    private static int IndexOf(StackFacts stack, ulong instruction)
    {
        for (int i = 0; i < stack.Frames.Count; i++)
            if (stack.Frames[i].InstructionPointer == instruction && stack.Frames[i].Certainty == Certainty.Proven)
                return i;
        return -1;
    }

    /// <summary>
    /// The driver that the kernel itself names on the blue screen: a hint, and never the verdict [D: for 50, BE, CE, D1 and D5].
    /// </summary>
    private static void TellNamedDriver(CrashCase crash)
    {
        if (!crash.Session.TryReadPointerVariable("KiBugCheckDriver", out ulong text) || !crash.Session.IsObject(text)
            || UnicodeStrings.Read(crash.Session.Memory, text) is not { Length: > 0 } name)
            return;
        crash.Tell("Named", Phrase.Of($"the kernel named {name} on the blue screen: a hint, no proof"));
    }

    /// <summary>What says which version of a driver it was.</summary>
    private static void TellIdentity(CrashCase crash)
    {
        if (crash.Blame?.Module is not { } module)
            return;
        List<string> known = [];
        if (module.Version is { } version)
            known.Add($"version {version}");
        if (module.Company is { } company)
            known.Add($"by {company}");
        if (module.LinkDate is { } date)
            known.Add($"linked {date:yyyy-MM-dd}");
        if (known.Count > 0)
            crash.Tell("Module", Phrase.Of($"{module.FileName}: {string.Join(", ", known)}"));
    }
}
