using System.Buffers.Binary;
using System.Globalization;

namespace HangAnalysis.Windows.Crashes;

/// <summary>What a section of an error record says.</summary>
/// <param name="Title">What reported: <c>PCI Express</c>.</param>
/// <param name="Lines">What it says, a line each.</param>
/// <param name="Broken">
/// What is broken, as the object of "… reported an error": <c>memory module 3 of node 0</c>; null where the section does not
/// tell.
/// </param>
/// <param name="Weight">Of several sections the one that says most names what is broken.</param>
internal sealed record WheaReading(string Title, IReadOnlyList<string> Lines, string? Broken, int Weight);

/// <summary>Reads the sections of error records that are known.</summary>
/// <remarks>UEFI appendix N.2.4 to N.2.7 for the platform's own, cper.h for Windows' machine check section.</remarks>
internal static class WheaSections
{
    private const int Vague = 1, Processor = 2, Exact = 3;

    private static readonly string[] s_memoryErrors =
    [
        "", "no error", "a single-bit error", "a multi-bit error", "a single-symbol error", "a multi-symbol error", "a master abort",
        "a target abort", "a parity error", "a watchdog's time ran out", "an invalid address", "a broken mirror", "sparing of memory",
        "an error that scrubbing corrected", "an error that scrubbing could not correct", "a page that was taken out of use",
    ];

    private static readonly string[] s_busErrors =
    [
        "", "a data parity error", "a system error (SERR#)", "a master abort", "the bus timed out", "a master data parity error",
        "an address parity error", "a command parity error",
    ];

    /// <summary>Reads one section.</summary>
    public static WheaReading Read(WheaSection section) => section.Type switch
    {
        WheaSectionType.MachineCheck => MachineCheckOf(section.Contents),
        WheaSectionType.Memory => Memory(section.Contents),
        WheaSectionType.Memory2 => new("memory", ["an error of memory, in the second form"], "memory", Vague),
        WheaSectionType.PciExpress => PciExpressReading.Read(section.Contents),
        WheaSectionType.PciBus => PciBus(section.Contents),
        WheaSectionType.PciDevice => PciDevice(section.Contents),
        WheaSectionType.ProcessorGeneric => ProcessorGeneric(section.Contents),
        WheaSectionType.ProcessorX86 => ProcessorX86(section.Contents),
        WheaSectionType.ProcessorArm => new("ARM processor", [], "the processor", Vague),
        WheaSectionType.ProcessorItanium => new("Itanium processor", [], "the processor", Vague),
        WheaSectionType.Firmware => new("firmware", ["a record of the firmware's own is referred to"], "the platform's firmware", Vague),
        WheaSectionType.Nmi => Nmi(section.Contents),
        WheaSectionType.DmaRemapping => new("DMA remapping", [], "a device's access to memory (DMA remapping)", Vague),
        WheaSectionType.Generic => new("generic", [], null, 0),
        WheaSectionType.Cxl => new("CXL", [], "a CXL device", Vague),
        _ => new($"unknown type {section.TypeId}", [], null, 0),
    };

    /// <summary>WHEA_XPF_MCA_SECTION (cper.h, packed): a bank's registers.</summary>
    private static WheaReading MachineCheckOf(ReadOnlySpan<byte> bytes)
    {
        const string Title = "machine check";
        if (bytes.Length < 0x48)
            return new(Title, ["the section is cut"], null, 0);
        uint vendor = U32(bytes, 4), processor = U32(bytes, 0x10), bank = U32(bytes, 0x24), apic = U32(bytes, 0x44);
        MachineCheck check = new(U64(bytes, 0x28));
        List<string> lines =
        [
            $"processor {processor} (APIC {apic}{VendorName(vendor)}), bank {bank}: MCi_STATUS {check.Status:x16}",
            check.Describe(),
            check.DescribeFlags(),
        ];
        if (check.HasAddress)
            lines.Add($"address {U64(bytes, 0x30):x}");
        if (U64(bytes, 0x1c) is var instruction and not 0)
            lines.Add($"instruction pointer {instruction:x16}{((U64(bytes, 0x14) & 2) != 0 ? ", which is that of the error" : "")}");
        return check.IsValid
            ? new(Title, lines, Broken(check, processor), check.Kind == MachineCheckKind.Other ? Processor : Exact)
            : new(Title, lines, null, 0);
    }

    /// <summary>What a machine check accuses.</summary>
    internal static string Broken(in MachineCheck check, uint? processor)
    {
        string who = processor is { } number ? $"processor {number}" : "the processor";
        return check.Kind switch
        {
            MachineCheckKind.Memory => $"memory, or the memory controller of {who}",
            MachineCheckKind.Bus => $"the interconnect of {who}, or a device or memory behind it",
            MachineCheckKind.Cache => $"a cache of {who}",
            MachineCheckKind.Translation => $"a translation buffer (TLB) of {who}",
            MachineCheckKind.Timer => $"{who} or what it waited for",
            _ => who,
        };
    }

