using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge;

/// <summary>The command: writes the dump, the symbols and the truth of a scenario.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments is ["--make-layouts", string folder, string file])
            return MakeLayouts.Run(folder, file);
        Console.Error.WriteLine("usage: DumpForge SCENARIO --layout FILE --out DIR | --list | --make-layouts DIR FILE");
        return 2;
    }
}
