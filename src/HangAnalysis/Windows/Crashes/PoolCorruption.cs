using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Pool that is damaged, or used as it must not be: 0x19, 0xC2, 0x13A, 0xC6, 0xDE.</summary>
/// <remarks>
/// [D] sub-codes in our words. Whoever trips over damaged pool is a victim (crash-triage 0.10 d): only where the call itself is
/// wrong is the caller named.
/// </remarks>
internal static class PoolCorruption
{
    /// <summary>0x19.</summary>
    public static void BadHeader(CrashCase crash)
    {
        (string words, string second, string third, string fourth) = crash.P(1) switch
        {
            2 => ("the pattern around a block of special pool was overwritten", "block", "size of the block", ""),
            3 => ("a list of free blocks is corrupt", "entry of the list", "forward link as it was read", "backward link as it was read"),
            5 => ("the headers of two neighbours contradict each other", "one of the blocks", "", "the other"),
            6 => ("the size of the block before, in a header, is wrong", "block", "", ""),
            7 => ("the size in a block's header is wrong", "block", "", ""),
            8 => ("the size in a block's header is zero", "block", "", ""),
            9 => ("the size in a block's header is too large", "block", "", ""),
            0xa => ("the page does not hold the block that was looked for", "block", "page", ""),
            0xd or 0xe or 0xf or 0x23 or 0x24 or 0x25 =>
                ("the header of a free block was written to; in most cases the block before it was overrun", "block", "", ""),
            0x20 => ("the size in a block's header is wrong", "block", "the next block", ""),
            0x21 => ("what follows a block was overwritten: it was overrun", "block that is freed", "its size in bytes", "what follows it"),
            0x22 => ("an address is freed that is not allocated", "address", "", ""),
            _ => ("a pool header is corrupt", "block", "", ""),
        };
        crash.Name(1, "kind of failure", Phrase.Of(words));
        crash.Name(2, second);
        crash.Name(3, third.Length > 0 ? third : "depends on the kind");
        crash.Name(4, fourth.Length > 0 ? fourth : "depends on the kind");
        if (crash.P(1) == 0x22)
        {
            AccuseCaller(crash, words);
            return;
        }
        PoolNeighbours.Tell(crash, crash.P(2), isHeader: crash.P(1) != 0x21);
        AccuseNobody(crash, words);
    }

