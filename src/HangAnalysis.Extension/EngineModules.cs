using HangAnalysis.DbgEng;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;

namespace HangAnalysis.Extension;

/// <summary>The kernel's images: from its loader's list, or where that is not in the dump, from the engine's.</summary>
internal static class EngineModules
{
    private const uint LoadedModuleListAddress = 72; // DEBUG_DATA_PsLoadedModuleListAddr

    private const uint Unloaded = 1; // DEBUG_MODULE_UNLOADED
    private const uint UserMode = 2; // DEBUG_MODULE_USER_MODE

    /// <summary>The images, the kernel first.</summary>
    public static List<TargetModule> Read(
        EngineConnection engine, TargetDescription description, IMemory memory, List<string> damage)
    {
        if (description.HoldsPages && description.Architecture == Architecture.X64)
        {
            ulong head = engine.Spaces.ReadDebuggerData(LoadedModuleListAddress);
            List<TargetModule> modules = LoaderList.Read(memory, head, isUserMode: false, out string? problem);
            if (problem is not null)
                damage.Add($"the module list is damaged: {problem}");
            if (modules.Count > 0)
                return modules;
        }
        return ReadFromEngine(engine, memory);
    }

    /// <summary>The drivers that the engine knows to have been unloaded.</summary>
    public static List<UnloadedModule> ReadUnloaded(EngineConnection engine)
    {
        List<UnloadedModule> drivers = [];
        DebugModuleParameters[] modules = engine.Symbols.GetModules(Limits.Modules);
        for (int i = 0; i < modules.Length; i++)
            if ((modules[i].Flags & Unloaded) != 0)
                drivers.Add(new UnloadedModule(engine.Symbols.GetModuleName(ModuleNameKind.Image, i), modules[i].Base,
                    modules[i].Base + modules[i].Size));
        return drivers;
    }

    private static List<TargetModule> ReadFromEngine(EngineConnection engine, IMemory memory)
    {
        List<TargetModule> modules = [];
        foreach (DebugModuleParameters parameters in engine.Symbols.GetModules(Limits.Modules))
        {
            if ((parameters.Flags & (Unloaded | UserMode)) != 0 || parameters.Size == 0)
                continue;
            string path = engine.Symbols.GetModuleName(ModuleNameKind.LoadedImage, parameters.Base);
            if (path.Length == 0)
                path = engine.Symbols.GetModuleName(ModuleNameKind.Image, parameters.Base);
            TargetModule module = ModuleNames.Create(path, parameters.Base, parameters.Size, parameters.TimeDateStamp,
                parameters.Checksum, isUserMode: false, memory);
            modules.Insert(module.Name == "nt" ? 0 : modules.Count, module);
        }
        return modules;
    }
}
