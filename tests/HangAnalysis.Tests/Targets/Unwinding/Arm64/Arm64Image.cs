using HangAnalysis.Tests.Targets.Symbols;
using HangAnalysis.Targets.Images;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Unwinding.Arm64;

/// <summary>A DLL of ARM64 functions with every common prolog, whose unwind data clang writes.</summary>
internal static class Arm64Image
{
    /// <summary>The functions by name: their instructions with the directives that describe them, and how many there are.</summary>
    /// <remarks>clang packs the unwind data of those that keep to the canonical forms.</remarks>
    public static readonly (string Name, string Text)[] Functions =
    [
        ("chain", """
             stp x29,x30,[sp,#-64]!
             .seh_save_fplr_x 64
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp],#64
             .seh_save_fplr_x 64
             .seh_endepilogue
             ret
            """),
        ("chain_with_saves", """
             stp x19,x20,[sp,#-48]!
             .seh_save_regp_x x19,48
             stp x21,x22,[sp,#16]
             .seh_save_regp x21,16
             str x23,[sp,#32]
             .seh_save_reg x23,32
             stp x29,x30,[sp,#-32]!
             .seh_save_fplr_x 32
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp],#32
             .seh_save_fplr_x 32
             ldr x23,[sp,#32]
             .seh_save_reg x23,32
             ldp x21,x22,[sp,#16]
             .seh_save_regp x21,16
             ldp x19,x20,[sp],#48
             .seh_save_regp_x x19,48
             .seh_endepilogue
             ret
            """),
        ("unchained", """
             stp x19,x20,[sp,#-32]!
             .seh_save_regp_x x19,32
             stp x21,x30,[sp,#16]
             .seh_save_lrpair x21,16
             sub sp,sp,#1008
             .seh_stackalloc 1008
             .seh_endprologue
             nop
             .seh_startepilogue
             add sp,sp,#1008
             .seh_stackalloc 1008
             ldp x21,x30,[sp,#16]
             .seh_save_lrpair x21,16
             ldp x19,x20,[sp],#32
             .seh_save_regp_x x19,32
             .seh_endepilogue
             ret
            """),
        ("link_alone", """
             str x30,[sp,#-16]!
             .seh_save_reg_x x30,16
             .seh_endprologue
             nop
             .seh_startepilogue
             ldr x30,[sp],#16
             .seh_save_reg_x x30,16
             .seh_endepilogue
             ret
            """),
        ("floats", """
             str x19,[sp,#-48]!
             .seh_save_reg_x x19,48
             str x30,[sp,#8]
             .seh_save_reg x30,8
             stp d8,d9,[sp,#16]
             .seh_save_fregp d8,16
             str d10,[sp,#32]
             .seh_save_freg d10,32
             .seh_endprologue
             nop
             .seh_startepilogue
             ldr d10,[sp,#32]
             .seh_save_freg d10,32
             ldp d8,d9,[sp,#16]
             .seh_save_fregp d8,16
             ldr x30,[sp,#8]
             .seh_save_reg x30,8
             ldr x19,[sp],#48
             .seh_save_reg_x x19,48
             .seh_endepilogue
             ret
            """),
        ("floats_first", """
             stp d8,d9,[sp,#-32]!
             .seh_save_fregp_x d8,32
             stp x29,x30,[sp,#-112]!
             .seh_save_fplr_x 112
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp],#112
             .seh_save_fplr_x 112
             ldp d8,d9,[sp],#32
             .seh_save_fregp_x d8,32
             .seh_endepilogue
             ret
            """),
        ("large", """
             stp x19,x20,[sp,#-16]!
             .seh_save_r19r20_x 16
             sub sp,sp,#4080
             .seh_stackalloc 4080
             sub sp,sp,#1040
             .seh_stackalloc 1040
             stp x29,x30,[sp]
             .seh_save_fplr 0
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp]
             .seh_save_fplr 0
             add sp,sp,#1040
             .seh_stackalloc 1040
             add sp,sp,#4080
             .seh_stackalloc 4080
             ldp x19,x20,[sp],#16
             .seh_save_r19r20_x 16
             .seh_endepilogue
             ret
            """),
        ("signed", """
             pacibsp
             .seh_pac_sign_lr
             stp x19,x20,[sp,#-16]!
             .seh_save_regp_x x19,16
             stp x29,x30,[sp,#-16]!
             .seh_save_fplr_x 16
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp],#16
             .seh_save_fplr_x 16
             ldp x19,x20,[sp],#16
             .seh_save_regp_x x19,16
             autibsp
             .seh_pac_sign_lr
             .seh_endepilogue
             ret
            """),
        ("homes", """
             stp x19,x20,[sp,#-80]!
             .seh_save_regp_x x19,80
             stp x0,x1,[sp,#16]
             .seh_nop
             stp x2,x3,[sp,#32]
             .seh_nop
             stp x4,x5,[sp,#48]
             .seh_nop
             stp x6,x7,[sp,#64]
             .seh_nop
             stp x29,x30,[sp,#-16]!
             .seh_save_fplr_x 16
             mov x29,sp
             .seh_set_fp
             .seh_endprologue
             nop
             .seh_startepilogue
             ldp x29,x30,[sp],#16
             .seh_save_fplr_x 16
             ldp x19,x20,[sp],#80
             .seh_save_regp_x x19,80
             .seh_endepilogue
             ret
            """),
        ("pointer_inside", """
             sub sp,sp,#96
             .seh_stackalloc 96
             stp x19,x20,[sp,#64]
             .seh_save_regp x19,64
             stp x29,x30,[sp,#80]
             .seh_save_fplr 80
             add x29,sp,#80
             .seh_add_fp 80
             .seh_endprologue
             sub sp,sp,#256
             nop
             add sp,sp,#256
             .seh_startepilogue
             ldp x29,x30,[sp,#80]
             .seh_save_fplr 80
             ldp x19,x20,[sp,#64]
             .seh_save_regp x19,64
             add sp,sp,#96
             .seh_stackalloc 96
             .seh_endepilogue
             ret
            """),
        ("two_epilogs", """
             stp x19,x20,[sp,#-32]!
             .seh_save_regp_x x19,32
             str x30,[sp,#16]
             .seh_save_reg x30,16
             .seh_endprologue
             nop
             .seh_startepilogue
             ldr x30,[sp,#16]
             .seh_save_reg x30,16
             ldp x19,x20,[sp],#32
             .seh_save_regp_x x19,32
             .seh_endepilogue
             ret
             nop
             .seh_startepilogue
             ldr x30,[sp,#16]
             .seh_save_reg x30,16
             ldp x19,x20,[sp],#32
             .seh_save_regp_x x19,32
             .seh_endepilogue
             ret
            """),
        ("any", """
             sub sp,sp,#64
             .seh_stackalloc 64
             stp x25,x26,[sp,#16]
             .seh_save_any_reg_p x25,16
             str x30,[sp,#8]
             .seh_save_any_reg x30,8
             str x28,[sp,#-16]!
             .seh_save_any_reg_x x28,16
             .seh_endprologue
             nop
             .seh_startepilogue
             ldr x28,[sp],#16
             .seh_save_any_reg_x x28,16
             ldr x30,[sp,#8]
             .seh_save_any_reg x30,8
             ldp x25,x26,[sp,#16]
             .seh_save_any_reg_p x25,16
             add sp,sp,#64
             .seh_stackalloc 64
             .seh_endepilogue
             ret
            """),
        ("next", """
             stp x19,x20,[sp,#-64]!
             .seh_save_regp_x x19,64
             stp x21,x22,[sp,#16]
             .seh_save_next
             stp x23,x24,[sp,#32]
             .seh_save_next
             str x30,[sp,#48]
             .seh_save_reg x30,48
             .seh_endprologue
             nop
             .seh_startepilogue
             ldr x30,[sp,#48]
             .seh_save_reg x30,48
             ldp x23,x24,[sp,#32]
             .seh_save_next
             ldp x21,x22,[sp,#16]
             .seh_save_next
             ldp x19,x20,[sp],#64
             .seh_save_regp_x x19,64
             .seh_endepilogue
             ret
            """),
    ];

