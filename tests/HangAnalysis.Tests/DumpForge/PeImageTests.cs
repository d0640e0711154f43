using System.Text.RegularExpressions;
using HangAnalysis.DumpForge.Images;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>llvm-readobj and llvm-objdump read the forged images: what they print is the truth here.</summary>
internal sealed class PeImageTests
{
    private static readonly FunctionFrame s_rich = FunctionFrame.Empty
        .Push(X64Register.Rbp).Push(X64Register.R12).Allocate(0x1b0).SetFrame(X64Register.Rbp, 0x80)
        .Save(X64Register.Rsi, 0x1d0).Save(X64Register.R13, 0x70).SaveXmm(6, 0x60);

    private static PeImage Kernel()
    {
        PeImageBuilder builder = new("ntoskrnl.exe", 0xfffff80302000000)
        {
            SizeOfImage = 0x800000,
            PdbName = "ntkrnlmp.pdb",
            PdbGuid = new Guid("12345678-9abc-def0-1122-334455667788"),
            PdbAge = 3,
            Version = new VersionInfo("Microsoft Corporation", "NT Kernel", "10.0 (rs1)", "10.0.1", "ntkrnlmp.exe")
            {
                FixedVersion = "10.0.14393.1",
            },
            EntryPoint = 0x150000,
        };
        builder.AddFunction(0x150000, 0x100, FunctionFrame.Sub(0x28), "KiStartSystemThread");
        builder.AddFunction(0x151000, 0x200, s_rich, "KiSwapContext");
        builder.AddFunction(0x151200, 0x200, FunctionFrame.SystemCall, "KiSystemCall64");
        builder.AddFunction(0x151400, 0x100, FunctionFrame.Sub(0x12340), "Large");
        builder.AddFunction(0x151500, 0x40, FunctionFrame.Leaf, "LeafFunction");
        builder.AddFunction(0x4f0000, 0x100, FunctionFrame.ChainTo(0x151000).Save(X64Register.Rdi, 0x1d8), "ColdPart");
        FunctionFrame fault = FunctionFrame.Interrupt(errorCode: true).Push(X64Register.Rbp).WithHandler(0x150000);
        builder.AddFunction(0x4f0100, 0x100, fault, "KiPageFault");
        builder.AddFunction(0x4f0200, 0x100, FunctionFrame.Sub(0x180000), "VeryLarge");
        builder.AddData(0x300000, "14393.test"u8, "NtBuildLab");
        builder.AddCall(0x150020, 0x151000);
        builder.AddExport("KiStart", 0x150000).AddExport("NtBuildLab", 0x300000);
        return builder.Build();
    }

    private static string Dump(params string[] options)
    {
        string path = DebianTool.TemporaryFile("ntoskrnl.exe");
        File.WriteAllBytes(path, Kernel().ToFile());
        return DebianTool.Run("llvm-readobj-19", [.. options, path]);
    }

    [Test]
    public void Frame_knows_its_size_and_where_registers_are()
    {
        Assert.That(s_rich.Size, Is.EqualTo(0x1c0));
        Assert.That(s_rich.SavedAt(X64Register.Rbp), Is.EqualTo(0x1b8));
        Assert.That(s_rich.SavedAt(X64Register.R12), Is.EqualTo(0x1b0));
        Assert.That(s_rich.SavedAt(X64Register.R13), Is.EqualTo(0x70));
        Assert.That(s_rich.SavedAt(X64Register.Rbx), Is.Null);
        Assert.That(FunctionFrame.SystemCall.Size, Is.EqualTo(0x190), "size of KTRAP_FRAME");
    }

    [Test]
    public void Headers_sections_and_checksum_are_right()
    {
        string text = Dump("--file-headers", "--sections");
        Assert.That(text, Does.Contain("IMAGE_FILE_MACHINE_AMD64").And.Contain("SizeOfImage: 8388608"));
        Assert.That(text, Does.Contain("ImageBase: 0xFFFFF80302000000"));
        foreach (string section in (string[])[".text", ".data", "PAGE1", ".rdata", ".pdata", ".rsrc"])
            Assert.That(text, Does.Contain($"Name: {section} ("));
        PeImage image = Kernel();
        Assert.That(image.ToFile(), Has.Length.LessThan(0x8000), "the file holds only what is there");
        Assert.That(image.NonEmptyPages.Count(), Is.LessThan(12));
    }

