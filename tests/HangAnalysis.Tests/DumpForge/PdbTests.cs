using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Pdb;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>llvm-pdbutil reads the forged PDBs; lld's PDB of the same structures tells the right hashes.</summary>
internal sealed class PdbTests
{
    private static (string Path, PeImage Image) Forge(string version)
    {
        KernelLayout layout = KernelLayout.BuiltIn(version);
        PeImageBuilder builder = new("ntoskrnl.exe", 0xfffff80302000000)
        {
            SizeOfImage = 0x1800000,
            PdbName = layout.Identity.PdbName,
            PdbGuid = layout.Identity.PdbGuid,
        };
        foreach ((string name, uint rva) in layout.Symbols)
            if (name.StartsWith("Ki", StringComparison.Ordinal) && name is not ("KiProcessorBlock" or "KiBugCheckData"))
                builder.AddSymbol(name, rva, isFunction: true);
            else
                builder.AddData(rva, new byte[8], name);
        builder.AddFunction(layout.Symbols["KiSwapContext"], 0x100, FunctionFrame.Sub(0x138));
        PeImage image = builder.Build();
        string path = DebianTool.TemporaryFile($"nt-{version}.pdb");
        PdbBuilder pdb = PdbBuilder.ForImage(image, layout);
        pdb.AddGlobal("NtGlobalFlag", image.Rva("NtBuildLab"), 0x22);
        File.WriteAllBytes(path, pdb.Build());
        return (path, image);
    }

    [TestCase("6.1.7601.24540")]
    [TestCase("10.0.14393.6343")]
    [TestCase("10.0.22000.2538")]
    public void Every_part_of_the_file_is_readable(string version)
    {
        (string path, PeImage image) = Forge(version);
        string text = DebianTool.Run("llvm-pdbutil-19", "dump", "-summary", "-streams", "-modules", "-section-headers",
            "-section-contribs", "-section-map", "-publics", "-globals", "-symbols", "-ids", "-string-table",
            "-public-extras", "-gsi-records", path);
        Assert.That(text, Does.Contain($"{{{image.PdbGuid:D}}}".ToUpperInvariant()));
        Assert.That(text, Does.Contain("Age: 1").And.Contain("Is stripped: true"));
        Assert.That(text, Does.Contain("S_GDATA32").And.Contain("`NtGlobalFlag`"));
        foreach (PeSymbol symbol in image.Symbols)
            Assert.That(text, Does.Contain($"`{symbol.Name}`"));
        // A public's address is section:offset; both together have to give the RVA again.
        Match swap = Regex.Match(text, @"`KiSwapContext`\s+flags = function, addr = (\d+):(\d+)");
        Assert.That(swap.Success, Is.True, text);
        PeSection section = image.Sections[int.Parse(swap.Groups[1].Value) - 1];
        Assert.That(section.Rva + uint.Parse(swap.Groups[2].Value), Is.EqualTo(image.Rva("KiSwapContext")));
    }

    [TestCase("6.1.7601.24540")]
    [TestCase("10.0.19041.3570")]
    public void Types_have_the_members_of_the_layout(string version)
    {
        KernelLayout layout = KernelLayout.BuiltIn(version);
        string text = DebianTool.Run("llvm-pdbutil-19", "dump", "-types", Forge(version).Path);
        Dictionary<string, string> records = Regex
            .Matches(text, @"^\s+(0x[0-9A-F]+) \| (.*(?:\n {6,}.*)*)", RegexOptions.Multiline)
            .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        foreach (string name in (string[])["_KTHREAD", "_EPROCESS", "_KPRCB", "_ALPC_PORT", "_IRP", "_KTIMER"])
        {
            string[] definitions =
                [.. records.Values.Where(r => r.Contains($"`{name}`") && r.Contains("field list: 0x"))];
            Assert.That(definitions, Has.Length.EqualTo(1), name);
            Assert.That(definitions[0], Does.Contain($"sizeof {layout.Size(name)}"));
            string list = records[Regex.Match(definitions[0], "field list: (0x[0-9A-F]+)").Groups[1].Value];
            (string Name, int Offset)[] members = [.. Regex
                .Matches(list, @"LF_MEMBER \[name = `(.*?)`, Type = .*?, offset = (\d+)")
                .Select(m => (m.Groups[1].Value, int.Parse(m.Groups[2].Value)))];
            Assert.That(members, Is.EqualTo(layout.Types[name].Fields.Select(f => (f.Name, f.Offset))), name);
        }
        // Bits: _KTHREAD.Alertable names a record that tells its place.
        LayoutField alertable = layout.Field("_KTHREAD", "Alertable");
        string index = Regex.Match(text, @"`Alertable`, Type = (0x[0-9A-F]+)").Groups[1].Value;
        Assert.That(records[index], Does.Contain($"bit offset = {alertable.Type.BitPosition}, # bits = 1"));
        Assert.That(text, Does.Contain("LF_ENUMERATE [WrQueue = 15]"));
    }

