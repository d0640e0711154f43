using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class IsfFileTests
{
    private const string Guid = "5278AFF86C341677D7D7835C85B7B844";

    private static string Corpus => SharedMaterial.Require($"corpus/isf/{Guid}-1.json.gz");

    private string _folder = "";

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("hang-isf-").FullName;

    [OneTimeTearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_kernels_table_opens_quickly_and_has_the_identity_of_its_name()
    {
        string path = Corpus;
        Stopwatch watch = Stopwatch.StartNew();
        using IsfFile table = IsfFile.Open(path);
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));

        Assert.That(table.Identity, Is.EqualTo(new PdbIdentity("ntkrnlmp.pdb", new Guid(Guid), 1)));
        Assert.That(table.Identity!.Value.StoreFolder, Is.EqualTo(Guid + "1"));
    }

    // Another build of the same release (19041.1466; the table is of 19041.804), read by other people's tools.
    [TestCase("_KTHREAD", 0x430)]
    [TestCase("_ETHREAD", 0x898)]
    [TestCase("_EPROCESS", 0xa40)]
    [TestCase("_ERESOURCE", 0x68)]
    [TestCase("_LIST_ENTRY", 0x10)]
    public void Types_of_a_kernel_have_the_layout_of_their_release(string name, int size)
    {
        string layouts = SharedMaterial.Require("layouts/nt-x64-10.0.19041.1466.json");
        using IsfFile table = IsfFile.Open(Corpus);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(layouts));
        JsonElement expected = document.RootElement.GetProperty("types").GetProperty(name);
        TypeLayout type = table.FindType(name)!;

        Assert.That(type.Size, Is.EqualTo(size));
        Assert.That(type.Size, Is.EqualTo(expected.GetProperty("size").GetInt32()));
        int fields = 0;
        foreach (JsonProperty field in expected.GetProperty("fields").EnumerateObject())
        {
            // An update between the two builds added one field to _EPROCESS, in room that was free.
            if (field.Name == "DisabledComponentFlags")
                continue;
            Assert.That(type.FindField(field.Name)?.Offset, Is.EqualTo(field.Value[0].GetInt32()), field.Name);
            fields++;
        }

        Assert.That(type.Fields, Has.Count.EqualTo(fields));
    }

    [Test]
    public void Every_type_enumeration_and_symbol_is_as_the_JSON_says()
    {
        string path = Corpus;
        using IsfFile table = IsfFile.Open(path);
        using GZipStream text = new(File.OpenRead(path), CompressionMode.Decompress);
        using JsonDocument document = JsonDocument.Parse(text);
        JsonElement root = document.RootElement;
        int types = 0;
        foreach (JsonProperty type in root.GetProperty("user_types").EnumerateObject())
        {
            TypeLayout layout = table.FindType(type.Name)!;
            Assert.That(layout.Size, Is.EqualTo(type.Value.GetProperty("size").GetInt32()), type.Name);
            int i = 0;
            foreach (JsonProperty field in type.Value.GetProperty("fields").EnumerateObject())
            {
                FieldLayout actual = layout.Fields[i++];
                Assert.That(actual.Name, Is.EqualTo(field.Name));
                Assert.That(actual.Offset, Is.EqualTo(field.Value.GetProperty("offset").GetInt32()));
                JsonElement kind = field.Value.GetProperty("type");
                if (kind.GetProperty("kind").GetString() == "bitfield")
                    Assert.That((actual.BitPosition, actual.BitLength), Is.EqualTo(
                        (kind.GetProperty("bit_position").GetInt32(), kind.GetProperty("bit_length").GetInt32())));
            }

            Assert.That(layout.Fields, Has.Count.EqualTo(i), type.Name);
            types++;
        }

        foreach (JsonProperty constants in root.GetProperty("enums").EnumerateObject())
            foreach (JsonProperty value in constants.Value.GetProperty("constants").EnumerateObject())
                Assert.That(table.FindEnum(constants.Name)!.Values[value.Name], Is.EqualTo(value.Value.GetInt64()));

        int symbols = 0;
        foreach (JsonProperty symbol in root.GetProperty("symbols").EnumerateObject())
        {
            if (symbols++ % 16 != 0 || symbol.Value.GetProperty("address").GetUInt32() is 0 and var _)
                continue;
            Assert.That(table.TryFindSymbol(symbol.Name, out uint rva), symbol.Name);
            Assert.That(rva, Is.EqualTo(symbol.Value.GetProperty("address").GetUInt32()), symbol.Name);
            Assert.That(table.TryFindNearest(rva + 1, out NearestSymbol nearest));
            Assert.That(nearest.Rva, Is.EqualTo(rva).Or.EqualTo(rva + 1), symbol.Name);
        }

        Assert.That((types, symbols), Is.EqualTo((1646, 39832)));
    }

    [Test]
    public void References_between_types_carry_sizes()
    {
        using IsfFile table = IsfFile.Open(Corpus);
        TypeLayout thread = table.FindType("_KTHREAD")!;

        TypeReference header = new(TypeKind.Structure, "_DISPATCHER_HEADER", 24);
        Assert.That(thread.FindField("Header")!.Type, Is.EqualTo(header));
        TypeReference priority = thread.FindField("PriorityDecrement")!.Type;
        Assert.That((priority.Kind, priority.Size), Is.EqualTo((TypeKind.Base, 1)));
        TypeReference pointer = thread.FindField("Process")!.Type;
        Assert.That((pointer.Kind, pointer.Size), Is.EqualTo((TypeKind.Pointer, 8)));
        Assert.That(pointer.Element!.Name, Is.EqualTo("_KPROCESS"));
    }

    [Test]
    public void Of_several_names_at_one_address_the_plainest_is_shown_and_all_are_found()
    {
        using IsfFile table = IsfFile.Open(Write("""
            {"symbols": {"_Foo": {"address": 4096}, "Foo": {"address": 4096}, "??_C@_0": {"address": 4096},
             "?Release@CFileStream@@UEAAKXZ": {"address": 4112}, "_a\u005ab": {"address": 4128}},
             "base_types": {}, "user_types": {}, "enums": {}, "metadata": {}}
            """));

        Assert.That(table.TryFindNearest(4100, out NearestSymbol symbol) ? symbol.Name : "", Is.EqualTo("Foo"));
        Assert.That(table.TryFindNearest(4113, out symbol) ? symbol.Name : "", Is.EqualTo("CFileStream::Release"));
        Assert.That(table.TryFindSymbol("CFileStream::Release", out uint rva) ? rva : 0, Is.EqualTo(4112));
        Assert.That(table.TryFindSymbol("_Foo", out rva) ? rva : 0, Is.EqualTo(4096));
        Assert.That(table.TryFindSymbol("_aZb", out rva) ? rva : 0, Is.EqualTo(4128));
        Assert.That(table.TryFindNearest(4095, out _), Is.False);
        Assert.That(table.Identity, Is.Null);
    }

    [TestCase("")]
    [TestCase("[]")]
    [TestCase("{\"symbols\": {\"a\"")]
    [TestCase("{} x")]
    public void What_is_no_symbol_table_is_refused_with_one_line(string text)
    {
        string path = Write(text);
        DumpFormatException error = Assert.Throws<DumpFormatException>(() => IsfFile.Open(path))!;
        Assert.That(error.Message, Does.StartWith(path).And.Not.Contains("\n"));
    }

    [Test]
    public void A_damaged_table_opens_or_is_refused_and_never_throws_later()
    {
        byte[] original = Encoding.UTF8.GetBytes("""
            {"metadata": {"windows": {"pdb": {"GUID": "5278AFF86C341677D7D7835C85B7B844", "age": 1,
             "database": "a.pdb"}}}, "base_types": {"pointer": {"size": 8}, "int": {"size": 4}},
             "enums": {"E": {"size": 4, "constants": {"A": 1}}},
             "user_types": {"S": {"size": 8, "fields": {"x": {"offset": 0, "type": {"kind": "array", "count": 2,
              "subtype": {"kind": "struct", "name": "S"}}}, "y": {"offset": 4, "type": {"kind": "bitfield",
              "bit_position": 1, "bit_length": 2, "type": {"kind": "enum", "name": "E"}}}}}},
             "symbols": {"f": {"address": 4096}, "?g@@YAXXZ": {"address": 5000}}}
            """);
        int opened = 0;
        for (int seed = 0; seed < 2000; seed++)
        {
            Random random = new(seed);
            byte[] bytes = [.. original];
            for (int i = random.Next(1, 4); i > 0; i--)
                bytes[random.Next(bytes.Length)] = random.Next(4) switch
                {
                    0 => (byte)'\\',
                    1 => (byte)'9',
                    2 => (byte)random.Next(0x20, 0x7f),
                    _ => (byte)random.Next(256),
                };
            string path = Path.Combine(_folder, "damaged.json");
            File.WriteAllBytes(path, bytes);
            IsfFile table;
            try
            {
                table = IsfFile.Open(path);
                opened++;
            }
            catch (DumpFormatException)
            {
                continue;
            }

            table.FindType("S");
            table.FindEnum("E");
            table.TryFindSymbol("g", out _);
            table.TryFindSymbol("f", out _);
            table.TryFindNearest(6000, out _);
        }

        Assert.That(opened, Is.GreaterThan(100));
    }

    private string Write(string text)
    {
        string path = Path.Combine(_folder, $"{TestContext.CurrentContext.Test.ID}.json");
        File.WriteAllText(path, text);
        return path;
    }
}
