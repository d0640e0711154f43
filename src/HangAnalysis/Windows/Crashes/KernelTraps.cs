using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Traps that the kernel has no answer to: 0x7F; of double faults, what filled the stack.</summary>
/// <remarks>
/// [D] the trap's number; Intel SDM vol. 3 for their names. [K] on x64 the second parameter of newer builds is a trap frame and
/// the fourth the instruction, on x86 the second is the task state segment: each is used only where it proves to be that.
/// </remarks>
internal static class KernelTraps
{
    private const ulong DoubleFault = 8;

    /// <summary>The page below a stack has no memory: who runs over its end faults there, or a large frame beyond.</summary>
    private const ulong GuardBytes = 0x10000;

    private const int MostUsers = 6;

    /// <summary>A function that is on a stack as often as this calls itself.</summary>
    private const int RecursionFrames = 8;

    /// <summary>The kernel's own handlers, beyond which what was interrupted stands; x86 has numbers for them.</summary>
    private static readonly HashSet<string> s_handlers =
    [
        "KiDivideErrorFault", "KiOverflowTrap", "KiBoundFault", "KiInvalidOpcodeFault", "KiNpxNotAvailableFault", "KiDoubleFaultAbort",
        "KiInvalidTssFault", "KiSegmentNotPresentFault", "KiStackFault", "KiGeneralProtectionFault", "KiFloatingErrorFault",
        "KiAlignmentFault", "KiMcheckAbort", "KiXmmException", "KiDivideErrorFaultShadow", "KiDoubleFaultAbortShadow",
        "KiGeneralProtectionFaultShadow", "KiInvalidOpcodeFaultShadow", "KiStackFaultShadow",
    ];

