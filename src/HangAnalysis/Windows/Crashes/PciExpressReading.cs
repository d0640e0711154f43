using System.Buffers.Binary;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Reads the PCI Express section of error records.</summary>
/// <remarks>UEFI appendix N.2.7; the status bits are those of the advanced error reporting (AER) capability.</remarks>
internal static class PciExpressReading
{
    private const int Size = 0xd0, Aer = 0x70;

    private static readonly (int Bit, string Name)[] s_uncorrectable =
    [
        (4, "data link protocol error"), (5, "surprise link down"), (12, "poisoned packet"), (13, "flow control protocol error"),
        (14, "completion time-out"), (15, "completer abort"), (16, "unexpected completion"), (17, "receiver overflow"),
        (18, "malformed packet"), (19, "end-to-end CRC error"), (20, "unsupported request"), (21, "access control violation"),
        (22, "internal error of the device"), (23, "blocked multicast packet"), (24, "blocked atomic operation"),
        (25, "blocked packet prefix"), (26, "blocked poisoned packet"),
    ];

    private static readonly (int Bit, string Name)[] s_correctable =
    [
        (0, "receiver error"), (6, "bad packet"), (7, "bad link packet"), (8, "replay count used up"), (12, "replay time-out"),
        (13, "advisory error"), (14, "corrected internal error"), (15, "header log overflow"),
    ];

    /// <summary>What the section says.</summary>
    public static WheaReading Read(ReadOnlySpan<byte> bytes)
    {
        const string Title = "PCI Express";
        if (bytes.Length < Size)
            return new(Title, ["the section is cut"], "a PCI Express device", 1);
        ulong valid = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        bool has(int bit) => (valid >> bit & 1) != 0;
        List<string> lines = [];
        string port = has(0) ? PortName(U32(bytes, 8)) : "PCI Express device";
        string? device = null;
        if (has(3))
        {
            // Vendor, device, class of three bytes, function, device, segment, bus.
            device = $"{U16(bytes, 0x18):x4}:{U16(bytes, 0x1a):x4} at {U16(bytes, 0x21):x4}:{bytes[0x23]:x2}:{bytes[0x20]:x2}.{bytes[0x1f]:x}";
            lines.Add($"{port} {device}, class {bytes[0x1e]:x2}{bytes[0x1d]:x2}{bytes[0x1c]:x2}" +
                (bytes[0x24] != 0 ? $", bus {bytes[0x24]:x2} behind it" : ""));
        }
        if (has(2) && U16(bytes, 0x12) is var status && (status & 0xf900) != 0)
            lines.Add($"PCI status {status:x4}");
        string? worst = null;
        if (has(7))
        {
            uint uncorrectable = U32(bytes, Aer + 4), severity = U32(bytes, Aer + 0xc), correctable = U32(bytes, Aer + 0x10);
            worst = Names(uncorrectable & severity, s_uncorrectable) ?? Names(uncorrectable, s_uncorrectable);
            lines.Add($"uncorrectable status {uncorrectable:x8}: {Names(uncorrectable, s_uncorrectable) ?? "none"}" +
                ((uncorrectable & severity) != 0 ? $" (fatal: {Names(uncorrectable & severity, s_uncorrectable)})" : ""));
            if (correctable != 0)
                lines.Add($"correctable status {correctable:x8}: {Names(correctable, s_correctable)}");
        }
        string broken = device is null ? $"a {port}" : $"{port} {device}";
        return new(Title, lines, worst is null ? broken : $"{broken} ({worst})", device is null ? 1 : 3);
    }

    private static string? Names(uint status, (int Bit, string Name)[] bits)
    {
        List<string> names = [];
        foreach ((int bit, string name) in bits)
            if ((status >> bit & 1) != 0)
                names.Add(name);
        return names.Count == 0 ? null : string.Join(", ", names);
    }

    private static string PortName(uint type) => type switch
    {
        0 or 1 => "PCI Express endpoint",
        4 => "PCI Express root port",
        5 => "upstream port of a PCI Express switch",
        6 => "downstream port of a PCI Express switch",
        7 => "bridge from PCI Express to PCI",
        8 => "bridge from PCI to PCI Express",
        9 => "endpoint in the PCI Express root complex",
        10 => "event collector of the PCI Express root complex",
        _ => "PCI Express device",
    };

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
