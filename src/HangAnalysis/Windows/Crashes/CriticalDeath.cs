using System.Text;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>CRITICAL_PROCESS_DIED (0xEF) and CRITICAL_OBJECT_TERMINATION (0xF4): who died, of what, and by whose hand.</summary>
/// <remarks>
/// Part 1.3 of the triage facts. The process of the current thread is the one that ends the victim: itself, if it came to grief
/// or fails fast (as svchost.exe with 0xC0000409 in a real dump [DUMP]), or another. EPROCESS.ExitStatus says of what [S].
/// </remarks>
internal static class CriticalDeath
{
    /// <summary>Characters of an image name or a message that a parameter points at.</summary>
    private const int MostCharacters = 128;

    /// <summary>Parameters of 0xEF: the object, and whether it is a process (0) or a thread (1).</summary>
    public static void ExamineProcessDied(CrashCase crash)
    {
        bool isThread = crash.P(2) == 1;
        crash.Name(1, isThread ? "thread that ended" : "process that ended");
        crash.Name(2, "what ended", Phrase.Of(isThread ? "a thread" : "a process"));
        Examine(crash, crash.P(1), isThread, null);
    }

    /// <summary>Parameters of 0xF4: 3 process or 6 thread, the object, its image's name, a message.</summary>
    public static void ExamineTermination(CrashCase crash)
    {
        bool isThread = crash.P(1) == 6;
        string? image = ReadText(crash.Session, crash.P(3)), message = ReadText(crash.Session, crash.P(4));
        crash.Name(1, "what ended", Phrase.Of(isThread ? "a thread" : crash.P(1) == 3 ? "a process" : "not documented"));
        crash.Name(2, isThread ? "thread that ended" : "process that ended");
        crash.Name(3, "name of its image", image is null ? null : Phrase.Of(image));
        crash.Name(4, "message", message is null ? null : Phrase.Of(message));
        Examine(crash, crash.P(2), isThread, image);
    }

