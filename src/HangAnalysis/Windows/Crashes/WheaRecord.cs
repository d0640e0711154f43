using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>One section of an error record.</summary>
/// <param name="Type">What its contents are.</param>
/// <param name="TypeId">The same, as it stands in the record.</param>
/// <param name="Severity">How bad: see <see cref="WheaRecord.SeverityName"/>.</param>
/// <param name="IsPrimary">Whether it is the one that the others explain.</param>
/// <param name="Part">Text of whoever made the platform: the field replaceable unit, such as a DIMM's name; null where none.</param>
/// <param name="Contents">The bytes; fewer than the record says where the dump holds fewer.</param>
internal sealed record WheaSection(
    WheaSectionType Type, Guid TypeId, uint Severity, bool IsPrimary, string? Part, byte[] Contents);

/// <summary>Types of sections that are known.</summary>
internal enum WheaSectionType
{
    Unknown,
    ProcessorGeneric,
    ProcessorX86,
    ProcessorArm,
    ProcessorItanium,
    Memory,
    Memory2,
    PciExpress,
    PciBus,
    PciDevice,
    Firmware,
    Nmi,
    MachineCheck,
    DmaRemapping,
    Generic,
    Cxl,
}

/// <summary>An error record of the Windows hardware error architecture: a common platform error record (CPER).</summary>
/// <remarks>
/// The form is UEFI's (appendix N, "Common platform error record"); Windows' own sections are those of cper.h. It is the same
/// in every build ([S] header 0x80 and descriptors of 0x48 bytes in 7601 to 22000), so that it is read without symbols.
/// </remarks>
internal sealed class WheaRecord
{
    private const uint Signature = 0x5245_5043; // 'CPER'
    private const int HeaderSize = 0x80, DescriptorSize = 0x48;

    /// <summary>Real records have three or four sections and less than 2 KB.</summary>
    private const int MostSections = 32, MostBytes = 64 * 1024;

    private static readonly Dictionary<Guid, WheaSectionType> s_types = new()
    {
        [new("9876ccad-47b4-4bdb-b65e-16f193c4f3db")] = WheaSectionType.ProcessorGeneric,
        [new("dc3ea0b0-a144-4797-b95b-53fa242b6e1d")] = WheaSectionType.ProcessorX86,
        [new("e19e3d16-bc11-11e4-9caa-c2051d5d46b0")] = WheaSectionType.ProcessorArm,
        [new("e429faf1-3cb7-11d4-bca7-0080c73c8881")] = WheaSectionType.ProcessorItanium,
        [new("a5bc1114-6f64-4ede-b863-3e83ed7c83b1")] = WheaSectionType.Memory,
        [new("61ec04fc-48e6-d813-25c9-8daa44750b12")] = WheaSectionType.Memory2,
        [new("d995e954-bbc1-430f-ad91-b44dcb3c6f35")] = WheaSectionType.PciExpress,
        [new("c5753963-3b84-4095-bf78-eddad3f9c9dd")] = WheaSectionType.PciBus,
        [new("eb5e4685-ca66-4769-b6a2-26068b001326")] = WheaSectionType.PciDevice,
        [new("81212a96-09ed-4996-9471-8d729c8e69ed")] = WheaSectionType.Firmware,
        [new("e71254e7-c1b9-4940-ab76-909703a4320f")] = WheaSectionType.Nmi,
        [new("8a1e1d01-42f9-4557-9c33-565e5cc3f7e8")] = WheaSectionType.MachineCheck,
        [new("5b51fef7-c79d-4434-8f1b-aa62de3e2c64")] = WheaSectionType.DmaRemapping,
        [new("71761d37-32b2-45cd-a7d0-b0fedd93e8cf")] = WheaSectionType.DmaRemapping,
        [new("036f84e1-7f37-428c-a79e-575fdfaa84ec")] = WheaSectionType.DmaRemapping,
        [new("e71254e8-c1b9-4940-ab76-909703a4320f")] = WheaSectionType.Generic,
        [new("80b9efb4-52b5-4de3-a777-68784b771048")] = WheaSectionType.Cxl,
    };

