namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// The command <c>--make-layouts DIR FILE</c>: writes the built-in table from a folder of layout files. The table holds
/// x64 from 8.1 (9600) up, and 7 SP1 (7601): the kernels for which the files have all types of a hang analysis.
/// </summary>
internal static class MakeLayouts
{
    public static int Run(string folder, string file)
    {
        List<KernelLayout> layouts = [];
        foreach (string path in Directory.GetFiles(folder, "nt-x64-*.json"))
        {
            Version version = Version.Parse(Path.GetFileNameWithoutExtension(path)["nt-x64-".Length..]);
            if (version.Build == 7601 || version.Build >= 9600)
                layouts.Add(LayoutSelection.Apply(KernelLayout.Load(path)));
        }
        layouts.Sort((a, b) => Version.Parse(a.Version).CompareTo(Version.Parse(b.Version)));
        using StreamWriter writer = new(file);
        LayoutTable.Write(writer, layouts);
        Console.WriteLine($"{layouts.Count} layouts");
        return 0;
    }
}