    private static void Examine(CrashCase crash, ulong victim, bool isThread, string? image)
    {
        WindowsSystem system = crash.System;
        ThreadFacts? thread = isThread ? system.ReadThread(victim) : null;
        ProcessFacts? process = isThread ? thread?.Process : system.ReadProcess(victim);
        string name = process?.Name ?? image ?? "a process that is not in the dump";
        uint? status = isThread
            ? ReadField(crash.Session, "_ETHREAD", "ExitStatus", victim)
            : ReadField(crash.Session, "_EPROCESS", "ExitStatus", victim);
        TellVictim(crash, victim, isThread, process, name, status);
        crash.BlamesFrame = false;
        (ThreadFacts? Thread, StackFacts Stack)? stop = system.GetStopStack();
        ProcessFacts? killer = stop?.Thread?.Process;
        if (stop is { } s)
            crash.AddStack(new CrashStack(killer is null || killer.Address == process?.Address ? "thread that ended it" : $"thread of {killer.Name} that ended it",
                s.Thread, s.Stack));
        string who = isThread ? $"a thread of {name}" : name;
        if (status is { } known && ExitStatus.IsStorage(known))
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
                $"{who} died because a page of it could not be read: the disk, or the way to it, did not deliver", Certainty.Inferred,
                $"its exit status is {ExitStatus.DescribeExit(known)}"));
            crash.Suggest("!irps");
            return;
        }
        if (killer is null || process is null)
        {
            crash.AddUnknown("who ended it", killer is null ? "the current thread is not in the dump" : "the process that ended is not in the dump");
            return;
        }
        crash.Tell("Ended by", killer.Address == process.Address
            ? Phrase.Of("itself: the current thread is its own") : Phrase.Of($"{killer}: the current thread is one of it"));
        Accuse(crash, who, status, process, killer, stop!.Value.Stack);
    }

    private static void TellVictim(CrashCase crash, ulong victim, bool isThread, ProcessFacts? process, string name, uint? status)
    {
        ObjectReference reference = new(isThread ? ObjectKind.Thread : ObjectKind.Process, victim);
        crash.Tell("Died", isThread
            ? process is null ? Phrase.Of($"thread {reference} of {name}") : Phrase.Of($"thread {reference} of {process}")
            : process is null ? Phrase.Of($"process {reference}, {name}") : Phrase.Of($"process {reference}, {process}"));
        if (status is { } known)
            crash.Tell("Exit status", Phrase.Of(ExitStatus.DescribeExit(known)));
        else
            crash.AddUnknown("of what it died", "its exit status is not in the dump, or the kernel's symbols are missing");
        if (process is not null && ReadField(crash.Session, "_EPROCESS", "LastThreadExitStatus", process.Address.Value) is { } last
            && last != status && last != 0 && last != ExitStatus.Pending)
            crash.Tell("Last thread", Phrase.Of($"ended with {ExitStatus.DescribeExit(last)}"));
        if (ReadField(crash.Session, isThread ? "_ETHREAD" : "_EPROCESS", "BreakOnTermination", victim) is { } critical)
            crash.Tell("Critical", Phrase.Of(critical != 0
                ? "it was marked as one that the system cannot do without"
                : "it was not marked as such when the dump was written"));
        if (process is not null && crash.System.DescribeHosted(process) is { } services)
            crash.Tell("Services", Phrase.Of(services));
    }

    private static void Accuse(
        CrashCase crash, string who, uint? status, ProcessFacts victim, ProcessFacts killer, StackFacts stack)
    {
        string how = status is { } known ? $" with {ExitStatus.DescribeExit(known)}" : "";
        if (killer.Address == victim.Address)
        {
            bool isFault = status is { } s && ExitStatus.IsOwnFault(s);
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Program,
                isFault ? $"{who} failed by itself{how}" : $"{who} ended itself{how}", Certainty.Proven,
                "the thread that ended it is its own" + (isFault ? ", and the status is one by which programs fail" : "")));
            crash.Advise($"look for an application error of {victim.Name} in the event log just before the stop, or keep dumps of it (WER LocalDumps)");
            return;
        }
        // A driver may end a process on behalf of the system, or of whoever happened to run.
        if (ForeignFrames.Find(stack.Frames) is { Module: { } module } frame)
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"{who} was ended{how} by {ForeignFrames.Title(module)}, in a thread of {killer.Name}", Certainty.Inferred,
                "it is on the stack of the thread that ended it") { Module = module, Frame = frame });
        else
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Program,
                $"{who} was ended{how} by {killer.Name} {killer.IdText}", Certainty.Proven,
                "the thread that ended it is another process's"));
        crash.Suggest($"!p {killer.Address.Value:x16}");
    }

    /// <summary>A field of up to four bytes, or a bit, of a structure; null where it cannot be read.</summary>
    private static uint? ReadField(KernelSession session, string type, string field, ulong address)
    {
        StructLayout layout = session.Types.Get(type);
        FieldSlot slot = layout.Optional(field);
        byte[] bytes = new byte[layout.Size];
        return slot.IsPresent && session.IsObject(address) && session.Memory.TryRead(address, bytes) ? (uint)slot.Read(bytes) : null;
    }

    /// <summary>A text of single-byte characters that ends with a zero; null where it is none.</summary>
    private static string? ReadText(KernelSession session, ulong address)
    {
        Span<byte> bytes = stackalloc byte[MostCharacters];
        int read = session.IsKernel(address) ? session.Memory.Read(address, bytes) : 0;
        int end = bytes[..read].IndexOf((byte)0);
        // The kernel's own message ends its line.
        ReadOnlySpan<byte> text = bytes[..Math.Max(end, 0)].TrimEnd("\r\n"u8);
        return text.IsEmpty || text.ContainsAnyExceptInRange((byte)0x20, (byte)0x7e) ? null : Encoding.ASCII.GetString(text);
    }
}
