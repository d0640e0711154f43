namespace HangAnalysis.Esxi;

/// <summary>Words what processors report: machine checks and error codes of page faults.</summary>
internal static class HardwareKnowledge
{
    /// <summary>
    /// What a bank reports, by the compound error codes of Intel's manual (volume 3B, "Machine-Check Error Codes"), which
    /// AMD's share in the low 16 bits.
    /// </summary>
    public static string Describe(MachineCheckBank bank)
    {
        uint code = (uint)(bank.Status & 0xffff);
        const uint FilterBit = 0x1000;
        code &= ~FilterBit;
        string what = code switch
        {
            0x0001 => "unclassified",
            0x0005 => "internal parity error",
            0x0400 => "internal timer: the processor made no progress",
            >= 0x0010 and <= 0x001f => "translation buffer (TLB)",
            >= 0x0080 and <= 0x00ff when (code & 0xf) == 0xf => "memory controller",
            >= 0x0080 and <= 0x00ff => $"memory controller, channel {code & 0xf}",
            >= 0x0100 and <= 0x01ff => $"cache, level {code & 3}",
            >= 0x0800 and <= 0x0fff => "bus or interconnect",
            _ => $"error code 0x{bank.Status & 0xffff:x4}",
        };
        bool isUncorrected = (bank.Status >> 61 & 1) != 0, isContextLost = (bank.Status >> 57 & 1) != 0;
        string kind = isUncorrected ? "not corrected" : "corrected";
        string pcpu = bank.Pcpu is { } number ? $" of PCPU {number}" : "";
        string lost = isContextLost ? ", the processor's state is lost" : "";
        string address = bank.Address is { } physical ? $", at physical address 0x{physical:x}" : "";
        return $"bank {bank.Bank}{pcpu}: {what}, {kind}{lost}{address}";
    }

    /// <summary>Whether a bank reports an error that nothing has corrected.</summary>
    public static bool IsFatal(MachineCheckBank bank) => (bank.Status >> 61 & 1) != 0;

    /// <summary>
    /// The error code of a page fault bit by bit (Intel, volume 3A): present, write, user, reserved bit, instruction fetch.
    /// </summary>
    public static string DescribePageFault(ulong code)
    {
        string access = (code & 16) != 0 ? "execution" : (code & 2) != 0 ? "write" : "read";
        string who = (code & 4) != 0 ? "a program" : "the kernel";
        string why = (code & 1) != 0 ? "the page's protection forbids it" : "no page is there";
        string reserved = (code & 8) != 0 ? ", a reserved bit is set in the page tables" : "";
        return $"0x{code:x}: {access} by {who}, {why}{reserved}";
    }

    /// <summary>What an exception means, in words; null where its name says it.</summary>
    public static string? Describe(int? vector) => vector switch
    {
        0 => "a division by zero",
        6 => "an instruction that does not exist, or code that was overwritten",
        8 => "an exception while another one was served, mostly a stack that has run over",
        12 => "a stack that is not valid",
        13 => "an address or a register value that is not valid",
        14 => "an access to memory that is not there",
        _ => null,
    };
}
