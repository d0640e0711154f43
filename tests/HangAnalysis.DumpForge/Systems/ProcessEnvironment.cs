namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes what a process has of itself in its own memory: PEB, loader list, parameters, environment variables.</summary>
internal static class ProcessEnvironment
{
    private const string Entry = "_LDR_DATA_TABLE_ENTRY", Parameters = "_RTL_USER_PROCESS_PARAMETERS";

    // How far apart modules without images lie.
    private const ulong UnseenSize = 0x40000;
    private static readonly string[] s_lists = ["InLoadOrder", "InMemoryOrder", "InInitializationOrder"];

    private readonly record struct Module(string File, string Path, ulong Base, uint Size, uint Time);

    public static void Write(SystemBuilder system, ProcessBuilder process)
    {
        ulong peb = process.Peb, loader = process.LoaderAddress;
        void Set(string path, ulong value) => system.Writer.TrySet(peb, "_PEB", path, value, process.Space);
        string path = process.DosPath ?? process.Path.Replace(@"\Device\HarddiskVolume1", "C:", StringComparison.Ordinal);
        ulong executable = process.Executable?.Base ?? system.Addresses.ProgramBase;
        Set("ImageBaseAddress", executable);
        Set("Ldr", loader);
        Set("SessionId", process.Session);
        Set("NumberOfProcessors", (ulong)system.Options.Processors);
        ulong parameters = WriteLoaderList(system, process, loader, Modules(system, process, executable, path));
        Set("ProcessParameters", parameters);
        WriteParameters(system, process, parameters, path);
    }

    private static List<Module> Modules(SystemBuilder system, ProcessBuilder process, ulong executable, string path)
    {
        List<Module> modules = [];
        if (process.Executable is null)
            modules.Add(new Module(process.Name, path, executable, 0x20000, 0x57899921));
        foreach (ForgedModule module in process.UserModules)
            modules.Add(new Module(module.FileName, module == process.Executable ? path : module.FullPath, module.Base,
                module.Image!.SizeOfImage, module.TimeDateStamp));
        for (int i = 0; modules.Count < process.ModuleCount; i++)
        {
            string file = $"shellpart{i:000}.dll";
            modules.Add(new Module(file, $@"C:\Windows\System32\{file}", system.Addresses.FirstUnseenModule + (ulong)i * UnseenSize,
                (uint)UnseenSize / 2, 0x55a4b000 + (uint)i));
        }
        return modules;
    }

    /// <summary>Says where the next structure may lie.</summary>
    private static ulong WriteLoaderList(SystemBuilder system, ProcessBuilder process, ulong loader, List<Module> modules)
    {
        Memory.AddressSpace space = process.Space;
        void Set(ulong address, string type, string path, ulong value) =>
            system.Writer.TrySet(address, type, path, value, space);
        Set(loader, "_PEB_LDR_DATA", "Length", 0x58);
        Set(loader, "_PEB_LDR_DATA", "Initialized", 1);
        foreach (string list in s_lists)
            space.InitializeList(loader + Offset(system, "_PEB_LDR_DATA", list + "ModuleList"));
        ulong at = loader + 0x100;
        foreach (Module module in modules)
        {
            Set(at, Entry, "DllBase", module.Base);
            Set(at, Entry, "EntryPoint", module.Base + 0x1000);
            Set(at, Entry, "SizeOfImage", module.Size);
            Set(at, Entry, "TimeDateStamp", module.Time);
            ulong text = at + (ulong)system.Layout.Size(Entry);
            text = WriteText(space, at + Offset(system, Entry, "FullDllName"), text, module.Path);
            text = WriteText(space, at + Offset(system, Entry, "BaseDllName"), text, module.File);
            foreach (string list in s_lists)
                space.AppendToList(loader + Offset(system, "_PEB_LDR_DATA", list + "ModuleList"),
                    at + Offset(system, Entry, list + "Links"));
            at = text + 15 & ~15ul;
        }
        return at;
    }

    private static void WriteParameters(SystemBuilder system, ProcessBuilder process, ulong parameters, string path)
    {
        Memory.AddressSpace space = process.Space;
        string command = process.CommandLine ?? (process.Name == "svchost.exe" ? path + " -k netsvcs" : path);
        ulong buffer = parameters + (ulong)system.Layout.Size(Parameters);
        buffer = WriteText(space, parameters + Offset(system, Parameters, "ImagePathName"), buffer, path);
        buffer = WriteText(space, parameters + Offset(system, Parameters, "CommandLine"), buffer, command);
        Account account = Account.Of(process);
        // Texts that end in 0, one after the other in the order of their names; an empty one ends the block.
        string[] variables =
        [
            @"ComSpec=C:\Windows\system32\cmd.exe", "OS=Windows_NT", "SystemDrive=C:", @"SystemRoot=C:\Windows",
            "USERDOMAIN=" + account.Domain, "USERNAME=" + account.Name, @"windir=C:\Windows",
        ];
        string block = string.Concat(variables.Select(variable => variable + '\0')) + '\0';
        space.Write(buffer, System.Text.Encoding.Unicode.GetBytes(block));
        system.Writer.Set(parameters, Parameters, "Environment", buffer, space);
        system.Writer.TrySet(parameters, Parameters, "EnvironmentSize", 2 * (ulong)block.Length, space);
    }

    private static ulong WriteText(Memory.AddressSpace space, ulong at, ulong buffer, string text)
    {
        space.WriteUnicodeString(at, buffer, text);
        return buffer + 2 * (ulong)text.Length + 2;
    }

    private static ulong Offset(SystemBuilder system, string type, string path) => (ulong)system.Layout.Offset(type, path);
}
