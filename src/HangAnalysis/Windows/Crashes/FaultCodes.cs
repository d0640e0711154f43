using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Bug checks for a page fault that the kernel could not serve: 0A, D1, C5, 50, BE, FC, CE, D5, CC, CD, D6.</summary>
/// <remarks>
/// Parameters: Microsoft's reference [D]; that FaultAddress and instruction of the trap frame are the parameters, and that BE's
/// third parameter is the frame's address, was seen in real dumps [DUMP]; FC's is taken to be so too and checked [K].
/// </remarks>
internal static class FaultCodes
{
    private const ulong Write = 1, ExecuteBit = 8, ExecuteNx = 0x10, InterruptsOff = 0xff;

    /// <summary>IRQL_NOT_LESS_OR_EQUAL, DRIVER_IRQL_NOT_LESS_OR_EQUAL.</summary>
    public static void Irql(CrashCase crash)
    {
        NameIrql(crash);
        Locate(crash, crash.P(4), crash.P(1));
    }

    /// <summary>DRIVER_CORRUPTED_EXPOOL: pool is damaged, and whoever uses it next is its victim.</summary>
    public static void CorruptPool(CrashCase crash)
    {
        NameIrql(crash);
        Locate(crash, crash.P(4), crash.P(1));
        crash.Accuse(BlameRank.Code, FrameBlame.Corrupt("pool",
            "the kernel found pool damaged while it was at work on it; the stack is that of the next user"));
        AdviseSpecialPool(crash);
    }

    /// <summary>PAGE_FAULT_IN_NONPAGED_AREA.</summary>
    public static void NonPagedArea(CrashCase crash)
    {
        crash.Name(1, "address", Words(crash, crash.P(1)));
        crash.Access = AccessOf(crash, crash.P(2));
        crash.Name(2, "access", Phrase.Of(Word(crash.Access)));
        crash.Name(3, "instruction", Place(crash, crash.P(3)));
        crash.Name(4, "kind", crash.P(4) switch
        {
            0 => Phrase.Of("the page was freed, or was never there"),
            1 or 2 => Phrase.Of("there is no page table for the address"),
            3 => Phrase.Of("the address belongs to a session, and the thread was in none, or in another"),
            4 => Phrase.Of("the address is none"),
            0xf => Phrase.Of("the address belongs to user mode"),
            _ => null,
        });
        Locate(crash, crash.P(3), crash.P(1));
    }

    /// <summary>ATTEMPTED_WRITE_TO_READONLY_MEMORY.</summary>
    public static void ReadOnlyMemory(CrashCase crash)
    {
        crash.Name(1, "address", Words(crash, crash.P(1)));
        crash.Name(2, "page table entry", EntryWords(crash, crash.P(2)));
        crash.Name(3, "trap frame", null);
        crash.Name(4, "kind", null);
        crash.Access = CrashAccessKind.Write;
        crash.ReportedAddress = crash.P(1);
        crash.Context = crash.Contexts.FromTrapFrame(crash.P(3), 0, "parameter 3");
        if (crash.Context is { FaultAddress: { } fault } && fault != crash.P(1))
        {
            crash.AddUnknown("the registers at the fault", $"parameter 3 leads to a trap frame of a fault at {fault:x}, not at {crash.P(1):x}");
            crash.Context = null;
        }
        else
            TellMissing(crash);
    }

    /// <summary>ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY: who jumped is the caller, whose return address is on the stack.</summary>
    public static void NoExecute(CrashCase crash)
    {
        crash.Name(1, "address, and instruction", Words(crash, crash.P(1)));
        crash.Name(2, "page table entry", EntryWords(crash, crash.P(2)));
        crash.Name(3, "trap frame", null);
        crash.Name(4, "kind", null);
        crash.Access = CrashAccessKind.Execute;
        crash.ReportedAddress = crash.P(1);
        crash.Context = crash.Contexts.FromTrapFrame(crash.P(3), crash.P(1), "parameter 3")
            ?? crash.Contexts.FindTrapFrame(crash.P(1), null);
        TellMissing(crash);
    }

    /// <summary>DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS.</summary>
    public static void Unloaded(CrashCase crash)
    {
        NameFreed(crash);
        Locate(crash, crash.P(3), crash.P(1));
        crash.Advise("the driver has to cancel its timers, work items, callbacks and requests before it is unloaded: its maker has to mend it");
    }

