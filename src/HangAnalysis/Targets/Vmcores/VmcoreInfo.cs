using System.Globalization;
using System.Text;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>
/// VMCOREINFO: lines of <c>KEY=value</c> by which the kernel tells a dump's reader where to begin. All text is from the
/// dump.
/// </summary>
/// <remarks>
/// Documentation/admin-guide/kdump/vmcoreinfo.rst: SYMBOL values are hexadecimal and relocated, OFFSET, SIZE, LENGTH and
/// NUMBER decimal; some NUMBERs are written with 0x.
/// </remarks>
public sealed class VmcoreInfo
{
    private readonly Dictionary<string, string> _values;

    private VmcoreInfo(Dictionary<string, string> values) => _values = values;

    /// <summary>Nothing: the dump has none.</summary>
    internal static VmcoreInfo Empty { get; } = new([]);

    /// <summary>Whether there is no line at all.</summary>
    public bool IsEmpty => _values.Count == 0;

    /// <summary>Release of the kernel (<c>uname -r</c>), or null.</summary>
    public string? OsRelease => _values.GetValueOrDefault("OSRELEASE");

    /// <summary>Address of a symbol.</summary>
    public bool TryGetSymbol(string name, out ulong address)
    {
        address = 0;
        return _values.TryGetValue($"SYMBOL({name})", out string? text) && TryParseHex(text, out address);
    }

    /// <summary>Offset of a member, named like <c>prb_desc.state_var</c>, in bytes.</summary>
    public bool TryGetOffset(string name, out int offset) => TryGetInt32("OFFSET", name, out offset);

    /// <summary>Size of a structure in bytes.</summary>
    public bool TryGetSize(string name, out int size) => TryGetInt32("SIZE", name, out size);

    /// <summary>A constant of the kernel.</summary>
    public bool TryGetNumber(string name, out long number)
    {
        number = 0;
        if (!_values.TryGetValue($"NUMBER({name})", out string? text))
            return false;
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number))
            return true;
        if (!text.StartsWith("0x", StringComparison.Ordinal) || !TryParseHex(text, out ulong value))
            return false;
        number = (long)value;
        return true;
    }

    /// <summary>Any value by its whole key, such as <c>CRASHTIME</c> or <c>KERNELOFFSET</c>.</summary>
    public bool TryGetValue(string key, out string value)
    {
        bool found = _values.TryGetValue(key, out string? text);
        value = text ?? "";
        return found;
    }

    /// <summary>Takes the lines of a note or of the kernel's own page; ends at the first zero byte.</summary>
    internal static VmcoreInfo Parse(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.IndexOf((byte)0);
        if (end >= 0)
            bytes = bytes[..end];
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        foreach (Range range in bytes.Split((byte)'\n'))
        {
            ReadOnlySpan<byte> line = bytes[range];
            int equals = line.IndexOf((byte)'=');
            if (equals > 0)
                values[Encoding.UTF8.GetString(line[..equals])] = Encoding.UTF8.GetString(line[(equals + 1)..]);
        }
        return new VmcoreInfo(values);
    }

    private bool TryGetInt32(string kind, string name, out int number)
    {
        number = 0;
        return _values.TryGetValue($"{kind}({name})", out string? text)
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static bool TryParseHex(string text, out ulong value) => ulong.TryParse(
        text.StartsWith("0x", StringComparison.Ordinal) ? text.AsSpan(2) : text, NumberStyles.AllowHexSpecifier,
        CultureInfo.InvariantCulture, out value);
}