    /// <summary>0xC2.</summary>
    public static void BadCaller(CrashCase crash)
    {
        ulong kind = crash.P(1);
        (string words, string second, string third, string fourth) = kind switch
        {
            0 => ("zero bytes are asked for", "", "pool type", "tag"),
            1 or 2 or 4 => ("the header of a block is corrupt", "header", "first part of the header", ""),
            6 => ("a block is freed that is free", "", "header", "contents of the header"),
            7 => ("a block is freed that is free", "", "contents of the header", "address"),
            8 => ("pool is asked for at an IRQL that is too high", "IRQL", "pool type", "size in bytes"),
            9 => ("pool is freed at an IRQL that is too high", "IRQL", "pool type", "address"),
            0xa => ("a block is freed under another tag than it was allocated with", "address", "tag of the block", "tag of the call"),
            0xb or 0xc or 0xd => ("the quota of a block is charged to something that is no process", "address", "tag of the block", "process"),
            0x40 => ("an address of user memory is freed as pool", "address", "start of the system's memory", ""),
            0x41 => ("an address is freed that is no nonpaged pool", "address", "page frame number", "highest page frame number"),
            0x42 or 0x43 => ("an address is freed that was never pool", "address", "", ""),
            0x44 => ("an address of nonpaged pool is freed that is not allocated", "address", "", ""),
            0x46 or 0x47 or 0x60 => ("an address is freed that is no block", "address", "", ""),
            0x48 => ("an address of paged pool is freed that is not allocated", "address", "", ""),
            0x50 => ("an address of paged pool is freed that is not allocated", "address", "page within the pool", "size of the pool"),
            0x99 => ("an address is freed that is no block, or whose header is corrupt", "address", "", ""),
            0x9a => ("pool that must not fail is asked for", "pool type", "size in bytes", "tag"),
            0x9b => ("pool is asked for without a tag", "pool type", "size in bytes", "caller"),
            0x9c => ("pool is asked for with the tag of big blocks", "pool type", "size in bytes", "caller"),
            0x9d => ("pool is asked for with a tag that is none", "tag", "pool type", "caller"),
            _ => ("pool is used as it must not be", "", "", ""),
        };
        crash.Name(1, "kind of failure", Phrase.Of(words));
        Name(crash, 2, second);
        Name(crash, 3, third);
        Name(crash, 4, fourth);
        if (kind is 1 or 2 or 4)
        {
            PoolNeighbours.Tell(crash, crash.P(2), isHeader: true);
            AccuseNobody(crash, words);
            return;
        }
        if (kind is 7 or 0xa or 0x99)
            PoolNeighbours.Tell(crash, crash.P(kind == 7 ? 4 : 2), isHeader: false);
        // The caller's own address is recorded for some.
        if (kind is 0x9b or 0x9c or 0x9d && crash.System.DescribeAddress(crash.P(4)) is { Module: { Origin: not ModuleOrigin.Core } module } at)
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, $"{module.FileName}: {words}", Certainty.Proven,
                $"the stop records the caller: {at.Text}")
            { Module = module, Frame = at });
        // A second free is as bad as a first that should not have been: both are candidates.
        AccuseCaller(crash, words, isSure: kind is not (6 or 7 or 0x99));
        if (kind is 6 or 7 or 0x99)
            AdviseSpecialPool(crash);
    }

    /// <summary>0x13A.</summary>
    public static void Heap(CrashCase crash)
    {
        // The kinds are those of the user heap's failures; 0x12 as documented and seen [D][DUMP].
        string words = crash.P(1) switch
        {
            2 => "damage that is not told more closely",
            3 => "the header of a block is corrupt",
            4 => "the headers of several blocks are corrupt",
            5 => "the header of a large block is corrupt",
            6 => "a block was overrun at its end",
            7 => "a block was overrun at its start",
            8 => "a block is freed, or used, that is free",
            9 => "an argument is wrong",
            0xa => "a size or kind is wrong",
            0xb => "a free block was written to",
            0xc => "a block is given to another heap than its own",
            0xd => "a list of free blocks is corrupt",
            0xe => "a list of the heap is corrupt",
            0xf or 0x10 => "a bitmap of small blocks is corrupt",
            0x11 => "a small block is freed twice",
            0x12 => "the heap's own state is invalid: a block was used after it was freed, or its neighbour overrun",
            0x13 => "there is no heap",
            0x14 or 0x15 => "a limit of the heap is exceeded",
            _ => "the heap of the kernel is corrupt",
        };
        crash.Name(1, "kind of damage", Phrase.Of(words));
        crash.Name(2, "heap");
        crash.Name(3, "address that is damaged");
        crash.Name(4, "reserved");
        if (crash.P(3) != 0)
            PoolNeighbours.Tell(crash, crash.P(3), isHeader: true);
        // [DUMP] a filter driver on the raw stack of a real one is no evidence.
        AccuseNobody(crash, words);
    }

    /// <summary>0xC6: somebody writes to pool that is freed, and the checker of freed pool saw it.</summary>
    public static void FreedPool(CrashCase crash)
    {
        crash.Name(1, "address that was accessed");
        crash.Name(2, "operation", Phrase.Of(crash.P(2) == 0 ? "read" : "write"));
        crash.Name(3, "mode", Phrase.Of(crash.P(3) == 0 ? "kernel" : "user"));
        crash.Name(4, "reserved");
        AccuseCaller(crash, "pool that is freed is accessed");
    }

    /// <summary>Accuses nobody of damage, and says what finds the culprit.</summary>
    public static void AccuseNobody(CrashCase crash, string words)
    {
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Corruption,
            $"memory of the kernel was damaged, by whom is not known: {words}", Certainty.Inferred,
            "whoever finds damage is its victim; who did it was gone before"));
        if (CrashStacks.FirstCaller(crash) is { Module: { } module } frame)
            crash.RuleOut(module.FileName, $"{frame.Text} only came upon the damage");
        AdviseSpecialPool(crash);
    }

    /// <summary>Accuses whoever made the call that the kernel refuses.</summary>
    /// <param name="crash">The crash.</param>
    /// <param name="words">What the call is.</param>
    /// <param name="isSure">Whether the call is wrong by itself, whatever others did before.</param>
    public static void AccuseCaller(CrashCase crash, string words, bool isSure = true)
    {
        if (CrashStacks.FirstCaller(crash, out bool isDirect) is not { Module: { } module } frame)
        {
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, $"a driver that is not known: {words}", Certainty.Inferred,
                "no driver is among the unwound frames of the stack"));
            AdviseSpecialPool(crash);
            return;
        }
        // A part of Windows may do so for another's object.
        bool isOwn = isSure && isDirect && CrashStacks.IsForeign(module);
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module, $"{module.FileName}: {words}",
            isOwn ? Certainty.Inferred : Certainty.Candidate, isDirect
                ? $"{frame.Text} is the first of a driver on the stack that made the call"
                : $"{frame.Text} is the first on the stack that is no part of Windows; a driver of Windows made the call for it")
        { Module = module, Frame = frame });
    }

    private static void Name(CrashCase crash, int number, string name)
    {
        ulong value = crash.P(number);
        Phrase? meaning = name switch
        {
            "tag" or "tag of the block" or "tag of the call" => PoolNeighbours.TagText((uint)value) is { } tag ? Phrase.Of($"'{tag}'") : null,
            "caller" => crash.System.DescribeAddress(value) is { Module: not null } frame ? Phrase.Of(frame.Text) : null,
            "IRQL" => Phrase.Of(value switch { 0 => "passive", 1 => "APC", 2 => "dispatch", _ => "of a device, or higher" }),
            _ => null,
        };
        crash.Name(number, name.Length > 0 ? name : "reserved", meaning);
    }

    private static void AdviseSpecialPool(CrashCase crash)
    {
        crash.Advise("turn on Driver Verifier with special pool for all drivers that are not Microsoft's, and wait for the next dump");
        crash.Advise("several dumps with other victims and the same tag, or the same neighbour, lead to the culprit");
    }
}
