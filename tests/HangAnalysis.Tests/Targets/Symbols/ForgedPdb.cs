using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.Tests.Targets.Symbols;

/// <summary>The kernel's PDB as the forge writes it: full types of a real kernel's layout.</summary>
internal static class ForgedPdb
{
    private static readonly Lazy<string> s_path = new(Forge);

    public static string Path => s_path.Value;

    private static string Forge()
    {
        string folder = Directory.CreateTempSubdirectory("hangwhy-forged-pdb-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        ForgedDump.WriteSymbols(ScenarioSet.Build("small", KernelLayout.BuiltIn("10.0.19041")), folder);
        return System.IO.Path.Combine(folder, "ntkrnlmp.pdb");
    }
}
