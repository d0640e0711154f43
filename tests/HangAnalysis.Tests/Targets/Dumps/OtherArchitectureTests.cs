using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Commands;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Tests.Scenarios;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Dumps;

/// <summary>
/// Full dumps of x86 (with and without PAE) and of ARM64, written here byte by byte: header, bug check and modules are
/// shown, and one line says why the rest is not known.
/// </summary>
public class OtherArchitectureTests
{
    private const int PageSize = 0x1000;
    private const int DataPage = 8;

    private string _path = "";

    [SetUp]
    public void MakePath() => _path = Path.Combine(Directory.CreateTempSubdirectory("hangwhy-arch-").FullName, "memory.dmp");

    [TearDown]
    public void RemoveFolder() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Test]
    public void X86_with_PAE()
    {
        // CR3 at page 1: pointers; page 2: directory of the upper gigabyte's half; page 3: page table.
        byte[] pages = new byte[16 * PageSize];
        const ulong Va = 0x80800000;
        Put64(pages, 1 * PageSize + (int)(Va >> 30) * 8, 2 * PageSize | 1);
        Put64(pages, 2 * PageSize + (int)(Va >> 21 & 511) * 8, 3 * PageSize | 0x63);
        Put64(pages, 3 * PageSize + (int)(Va >> 12 & 511) * 8, DataPage * PageSize | 0x63);
        WriteModules32(pages, (uint)Va);

        Check(Header32(PageSize, (uint)Va, pae: true), pages, "x86", Architecture.X86, "Windows 5.2.3790");
    }

    [Test]
    public void X86_without_PAE()
    {
        byte[] pages = new byte[16 * PageSize];
        const ulong Va = 0x80400000;
        Put32(pages, 1 * PageSize + (int)(Va >> 22) * 4, 2 * PageSize | 0x63);
        Put32(pages, 2 * PageSize + (int)(Va >> 12 & 1023) * 4, DataPage * PageSize | 0x63);
        WriteModules32(pages, (uint)Va);

        Check(Header32(PageSize, (uint)Va, pae: false), pages, "x86", Architecture.X86, "Windows 5.2.3790");
    }

    [Test]
    public void Arm64()
    {
        byte[] pages = new byte[16 * PageSize];
        const ulong Va = 0xfffff803_00000000;
        Put64(pages, 1 * PageSize + (int)(Va >> 39 & 511) * 8, 2 * PageSize | 0x703);
        Put64(pages, 2 * PageSize + (int)(Va >> 30 & 511) * 8, 3 * PageSize | 0x703);
        Put64(pages, 3 * PageSize + (int)(Va >> 21 & 511) * 8, 4 * PageSize | 0x703);
        Put64(pages, 4 * PageSize + (int)(Va >> 12 & 511) * 8, DataPage * PageSize | 0x703);
        int at = DataPage * PageSize;
        Put64(pages, at, Va + 0x100);
        Put64(pages, at + 8, Va + 0x100);
        Put64(pages, at + 0x100, Va);
        Put64(pages, at + 0x108, Va);
        Put64(pages, at + 0x130, 0xfffff803_10000000);
        Put32(pages, at + 0x140, 0x800000);
        PutText(pages, at + 0x600, "\\SystemRoot\\system32\\ntoskrnl.exe");
        Put32(pages, at + 0x148, 66 | 68 << 16);
        Put64(pages, at + 0x150, Va + 0x600);
        Put32(pages, at + 0x158, 24 | 26 << 16);
        Put64(pages, at + 0x160, Va + 0x600 + 42);
        byte[] header = new byte[0x2000];
        "PAGEDU64"u8.CopyTo(header);
        Put32(header, 8, 15);
        Put32(header, 0xc, 22000);
        Put64(header, 0x10, PageSize);
        Put64(header, 0x20, Va);
        Put32(header, 0x30, 0xaa64);
        Put32(header, 0x34, 8);
        Put32(header, 0x38, 0xe2);
        Put32(header, 0x88, 1);
        Put64(header, 0x98, 0);
        Put64(header, 0xa0, 16);
        Put32(header, 0xf98, 1);

        Check(header, pages, "arm64", Architecture.Arm64, "Windows 10.0.22000");
    }

    private void Check(byte[] header, byte[] pages, string name, Architecture architecture, string system)
    {
        File.WriteAllBytes(_path, [.. header, .. pages]);
        using CommandSession session = new(KernelDumpTarget.Open(_path));

        string text = ForgedFolder.Run(session, "!hangwhy").Replace("\n", " ", StringComparison.Ordinal);

        Assert.Multiple(() =>
        {
            Assert.That(session.Description.Architecture, Is.EqualTo(architecture));
            Assert.That(session.Description.OperatingSystem, Is.EqualTo(system));
            Assert.That(session.Windows.Target.KernelModules.Select(m => m.FileName), Is.EqualTo(new[] { "ntoskrnl.exe" }));
            Assert.That(text, Does.Contain("NOT ENOUGH DATA").And.Contain("no symbols of the kernel were found"));
            Assert.That(text, Does.Contain("bug check 0xe2 MANUALLY_INITIATED_CRASH (0, 0, 0, 0); 1 kernel module "));
            Assert.That(ForgedFolder.Run(session, "!mods"), Does.Contain("ntoskrnl.exe"));
        });
    }

    private static byte[] Header32(uint directory, uint list, bool pae)
    {
        byte[] header = new byte[0x1000];
        "PAGEDUMP"u8.CopyTo(header);
        Put32(header, 8, 15);
        Put32(header, 0xc, 3790);
        Put32(header, 0x10, directory);
        Put32(header, 0x18, list);
        Put32(header, 0x20, 0x14c);
        Put32(header, 0x24, 2);
        Put32(header, 0x28, 0xe2);
        header[0x5c] = pae ? (byte)1 : (byte)0;
        Put32(header, 0x64, 1);
        Put32(header, 0x6c, 0);
        Put32(header, 0x70, 16);
        Put32(header, 0xf88, 1);
        return header;
    }

    private static void WriteModules32(byte[] pages, uint va)
    {
        int at = DataPage * PageSize;
        Put32(pages, at, va + 0x100);
        Put32(pages, at + 4, va + 0x100);
        Put32(pages, at + 0x100, va);
        Put32(pages, at + 0x104, va);
        Put32(pages, at + 0x118, 0x804d7000);
        Put32(pages, at + 0x120, 0x200000);
        PutText(pages, at + 0x600, "\\WINDOWS\\system32\\ntoskrnl.exe");
        Put32(pages, at + 0x124, 60 | 62 << 16);
        Put32(pages, at + 0x128, va + 0x600);
        Put32(pages, at + 0x12c, 24 | 26 << 16);
        Put32(pages, at + 0x130, va + 0x600 + 36);
        Put32(pages, at + 0x144, 0x41108004);
    }

    private static void PutText(byte[] bytes, int at, string text) => Encoding.Unicode.GetBytes(text).CopyTo(bytes, at);

    private static void Put32(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), value);

    private static void Put64(byte[] bytes, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), value);
}
