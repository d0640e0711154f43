namespace HangAnalysis.DumpForge;

/// <summary>The command: writes the dump, the symbols and the truth of a scenario.</summary>
internal static class Program
{
    private static int Main()
    {
        Console.Error.WriteLine("usage: DumpForge SCENARIO --layout FILE --out DIR | --list");
        return 2;
    }
}
