using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>Puts together what Windows keeps lists of.</summary>
internal static class InventoryReader
{
    /// <summary>The lists of a system.</summary>
    public static SystemInventory Read(WindowsSystem system) => new()
    {
        StopCode = system.Target.Description.BugCheck?.Code,
        StopParameters = system.Target.Description.BugCheck?.Parameters ?? [],
        Modules = [.. system.Target.KernelModules.Select(m =>
            new ListedModule(m.Name, m.BaseAddress, m.BaseAddress + m.Size))],
        UnloadedModules = [.. system.Target.UnloadedModules.Select(m =>
            new ListedModule(m.Name, m.StartAddress, m.EndAddress))],
        PoolTags = system.Target.Description.HoldsPages ? ReadPoolTags(system) : [],
    };

    private static List<TaggedMemory> ReadPoolTags(WindowsSystem system)
    {
        List<TaggedMemory> tags = [];
        foreach (PoolTagUse use in system.Pool.Tags)
        {
            if (use.NonPaged.Bytes > 0)
                tags.Add(new TaggedMemory(use.Name, false, (ulong)use.NonPaged.Bytes));
            if (use.Paged.Bytes > 0)
                tags.Add(new TaggedMemory(use.Name, true, (ulong)use.Paged.Bytes));
        }
        return tags;
    }
}