    [Test]
    public void Field_list_longer_than_a_record_is_continued()
    {
        KernelLayout small = KernelLayout.BuiltIn("10.0.19041.3570");
        IEnumerable<LayoutField> fields = Enumerable.Range(0, 9000)
            .Select(i => new LayoutField($"Field{i}", 4 * i, "long"));
        Dictionary<string, TypeDefinition> types = new()
            { ["_BIG"] = new TypeDefinition("_BIG", false, 36000, fields) };
        KernelLayout layout = new(small.Identity, types, small.Enums, small.Symbols);
        string path = DebianTool.TemporaryFile("big.pdb");
        PeSection text = new(".text", 0x1000, 0x1000, 0x1000, 0x60000020, 0x400);
        File.WriteAllBytes(path, new PdbBuilder(Guid.NewGuid(), 1, [text]) { Types = layout }.Build());
        string dump = DebianTool.Run("llvm-pdbutil-19", "dump", "-types", path);
        Assert.That(dump, Does.Contain("LF_INDEX").Or.Contain("continuation = 0x10"));
        Assert.That(Regex.Count(dump, "LF_MEMBER"), Is.EqualTo(9000));
    }

    [Test]
    public void Hashes_by_which_readers_find_names_are_those_that_lld_writes()
    {
        string source = DebianTool.TemporaryFile("hash.c"), stem = Path.ChangeExtension(source, null);
        File.WriteAllText(source, """
            struct _LIST_ENTRY { struct _LIST_ENTRY *Flink, *Blink; } list;
            struct _KTHREAD { int a; } thread;
            struct _UNICODE_STRING { short a, b; } text;
            enum _KWAIT_REASON { Executive } reason;
            void start(void) {}
            """);
        DebianTool.Run("clang-19", "--target=x86_64-pc-windows-msvc", "-g", "-gcodeview", "-c", source,
            "-o", stem + ".obj");
        DebianTool.Run("lld-link-19", stem + ".obj", "/out:" + stem + ".exe", "/debug", "/entry:start", "/nodefaultlib",
            "/subsystem:native", "/pdb:" + stem + ".pdb");
        Dictionary<string, uint> expected = Hashes(stem + ".pdb");
        Dictionary<string, uint> actual = Hashes(Forge("10.0.19041.3570").Path);
        foreach (string name in (string[])["_LIST_ENTRY", "_KTHREAD", "_UNICODE_STRING", "_KWAIT_REASON"])
            Assert.That(actual[name], Is.EqualTo(expected[name]), name);
    }

    private static Dictionary<string, uint> Hashes(string pdb)
    {
        Dictionary<string, uint> hashes = [];
        string text = DebianTool.Run("llvm-pdbutil-19", "dump", "-types", "-type-extras", pdb);
        const string Definition = @"\| LF_(?:STRUCTURE|ENUM) \[size = \d+, hash = (0x[0-9A-F]+)\] `(\w+)`(.*\n){1,3}";
        foreach (Match record in Regex.Matches(text, Definition))
            if (!record.Value.Contains("forward ref"))
                hashes[record.Groups[2].Value] = uint.Parse(record.Groups[1].ValueSpan[2..], NumberStyles.HexNumber);
        return hashes;
    }
}
