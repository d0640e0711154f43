using System.Globalization;

namespace HangAnalysis.Windows.Crashes;

/// <summary>What a machine check says is broken, as far as its code tells.</summary>
internal enum MachineCheckKind
{
    /// <summary>The code is the vendor's own, or says no more than that something is wrong.</summary>
    Other,

    /// <summary>A cache of the processor.</summary>
    Cache,

    /// <summary>The processor's store of translated addresses.</summary>
    Translation,

    /// <summary>The way between processors, memory and devices.</summary>
    Bus,

    /// <summary>The memory controller, or the memory behind it.</summary>
    Memory,

    /// <summary>The processor's own logic.</summary>
    Internal,

    /// <summary>No instruction was completed for too long.</summary>
    Timer,
}

/// <summary>IA32_MCi_STATUS, taken apart.</summary>
/// <remarks>
/// Intel SDM vol. 3, "Interpreting machine check error codes"; AMD64 APM vol. 2, "Machine check architecture". The compound
/// codes are the same for both; the model-specific part (bits 16 to 31) is not read, it means another thing on every model.
/// </remarks>
internal readonly struct MachineCheck(ulong status)
{
    private const int Valid = 63, Overflow = 62, Uncorrected = 61, Enabled = 60, MiscValid = 59, AddressValid = 58, ContextCorrupt = 57;

    /// <summary>Correction reports are filtered (bit 12 of a compound code); it is no part of the code.</summary>
    private const int FilterBit = 0x1000;

    private static readonly string[] s_request =
        ["an access", "a read", "a write", "a read of data", "a write of data", "an instruction fetch", "a prefetch", "an eviction", "a snoop"];

    private static readonly string[] s_kinds = ["instruction", "data", "generic"];
    private static readonly string[] s_levels = ["L0", "L1", "L2", "some level's"];

    /// <summary>The register.</summary>
    public ulong Status => status;

    /// <summary>Whether the register holds an error at all.</summary>
    public bool IsValid => Bit(Valid);

    /// <summary>Whether the error could not be corrected.</summary>
    public bool IsUncorrected => Bit(Uncorrected);

    /// <summary>Whether what the processor was doing is lost.</summary>
    public bool IsContextCorrupt => Bit(ContextCorrupt);

    /// <summary>Whether the address register holds the address of the error.</summary>
    public bool HasAddress => Bit(AddressValid);

    /// <summary>The architectural error code.</summary>
    public int Code => (int)(status & 0xffff);

    /// <summary>What is broken.</summary>
    public MachineCheckKind Kind => (Code & ~FilterBit) switch
    {
        1 or 2 or 5 or 6 => MachineCheckKind.Internal,
        0x400 => MachineCheckKind.Timer,
        > 0x400 and <= 0x7ff => MachineCheckKind.Internal,
        0xe0b => MachineCheckKind.Bus,
        >= 0x0c and <= 0x0f => MachineCheckKind.Cache,
        >= 0x10 and <= 0x1f => MachineCheckKind.Translation,
        >= 0x80 and <= 0xff => MachineCheckKind.Memory,
        >= 0x100 and <= 0x1ff => MachineCheckKind.Cache,
        >= 0x280 and <= 0x2ff => MachineCheckKind.Memory,
        >= 0x800 and <= 0xfff => MachineCheckKind.Bus,
        _ => MachineCheckKind.Other,
    };

    /// <summary>The architectural code in words.</summary>
    public string Describe()
    {
        int code = Code & ~FilterBit;
        return Kind switch
        {
            MachineCheckKind.Timer => "the processor's internal timer ran out: no instruction was completed for too long",
            MachineCheckKind.Internal => Internal(code),
            MachineCheckKind.Cache when code < 0x100 => $"an error in the {Level(code)} cache",
            MachineCheckKind.Cache => $"an error in the {Level(code)} {CacheKind(code)}cache on {Request(code)}",
            MachineCheckKind.Translation => $"an error in the {Level(code)} {CacheKind(code)}translation buffer (TLB)",
            MachineCheckKind.Memory => $"the memory controller{Channel(code)} reported an error on {MemoryOperation(code)}" +
                (code >= 0x280 ? " of memory used as a cache" : ""),
            MachineCheckKind.Bus when code == 0xe0b => "an input/output error, reported by the chipset",
            MachineCheckKind.Bus => Bus(code),
            _ => code switch
            {
                0 => "no error code",
                3 => "another processor reported an error (BINIT#)",
                4 => "two processors that check each other differ",
                _ => $"code 0x{Code:x4}, which the architecture does not define",
            },
        };
    }

    /// <summary>What the flags say, a word each.</summary>
    public string DescribeFlags()
    {
        List<string> words = [IsUncorrected ? "uncorrected" : "corrected"];
        if (!IsValid)
            words.Insert(0, "not valid");
        if (IsContextCorrupt)
            words.Add("processor context lost");
        if (Bit(Overflow))
            words.Add("further errors were lost");
        if (!Bit(Enabled))
            words.Add("reporting was not enabled");
        if (Bit(MiscValid))
            words.Add("more in MISC");
        return string.Join(", ", words);
    }

    private bool Bit(int number) => (status >> number & 1) != 0;

    private static string Level(int code) => s_levels[code & 3];

    private static string CacheKind(int code) => (code >> 2 & 3) is var kind and < 2 ? $"{s_kinds[kind]} " : "";

    private static string Request(int code) => (code >> 4 & 0xf) is var request && request < s_request.Length
        ? s_request[request] : "an unknown operation";

    private static string Channel(int code) =>
        (code & 0xf) is var channel and not 0xf ? string.Create(CultureInfo.InvariantCulture, $" (channel {channel})") : "";

    private static string MemoryOperation(int code) => (code >> 4 & 7) switch
    {
        1 => "a read",
        2 => "a write",
        3 => "an address or a command",
        4 => "scrubbing",
        _ => "an operation that is not told",
    };

    private static string Internal(int code) => code switch
    {
        1 => "an error that the processor has no class for",
        2 => "parity of the microcode memory is wrong",
        5 => "parity inside the processor is wrong",
        6 => "code of the system management mode was outside its memory",
        _ => $"an internal error of the processor (0x{code:x4})",
    };

    // 1PPT RRRR IILL
    private static string Bus(int code)
    {
        string who = (code >> 9 & 3) switch
        {
            0 => "this processor's request",
            1 => "this processor's answer",
            2 => "a request of others, which this processor saw,",
            _ => "a request",
        };
        string space = (code >> 2 & 3) switch
        {
            0 => "memory",
            2 => "input/output",
            _ => "the bus",
        };
        string what = Request(code) is "an access" ? $"{who} to {space}" : $"{who} ({Request(code)}, {space})";
        return (code & 0x100) != 0 ? $"{what} on the interconnect timed out" : $"{what} failed on the bus or interconnect";
    }
}
