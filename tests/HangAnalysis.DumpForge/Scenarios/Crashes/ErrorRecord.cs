using System.Text;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Writes error records of hardware: UEFI appendix N, and Windows' own section for machine checks (cper.h).</summary>
internal sealed class ErrorRecord
{
    public const string MachineCheck = "8a1e1d01-42f9-4557-9c33-565e5cc3f7e8", Memory = "a5bc1114-6f64-4ede-b863-3e83ed7c83b1",
        PciExpress = "d995e954-bbc1-430f-ad91-b44dcb3c6f35", ProcessorGeneric = "9876ccad-47b4-4bdb-b65e-16f193c4f3db",
        PciDevice = "eb5e4685-ca66-4769-b6a2-26068b001326";

    private readonly List<(Guid Type, uint Severity, uint Flags, string? Part, byte[] Contents)> _sections = [];

    /// <summary>Adds a section; 1 is fatal, 2 corrected.</summary>
    public ErrorRecord Section(string type, byte[] contents, uint severity = 1, bool isPrimary = false, string? part = null)
    {
        _sections.Add((new Guid(type), severity, isPrimary ? 1u : 0u, part, contents));
        return this;
    }

    public byte[] Build()
    {
        int contents = 0x80 + 0x48 * _sections.Count, length = contents + _sections.Sum(s => s.Contents.Length);
        ByteWriter writer = new();
        writer.Bytes("CPER"u8).U16(0x0210).U32(0xffffffff).U16(_sections.Count).U32(1).U32(2).U32(length).U64(0x2018_0312_0002_0000)
            .Zero(32).Bytes(new Guid("cf07c4bd-b789-4e18-b3c4-1f732cb57131").ToByteArray())
            .Bytes(new Guid("e8f56ffe-919c-4cc5-ba88-65abe14913bb").ToByteArray()).U64(0x01d3be5f_5c3b7a00).U32(0).U64(0).Zero(12);
        foreach ((Guid type, uint severity, uint flags, string? part, byte[] bytes) in _sections)
        {
            writer.U32(contents).U32(bytes.Length).U16(0x0201).U8((byte)(part is null ? 0 : 2)).U8(0).U32(flags)
                .Bytes(type.ToByteArray()).Zero(16).U32(severity);
            byte[] text = new byte[20];
            Encoding.ASCII.GetBytes(part ?? "", text);
            writer.Bytes(text);
            contents += bytes.Length;
        }
        foreach ((_, _, _, _, byte[] bytes) in _sections)
            writer.Bytes(bytes);
        return writer.ToArray();
    }

    /// <summary>WHEA_XPF_MCA_SECTION, packed, 0x108 bytes.</summary>
    public static byte[] Bank(uint processor, uint bank, ulong status, ulong address = 0) => new ByteWriter()
        .U32(1).U32(1).U64(0x01d3be5f_5c3b7a00).U32(processor).U64(5).U64(0).U32(bank).U64(status).U64(address).U64(0x86)
        .U32(0).U32(2 * processor).Zero(0xc0).ToArray();

    /// <summary>The platform memory section, 0x49 bytes.</summary>
    public static byte[] MemoryPlace(ulong physical, ushort node, ushort card, ushort module, ushort bank, ushort device, byte error) =>
        // Valid: address, node, card, module, bank, device, type of error.
        new ByteWriter().U64(0x40fa).U64(0x400).U64(physical).U64(0).U16(node).U16(card).U16(module).U16(bank).U16(device)
            .U16(0).U16(0).U16(0).Zero(0x18).U8(error).ToArray();

    /// <summary>The PCI Express section, 0xd0 bytes, of a root port.</summary>
    public static byte[] Port(ushort vendor, ushort device, byte bus, byte slot, byte function, uint uncorrectable, uint severity)
    {
        // Valid: port type, version, command and status, device, AER.
        ByteWriter writer = new ByteWriter().U64(0x8f).U32(4).U32(0x101).U16(0x0547).U16(0x4010).U32(0)
            .U16(vendor).U16(device).U8(0).U8(4).U8(6).U8(function).U8(slot).U16(0).U8(bus).U8((byte)(bus + 3)).U16(0).U8(0)
            .U64(0).U32(0).Zero(60);
        // The AER capability: header, uncorrectable status, mask and severity, correctable status, and so on.
        writer.U32(0x14810001).U32(uncorrectable).U32(0).U32(severity).U32(0x2000).U32(0xe000).U32(0).Zero(16).Zero(52);
        return writer.ToArray();
    }
}
