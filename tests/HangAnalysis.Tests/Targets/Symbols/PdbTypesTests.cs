using System.Globalization;
using System.Text.RegularExpressions;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class PdbTypesTests
{
    private PdbFile _pdb = null!;

    [OneTimeSetUp]
    public void Open() => _pdb = PdbFile.Open(Toolchain.SamplePdb);

    [OneTimeTearDown]
    public void Close() => _pdb?.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public void Every_field_of_every_structure_is_where_llvm_says(bool forged)
    {
        PdbDump dump = forged ? PdbDump.Forged : PdbDump.Sample;
        using PdbFile pdb = PdbFile.Open(forged ? ForgedPdb.Path : Toolchain.SamplePdb);
        int structures = 0;
        int fields = 0;
        foreach ((uint index, PdbDump.Record record) in dump.Types)
        {
            if (!record.IsStructure || record.IsForward)
                continue;
            string name = record.Name.Contains("<unnamed-", StringComparison.Ordinal)
                ? $"{record.Name}#{index:x}" : record.Name;
            TypeLayout? layout = pdb.FindType(name);
            Assert.That(layout, Is.Not.Null, name);
            Assert.That(layout!.Size, Is.EqualTo(dump.SizeOf(index)), name);
            List<string> expected = [];
            AddFields(dump, index, 0, expected);
            List<string> actual = [];
            foreach (FieldLayout field in layout.Fields)
                actual.Add(Describe(field.Name, field.Offset, field.Type.Size, field.BitPosition, field.BitLength));
            Assert.That(actual, Is.EqualTo(expected), name);
            structures++;
            fields += actual.Count;
        }

        Assert.That(structures, Is.GreaterThan(15));
        Assert.That(fields, Is.GreaterThan(50));
    }

    [Test]
    public void The_name_of_a_fields_type_finds_that_type()
    {
        PdbDump dump = PdbDump.Sample;
        foreach (PdbDump.Record record in dump.Types.Values)
        {
            if (!record.IsStructure || record.IsForward || _pdb.FindType(record.Name) is not { } layout)
                continue;
            foreach (FieldLayout field in layout.Fields)
            {
                TypeReference type = field.Type;
                while (type.Element is not null)
                    type = type.Element;
                if (type.Kind == TypeKind.Structure && type.Size > 0)
                    Assert.That(_pdb.FindType(type.Name)?.Size, Is.EqualTo(type.Size), type.Name);
            }
        }
    }

    [Test]
    public void Every_enumeration_has_the_values_that_llvm_says()
    {
        PdbDump dump = PdbDump.Sample;
        int count = 0;
        foreach (PdbDump.Record record in dump.Types.Values)
        {
            if (record.Leaf != "LF_ENUM" || record.IsForward)
                continue;
            PdbDump.Record list = dump.Types[PdbDump.Hex(record.Text, @"field list: 0x(\w+)")];
            Dictionary<string, long> expected = [];
            foreach (Match match in Regex.Matches(list.Text, @"LF_ENUMERATE \[(\w+) = (-?\d+)\]"))
                // Both enumerations are of int; llvm prints the stored number, which clang writes without a sign.
                expected[match.Groups[1].Value] = (int)long.Parse(match.Groups[2].ValueSpan);
            Assert.That(_pdb.FindEnum(record.Name)?.Values, Is.EquivalentTo(expected), record.Name);
            count++;
        }

        Assert.That(count, Is.EqualTo(2));
        Assert.That(_pdb.FindEnum("_KWAIT_REASON")!.Values["Negative"], Is.EqualTo(-5));
    }

    [Test]
    public void Arrays_pointers_and_bit_fields_say_what_they_are_made_of()
    {
        TypeLayout thread = _pdb.FindType("_THREAD")!;

        TypeReference flags = thread.FindField("Flags")!.Type;
        Assert.That((flags.Kind, flags.Size, flags.Count), Is.EqualTo((TypeKind.Array, 24, 2)));
        Assert.That((flags.Element!.Size, flags.Element.Count), Is.EqualTo((12, 3)));
        Assert.That(flags.Element.Element, Is.EqualTo(new TypeReference(TypeKind.Base, "unsigned long", 4)));
        TypeReference entries = thread.FindField("Entries")!.Type;
        Assert.That(entries.Count, Is.EqualTo(3));
        Assert.That(entries.Element, Is.EqualTo(new TypeReference(TypeKind.Structure, "_LIST_ENTRY", 16)));
        TypeReference later = thread.FindField("Later")!.Type;
        Assert.That((later.Kind, later.Size), Is.EqualTo((TypeKind.Pointer, 8)));
        Assert.That(later.Element, Is.EqualTo(new TypeReference(TypeKind.Structure, "_Later", 16)));
        Assert.That(thread.FindField("Never")!.Type.Element!.Size, Is.Zero);
        Assert.That(thread.FindField("Callback")!.Type.Element!.Kind, Is.EqualTo(TypeKind.Function));
        FieldLayout alone = thread.FindField("Alone")!;
        Assert.That((alone.BitPosition, alone.BitLength, alone.Type.Name), Is.EqualTo((0, 3, "int")));
        Assert.That(thread.FindField("Reason")!.Type.Kind, Is.EqualTo(TypeKind.Enumeration));
    }

    [Test]
    public void Members_of_base_classes_are_at_their_offsets()
    {
        TypeLayout derived = _pdb.FindType("Derived")!;

        Assert.That(derived.FindField("B1")!.Offset, Is.EqualTo(8));
        Assert.That(derived.FindField("B2")!.Offset, Is.EqualTo(16));
        Assert.That(derived.FindField("D1")!.Offset, Is.EqualTo(24));
    }

    [Test]
    public void A_type_that_is_only_declared_or_of_the_other_kind_is_absent()
    {
        Assert.That(_pdb.FindType("_Never"), Is.Null);
        Assert.That(_pdb.FindType("_KWAIT_REASON"), Is.Null);
        Assert.That(_pdb.FindEnum("_THREAD"), Is.Null);
        Assert.That(_pdb.FindType(""), Is.Null);
    }

    private static void AddFields(PdbDump dump, uint index, int at, List<string> fields)
    {
        PdbDump.Record record = dump.Types[index];
        Match forward = Regex.Match(record.Text, @"forward ref \(-> 0x(\w+)\)");
        if (forward.Success)
            record = dump.Types[uint.Parse(forward.Groups[1].ValueSpan, NumberStyles.HexNumber)];
        if (record.Text.Contains("field list: <no type>", StringComparison.Ordinal))
            return;
        PdbDump.Record list = dump.Types[PdbDump.Hex(record.Text, @"field list: 0x(\w+)")];
        string pattern = @"LF_MEMBER \[name = `(.*)`, Type = 0x(\w+).*, offset = (\d+),"
            + @"|LF_BCLASS\n +type = 0x(\w+), offset = (\d+),";
        foreach (Match match in Regex.Matches(list.Text, pattern))
        {
            if (match.Groups[4].Success)
            {
                uint baseClass = uint.Parse(match.Groups[4].ValueSpan, NumberStyles.HexNumber);
                AddFields(dump, baseClass, at + int.Parse(match.Groups[5].ValueSpan), fields);
                continue;
            }

            uint type = uint.Parse(match.Groups[2].ValueSpan, NumberStyles.HexNumber);
            int offset = at + int.Parse(match.Groups[3].ValueSpan, CultureInfo.InvariantCulture);
            bool bits = type >= 0x1000 && dump.Types[type].Leaf == "LF_BITFIELD";
            int position = bits ? PdbDump.Number(dump.Types[type].Text, @"bit offset = (\d+)") : 0;
            int length = bits ? PdbDump.Number(dump.Types[type].Text, @"# bits = (\d+)") : 0;
            fields.Add(Describe(match.Groups[1].Value, offset, dump.SizeOf(type), position, length));
        }
    }

    private static string Describe(string name, int offset, int size, int position, int length) =>
        $"{name} at {offset} size {size} bits {position}+{length}";
}