    private static readonly Lazy<string> s_path = new(Build);

    /// <summary>The image as the loader would lay it out.</summary>
    public static byte[] Load()
    {
        using FileImageBytes file = FileImageBytes.Open(s_path.Value);
        Assert.That(PeImage.TryRead(file, out PeImage? image));
        byte[] loaded = new byte[image!.SizeOfImage];
        for (uint rva = 0; rva < loaded.Length; rva += 0x1000)
            file.Read(rva, loaded.AsSpan((int)rva, 0x1000));
        return loaded;
    }

    private static string Build()
    {
        string folder = Directory.CreateTempSubdirectory("hang-arm64-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        string source = Path.Combine(folder, "f.s"), dll = Path.Combine(folder, "f.dll");
        string text = " .text\n";
        foreach ((string name, string code) in Functions)
            text += $"""
                 .globl {name}
                 .p2align 2
                 .seh_proc {name}
                {name}:
                {code}
                 .seh_endproc

                """;
        File.WriteAllText(source, text);
        Toolchain.Run("clang-19", null, "--target=aarch64-pc-windows-msvc", "-c", source, "-o", source + ".obj");
        Toolchain.Run("lld-link-19", null, ["/dll", "/noentry", "/nodefaultlib", "/machine:arm64", $"/out:{dll}",
            .. Functions.Select(f => $"/export:{f.Name}"), source + ".obj"]);
        return dll;
    }
}
