using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>All images of a system: nt and hal, drivers, and user modules, which all processes share.</summary>
public sealed class ModuleSet
{
    private const string Microsoft = "Microsoft Corporation";
    private readonly SystemBuilder _system;
    private readonly Dictionary<string, ForgedModule> _byName = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<ForgedModule, List<(uint Rva, ulong Pfn)>> _userPages = [];
    private ulong _nextDriver, _nextUser;

    internal ModuleSet(SystemBuilder system)
    {
        _system = system;
        ulong kernel = system.Addresses.KernelBase;
        _nextDriver = system.Addresses.FirstDriver;
        _nextUser = system.Addresses.FirstUserModule;
        Architecture architecture = system.Layout.Architecture;
        Nt = Add(new ForgedModule("ntoskrnl.exe", kernel, isUser: false, architecture)
        {
            Name = "nt",
            FullPath = @"\SystemRoot\system32\ntoskrnl.exe",
            MinimumSize = 0x820000,
        }.WithVersion(Microsoft, WindowsVersion, "NT Kernel & System").WithPdb(
            architecture == Architecture.X86 && system.Options.HasPae ? "ntkrpamp.pdb" : "ntkrnlmp.pdb"));
        if (!system.Options.IsMinimal)
            AddDriver("hal.dll", kernel + 0x820000).FullPath = @"\SystemRoot\system32\hal.dll";
    }

    /// <summary>The kernel.</summary>
    public ForgedModule Nt { get; }

    public IList<ForgedModule> Drivers { get; } = [];

    public IList<ForgedModule> UserModules { get; } = [];

    /// <summary>All images, the kernel first.</summary>
    public IEnumerable<ForgedModule> All => Drivers.Concat(UserModules);

    // Some layouts do not tell the revision.
    private string WindowsVersion =>
        _system.Layout.Version + (_system.Layout.Version.Count(c => c == '.') < 3 ? ".0" : "") + " (forged)";

    /// <summary>Adds a driver of Microsoft with a PDB; the caller may change either.</summary>
    public ForgedModule AddDriver(string fileName, ulong? imageBase = null)
    {
        ForgedModule module = new(
            fileName, Place(imageBase, isUser: false) ?? _nextDriver, isUser: false, _system.Layout.Architecture);
        if (imageBase is null)
            _nextDriver += 0x100000;
        if (_system.Options.IsMinimal)
            module.Spacing = 0x200;
        return Add(module.WithVersion(Microsoft, WindowsVersion).WithPdb());
    }

    /// <summary>Adds a driver of another company: without a PDB.</summary>
    public ForgedModule AddThirdParty(string fileName, string company, string version, ulong? imageBase = null)
    {
        ForgedModule module = AddDriver(fileName, imageBase).WithVersion(company, version);
        module.PdbName = null;
        return module;
    }

    /// <summary>Adds a user module of Microsoft with a PDB.</summary>
    public ForgedModule AddUser(string fileName, ulong? imageBase = null)
    {
        ForgedModule module = new(
            fileName, Place(imageBase, isUser: true) ?? _nextUser, isUser: true, _system.Layout.Architecture);
        if (imageBase is null)
            // 2 MB apart would take a page table each: they lie close together.
            _nextUser += 0x40000;
        return Add(module.WithVersion(Microsoft, WindowsVersion).WithPdb());
    }

    /// <summary>A module by the name before the '!'.</summary>
    public ForgedModule ByName(string name) =>
        _byName.TryGetValue(name, out ForgedModule? module)
            ? module
            : throw new ArgumentException($"the system has no module {name}");

    public bool Has(string name) => _byName.ContainsKey(name);

    /// <summary>Maps a user module's pages into a process.</summary>
    internal void Map(ForgedModule module, Memory.AddressSpace space)
    {
        if (!_userPages.TryGetValue(module, out List<(uint Rva, ulong Pfn)>? pages))
        {
            _userPages.Add(module, pages = []);
            foreach ((uint rva, byte[] bytes) in module.Image!.NonEmptyPages)
            {
                ulong pfn = _system.Physical.Allocate();
                bytes.CopyTo(_system.Physical.PageAt(pfn), 0);
                pages.Add((rva, pfn));
            }
        }
        foreach ((uint rva, ulong pfn) in pages)
            space.MapTo(module.Base + rva, pfn);
    }

    internal void Build()
    {
        foreach (ForgedModule module in All)
        {
            if (module.Image is null)
                module.Build(_system.Options.Identity, module == Nt ? _system.Layout : null);
        }
        CheckOverlaps(Drivers);
        CheckOverlaps(UserModules);
        WriteLoadedModules();
    }

    /// <summary>Writes the kernel's images around the variables that already are in memory.</summary>
    internal void WriteImages()
    {
        foreach (ForgedModule module in Drivers)
            foreach ((uint rva, byte[] page) in module.Image!.NonEmptyPages)
                if (_system.Kernel.Translate(module.Base + rva) is null)
                    _system.Kernel.Write(module.Base + rva, page);
    }

    private static void CheckOverlaps(IEnumerable<ForgedModule> modules)
    {
        ForgedModule? last = null;
        foreach (ForgedModule module in modules.OrderBy(module => module.Base))
        {
            if (last is not null && last.Base + last.Image!.SizeOfImage > module.Base)
                throw new InvalidOperationException($"{last.FileName} reaches into {module.FileName}");
            last = module;
        }
    }

    private ulong? Place(ulong? given, bool isUser) =>
        given is { } address ? _system.Addresses.Image(address, isUser) : null;

    private ForgedModule Add(ForgedModule module)
    {
        (module.IsUser ? UserModules : Drivers).Add(module);
        _byName.Add(module.Name, module);
        return module;
    }

    private void WriteLoadedModules()
    {
        string type = _system.Layout.Types.ContainsKey("_KLDR_DATA_TABLE_ENTRY")
            ? "_KLDR_DATA_TABLE_ENTRY" : "_LDR_DATA_TABLE_ENTRY";
        ulong head = _system.Variables["PsLoadedModuleList"];
        _system.Kernel.InitializeList(head);
        foreach (ForgedModule module in Drivers)
        {
            PeImage image = module.Image!;
            KernelStruct entry = _system.NewStruct(type).Set("DllBase", image.Base)
                .Set("EntryPoint", image.Base + 0x1000).Set("SizeOfImage", image.SizeOfImage)
                .Set("Flags", 0x09104000).TrySet("LoadCount", 1).TrySet("CheckSum", image.CheckSum)
                .TrySet("TimeDateStamp", image.TimeDateStamp);
            // Debuggers take the link time from its user mode place.
            _system.Writer.TrySet(entry.Address, "_LDR_DATA_TABLE_ENTRY", "TimeDateStamp", image.TimeDateStamp);
            _system.WriteText(entry.At("FullDllName"), module.FullPath);
            _system.WriteText(entry.At("BaseDllName"), module.FileName);
            _system.Kernel.AppendToList(head, entry.At("InLoadOrderLinks"));
            if (_system.Requests.DriverOf(module) is { } driver)
                _system.Struct("_DRIVER_OBJECT", driver).Set("DriverSection", entry.Address);
        }
    }
}
