using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets;

/// <summary>Which processor it is, by its own CPUID.</summary>
/// <param name="Vendor">Vendor string: <c>GenuineIntel</c>; empty where not known. Text from the dump.</param>
/// <param name="Family">Family.</param>
/// <param name="Model">Model, the extended one included.</param>
/// <param name="Stepping">Stepping.</param>
public sealed record ProcessorIdentity(string Vendor, int Family, int Model, int Stepping)
{
    /// <summary>Length of the vendor string: twelve characters of CPUID leaf 0.</summary>
    public const int VendorLength = 12;

    /// <summary>Length of what is read at KPRCB.CpuType.</summary>
    public const int TypeLength = 4;

    /// <summary>
    /// From a KPRCB: CpuType (family), CpuID, CpuStep (stepping in the low byte, model in the high one); null where the
    /// family is none.
    /// </summary>
    /// <remarks>Field order: _KPRCB of all public layouts of x64; checked on small dumps of a Core 2 (6, 170a).</remarks>
    public static ProcessorIdentity? FromBlock(ReadOnlySpan<byte> type, ReadOnlySpan<byte> vendor)
    {
        if (type.Length < TypeLength || type[0] == 0)
            return null;
        ushort step = BinaryPrimitives.ReadUInt16LittleEndian(type[2..]);
        string name = "";
        foreach (byte one in vendor)
        {
            if (one is < (byte)' ' or > (byte)'~')
                break;
            name += (char)one;
        }
        return new ProcessorIdentity(name.Trim(), type[0], step >> 8, step & 0xff);
    }

    /// <summary>For people: <c>GenuineIntel family 6 model 17 stepping a (hexadecimal)</c>.</summary>
    public override string ToString()
    {
        StringBuilder text = new(Vendor);
        return text.Append(Vendor.Length > 0 ? " " : "").Append($"family {Family:x} model {Model:x} stepping {Stepping:x}").ToString();
    }
}
