using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Display adapters that do not answer: 0x116, 0x117, 0x141, 0x119, 0x10E.</summary>
/// <remarks>
/// [D] parameters; [DUMP] the first fields of the recovery context in two real dumps of 0x116 (crash-triage 1.1). The type is in
/// no public kernel symbols: it is read by offsets, after its signature.
/// </remarks>
internal static class DisplayTimeouts
{
    private const uint RecoverySignature = 0x5244_5476; // 'vTDR'

    /// <summary>The adapter did not come back from a reset.</summary>
    public static void Failure(CrashCase crash)
    {
        crash.Name(3, "status of the last failed operation", Phrase.Of(StatusWords.Of((uint)crash.P(3))));
        crash.Name(4, "further context of the driver, where there is any");
        Recovery(crash, "did not come back from a reset");
        switch (StatusWords.KindOf((uint)crash.P(3)))
        {
            case StatusKind.Resources:
                crash.Tell("Status", Phrase.Of($"the reset found no memory: video memory, or the system's own, was used up"));
                break;
        }
    }

    /// <summary>The adapter was reset; the system went on, the dump is a live one.</summary>
    public static void Detected(CrashCase crash)
    {
        crash.Name(3, "the driver's own key for such failures");
        crash.Name(4, "further context of the driver, where there is any");
        Recovery(crash, "did not answer and was reset; the system went on");
    }

    /// <summary>0x119: the graphics scheduler found that the driver does what it must not.</summary>
    public static void Scheduler(CrashCase crash)
    {
        ulong kind = crash.P(1);
        string what = kind switch
        {
            1 => "the driver reported a fence that was never submitted",
            2 => "the driver failed to submit a command",
            3 => "the driver failed to patch a command buffer",
            4 => "the driver reported a capability to flip that it cannot have",
            <= 0x13 => "the driver broke the scheduler's rules",
            0xe00 => "no memory was left for the scheduler",
            0x400 or 0x1000 or 0xa000 or 0x10000 => "the system's own state of the adapter is inconsistent",
            _ => "a rule of the scheduler was broken",
        };
        crash.Name(1, "kind of failure", Phrase.Of(what));
        // For a failed submission and a failed patch the second is the driver's status [D].
        crash.Name(2, kind is 2 or 3 ? "status that the driver returned" : "depends on the kind",
            kind is 2 or 3 && StatusWords.IsError(crash.P(2)) ? Phrase.Of(StatusWords.Of((uint)crash.P(2))) : null);
        crash.Name(3, "depends on the kind");
        crash.Name(4, "depends on the kind");
        if (kind == 0xe00)
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "memory ran out in the graphics scheduler",
                Certainty.Inferred, "the kind of failure says so; who holds the memory is another question"));
            crash.Suggest("!mem");
            return;
        }
        AccuseDisplayDriver(crash, CrashStacks.FirstCaller(crash), what);
        Advise(crash);
    }

    /// <summary>0x10E: the manager of video memory found an error.</summary>
    public static void VideoMemory(CrashCase crash)
    {
        crash.Name(1, "kind of failure", Phrase.Of($"case {crash.P(1):x} of the manager of video memory"));
        for (int i = 2; i <= 4; i++)
            crash.Name(i, "depends on the kind");
        AccuseDisplayDriver(crash, CrashStacks.FirstCaller(crash), "what the driver did with video memory is inconsistent");
        Advise(crash);
    }

    private static void Recovery(CrashCase crash, string what)
    {
        crash.Name(1, "record of the recovery (TDR_RECOVERY_CONTEXT)");
        IMemory memory = crash.Session.Memory;
        ulong context = crash.P(1);
        if (!memory.TryReadUInt32(context, out uint signature))
            crash.AddUnknown($"the record of the recovery at {context:x16}", "the dump does not hold it");
        else if (signature != RecoverySignature)
            crash.AddUnknown($"the record of the recovery at {context:x16}", "what is there has another signature than 'vTDR'");
        else
            TellContext(crash, context);
        ulong owner = crash.P(2);
        FrameFacts tag = crash.System.DescribeAddress(owner);
        crash.Name(2, "place in the driver that owns the adapter", tag.Module is null ? null : Phrase.Of(tag.Text));
        if (tag.Module is null)
            crash.AddUnknown("the driver of the adapter", $"{owner:x16} is in no loaded module");
        AccuseDisplayDriver(crash, tag.Module is null ? null : tag, what);
        Advise(crash);
    }

    // Signature 0, state 8, reason 10, tick 18, adapter 20; pointers are aligned, 64-bit only: [D] and [DUMP] are of x64.
    private static void TellContext(CrashCase crash, ulong context)
    {
        const ulong Reason = 0x10, Adapter = 0x20;
        const uint Promoted = 9;
        IMemory memory = crash.Session.Memory;
        if (memory.PointerSize == sizeof(ulong) && memory.TryReadUInt32(context + Reason, out uint reason)
            && memory.TryReadUInt64(context + Adapter, out ulong adapter))
            crash.Tell("Recovery", Phrase.Of($"reason {reason}" +
                $"{(reason == Promoted ? ": the reset of one engine failed, and became one of the whole adapter" : "")}" +
                $"; adapter {adapter:x16}"));
    }

    private static void AccuseDisplayDriver(CrashCase crash, FrameFacts? frame, string what)
    {
        if (frame?.Module is not { } module)
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device, $"a graphics adapter or its driver: {what}",
                Certainty.Candidate, "the code says so; the dump does not tell which adapter"));
            return;
        }
        // What Windows has of its own only serves the adapter's driver.
        bool isDriver = CrashStacks.IsForeign(module);
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device, $"the graphics adapter of {module.FileName}, or that driver: {what}",
            isDriver ? Certainty.Inferred : Certainty.Candidate,
            $"{frame.Text} {(frame.StackPointer == 0 ? "is the owner that the stop names" : "is the first of a driver on the stack")}" +
            "; the dump does not tell adapter and driver apart")
        { Module = module, Frame = frame });
    }

    private static void Advise(CrashCase crash)
    {
        crash.Advise("count the dumps: one driver version and many machines speak for the driver, one machine for its adapter");
        crash.Advise("update or go back with the display driver; check power, cooling and overclocking of the adapter");
    }
}