    [Test]
    public void Unwind_information_is_read_as_it_was_described()
    {
        string text = Dump("--unwind");
        string[] functions = text.Split("RuntimeFunction {")[1..];
        Assert.That(functions, Has.Length.EqualTo(7), "all but the leaf");
        string[] codes(int index) =>
            [.. Regex.Matches(functions[index], @"0x[0-9A-F]+: (.*)").Select(m => m.Groups[1].Value.Trim())];
        Assert.That(codes(0), Is.EqualTo((string[])["ALLOC_SMALL size=40"]));
        Assert.That(codes(1), Is.EqualTo((string[])
        [
            "SAVE_XMM128 reg=XMM6, offset=0x60", "SAVE_NONVOL reg=R13, offset=0x70",
            "SAVE_NONVOL reg=RSI, offset=0x1D0",
            "SET_FPREG reg=RBP, offset=0x80", "ALLOC_LARGE size=432", "PUSH_NONVOL reg=R12", "PUSH_NONVOL reg=RBP",
        ]));
        Assert.That(codes(2), Is.EqualTo((string[])
            ["SET_FPREG reg=RBP, offset=0x80", "ALLOC_LARGE size=344", "PUSH_NONVOL reg=RBP",
                "PUSH_MACHFRAME errcode=yes"]));
        Assert.That(codes(3), Is.EqualTo((string[])["ALLOC_LARGE size=74560"]));
        Assert.That(functions[4], Does.Contain("ChainInfo (0x4)").And.Contain("SAVE_NONVOL reg=RDI, offset=0x1D8"));
        Assert.That(functions[4].Split("Chained {")[1], Does.Contain("151000"));
        Assert.That(functions[5], Does.Contain("PUSH_MACHFRAME errcode=yes").And.Contain("ExceptionHandler (0x1)"));
        Assert.That(codes(6), Is.EqualTo((string[])["ALLOC_LARGE size=1572864"]));
    }

    [Test]
    public void Debug_directory_exports_and_version_are_found()
    {
        string debug = Dump("--coff-debug-directory");
        Assert.That(debug, Does.Contain("PDBGUID: {12345678-9ABC-DEF0-1122-334455667788}").And.Contain("PDBAge: 3"));
        Assert.That(debug, Does.Contain("PDBFileName: ntkrnlmp.pdb"));
        string exports = Dump("--coff-exports");
        Assert.That(exports, Does.Contain("Name: KiStart").And.Contain("RVA: 0x150000").And.Contain("RVA: 0x300000"));
        string resources = Dump("--coff-resources");
        Assert.That(resources, Does.Contain("Type: kRT_VERSION").Or.Contain("Type: VERSIONINFO"));
    }

    [Test]
    public void Prologs_and_epilogs_are_the_code_that_the_unwind_codes_tell()
    {
        string path = DebianTool.TemporaryFile("code.exe");
        File.WriteAllBytes(path, Kernel().ToFile());
        string code = DebianTool.Run("llvm-objdump-19", "-d", "--no-show-raw-insn", "--no-leading-addr",
            "--start-address=0xfffff80302151000", "--stop-address=0xfffff80302151200", path);
        IEnumerable<string> lines = code.Split('\n')
            .Select(line => Regex.Replace(line.Trim(), @"^[0-9a-f]+:|\s+|#.*", " "))
            .Select(line => line.Trim()).Where(line => line.Length > 0 && line != "nop");
        Assert.That(string.Join('\n', lines), Does.EndWith("""
            pushq %rbp
            pushq %r12
            subq $0x1b0, %rsp
            leaq 0x80(%rsp), %rbp
            movq %rsi, 0x1d0(%rsp)
            movq %r13, 0x70(%rsp)
            movaps %xmm6, 0x60(%rsp)
            movq 0x1d0(%rsp), %rsi
            movq 0x70(%rsp), %r13
            addq $0x1b0, %rsp
            popq %r12
            popq %rbp
            retq
            """));
    }

    [Test]
    public void Tables_go_into_a_gap_where_the_end_of_the_image_is_taken()
    {
        PeImageBuilder builder = new("full.sys", 0x140000000) { SizeOfImage = 0x10000, PdbName = "full.pdb" };
        builder.AddFunction(0x1000, 0x100, FunctionFrame.Sub(0x28));
        builder.AddData(0xf000, new byte[16], "Last");
        PeImage image = builder.Build();
        Assert.That(image.SizeOfImage, Is.EqualTo(0x10000));
        Assert.That(image.Sections.Select(section => section.Rva),
            Is.EqualTo((uint[])[0x1000, 0x2000, 0x3000, 0xf000]));
        string path = DebianTool.TemporaryFile("full.sys");
        File.WriteAllBytes(path, image.ToFile());
        Assert.That(DebianTool.Run("llvm-readobj-19", "--unwind", "--coff-debug-directory", path),
            Does.Contain("ALLOC_SMALL size=40").And.Contain("PDBFileName: full.pdb"));
    }

    [Test]
    public void Call_stands_before_its_return_address()
    {
        PeImage image = Kernel();
        Assert.That(image.Read(0x15001b, 5), Is.EqualTo((byte[])[0xe8, 0xe0, 0x0f, 0, 0]));
    }
}
