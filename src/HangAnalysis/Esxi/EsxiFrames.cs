namespace HangAnalysis.Esxi;

/// <summary>Completes frames by what the other lines of the screen say.</summary>
internal static class EsxiFrames
{
    /// <summary>
    /// A function of the kernel this far before an address does not contain it: the longest have some thousand bytes.
    /// Releases before ESXi 5 name the last function of the kernel for code of modules, which lie behind it.
    /// </summary>
    private const ulong LongestFunction = 0x10000;

    /// <summary>
    /// Names the modules that lines leave out: of cut names by the one module that begins so, of addresses by the table of
    /// modules, and of releases that print none the kernel, where its function is near.
    /// </summary>
    public static IReadOnlyList<EsxiFrame> Complete(List<EsxiFrame> frames, List<EsxiModule> modules)
    {
        HashSet<string> beyond = [];
        foreach (EsxiFrame frame in frames)
            if (frame is { NamesNoModule: true, Symbol: { } symbol } && frame.Displacement >= LongestFunction)
                beyond.Add(symbol);
        List<EsxiFrame> whole = new(frames.Count);
        foreach (EsxiFrame frame in frames)
            whole.Add(frame switch
            {
                { NamesNoModule: true, Symbol: { } symbol } when beyond.Contains(symbol) => frame,
                { NamesNoModule: true } => frame with { Module = EsxiModules.Kernel },
                { IsCut: true, Module: { } start } => frame with { Module = NameOf(start, frames) },
                { Module: null, Symbol: not null } => frame with { Module = ModuleAt(frame.InstructionPointer, modules) },
                _ => frame,
            });
        return whole;
    }

    /// <summary>The one module that begins as a cut name does; null where several do, or none.</summary>
    private static string? NameOf(string start, List<EsxiFrame> frames)
    {
        if (EsxiModules.Kernel.StartsWith(start, StringComparison.Ordinal))
            return EsxiModules.Kernel;
        string? found = EsxiModules.PurposeOf(start) is null ? null : start;
        foreach (EsxiFrame frame in frames)
            if (frame is { IsCut: false, Module: { } module } && module.StartsWith(start, StringComparison.Ordinal))
            {
                if (found is not null && found != module)
                    return null;
                found = module;
            }
        return found;
    }

    /// <summary>The module that begins last before an address; null where the table has none.</summary>
    private static string? ModuleAt(ulong address, List<EsxiModule> modules)
    {
        EsxiModule? found = null;
        foreach (EsxiModule module in modules)
            if (module.Base != 0 && module.Base <= address && (found is null || module.Base > found.Base))
                found = module;
        return found?.Name;
    }
}
