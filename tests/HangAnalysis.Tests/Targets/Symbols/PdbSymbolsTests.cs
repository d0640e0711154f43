using System.Diagnostics;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class PdbSymbolsTests
{
    private PdbFile _pdb = null!;

    [OneTimeSetUp]
    public void Open() => _pdb = PdbFile.Open(Toolchain.SamplePdb);

    [OneTimeTearDown]
    public void Close() => _pdb?.Dispose();

    [Test]
    public void Identity_is_that_of_llvm()
    {
        PdbIdentity expected = new("sample.pdb", PdbDump.Sample.Guid, PdbDump.Sample.Age);

        Assert.That(_pdb.Identity, Is.EqualTo(expected));
        Assert.That(PdbFile.ReadIdentity(Toolchain.SamplePdb), Is.EqualTo(expected));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Every_public_is_found_by_its_name_and_by_its_undecorated_name(bool forged)
    {
        PdbDump dump = forged ? PdbDump.Forged : PdbDump.Sample;
        using PdbFile pdb = PdbFile.Open(forged ? ForgedPdb.Path : Toolchain.SamplePdb);
        Dictionary<string, List<uint>> undecorated = [];
        foreach (PdbDump.Symbol symbol in dump.Publics)
        {
            Assert.That(pdb.TryFindSymbol(symbol.Name, out uint rva), symbol.Name);
            Assert.That(rva, Is.EqualTo(dump.Rva(symbol)), symbol.Name);
            string plain = MsvcUndecorator.UndecorateName(symbol.Name);
            if (!undecorated.TryGetValue(plain, out List<uint>? places))
                undecorated.Add(plain, places = []);
            places.Add(rva);
        }

        foreach (PdbDump.Symbol symbol in dump.Privates)
            if (undecorated.TryGetValue(symbol.Name, out List<uint>? places))
                places.Add(dump.Rva(symbol));
        foreach ((string plain, List<uint> places) in undecorated)
        {
            Assert.That(pdb.TryFindSymbol(plain, out uint rva), plain);
            Assert.That(places, Does.Contain(rva), plain);
        }

        Assert.That(dump.Publics, Has.Count.GreaterThan(25));
    }

    [TestCase("ns::inner::Visible")]
    [TestCase("Derived::Method")]
    [TestCase("Derived::operator int")]
    [TestCase("FromC")]
    [TestCase("FileStatic")]
    [TestCase("Second")]
    public void Functions_and_variables_are_found_by_the_name_of_the_source(string name) =>
        Assert.That(_pdb.TryFindSymbol(name, out _), name);

    [Test]
    public void An_address_in_a_function_has_the_name_of_the_source()
    {
        PdbDump dump = PdbDump.Sample;
        Assert.That(dump.Privates, Has.Count.GreaterThan(20));
        foreach (PdbDump.Symbol symbol in dump.Privates)
        {
            uint rva = dump.Rva(symbol);
            Assert.That(_pdb.TryFindNearest(rva + 2, out NearestSymbol nearest), symbol.Name);
            Assert.That(nearest, Is.EqualTo(new NearestSymbol(symbol.Name, rva)));
        }
    }

    [Test]
    public void A_static_variable_of_a_file_has_its_name_although_it_is_not_public()
    {
        Assert.That(_pdb.TryFindSymbol("FileStatic", out uint rva));
        Assert.That(_pdb.TryFindNearest(rva + 1, out NearestSymbol nearest));
        Assert.That(nearest, Is.EqualTo(new NearestSymbol("FileStatic", rva)));
    }

    [Test]
    public void A_symbol_does_not_name_an_address_of_another_section()
    {
        foreach ((uint start, uint size) in PdbDump.Sample.Sections)
        {
            if (_pdb.TryFindNearest(start, out NearestSymbol first))
                Assert.That(first.Rva, Is.EqualTo(start));
            if (_pdb.TryFindNearest(start + size - 1, out NearestSymbol last))
                Assert.That(last.Rva, Is.InRange(start, start + size - 1));
            Assert.That(_pdb.TryFindNearest(start + size, out _), Is.False);
        }

        Assert.That(_pdb.TryFindNearest(0, out _), Is.False);
        Assert.That(_pdb.TryFindNearest(uint.MaxValue, out _), Is.False);
    }

    [Test]
    public void What_is_no_PDB_is_refused_with_one_line()
    {
        foreach (byte[] bytes in new[] { [], "BSJB\u0001"u8.ToArray(), new byte[100], "MZ"u8.ToArray() })
        {
            DumpFormatException error = Assert.Throws<DumpFormatException>(
                () => PdbFile.Open(new MemoryStream(bytes), "x.pdb"))!;
            Assert.That(error.Message, Does.StartWith("x.pdb: ").And.Not.Contains("\n"));
        }

        Assert.Throws<DumpFormatException>(() => PdbFile.Open("/nowhere/x.pdb"));
    }

    [Test]
    public void A_damaged_PDB_answers_quickly_and_never_throws_after_opening()
    {
        byte[] original = File.ReadAllBytes(Toolchain.SamplePdb);
        PdbDump dump = PdbDump.Sample;
        int opened = 0;
        for (int seed = 0; seed < 500; seed++)
        {
            Random random = new(seed);
            byte[] bytes = [.. original];
            if (seed % 5 == 0)
                bytes = bytes[..random.Next(bytes.Length)];
            for (int i = random.Next(1, 200); i > 0 && bytes.Length > 0; i--)
            {
                int at = random.Next(bytes.Length);
                // Headers decide most: every third file keeps the container whole.
                if (seed % 3 == 0 && at < 0x3000)
                    continue;
                bytes[at] = random.Next(3) == 0 ? (byte)0xff : (byte)random.Next(256);
            }

            Stopwatch watch = Stopwatch.StartNew();
            try
            {
                using PdbFile pdb = PdbFile.Open(new MemoryStream(bytes), "damaged.pdb");
                opened++;
                LookUpEverything(pdb, dump);
            }
            catch (DumpFormatException)
            {
                // Only the opening call throws it: LookUpEverything would fail the test by any exception of its own.
                watch.Stop();
            }

            Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(5)), $"seed {seed}");
        }

        Assert.That(opened, Is.GreaterThan(100));
    }

    private static void LookUpEverything(PdbFile pdb, PdbDump dump)
    {
        try
        {
            foreach ((uint index, PdbDump.Record record) in dump.Types)
            {
                if (record.Name.Length == 0)
                    continue;
                pdb.FindType(record.Name);
                pdb.FindType($"{record.Name}#{index:x}");
                pdb.FindEnum(record.Name);
            }

            foreach (PdbDump.Symbol symbol in dump.Publics)
                pdb.TryFindSymbol(symbol.Name, out _);
            foreach (PdbDump.Symbol symbol in dump.Privates)
                pdb.TryFindSymbol(symbol.Name, out _);
            for (uint rva = 0; rva < 0x4000; rva += 0x11)
                pdb.TryFindNearest(rva, out _);
        }
        catch (DumpFormatException error)
        {
            Assert.Fail($"thrown by a lookup: {error}");
        }
    }
}
