using System.Diagnostics;
using HangAnalysis.Targets.Images;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets;

/// <summary>A DLL that clang and lld make of functions with every common prolog, and what llvm-readobj says.</summary>
internal static class LinkedImage
{
    private const string Assembly = """
        .text
        .globl f_alloc_small
        f_alloc_small:
        .seh_proc f_alloc_small
         subq $40,%rsp
         .seh_stackalloc 40
         .seh_endprologue
         nop
         addq $40,%rsp
         ret
        .seh_endproc
        .globl f_pushes
        f_pushes:
        .seh_proc f_pushes
         pushq %rbx
         .seh_pushreg %rbx
         pushq %rsi
         .seh_pushreg %rsi
         pushq %r12
         .seh_pushreg %r12
         pushq %r15
         .seh_pushreg %r15
         subq $0x1008,%rsp
         .seh_stackalloc 0x1008
         movq %rdi,0x20(%rsp)
         .seh_savereg %rdi,0x20
         movaps %xmm6,0x30(%rsp)
         .seh_savexmm %xmm6,0x30
         .seh_endprologue
         nop
         movq 0x20(%rsp),%rdi
         addq $0x1008,%rsp
         popq %r15
         popq %r12
         popq %rsi
         popq %rbx
         rep
         ret
        .seh_endproc
        .globl f_frame
        f_frame:
        .seh_proc f_frame
         pushq %rbp
         .seh_pushreg %rbp
         pushq %rdi
         .seh_pushreg %rdi
         subq $0x98,%rsp
         .seh_stackalloc 0x98
         leaq 0x80(%rsp),%rbp
         .seh_setframe %rbp,0x80
         .seh_endprologue
         subq $0x400,%rsp
         nop
         leaq 0x18(%rbp),%rsp
         popq %rdi
         popq %rbp
         ret $16
        .seh_endproc
        .globl f_huge
        f_huge:
        .seh_proc f_huge
         pushq %rbx
         .seh_pushreg %rbx
         subq $0x100000,%rsp
         .seh_stackalloc 0x100000
         movq %rsi,0x90000(%rsp)
         .seh_savereg %rsi,0x90000
         .seh_endprologue
         nop
         movq 0x90000(%rsp),%rsi
         addq $0x100000,%rsp
         popq %rbx
         jmp f_alloc_small
        .seh_endproc
        .globl f_frame13
        f_frame13:
        .seh_proc f_frame13
         pushq %r13
         .seh_pushreg %r13
         subq $0x20,%rsp
         .seh_stackalloc 0x20
         movq %rsp,%r13
         .seh_setframe %r13,0
         .seh_endprologue
         subq $0x40,%rsp
         nop
         leaq 0x20(%r13),%rsp
         popq %r13
         jmpq *target(%rip)
        .seh_endproc
        .globl KiSystemCall64
        KiSystemCall64:
        .seh_proc KiSystemCall64
         nop
         .seh_pushframe @code
         pushq %rbp
         .seh_pushreg %rbp
         subq $0x158,%rsp
         .seh_stackalloc 0x158
         leaq 0x80(%rsp),%rbp
         .seh_setframe %rbp,0x80
         .seh_endprologue
         call f_alloc_small
         nop
         ret
        .seh_endproc
        .globl KiInterrupt
        KiInterrupt:
        .seh_proc KiInterrupt
         nop
         .seh_pushframe
         subq $0x10,%rsp
         .seh_stackalloc 0x10
         .seh_endprologue
         call f_alloc_small
         nop
         ret
        .seh_endproc
        .data
        target: .quad f_alloc_small
        """;

