namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// The command <c>--make-layouts DIR FILE</c>: writes the built-in table from a folder of layout files. The table holds
/// x64 from 8.1 (9600) up, and 7 SP1 (7601): the kernels for which the files have all types of a hang analysis; behind them
/// those of x86.
/// </summary>
internal static class MakeLayouts
{
    public static int Run(string folder, string file)
    {
        List<KernelLayout> layouts = [.. Load(folder, "x64").Where(layout => layout.Build == 7601 || layout.Build >= 9600)];
        foreach (KernelLayout layout in Load(folder, "x86"))
            layouts.Add(layout.Enums.Count > 0 ? layout : WithEnums(layout, layouts));
        using StreamWriter writer = new(file);
        LayoutTable.Write(writer, layouts);
        Console.WriteLine($"{layouts.Count} layouts");
        return 0;
    }

    private static KernelLayout[] Load(string folder, string machine)
    {
        string prefix = $"nt-{machine}-";
        return
        [
            .. Directory.GetFiles(folder, prefix + "*.json")
                .OrderBy(path => Version.Parse(Path.GetFileNameWithoutExtension(path)[prefix.Length..]))
                .Select(path => LayoutSelection.Apply(KernelLayout.Load(path))),
        ];
    }

    // The files of x86 lack enumerations. These are those of the same build on x64, or of the oldest that there is: what has
    // been added since stands behind what there was.
    private static KernelLayout WithEnums(KernelLayout layout, List<KernelLayout> others)
    {
        KernelLayout source = others.LastOrDefault(other => other.Build == layout.Build) ?? others[0];
        return new KernelLayout(layout.Identity, layout.Types, source.Enums, layout.Symbols);
    }
}
