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
        if (description.HoldsPages)
        {
            bool is32Bit = memory.PointerSize == sizeof(uint);
            ulong head = Narrow(memory, engine.Spaces.ReadDebuggerData(LoadedModuleListAddress));
            List<TargetModule> modules = LoaderList.Read(memory, head, isUserMode: false, out string? problem, is32Bit);
            if (problem is not null)
                damage.Add($"the module list is damaged: {problem}");
            if (modules.Count > 0)
                return modules;
        }
        return ReadFromEngine(engine, memory);
    }

    /// <summary>The drivers that the engine knows to have been unloaded.</summary>
    public static List<UnloadedModule> ReadUnloaded(EngineConnection engine, IMemory memory)
    {
        List<UnloadedModule> drivers = [];
        DebugModuleParameters[] modules = engine.Symbols.GetModules(Limits.Modules);
        for (int i = 0; i < modules.Length; i++)
            if ((modules[i].Flags & Unloaded) != 0)
                drivers.Add(new UnloadedModule(engine.Symbols.GetModuleName(ModuleNameKind.Image, i),
                    Narrow(memory, modules[i].Base), Narrow(memory, modules[i].Base) + modules[i].Size));
        return drivers;
    }

    /// <summary>An address that the engine gave: of 32-bit systems it extends the sign.</summary>
    public static ulong Narrow(IMemory memory, ulong address) =>
        memory.PointerSize == sizeof(uint) ? (uint)address : address;

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
            TargetModule module = ModuleNames.Create(path, Narrow(memory, parameters.Base), parameters.Size, parameters.TimeDateStamp,
                parameters.Checksum, isUserMode: false, memory);
            modules.Insert(module.Name == "nt" ? 0 : modules.Count, module);
        }
        return modules;
    }
}
