using System.Diagnostics;
using System.Globalization;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Images;

public class PeImageTests
{
    private static PeImage ReadLoaded()
    {
        ArrayBytes bytes = new(LinkedImage.Load(), 0x180000000);
        Assert.That(PeImage.TryRead(
            new MemoryImageBytes(bytes, 0x180000000, (uint)bytes.Bytes.Length), out PeImage? image));
        return image!;
    }

    private static uint Number(string[] lines, string field)
    {
        string line = Array.Find(lines, line => line.StartsWith(field + ":", StringComparison.Ordinal))!;
        string text = line[(field.Length + 1)..];
        int paren = text.IndexOf('(');
        text = (paren < 0 ? text : text[(paren + 1)..]).Trim(' ', ')');
        return text.StartsWith("0x", StringComparison.Ordinal)
            ? uint.Parse(text.AsSpan(2), NumberStyles.HexNumber) : uint.Parse(text);
    }

    [Test]
    public void The_headers_are_those_that_readobj_prints()
    {
        string[] lines = LinkedImage.Describe("--file-headers");
        PeImage image = ReadLoaded();

        Assert.That(image.Machine, Is.EqualTo(Number(lines, "Machine")));
        Assert.That(image.TimeDateStamp, Is.EqualTo(Number(lines, "TimeDateStamp")));
        Assert.That(image.CheckSum, Is.EqualTo(Number(lines, "CheckSum")).And.Not.Zero);
        Assert.That(image.SizeOfImage, Is.EqualTo(Number(lines, "SizeOfImage")));
        Assert.That(image.Sections, Has.Count.EqualTo((int)Number(lines, "SectionCount")));
        Assert.That(image[ImageDirectoryKind.Exception],
            Is.EqualTo(new ImageDirectory(Number(lines, "ExceptionTableRVA"), Number(lines, "ExceptionTableSize"))));
        Assert.That(image.Sections[0], Has.Property("Name").EqualTo(".text").And.Property("IsExecutable").True);
        Assert.That(image.Sections[1].IsExecutable, Is.False);
    }

    [Test]
    public void The_pdb_identity_is_that_of_the_debug_directory_without_its_build_path()
    {
        string[] lines = LinkedImage.Describe("--coff-debug-directory");
        string guid = Array.Find(lines, line => line.StartsWith("PDBGUID:", StringComparison.Ordinal))![8..].Trim();

        Assert.That(ReadLoaded().TryReadPdbIdentity(out PdbIdentity identity));
        Assert.That(identity, Is.EqualTo(new PdbIdentity("t.pdb", Guid.Parse(guid), Number(lines, "PDBAge"))));
    }

    [Test]
    public void The_version_is_that_of_the_resource_and_missing_text_comes_from_the_fixed_part()
    {
        Assert.That(ReadLoaded().ReadVersion(), Is.EqualTo(new ImageVersion(
            "Example Corporation", "10.0.14393.2430 (rs1)", "10.0.14393.7", "Forged driver")));
    }

    [Test]
    public void The_exports_are_those_that_readobj_prints_without_forwarders()
    {
        string[] lines = LinkedImage.Describe("--coff-exports");
        Dictionary<string, uint> expected = [];
        for (int i = 0; i + 1 < lines.Length; i++)
            if (lines[i].StartsWith("Name: ", StringComparison.Ordinal)
                && lines[i + 1].StartsWith("RVA: 0x", StringComparison.Ordinal))
                expected[lines[i][6..]] = uint.Parse(lines[i + 1].AsSpan(7), NumberStyles.HexNumber);
        using ExportTable exports = ExportTable.TryRead(ReadLoaded(), "t.dll")!;

        Assert.That(expected, Has.Count.EqualTo(12));
        Assert.That(exports.Count, Is.EqualTo(12));
        foreach ((string name, uint rva) in expected)
        {
            Assert.That(exports.TryFindSymbol(name, out uint found));
            Assert.That(found, Is.EqualTo(rva));
            Assert.That(exports.TryFindNearest(rva + 3, out NearestSymbol nearest));
            Assert.That(nearest, Is.EqualTo(new NearestSymbol(name, rva)));
        }
        Assert.That(exports.TryFindSymbol("fwd", out _), Is.False);
    }

    [Test]
    public void No_export_is_nearest_to_an_address_of_another_section()
    {
        PeImage image = ReadLoaded();
        using ExportTable exports = ExportTable.TryRead(image, "t.dll")!;

        Assert.That(exports.TryFindNearest(image.Sections[1].Rva + 8, out _), Is.False);
        Assert.That(exports.TryFindNearest(0x10, out _), Is.False);
    }

    [Test]
    public void A_file_and_its_loaded_image_say_the_same()
    {
        using FileImageBytes file = FileImageBytes.Open(LinkedImage.Require());
        Assert.That(PeImage.TryRead(file, out PeImage? image));
        PeImage loaded = ReadLoaded();
        image!.TryReadPdbIdentity(out PdbIdentity a);
        loaded.TryReadPdbIdentity(out PdbIdentity b);

        Assert.That(a, Is.EqualTo(b));
        Assert.That(image.ReadVersion(), Is.EqualTo(loaded.ReadVersion()));
        Assert.That(image.Sections, Is.EqualTo(loaded.Sections));
    }

    [Test]
    public void A_file_that_is_no_image_is_refused_in_one_line()
    {
        string path = Path.GetTempFileName();
        File.WriteAllText(path, "MZ but no more");
        DumpFormatException refused = Assert.Throws<DumpFormatException>(() => FileImageBytes.Open(path))!;
        File.Delete(path);

        Assert.That(refused.Message, Does.StartWith(path).And.Not.Contain("\n"));
        Assert.Throws<DumpFormatException>(() => FileImageBytes.Open(path));
    }

    [Test]
    public void Absent_pages_beyond_the_headers_take_away_only_what_lies_on_them()
    {
        ArrayBytes headersOnly = new(LinkedImage.Load()[..0x1000]);

        Assert.That(PeImage.TryRead(headersOnly, out PeImage? image));
        Assert.That(image!.TryReadPdbIdentity(out _), Is.False);
        Assert.That(image.ReadVersion(), Is.Null);
        Assert.That(ExportTable.TryRead(image, ""), Is.Null);
    }

    [Test]
    public void Five_hundred_damaged_images_harm_nothing()
    {
        byte[] whole = LinkedImage.Load();
        Random random = new(20_260);
        Stopwatch time = Stopwatch.StartNew();
        for (int i = 0; i < 500; i++)
        {
            byte[] damaged = (byte[])whole.Clone();
            for (int hits = random.Next(1, 200); hits > 0; hits--)
            {
                int page = new[] { 0, 0, 0x2000, 0x2000, 0x5000 }[random.Next(5)];
                damaged[page + random.Next(0x300)] = (byte)random.Next(256);
            }
            "MZ"u8.CopyTo(damaged);
            if (!PeImage.TryRead(new ArrayBytes(damaged), out PeImage? image))
                continue;
            image.TryReadPdbIdentity(out _);
            image.ReadVersion();
            using ExportTable? exports = ExportTable.TryRead(image, "");
            exports?.TryFindNearest((uint)random.Next(0x7000), out _);
        }
        Assert.That(time.Elapsed, Is.LessThan(TimeSpan.FromSeconds(20)));
    }
}