    private WheaRecord(uint severity, Guid notifyType, Guid creator, bool hasPrevious, bool isSimulated,
        IReadOnlyList<WheaSection> sections, string? missing)
    {
        (Severity, NotifyType, Creator, IsPrevious, IsSimulated) = (severity, notifyType, creator, hasPrevious, isSimulated);
        (Sections, Missing) = (sections, missing);
    }

    /// <summary>How bad the worst of it is.</summary>
    public uint Severity { get; }

    /// <summary>By which way the error was notified.</summary>
    public Guid NotifyType { get; }

    /// <summary>Who made the record.</summary>
    public Guid Creator { get; }

    /// <summary>Whether the error is of the time before the last start.</summary>
    public bool IsPrevious { get; }

    /// <summary>Whether somebody has injected the error for a test.</summary>
    public bool IsSimulated { get; }

    /// <summary>The sections in their order.</summary>
    public IReadOnlyList<WheaSection> Sections { get; }

    /// <summary>What of the record could not be read; null where it is whole.</summary>
    public string? Missing { get; }

    /// <summary>Reads the record at an address; null, and why, where there is none.</summary>
    public static WheaRecord? Read(IMemory memory, ulong address, out string why)
    {
        byte[] header = new byte[HeaderSize];
        why = "the dump does not hold it";
        if (address == 0 || !memory.TryRead(address, header))
            return null;
        if (U32(header, 0) != Signature)
        {
            why = "what is there is no error record (no 'CPER')";
            return null;
        }
        why = "";
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0xa));
        int length = (int)Math.Min(U32(header, 0x14), MostBytes);
        byte[] record = new byte[Math.Max(length, HeaderSize)];
        int held = memory.Read(address, record);
        string? missing = count > MostSections ? $"it claims {count:N0} sections" : null;
        List<WheaSection> sections = [];
        for (int i = 0; i < Math.Min(count, MostSections); i++)
        {
            int at = HeaderSize + i * DescriptorSize;
            if (at + DescriptorSize > held)
            {
                missing ??= $"{count - i} of {count} sections are not in the dump, or beyond the record's length";
                break;
            }
            ReadOnlySpan<byte> descriptor = record.AsSpan(at, DescriptorSize);
            uint offset = U32(descriptor, 0), size = U32(descriptor, 4);
            if (offset < HeaderSize || offset >= held)
            {
                missing ??= $"section {i + 1} lies outside the record";
                continue;
            }
            int present = (int)Math.Min(size, (uint)held - offset);
            if (present < size)
                missing ??= $"section {i + 1} is cut: {present:N0} of {size:N0} bytes";
            Guid type = new(descriptor.Slice(0x10, 16));
            const byte HasText = 2;
            sections.Add(new WheaSection(s_types.GetValueOrDefault(type), type, U32(descriptor, 0x30),
                (U32(descriptor, 0xc) & 1) != 0, (descriptor[0xa] & HasText) != 0 ? Text(descriptor.Slice(0x34, 20)) : null,
                record.AsSpan((int)offset, present).ToArray()));
        }
        uint flags = U32(header, 0x68);
        return new WheaRecord(U32(header, 0xc), new Guid(header.AsSpan(0x50, 16)), new Guid(header.AsSpan(0x40, 16)),
            (flags & 2) != 0, (flags & 4) != 0, sections, missing);
    }

    /// <summary>WHEA_ERROR_SEVERITY.</summary>
    public static string SeverityName(uint severity) => severity switch
    {
        0 => "recoverable",
        1 => "fatal",
        2 => "corrected",
        3 => "informational",
        _ => $"severity {severity}",
    };

    /// <summary>The printable start of a text of bytes; null where there is none.</summary>
    internal static string? Text(ReadOnlySpan<byte> bytes)
    {
        int length = 0;
        while (length < bytes.Length && bytes[length] is >= 0x20 and < 0x7f)
            length++;
        string text = Encoding.ASCII.GetString(bytes[..length]).Trim();
        return text.Length == 0 ? null : text;
    }

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
