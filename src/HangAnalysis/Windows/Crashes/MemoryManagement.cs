using System.Numerics;
using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>What the memory manager finds wrong with its own records: 0x1A, 0x4E, 0x12B, 0x127.</summary>
/// <remarks>
/// [D] sub-codes and parameters, in our words; [DUMP] 0x41792 with one bit in two real dumps of one machine (crash-triage 0.8).
/// </remarks>
internal static class MemoryManagement
{
    private const ulong CorruptEntry = 0x41792;

    /// <summary>Whom a sub-code accuses.</summary>
    private enum Suspect
    {
        /// <summary>Whoever wrote there; nobody knows.</summary>
        Corruption,

        /// <summary>Memory, or a disk that returns what was not written.</summary>
        Hardware,

        /// <summary>The driver that called.</summary>
        Caller,
    }

    private static readonly Dictionary<ulong, (Suspect Suspect, string Words, string Second, string Third, string Fourth)> s_cases = new()
    {
        [0x1] = (Suspect.Corruption, "a count of references to a cloned page is wrong", "", "", ""),
        [0x3f] = (Suspect.Hardware, "a page that was read from the page file is not what was written", "place in the page file",
            "checksum of the page as it was read", "checksum when it was written"),
        [0x403] = (Suspect.Hardware, "a page table entry and the page frame database contradict each other",
            "address of the page table entry", "contents of the entry", "what the page frame database has"),
        [0x404] = (Suspect.Corruption, "a page that is being deleted has another entry than the page frame database says",
            "expected entry", "contents of the entry", "entry by the page frame database"),
        [0x411] = (Suspect.Corruption, "a page table entry is corrupt", "address of the page table entry", "", ""),
        [0x777] = (Suspect.Caller, "a view of the system cache is unlocked that is not locked", "address", "", ""),
        [0x778] = (Suspect.Corruption, "the last view of the system cache is used, which is reserved", "", "", ""),
        [0x780] = (Suspect.Corruption, "page table entries of a view of the system cache are corrupt", "", "", ""),
        [0x781] = (Suspect.Corruption, "page table entries of a view of the system cache are corrupt", "", "", ""),
        [0x888] = (Suspect.Corruption, "structures of the memory manager are corrupt", "", "", ""),
        [0x889] = (Suspect.Corruption, "structures of the memory manager are corrupt", "", "", ""),
        [0x1000] = (Suspect.Caller, "a page is mapped uncached that others have mapped cached", "", "", ""),
        [0x1010] = (Suspect.Caller, "a pageable section is unlocked that is not locked", "", "", ""),
        [0x1233] = (Suspect.Caller, "a driver maps a physical page that is not locked", "page frame number", "", ""),
        [0x1234] = (Suspect.Caller, "a driver locks a pageable section that does not exist", "", "", ""),
        [0x1235] = (Suspect.Caller, "a driver protects an MDL whose mapping is invalid", "", "", ""),
        [0x1236] = (Suspect.Caller, "an MDL holds a page that is not locked or does not exist", "MDL", "its array of page frames",
            "the page frame that is wrong"),
        [0x1240] = (Suspect.Caller, "a driver protects pages of an MDL that is not mapped", "MDL", "", ""),
        [0x1241] = (Suspect.Caller, "a driver protects an MDL whose mapping is invalid", "", "", ""),
        [0x3451] = (Suspect.Corruption, "the page table entries of a thread's stack that was paged out are corrupt", "", "", ""),
        [0x3453] = (Suspect.Corruption, "page tables of a process that has ended are still referenced", "", "", ""),
        [0x3470] = (Suspect.Corruption, "a view of the system cache is unmapped that is not mapped as it should be", "", "", ""),
        [0x4477] = (Suspect.Caller, "a driver wrote to user memory of the System process that nobody has allocated", "address", "", ""),
        [0x5003] = (Suspect.Hardware, "the list of free entries of a working set is corrupt", "", "", ""),
        [0x5100] = (Suspect.Corruption, "the bitmap of allocated addresses is corrupt: an address in use was handed out again", "", "", ""),
        [0x8884] = (Suspect.Corruption, "two pages of the standby list differ in a priority that must be the same", "", "", ""),
        [0x8888] = (Suspect.Corruption, "structures of the memory manager are corrupt", "", "", ""),
        [0x8889] = (Suspect.Corruption, "structures of the memory manager are corrupt", "", "", ""),
        [0x888a] = (Suspect.Corruption, "a page table entry, or an entry of the page frame database, is corrupt", "", "", ""),
        [0x41201] = (Suspect.Corruption, "a page table entry and the descriptor of its address range contradict each other",
            "address of the page table entry", "contents of the entry", ""),
        [0x41283] = (Suspect.Corruption, "the working set index in a page table entry is corrupt", "", "", ""),
        [0x41284] = (Suspect.Corruption, "a page table entry, or the list of a working set, is corrupt", "", "", ""),
        [0x41286] = (Suspect.Caller, "an address of pool is freed that is none", "address", "", ""),
        [0x41287] = (Suspect.Corruption, "a page fault came while the lock of a working set was held", "address that was accessed", "", ""),
        [0x41785] = (Suspect.Corruption, "the list of a working set is corrupt", "", "", ""),
        [0x41790] = (Suspect.Corruption, "a page of page tables is corrupt: its count of used entries is wrong",
            "entry in the page frame database", "", ""),
        [0x41791] = (Suspect.Corruption, "a page of page tables is corrupt", "", "", ""),
        [CorruptEntry] = (Suspect.Corruption, "a page table entry is corrupt", "address of the page table entry", "contents of the entry",
            "contents of the entry, high part"),
        [0x41793] = (Suspect.Corruption, "a page of page tables is corrupt: its count of used entries is wrong", "", "", ""),
        [0x61940] = (Suspect.Corruption, "an entry of a page directory was made invalid by somebody", "", "", ""),
        [0x61941] = (Suspect.Corruption, "the page tables are corrupt: reserved bits are set on the way to an address", "address", "", ""),
        [0x61946] = (Suspect.Caller, "an MDL is flawed: in most cases a driver asks for write access where it serves a paging read", "", "", ""),
    };

