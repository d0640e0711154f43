using FsCheck;
using FsCheck.Fluent;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Symbols;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

public class StoreNameTests
{
    [TestCase("ntkrnlmp.pdb", "ntkrnlmp.pdb")]
    [TestCase(@"d:\os\obj\amd64fre\ntkrnlmp.pdb", "ntkrnlmp.pdb")]
    [TestCase("/home/build/out/driver.pdb", "driver.pdb")]
    [TestCase(@"..\..\x.pdb", "x.pdb")]
    [TestCase("/etc/passwd", "passwd")]
    [TestCase(@"mixed/kinds\of.pdb", "of.pdb")]
    [TestCase("with space.pdb", "with space.pdb")]
    [TestCase("100%.pdb", "100%.pdb")]
    [TestCase("...pdb", "...pdb")]
    [TestCase("CONSOLE.pdb", "CONSOLE.pdb")]
    [TestCase("COM10.pdb", "COM10.pdb")]
    [TestCase("\ud83d\ude00.pdb", "\ud83d\ude00.pdb")]
    public void A_name_is_the_last_component_of_a_path(string text, string expected) =>
        Assert.That(StoreName.FromDump(text), Is.EqualTo(expected));

    [TestCase(null)]
    [TestCase("")]
    [TestCase(".")]
    [TestCase("..")]
    [TestCase("...")]
    [TestCase(@"C:\x\")]
    [TestCase("dir/")]
    [TestCase("C:y.pdb")]
    [TestCase("a.pdb:stream")]
    [TestCase("a*.pdb")]
    [TestCase("a?.pdb")]
    [TestCase("a\".pdb")]
    [TestCase("<a>.pdb")]
    [TestCase("a|b.pdb")]
    [TestCase("a\0b.pdb")]
    [TestCase("a\nb.pdb")]
    [TestCase("a\u0085b.pdb")]
    [TestCase("a.pdb.")]
    [TestCase("a.pdb ")]
    [TestCase("CON")]
    [TestCase("nul.pdb")]
    [TestCase("Aux .pdb")]
    [TestCase("com1")]
    [TestCase("LPT9.pdb")]
    [TestCase("COM\u00b9.pdb")]
    [TestCase("CONIN$")]
    public void A_name_that_is_no_plain_file_everywhere_is_refused(string? text) =>
        Assert.That(StoreName.FromDump(text), Is.Null);

    [Test]
    public void Half_a_surrogate_pair_is_refused()
    {
        Assert.That(StoreName.FromDump("\ud83d.pdb"), Is.Null);
        Assert.That(StoreName.FromDump("a\udc00.pdb"), Is.Null);
        Assert.That(StoreName.FromDump("a.pdb\ud83d"), Is.Null);
    }

    [Test]
    public void A_name_of_128_characters_is_the_longest()
    {
        Assert.That(StoreName.FromDump(new string('a', 128)), Has.Length.EqualTo(128));
        Assert.That(StoreName.FromDump(new string('a', 129)), Is.Null);
    }

    [Test]
    public void No_text_whatever_leads_out_of_a_store()
    {
        // Letters are rare among arbitrary characters: half of the texts are made of what paths are made of.
        Gen<string> pieces = Gen.Elements("..", ".", "/", "\\", "C:", "x", "\0", " ", "%2e", "~", "CON", "$", "pdb")
            .ArrayOf().Select(string.Concat);
        Gen<string> texts = Gen.OneOf(pieces, ArbMap.Default.GeneratorFor<string>());
        SymbolStore store = new(Path.Combine(Path.GetTempPath(), "a", "store"));

        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            StoreKey? key = StoreKey.ForPdb(new PdbIdentity(text ?? "", Guid.Empty, 1));
            if (key is null)
                return true;
            string[] parts = Path.GetRelativePath(store.Root, Path.GetFullPath(store.PathFor(key)))
                .Split(Path.DirectorySeparatorChar);
            return parts.Length == 3 && parts[0] == key.Name && parts[1] == key.Index && parts[2] == key.Name;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [TestCase("3844DBB920174967BE7AA4A2C20430FA2", true)]
    [TestCase("4a5bc007ffffffff", true)]
    [TestCase("", false)]
    [TestCase("..", false)]
    [TestCase("3844DBB9/0174967", false)]
    [TestCase("3844DBB920174967BE7AA4A2C20430FA123456789", false)]
    public void An_index_is_hexadecimal_digits(string text, bool expected) =>
        Assert.That(StoreName.IsIndex(text), Is.EqualTo(expected));

    // dotnet/symstore, SSQP_Key_Conventions.md: TimeDateStamp padded to eight digits, SizeOfImage not padded; the
    // upper-case time stamp is what SymStore writes.
    [TestCase(0x4CE7951Au, 0x5EA000u, "4CE7951A5ea000")]
    [TestCase(0x1Au, 0x0u, "0000001A0")]
    public void An_image_is_indexed_by_time_stamp_and_size(uint stamp, uint size, string expected) =>
        Assert.That(StoreName.ImageIndex(stamp, size), Is.EqualTo(expected));
}