    /// <summary>Special pool: memory was used after it had been freed, or beyond its end. The code that did is the culprit.</summary>
    public static void SpecialPool(CrashCase crash)
    {
        NameFreed(crash);
        Locate(crash, crash.P(3), crash.P(1));
        string what = crash.Code is 0xcd or 0xd6 ? "beyond the end of its allocation" : "that had been freed";
        crash.Tell("Special pool", Phrase.Of($"the address lies in memory {what}: special pool catches the one who does it, at once"));
        crash.BlamesAsChecker = $"used memory {what}";
    }

    private static void NameFreed(CrashCase crash)
    {
        crash.Name(1, "address", Words(crash, crash.P(1)));
        crash.Access = AccessOf(crash, crash.P(2));
        crash.Name(2, "access", Phrase.Of(Word(crash.Access)));
        crash.Name(3, "instruction", Place(crash, crash.P(3)));
        crash.Name(4, "reserved");
    }

    private static void NameIrql(CrashCase crash)
    {
        crash.Name(1, "address", Words(crash, crash.P(1)));
        crash.Irql = crash.P(2);
        crash.Name(2, "IRQL", crash.P(2) switch
        {
            InterruptsOff => Phrase.Of("interrupts were off"),
            2 => Phrase.Of("DISPATCH_LEVEL"),
            1 => Phrase.Of("APC_LEVEL"),
            0 => Phrase.Of("PASSIVE_LEVEL"),
            > 2 and < 0x10 => Phrase.Of("of a device, or higher"),
            _ => null,
        });
        crash.Access = (crash.P(3) & ExecuteBit) != 0 || crash.P(3) == 2 && crash.Code == 0xd1 ? CrashAccessKind.Execute
            : (crash.P(3) & Write) != 0 ? CrashAccessKind.Write : CrashAccessKind.Read;
        crash.Name(3, "access", Phrase.Of(Word(crash.Access)));
        crash.Name(4, "instruction", Place(crash, crash.P(4)));
    }

    /// <summary>The trap frame of the fault on the stack, and what there is to say where it is not found.</summary>
    private static void Locate(CrashCase crash, ulong instruction, ulong address)
    {
        crash.ReportedAddress = address;
        crash.InstructionPointer = instruction;
        crash.Context = crash.Contexts.FindTrapFrame(instruction, address);
        // One of an earlier fault at the same instruction has other registers, and would make this one look impossible.
        if (crash.Context is { FaultAddress: { } fault } && fault != address)
        {
            crash.AddUnknown("the registers at the fault", $"the trap frame at the instruction is that of a fault at {fault:x}, not at {address:x}");
            crash.Context = null;
        }
        else
            TellMissing(crash);
    }

    private static void TellMissing(CrashCase crash)
    {
        if (crash.Context is null)
            crash.AddUnknown("the registers at the fault", "no trap frame of it is on the stacks of the dump");
    }

    internal static void AdviseSpecialPool(CrashCase crash) =>
        crash.Advise("switch on Driver Verifier with special pool for drivers that are no part of Windows: the next dump names the culprit");

    internal static Phrase Words(CrashCase crash, ulong address) => Phrase.Of(AddressWords.Describe(crash.System, address));

    internal static Phrase Place(CrashCase crash, ulong address) => Phrase.Of(crash.System.DescribeAddress(address).Text);

    internal static string Word(CrashAccessKind access) => access switch
    {
        CrashAccessKind.Read => "read",
        CrashAccessKind.Write => "write",
        CrashAccessKind.Execute => "execution",
        _ => "access",
    };

    /// <summary>
    /// From Windows 10 on x64 says 0, 2 and 10 (hexadecimal), before 0, 1 and 8; ARM64 0, 1 and 8 [D].
    /// </summary>
    private static CrashAccessKind AccessOf(CrashCase crash, ulong operation) =>
        (operation & (ExecuteBit | ExecuteNx)) != 0 ? CrashAccessKind.Execute
        : (operation & 3) != 0 ? CrashAccessKind.Write : CrashAccessKind.Read;

    /// <summary>Bits of a page table entry of x64 (Intel, volume 3, "Paging"); a parameter of x86 holds its lower half alone.</summary>
    private static Phrase EntryWords(CrashCase crash, ulong entry)
    {
        const ulong Present = 1, Writable = 2, NoExecute = 1UL << 63;
        string execution = crash.Session.Is32Bit ? ""
            : (entry & NoExecute) != 0 ? ", not executable" : ", executable";
        return Phrase.Of($"{((entry & Present) != 0 ? "valid" : "not valid")}, " +
            $"{((entry & Writable) != 0 ? "writable" : "not writable")}{execution}");
    }
}
