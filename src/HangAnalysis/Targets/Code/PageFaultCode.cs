namespace HangAnalysis.Targets.Code;

/// <summary>A bit of the error code of a page fault.</summary>
/// <param name="Bit">Its number.</param>
/// <param name="Name">Its name in the processor's manual.</param>
/// <param name="IsSet">Whether it is set.</param>
/// <param name="Meaning">What that means.</param>
public readonly record struct FaultBit(int Bit, string Name, bool IsSet, string Meaning);

/// <summary>The error code that x86 processors push on a page fault.</summary>
/// <remarks>
/// Intel's manual, volume 3, "Page-Fault Exceptions" (PF error code); enum x86_pf_error_code of
/// arch/x86/include/asm/trap_pf.h, which has RMP from AMD's manual.
/// </remarks>
public static class PageFaultCode
{
    private const ulong Present = 1, Write = 2, User = 4, Fetch = 16;

    private static readonly (int Bit, string Name, string Clear, string Set)[] s_bits =
    [
        (0, "P", "no page is there", "a page is there and may not be used so: a violation of protection"),
        (1, "W/R", "no write", "a write"),
        (2, "U/S", "in kernel mode", "in user mode"),
        (3, "RSVD", "no reserved bit of a page table is set", "reserved bits of a page table are set: it is damaged"),
        (4, "I/D", "no instruction was fetched", "an instruction was fetched"),
        (5, "PK", "no protection key forbids it", "a protection key forbids it"),
        (6, "SS", "no access to a shadow stack", "an access to a shadow stack"),
        (15, "SGX", "nothing to do with an enclave", "an enclave forbids it"),
        (31, "RMP", "nothing to do with encrypted guests", "the page belongs to another guest"),
    ];

    /// <summary>
    /// The bits with what they mean: those that tell of every fault, and further ones where they are set.
    /// </summary>
    public static IReadOnlyList<FaultBit> Bits(ulong code)
    {
        const int AlwaysTold = 5;
        List<FaultBit> bits = [];
        foreach ((int bit, string name, string clear, string set) in s_bits)
        {
            bool isSet = (code >> bit & 1) != 0;
            if (isSet || bit < AlwaysTold)
                bits.Add(new FaultBit(bit, name, isSet, isSet ? set : clear));
        }
        return bits;
    }

    /// <summary>The code in a few words: <c>a write in kernel mode; no page is there</c>.</summary>
    public static string Describe(ulong code)
    {
        string text = $"{AccessOf(code)} in {((code & User) != 0 ? "user" : "kernel")} mode; " +
            ((code & Present) != 0 ? "the page that is there forbids it" : "no page is there");
        foreach (FaultBit bit in Bits(code))
            if (bit.IsSet && bit.Bit is 3 or > 4)
                text += $"; {bit.Meaning}";
        return text;
    }

    /// <summary>What was tried: <c>a write</c>, <c>a read</c>, <c>an instruction fetch</c>.</summary>
    public static string AccessOf(ulong code) =>
        (code & Fetch) != 0 ? "an instruction fetch" : (code & Write) != 0 ? "a write" : "a read";

    /// <summary>The same as a verb in the past, with its preposition: <c>wrote to</c>.</summary>
    public static string VerbOf(ulong code) =>
        (code & Fetch) != 0 ? "jumped to" : (code & Write) != 0 ? "wrote to" : "read from";

    /// <summary>Whether no page is there.</summary>
    public static bool IsAbsent(ulong code) => (code & Present) == 0;
}
