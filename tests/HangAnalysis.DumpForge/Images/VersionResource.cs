namespace HangAnalysis.DumpForge.Images;

/// <summary>The texts and numbers of a version resource.</summary>
public sealed record VersionInfo(
    string CompanyName, string FileDescription, string FileVersion, string ProductVersion, string OriginalFilename)
{
    /// <summary>Four numbers of the fixed part, as "10.0.14393.6343".</summary>
    public string FixedVersion { get; init; } = "10.0.0.0";
}

/// <summary>Writes a resource section that holds one version resource (winnt.h, verrsrc.h).</summary>
internal static class VersionResource
{
    public static byte[] Build(VersionInfo version, uint sectionRva)
    {
        byte[] data = Block(version);
        ByteWriter section = new();
        // Three levels: type RT_VERSION (16), name 1, language 0409; each directory has one entry by number.
        foreach ((int id, long next) in (ReadOnlySpan<(int, long)>)[(16, 0x80000018), (1, 0x80000030), (0x409, 0x48)])
            section.Zero(12).U16(0).U16(1).U32(id).U32(next);
        section.U32(sectionRva + 0x58).U32(data.Length).U32(0).U32(0);
        return section.Bytes(data).ToArray();
    }

    private static byte[] Block(VersionInfo version)
    {
        int[] numbers = [.. version.FixedVersion.Split('.').Select(int.Parse)];
        ByteWriter fixedInfo = new();
        long high = (long)numbers[0] << 16 | (uint)numbers[1], low = (long)numbers[2] << 16 | (uint)numbers[3];
        fixedInfo.U32(0xfeef04bd).U32(0x10000).U32(high).U32(low).U32(high).U32(low)
            .U32(0x3f).U32(0).U32(0x40004).U32(2).U32(0).U32(0).U32(0);

        ByteWriter block = new();
        int root = Open(block, "VS_VERSION_INFO", fixedInfo.Length, text: false);
        block.Bytes(fixedInfo.Written).Align(4);
        int strings = Open(block, "StringFileInfo", 0, text: true);
        int table = Open(block, "040904B0", 0, text: true);
        String(block, "CompanyName", version.CompanyName);
        String(block, "FileDescription", version.FileDescription);
        String(block, "FileVersion", version.FileVersion);
        String(block, "OriginalFilename", version.OriginalFilename);
        String(block, "ProductVersion", version.ProductVersion);
        Close(block, table);
        Close(block, strings);
        int files = Open(block, "VarFileInfo", 0, text: true);
        int translation = Open(block, "Translation", 4, text: false);
        block.U16(0x409).U16(0x4b0);
        Close(block, translation);
        Close(block, files);
        Close(block, root);
        return block.ToArray();
    }

    private static void String(ByteWriter block, string name, string value)
    {
        int start = Open(block, name, value.Length + 1, text: true);
        block.WideText(value);
        Close(block, start);
    }

    private static int Open(ByteWriter block, string key, int valueLength, bool text)
    {
        block.Align(4);
        int start = block.Length;
        block.U16(0).U16(valueLength).U16(text ? 1 : 0).WideText(key).Align(4);
        return start;
    }

    private static void Close(ByteWriter block, int start) => block.PatchU16(start, block.Length - start);
}
