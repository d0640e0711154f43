using HangAnalysis.DumpForge.Layouts;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

internal sealed class KernelLayoutTests
{
    [Test]
    public void Built_in_table_holds_windows_7_and_all_kernels_from_8_1_up()
    {
        Assert.That(KernelLayout.BuiltInVersions, Has.Count.EqualTo(23));
        Assert.That(KernelLayout.BuiltInVersions[0], Is.EqualTo("6.1.7601.24540"));
        Assert.That(KernelLayout.BuiltInVersions[^1], Is.EqualTo("10.0.22000.2538"));
    }

    // Figures from the fact base of waits, checked there against public symbols.
    [TestCase("10.0.14393.6343", "_KTRAP_FRAME", "Rip", 0x168)]
    [TestCase("10.0.22000.2538", "_KTRAP_FRAME", "Rsp", 0x180)]
    [TestCase("10.0.19041", "_LDR_DATA_TABLE_ENTRY", "BaseDllName.Buffer", 0x60)]
    [TestCase("10.0.14393", "_MI_VISIBLE_PARTITION", "TotalCommitLimit", 0x428)]
    [TestCase("10.0.19041", "_MI_VISIBLE_PARTITION", "TotalCommitLimit", 0x2a8)]
    [TestCase("10.0.22000", "_MI_VISIBLE_PARTITION", "TotalCommitLimit", 0x318)]
    [TestCase("6.1.7601", "_LIST_ENTRY", "Blink", 8)]
    public void Offsets_are_the_published_ones(string version, string type, string path, int offset)
    {
        Assert.That(KernelLayout.BuiltIn(version).Offset(type, path), Is.EqualTo(offset));
    }

    [Test]
    public void Paths_go_through_nested_types_arrays_and_bit_fields()
    {
        KernelLayout layout = KernelLayout.BuiltIn("10.0.19041.3570");
        int blocks = layout.Offset("_KTHREAD", "WaitBlock");
        Assert.That(layout.Offset("_ETHREAD", "Tcb.WaitBlock[2].Object"), Is.EqualTo(blocks + 2 * 0x30 + 0x20));
        Assert.That(layout.Has("_KALPC_MESSAGE", "u1.s1"), Is.True);
        Assert.That(layout.Field("_KTHREAD", "Alertable").Type.BitPosition, Is.EqualTo(4));
        Assert.That(layout.Field("_KTHREAD", "Alertable").Type.BitLength, Is.EqualTo(1));
        Assert.That(layout.TryOffset("_KTHREAD", "NoSuchMember", out _), Is.False);
        Assert.That(layout.Without("_ALPC_PORT").Has("_ALPC_PORT", "PortListEntry"), Is.False);
        Assert.That(layout.Enums["_KWAIT_REASON"]["WrAlertByThreadId"], Is.EqualTo(37));
    }

    [Test]
    public void Built_in_layouts_equal_the_files_that_they_were_made_from()
    {
        string folder = SharedMaterial.Require("layouts");
        foreach (string version in KernelLayout.BuiltInVersions)
        {
            KernelLayout file = KernelLayout.Load(Path.Combine(folder, $"nt-x64-{version}.json"));
            KernelLayout builtIn = KernelLayout.BuiltIn(version);
            Assert.That(builtIn.Identity, Is.EqualTo(file.Identity));
            Assert.That(builtIn.Types, Has.Count.GreaterThan(120));
            foreach ((string name, TypeDefinition type) in builtIn.Types)
            {
                TypeDefinition expected = file.Types[name];
                Assert.That((type.Size, type.IsUnion), Is.EqualTo((expected.Size, expected.IsUnion)), name);
                Assert.That(type.Fields.Select(f => (f.Name, f.Offset, f.TypeText)),
                    Is.EqualTo(expected.Fields.Select(f => (f.Name, f.Offset, f.TypeText))), $"{version} {name}");
            }
            Assert.That(builtIn.Enums, Has.Count.EqualTo(file.Enums.Count));
            foreach ((string name, IReadOnlyDictionary<string, long> values) in builtIn.Enums)
                Assert.That(values, Is.EquivalentTo(file.Enums[name]));
            foreach ((string name, uint rva) in builtIn.Symbols)
                Assert.That(rva, Is.EqualTo(file.Symbols[name]), name);
        }
    }
}