    /// <summary>0x7F.</summary>
    public static void Examine(CrashCase crash)
    {
        ulong trap = crash.P(1);
        crash.Name(1, "trap", Phrase.Of(TrapName(trap)));
        for (int i = 2; i <= 4; i++)
            crash.Name(i, "depends on the build");
        IReadOnlyList<FrameFacts> frames = Locate(crash);
        if (trap == DoubleFault)
            ExamineStack(crash, frames);
        else if (trap is 2 or 0x12)
        {
            crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
                $"hardware: {TrapName(trap)} that nobody handled", Certainty.Inferred, "such traps come from hardware alone"));
            MemoryManagement.AdviseMemoryTest(crash);
        }
    }

    /// <summary>Finds the registers at the trap, and gives the frames from there on.</summary>
    private static IReadOnlyList<FrameFacts> Locate(CrashCase crash)
    {
        bool isX64 = crash.System.Target.Description.Architecture == Architecture.X64;
        IReadOnlyList<FrameFacts> unwound = CrashStacks.Unwound(crash);
        int handler = 0;
        while (handler < unwound.Count && !(unwound[handler] is { Module.Name: "nt", Symbol: { } name }
            && (s_handlers.Contains(name) || name.StartsWith("KiTrap", StringComparison.Ordinal))))
            handler++;
        FrameFacts? interrupted = handler + 1 < unwound.Count ? unwound[handler + 1] : null;
        if (isX64 && crash.Session.IsKernel(crash.P(2)) && crash.Session.IsKernel(crash.P(4))
            && crash.Contexts.FromTrapFrame(crash.P(2), crash.P(4), "parameter 2") is { } given)
        {
            crash.Name(2, "trap frame");
            crash.Name(3, "stack pointer");
            crash.Name(4, "instruction");
            crash.Context = given;
        }
        else if (!isX64 && crash.P(1) == DoubleFault && ReadTaskState(crash, crash.P(2)) is { } task)
        {
            crash.Name(2, "task state segment");
            crash.Context = task;
        }
        else if (interrupted is not null)
            crash.Context = crash.Contexts.FindTrapFrame(interrupted.InstructionPointer, null);
        if (crash.Context is { } context)
            return crash.System.WalkFrom(context.Registers).Stack.Frames;
        return interrupted is null ? [] : [.. unwound.Skip(handler + 1)];
    }

    /// <summary>KTSS of x86: the registers of a task that a task gate has left ([K]; the instruction must be some module's).</summary>
    private static FaultContext? ReadTaskState(CrashCase crash, ulong address)
    {
        const int Eip = 0x20, Flags = 0x24, Eax = 0x28, Size = 0x48;
        byte[] bytes = new byte[Size];
        if (crash.System.Target.Description.Architecture != Architecture.X86 || !crash.Session.Memory.TryRead(address, bytes))
            return null;
        CpuContext registers = new() { Architecture = Architecture.X86 };
        for (int i = 0; i < 8; i++)
            registers.Registers[i] = BitConverter.ToUInt32(bytes, Eax + 4 * i);
        registers.InstructionPointer = BitConverter.ToUInt32(bytes, Eip);
        registers.Flags = BitConverter.ToUInt32(bytes, Flags);
        return crash.System.FindModule(registers.InstructionPointer) is null ? null
            : new FaultContext(registers, FaultContext.All, Phrase.Of($"task state segment at {address:x8}, parameter 2"));
    }

    /// <summary>A double fault: nearly always the stack is full, and its largest user is whom to ask.</summary>
    private static void ExamineStack(CrashCase crash, IReadOnlyList<FrameFacts> frames)
    {
        ulong pointer = crash.Context?.Registers.StackPointer ?? (frames.Count > 0 ? frames[0].StackPointer : 0);
        ThreadFacts? thread = FindThread(crash, pointer, out bool isBelow);
        if (pointer == 0)
        {
            crash.AddUnknown("whether the kernel stack was full", "the registers at the double fault are not in the dump");
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "a double fault: in most cases a kernel stack is full", Certainty.Candidate,
                "the registers at the fault are not in the dump"));
            return;
        }
        if (thread is null)
        {
            crash.Tell("Stack", Phrase.Of($"the stack pointer {pointer:x16} is in no thread's kernel stack that is known"));
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "a double fault; whether the kernel stack was full is not known",
                Certainty.Candidate, "the stack pointer is in no kernel stack that the dump shows"));
            crash.AddUnknown("whether the kernel stack was full", "the limits of the stack are not in the dump");
            return;
        }
        ulong left = pointer - thread.StackLimit, size = thread.StackBase - thread.StackLimit;
        const ulong Small = 0x200;
        bool isFull = isBelow || left < Small;
        crash.Tell("Stack", Phrase.Of($"{size:N0} bytes from {thread.StackLimit:x16} to {thread.StackBase:x16}; the stack pointer {pointer:x16} " +
            (isBelow ? $"is {thread.StackLimit - pointer:N0} bytes below: the stack is full" : $"leaves {left:N0} bytes")));
        Usage usage = Measure(frames, thread);
        foreach ((ModuleFacts module, ulong bytes, int count) in usage.Users.Take(MostUsers))
            crash.Tell("", Phrase.Of($"{bytes:N0} bytes in {count} frames of {module.FileName}"));
        if (usage.Repeated is { } repeated)
            crash.Tell("Recursion", Phrase.Of($"{repeated.Function} is on the stack {repeated.Count} times"));
        Accuse(crash, usage, isFull, size);
        crash.Advise("fewer file-system filters and security drivers in one stack help, and newer versions of the largest user");
    }

    private sealed record Usage(
        IReadOnlyList<(ModuleFacts Module, ulong Bytes, int Frames)> Users, (string Function, int Count, FrameFacts Frame)? Repeated);

    /// <summary>The bytes of each module's frames: a frame reaches to the stack pointer of the next.</summary>
    private static Usage Measure(IReadOnlyList<FrameFacts> frames, ThreadFacts thread)
    {
        Dictionary<ulong, (ModuleFacts Module, ulong Bytes, int Frames)> byModule = [];
        Dictionary<string, (int Count, FrameFacts Frame)> byFunction = [];
        for (int i = 0; i < frames.Count && frames[i].Certainty != Certainty.Candidate; i++)
        {
            FrameFacts frame = frames[i];
            if (frame.Module is not { IsUserMode: false } module)
                continue;
            ulong end = i + 1 < frames.Count ? frames[i + 1].StackPointer : thread.StackBase;
            ulong bytes = end > frame.StackPointer && end - frame.StackPointer <= thread.StackBase - thread.StackLimit
                ? end - frame.StackPointer : 0;
            (_, ulong known, int count) = byModule.GetValueOrDefault(module.BaseAddress);
            byModule[module.BaseAddress] = (module, known + bytes, count + 1);
            string function = frame.Symbol is null ? frame.Text : frame.Function;
            byFunction[function] = (byFunction.GetValueOrDefault(function).Count + 1, frame);
        }
        KeyValuePair<string, (int Count, FrameFacts Frame)> most = byFunction.MaxBy(f => f.Value.Count);
        return new Usage([.. byModule.Values.OrderByDescending(u => u.Bytes)],
            most.Value.Count >= RecursionFrames ? (most.Key, most.Value.Count, most.Value.Frame) : null);
    }

    private static void Accuse(CrashCase crash, Usage usage, bool isFull, ulong size)
    {
        if (!isFull)
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "a double fault, and the kernel stack is not full", Certainty.Inferred,
                "the stack pointer is well within the stack: damaged page tables, a processor's error, or a large frame that was not yet there"));
            MemoryManagement.AdviseMemoryTest(crash);
            return;
        }
        (ModuleFacts? largest, ulong bytes, _) = usage.Users.FirstOrDefault(u => u.Module.Origin != ModuleOrigin.Core);
        FrameFacts? frame = null;
        if (usage.Repeated is { Frame: { Module: { } repeating } at } && repeating.Origin != ModuleOrigin.Core)
            (largest, frame) = (repeating, at);
        if (largest is null)
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "the kernel stack is full; the kernel's own functions fill it",
                Certainty.Inferred, "no driver has a frame among those that could be unwound"));
            return;
        }
        bool isMost = frame is not null || bytes > size / 2;
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, frame is null
                ? $"the kernel stack is full: {largest.FileName} uses {bytes:N0} of {size:N0} bytes, the most of all drivers"
                : $"the kernel stack is full: {largest.FileName} is entered again and again, {usage.Repeated!.Value.Count} times on this stack",
            isMost && CrashStacks.IsForeign(largest) ? Certainty.Inferred : Certainty.Candidate,
            isMost ? "the stack pointer is beyond the stack, and the frames of that driver fill it"
                : "the stack pointer is beyond the stack; that driver is the largest of several users")
        { Module = largest, Frame = frame });
    }

    private static ThreadFacts? FindThread(CrashCase crash, ulong pointer, out bool isBelow)
    {
        isBelow = false;
        ThreadFacts? below = null;
        foreach (ThreadFacts thread in crash.System.Threads)
            if (thread.StackBase <= thread.StackLimit)
                continue;
            else if (pointer - thread.StackLimit < thread.StackBase - thread.StackLimit)
                return thread;
            else if (thread.StackLimit - pointer <= GuardBytes && pointer != 0)
                below = thread;
        isBelow = below is not null;
        return below;
    }

    private static string TrapName(ulong trap) => trap switch
    {
        0 => "a division by zero",
        1 => "a debug trap",
        2 => "a non-maskable interrupt",
        3 => "a breakpoint",
        4 => "an overflow",
        5 => "a range that was exceeded (BOUND)",
        6 => "an invalid instruction",
        7 => "no floating-point unit",
        DoubleFault => "a double fault: in most cases a kernel stack is full",
        0xa => "an invalid task state segment",
        0xb => "a segment that is not present",
        0xc => "a fault of the stack segment, or a stack pointer that is not canonical",
        0xd => "a general protection fault: an address that is not canonical, or a forbidden instruction",
        0xe => "a page fault",
        0x10 => "an error of floating-point arithmetic",
        0x11 => "an access that is not aligned",
        0x12 => "a machine check",
        0x13 => "an error of vector arithmetic",
        0x15 => "an error of control protection",
        _ => $"trap {trap:x}",
    };
}
