using System.Diagnostics;
using NUnit.Framework;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>Runs the LLVM tools that tests compare with; a test is skipped where one is absent.</summary>
internal static class Toolchain
{
    private static readonly Lazy<string> s_pdb = new(BuildPdb);

    /// <summary>A PDB of a program with every kind of type that kernels' symbols have.</summary>
    public static string SamplePdb => s_pdb.Value;

    public static string Run(string tool, string? input, params string[] arguments)
    {
        ProcessStartInfo start = new(tool, arguments)
        {
            RedirectStandardOutput = true, RedirectStandardInput = true,
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Ignore($"needs {tool}, which is not installed");
            throw;
        }

        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            // llvm-undname says so when one of its names is not valid, and goes on with the next.
            if (tool != "llvm-undname-19")
                Assert.That(process.ExitCode, Is.Zero, tool);
            return output.Result;
        }
    }

    private static string BuildPdb()
    {
        string folder = Directory.CreateTempSubdirectory("hang-symbols-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        string[] compile =
            ["--target=x86_64-pc-windows-msvc", "-g", "-gcodeview", "-fno-exceptions", "-fno-rtti", "-c"];
        List<string> objects = [];
        foreach ((string name, string text) in new[] { ("a.cpp", SampleSource.Cpp), ("b.c", SampleSource.C) })
        {
            string source = Path.Combine(folder, name);
            File.WriteAllText(source, text);
            objects.Add(source + ".obj");
            Run("clang-19", null, [.. compile, source, "-o", source + ".obj"]);
        }

        string pdb = Path.Combine(folder, "sample.pdb");
        string[] link = ["/subsystem:native", "/nodefaultlib", "/entry:Start", "/debug", "/opt:noref", "/opt:noicf"];
        Run("lld-link-19", null,
            [.. link, $"/pdb:{pdb}", $"/out:{Path.Combine(folder, "sample.exe")}", .. objects]);
        return pdb;
    }
}