    private const string Source = """
        void sink(void *p);
        int other(int a);
        double fsink(double *d);
        __declspec(dllexport) int big(int a, int b, int c, int d, int e, int f)
        {
            int x[64];
            sink(x);
            int r = other(a) + other(b) * other(c) - other(d) + other(e) * other(f);
            sink(&r);
            return r + x[3] + a * b + c * d + e * f;
        }
        __declspec(dllexport) int dyn(int n)
        {
            char *p = __builtin_alloca(n);
            sink(p);
            char *q = __builtin_alloca(n * 2);
            sink(q);
            return p[0] + q[1] + other(n);
        }
        __declspec(dllexport) double flt(double a, double b, double c)
        {
            double v[40];
            v[0] = a; v[1] = b; v[2] = c;
            double r = fsink(v);
            double s = fsink(v + 1);
            return r * a + s * b + c + fsink(v + 2);
        }
        __declspec(dllexport) int huge(void)
        {
            char b[0x123456];
            sink(b);
            return b[5];
        }
        __declspec(dllexport) int leaf(int a) { return a * 3 + 1; }
        void sink(void *p) { *(volatile char *)p = 1; }
        int other(int a) { return a ^ 0x55; }
        double fsink(double *d) { return *d; }
        void __chkstk(void) {}
        int _fltused;
        int entry(void) { return big(1, 2, 3, 4, 5, 6); }
        """;

    private const string Version = """
        1 VERSIONINFO
        FILEVERSION 10,0,14393,2430
        PRODUCTVERSION 10,0,14393,7
        {
         BLOCK "StringFileInfo" { BLOCK "040904b0" {
          VALUE "CompanyName", "Example Corporation"
          VALUE "FileDescription", "Forged driver"
          VALUE "FileVersion", "10.0.14393.2430 (rs1)"
         } }
         BLOCK "VarFileInfo" { VALUE "Translation", 0x409, 1200 }
        }
        """;

    private static readonly Lazy<string?> s_path = new(Build);

    /// <summary>Path of the DLL; the running test is skipped where the tools that make it are absent.</summary>
    public static string Require()
    {
        if (s_path.Value is null)
            Assert.Ignore("needs clang-19, lld-link-19, llvm-rc-19 and llvm-readobj-19");
        return s_path.Value!;
    }

    /// <summary>The DLL as the loader would lay it out, without relocations.</summary>
    public static byte[] Load()
    {
        using FileImageBytes file = FileImageBytes.Open(Require());
        Assert.That(PeImage.TryRead(file, out PeImage? image));
        byte[] loaded = new byte[image!.SizeOfImage];
        for (uint rva = 0; rva < loaded.Length; rva += 0x1000)
            file.Read(rva, loaded.AsSpan((int)rva, 0x1000));
        return loaded;
    }

    /// <summary>What llvm-readobj prints, line by line without indentation.</summary>
    public static string[] Describe(params string[] options)
    {
        string text = Run(Path.GetDirectoryName(Require())!, "llvm-readobj-19", [.. options, Require()]);
        return text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    private static string? Build()
    {
        foreach (string tool in (string[])["clang-19", "lld-link-19", "llvm-rc-19", "llvm-readobj-19"])
            if (!File.Exists("/usr/bin/" + tool))
                return null;
        string folder = Directory.CreateTempSubdirectory("hang-image-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        File.WriteAllText(Path.Combine(folder, "f.s"), Assembly + "\n");
        File.WriteAllText(Path.Combine(folder, "g.c"), Source);
        File.WriteAllText(Path.Combine(folder, "v.rc"), Version);
        const string Target = "--target=x86_64-pc-windows-msvc";
        Run(folder, "clang-19", Target, "-c", "f.s", "-o", "f.o");
        Run(folder, "clang-19", Target, "-O2", "-fno-inline", "-g", "-gcodeview", "-c", "g.c", "-o", "g.o");
        Run(folder, "llvm-rc-19", "/fo", "v.res", "v.rc");
        Run(folder, "lld-link-19", "/dll", "/entry:entry", "/nodefaultlib", "/out:t.dll", "/debug", "/pdb:t.pdb",
            @"/pdbaltpath:C:\build\private\t.pdb", "/release", "/export:fwd=other.Func", "/export:f_alloc_small",
            "/export:f_pushes", "/export:f_frame", "/export:f_huge", "/export:f_frame13", "/export:KiSystemCall64",
            "/export:KiInterrupt", "f.o", "g.o", "v.res");
        return Path.Combine(folder, "t.dll");
    }

    private static string Run(string folder, string tool, params string[] arguments)
    {
        ProcessStartInfo start = new(tool, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{tool} {string.Join(' ', arguments)}");
        return output;
    }
}