    private static WheaReading Memory(ReadOnlySpan<byte> bytes)
    {
        const string Title = "memory";
        if (bytes.Length < 0x49)
            return new(Title, ["the section is cut"], "memory", Vague);
        ulong valid = U64(bytes, 0);
        bool has(int bit) => (valid >> bit & 1) != 0;
        List<string> lines = [], where = [];
        int error = bytes[0x48];
        if (has(14))
            lines.Add(error > 0 && error < s_memoryErrors.Length ? s_memoryErrors[error] : $"an error of type {error}");
        if (has(1))
            lines.Add($"physical address {U64(bytes, 0x10):x}{(has(2) ? $", mask {U64(bytes, 0x18):x}" : "")}");
        string[] places = ["node", "card", "module", "bank", "device", "row", "column", "bit"];
        for (int i = 0; i < places.Length; i++)
            if (has(3 + i))
                where.Add(string.Create(CultureInfo.InvariantCulture, $"{places[i]} {U16(bytes, 0x20 + 2 * i)}"));
        if (has(15) && bytes.Length >= 0x4c)
            where.Add($"rank {U16(bytes, 0x4a)}");
        if (where.Count > 0)
            lines.Add(string.Join(", ", where));
        // The place as far as people who change modules need it.
        string parts = string.Join(", ", where.Where(w => !w.StartsWith("row", StringComparison.Ordinal)
            && !w.StartsWith("column", StringComparison.Ordinal) && !w.StartsWith("bit", StringComparison.Ordinal)));
        return new(Title, lines, parts.Length > 0 ? $"memory at {parts}" : "memory", Exact);
    }

    private static WheaReading PciBus(ReadOnlySpan<byte> bytes)
    {
        const string Title = "PCI bus";
        if (bytes.Length < 0x20)
            return new(Title, ["the section is cut"], "a PCI bus", Vague);
        ulong valid = U64(bytes, 0);
        int error = U16(bytes, 0x10);
        List<string> lines = [];
        if ((valid & 2) != 0)
            lines.Add(error > 0 && error < s_busErrors.Length ? s_busErrors[error] : $"an error of type {error}");
        if ((valid & 8) != 0)
            lines.Add($"bus address {U64(bytes, 0x18):x}");
        return new(Title, lines, (valid & 4) != 0 ? $"PCI bus {bytes[0x12]:x2} of segment {bytes[0x13]:x2}" : "a PCI bus", Exact);
    }

    private static WheaReading PciDevice(ReadOnlySpan<byte> bytes)
    {
        const string Title = "PCI device";
        if (bytes.Length < 0x20 || (U64(bytes, 0) & 2) == 0)
            return new(Title, [], "a PCI device", Vague);
        // Vendor, device, class of three bytes, function, device, bus, segment.
        string device = $"{U16(bytes, 0x10):x4}:{U16(bytes, 0x12):x4} at {bytes[0x1a]:x4}:{bytes[0x19]:x2}:{bytes[0x18]:x2}.{bytes[0x17]:x}";
        return new(Title, [device], $"PCI device {device}", Exact);
    }

    private static WheaReading ProcessorGeneric(ReadOnlySpan<byte> bytes)
    {
        const string Title = "processor";
        if (bytes.Length < 0xc0)
            return new(Title, ["the section is cut"], "the processor", Vague);
        ulong valid = U64(bytes, 0);
        bool has(int bit) => (valid >> bit & 1) != 0;
        List<string> lines = [], kinds = [];
        string[] errors = ["cache", "translation buffer (TLB)", "bus", "the processor's own logic"];
        for (int i = 0; i < errors.Length; i++)
            if (has(2) && (bytes[0xa] >> i & 1) != 0)
                kinds.Add(errors[i]);
        if (kinds.Count > 0)
            lines.Add($"{string.Join(", ", kinds)}{(has(3) ? Operation(bytes[0xb]) : "")}{(has(5) ? $", level {bytes[0xd]}" : "")}");
        if (has(8))
            lines.Add($"processor id {U64(bytes, 0x98):x}");
        if (has(7) && WheaRecord.Text(bytes.Slice(0x18, 128)) is { } brand)
            lines.Add(brand);
        if (has(9))
            lines.Add($"target address {U64(bytes, 0xa0):x}");
        if (has(12) && U64(bytes, 0xb8) is var instruction and not 0)
            lines.Add($"instruction pointer {instruction:x16}");
        return new(Title, lines, kinds.Count == 1 ? $"the processor ({kinds[0]})" : "the processor", kinds.Count == 1 ? Processor : Vague);
    }

    private static string Operation(int operation) => operation switch
    {
        1 => " on a read of data",
        2 => " on a write of data",
        3 => " on an instruction fetch",
        _ => "",
    };

    private static WheaReading ProcessorX86(ReadOnlySpan<byte> bytes)
    {
        const string Title = "x86/x64 processor";
        if (bytes.Length < 0x40)
            return new(Title, ["the section is cut"], "the processor", Vague);
        ulong valid = U64(bytes, 0);
        List<string> lines = (valid & 1) != 0 ? [$"APIC {U64(bytes, 8)}"] : [];
        int errors = Math.Min((int)(valid >> 2 & 0x3f), (bytes.Length - 0x40) / 0x40);
        for (int i = 0; i < errors; i++)
        {
            ReadOnlySpan<byte> error = bytes.Slice(0x40 + 0x40 * i, 0x40);
            string kind = U32(error, 0) switch
            {
                0xa55701f5 => "cache",
                0xfc06b535 => "translation buffer (TLB)",
                0x1cf3f8b3 => "bus",
                0x48ab7f57 => "the processor's own logic",
                _ => "an error of an unknown type",
            };
            lines.Add($"{kind}{((U64(error, 0x10) & 1) != 0 ? $", check {U64(error, 0x18):x16}" : "")}");
        }
        return new(Title, lines, "the processor", Vague);
    }

    private static WheaReading Nmi(ReadOnlySpan<byte> bytes) =>
        new("non-maskable interrupt", bytes.Length >= 8 ? [$"status ports {U64(bytes, 0):x}"] : [], null, 0);

    // WHEA_CPU_VENDOR.
    private static string VendorName(uint vendor) => vendor switch
    {
        1 => ", Intel",
        2 => ", AMD",
        _ => "",
    };

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