    /// <summary>0x1A.</summary>
    public static void Examine(CrashCase crash)
    {
        ulong kind = crash.P(1);
        bool isKnown = s_cases.TryGetValue(kind, out var found);
        crash.Name(1, "kind of failure", Phrase.Of(isKnown ? found.Words : $"case {kind:x}, which is not documented"));
        crash.Name(2, isKnown && found.Second.Length > 0 ? found.Second : "depends on the kind");
        crash.Name(3, isKnown && found.Third.Length > 0 ? found.Third : "depends on the kind");
        crash.Name(4, isKnown && found.Fourth.Length > 0 ? found.Fourth : "depends on the kind");
        if (TellSingleBit(crash, kind))
            return;
        switch (isKnown ? found.Suspect : Suspect.Corruption)
        {
            case Suspect.Caller:
                PoolCorruption.AccuseCaller(crash, found.Words);
                break;
            case Suspect.Hardware:
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Hardware,
                    kind == 0x3f ? "memory, or the disk with the page file: a page came back other than it was written"
                        : $"memory, in all likelihood: {found.Words}", Certainty.Candidate,
                    "such damage is a hardware error's more often than a driver's"));
                AdviseMemoryTest(crash);
                break;
            default:
                PoolCorruption.AccuseNobody(crash, isKnown ? found.Words : "structures of the memory manager are corrupt");
                AdviseMemoryTest(crash);
                break;
        }
    }

    /// <summary>0x4E.</summary>
    public static void PageFrames(CrashCase crash)
    {
        (string words, string second, string third, bool isCaller) = crash.P(1) switch
        {
            1 => ("the head of a list of pages is corrupt", "head of the list", "pages available", false),
            2 => ("an entry of a list of pages is corrupt", "entry that is removed", "highest page frame number", false),
            6 => ("the same page is in the list twice", "page frame number", "current state of the page", false),
            7 => ("a driver has unlocked a page more often than it locked it", "page frame number", "count of shares", true),
            0x8d => ("the share count of a page is wrong", "page frame number", "", false),
            0x8f => ("the head of the free or the zeroed list is corrupt", "page that is added", "page that was there", false),
            0x99 => ("an entry of the page frame database, or a page table entry, is corrupt", "page frame number", "state of the page", false),
            0x9a => ("a driver frees a page that is still locked for input or output", "page frame number", "state of the page", true),
            _ => ("the page frame database is corrupt", "", "", false),
        };
        crash.Name(1, "kind of failure", Phrase.Of(words));
        crash.Name(2, second.Length > 0 ? second : "depends on the kind");
        crash.Name(3, third.Length > 0 ? third : "depends on the kind");
        crash.Name(4, "depends on the kind");
        if (isCaller)
        {
            PoolCorruption.AccuseCaller(crash, words);
            crash.Advise("Driver Verifier on the drivers that lock pages finds who it is");
            return;
        }
        PoolCorruption.AccuseNobody(crash, words);
        AdviseMemoryTest(crash);
    }

    /// <summary>0x12B: the system itself has found that a page differs from what it was by one bit.</summary>
    public static void FaultyPage(CrashCase crash)
    {
        // Published dumps have a status here where the store of compressed pages found it [V]; the reference says an address.
        // On x86 the two overlap; a status of the system itself has the number of a page table entry there, which is no data's.
        const uint SystemStatus = 0xc000;
        bool isStatus = StatusWords.IsError(crash.P(1))
            && (crash.Session.Is32Bit ? crash.P(1) >> 16 == SystemStatus : crash.P(1) >> 32 == 0xffff_ffff);
        crash.Name(1, isStatus ? "status of the page's decompression" : "address in the page",
            isStatus ? Phrase.Of(StatusWords.Of((uint)crash.P(1))) : null);
        crash.Name(2, isStatus ? "size of the compressed page" : "page frame number");
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            "memory is defective, in all likelihood: a page changed while nobody could write to it", Certainty.Inferred,
            "the memory manager compares such pages with what they were, and stops with this code for hardware's errors"));
        AdviseMemoryTest(crash);
    }

    /// <summary>0x127.</summary>
    public static void PageNotZero(CrashCase crash)
    {
        crash.Name(1, "address in the page");
        crash.Name(2, "page frame number");
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        PoolCorruption.AccuseNobody(crash, "a page that the system had filled with zeros holds something else");
        AdviseMemoryTest(crash);
    }

    /// <summary>Advises what finds defective memory.</summary>
    public static void AdviseMemoryTest(CrashCase crash)
    {
        crash.Advise("run a memory test over night (mdsched, memtest86+), with overclocking and memory profiles off");
        crash.Advise("compare with other dumps of this machine: the same bit again means memory, whatever the driver");
    }

    /// <summary>
    /// What differs by one bit from what must be there was made so by memory, hardly ever by a driver. An entry of a page
    /// that is not mapped is zero.
    /// </summary>
    private static bool TellSingleBit(CrashCase crash, ulong kind)
    {
        // 32-bit systems pass an entry of eight bytes in two halves.
        ulong contents = crash.Session.Is32Bit ? crash.P(4) << 32 | (uint)crash.P(3) : crash.P(3);
        ulong difference = kind switch
        {
            CorruptEntry => contents,
            0x403 => crash.P(3) ^ crash.P(4),
            _ => 0,
        };
        if (!BitOperations.IsPow2(difference))
            return false;
        int bit = BitOperations.Log2(difference);
        bool isSet = kind == CorruptEntry;
        crash.Tell("Single bit", Phrase.Of(isSet
            ? $"the entry at {crash.P(2):x16} holds {contents:x}: bit {bit} alone is set"
            : $"{crash.P(3):x} and {crash.P(4):x} differ in bit {bit} alone"));
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware, isSet
                ? $"memory is defective: bit {bit} of a page table entry is set that should be clear"
                : $"memory is defective: bit {bit} of a page table entry is not as it was written",
            Certainty.Inferred, "software that goes astray writes bytes and words; one flipped bit is an error of memory"));
        AdviseMemoryTest(crash);
        return true;
    }
}
