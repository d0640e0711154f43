using HangAnalysis.DbgEng;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Symbols;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Extension;

/// <summary>The session of a debugger: its memory, its modules, the symbols that it has opened.</summary>
/// <remarks>
/// Only reads. Nothing that the user could notice is changed: no implicit process or thread, no scope, no radix. The header
/// of the dump file is read by ourselves, because the engine does not tell the contexts and the times in it exactly; where
/// that cannot be done (live targets, dumps inside of archives) the engine describes the target.
/// </remarks>
internal sealed class DbgEngTarget : ITarget, ICrashSource, IBlockSource
{
    private const uint LoadedModuleListAddress = 72; // DEBUG_DATA_PsLoadedModuleListAddr
    private const uint ActiveProcessHeadAddress = 80; // DEBUG_DATA_PsActiveProcessHeadAddr
    private const uint HighestPhysicalPageAddress = 240; // DEBUG_DATA_MmHighestPhysicalPageAddr
    private const uint UnloadedDriversAddress = 0x220; // KDDEBUGGER_DATA64.MmUnloadedDrivers, by the same rule

    /// <summary>Page numbers of x64 have 40 bits.</summary>
    private const ulong MostPages = 1UL << 40;

    private readonly EngineConnection _engine;
    private readonly EnginePhysicalMemory _physical;
    private readonly ModuleSymbols _symbols;
    private readonly SymbolServerClient _client;
    private readonly ProcessorContexts _contexts;
    private readonly CpuContext? _headerContext;
    private readonly ulong _moduleList;
    private readonly DebuggerData? _data;
    private readonly SmallDumpParts _parts;
    private int _levels;

    public DbgEngTarget(EngineConnection engine, CancellationToken cancellation)
    {
        _engine = engine;
        bool is32Bit = EngineDescription.ArchitectureOf(engine.Control.GetActualProcessorType()) == Architecture.X86;
        KernelMemory = new EngineMemory(engine, is32Bit);
        _physical = new EnginePhysicalMemory(engine, ReadEndPage());
        _moduleList = ReadDebuggerData(LoadedModuleListAddress);
        string? path = engine.Client.GetDumpFile();
        List<string> damage = [];
        DumpHeader? header = ReadHeader(path);
        _headerContext = header?.Context;
        _data = header is null ? null : DebuggerData.Read(KernelMemory, header.KdDebuggerDataBlock);
        _parts = header is { DumpType: DumpType.Triage } ? ReadParts(path!, header, _data) : SmallDumpParts.None;
        Description = header is null ? EngineDescription.Create(engine, path, KernelMemory, damage)
            : DumpDescription.Create(header, path!, _data, KernelMemory, damage);
        Description.SmallDumpMemory = _parts.Memory;
        KernelModules = EngineModules.Read(engine, Description, KernelMemory, damage);
        if (KernelModules.Count == 0)
            damage.Add("no module could be read");
        UnloadedModules = Description.HoldsPages
            ? UnloadedDrivers.Read(KernelMemory, ReadDebuggerData(UnloadedDriversAddress))
            : EngineModules.ReadUnloaded(engine, KernelMemory);
        CurrentThread = Description.HoldsPages ? 0 : EngineModules.Narrow(KernelMemory, engine.Objects.GetCurrentThreadDataOffset());
        _client = new SymbolServerClient(null, null, null);
        _symbols = new ModuleSymbols(new SymbolLocator(SymbolPath.Parse(engine.Symbols.SymbolPath, DefaultStore()), _client),
            new KernelAnchors(_moduleList, ReadDebuggerData(ActiveProcessHeadAddress),
                header?.KdDebuggerDataBlock ?? 0),
            cancellation, OpenedByEngine);
        _contexts = new ProcessorContexts(KernelMemory, Description.Architecture, _data, KernelModules, _symbols);
    }

    /// <inheritdoc/>
    public TargetDescription Description { get; }

    /// <inheritdoc/>
    public IMemory KernelMemory { get; }

    /// <inheritdoc/>
    public IReadOnlyList<TargetModule> KernelModules { get; }

    /// <inheritdoc/>
    public IReadOnlyList<UnloadedModule> UnloadedModules { get; }

    /// <inheritdoc/>
    public ulong CurrentThread { get; }

    /// <inheritdoc/>
    public IReadOnlyList<(ulong Address, uint Size)> Blocks => _parts.Blocks;

    /// <inheritdoc/>
    public ProcessorIdentity? ReadProcessorIdentity() => _parts.ReadIdentity(KernelMemory, _data);

    /// <summary>Whether the kernel has symbols with types; without them nearly nothing can be found.</summary>
    public bool HasKernelSymbols
    {
        get
        {
            TargetModule? kernel = KernelModules.FirstOrDefault(m => m.Name == "nt");
            return kernel is not null && GetSymbols(kernel) is { } file and not ExportTable && file.FindType("_KTHREAD") is not null;
        }
    }

    /// <inheritdoc/>
    public IMemory OpenAddressSpace(ulong directoryTableBase)
    {
        if (Description is { HoldsPages: true, Architecture: Architecture.X86 })
            return OpenAddressSpace32(directoryTableBase);
        if (Description is { HoldsPages: true, Architecture: Architecture.Arm64 })
            return new ProcessMemory(_physical, new Arm64PageTables(_physical, directoryTableBase));
        if (!Description.HoldsPages || Description.Architecture != Architecture.X64)
            return KernelMemory;
        if (_levels == 0)
            _levels = FindLevels(directoryTableBase);
        return _levels == 0
            ? KernelMemory
            : new ProcessMemory(_physical, new X64PageTables(_physical, directoryTableBase, _levels));
    }

    /// <summary>Whether x86 page tables are those of PAE: that by which the module list lies where the engine sees it.</summary>
    private IMemory OpenAddressSpace32(ulong directoryTableBase)
    {
        if (!KernelMemory.TryReadUInt64(_moduleList, out ulong expected))
            return KernelMemory;
        foreach (PageTables tables in (ReadOnlySpan<PageTables>)
            [new X86PaePageTables(_physical, directoryTableBase), new X86PageTables(_physical, directoryTableBase)])
        {
            ProcessMemory memory = new(_physical, tables, is32Bit: true);
            if (memory.TryReadUInt64(_moduleList, out ulong found) && found == expected)
                return memory;
        }
        return KernelMemory;
    }

    private ulong ReadDebuggerData(uint index) =>
        EngineModules.Narrow(KernelMemory, _engine.Spaces.ReadDebuggerData(index));

    /// <inheritdoc/>
    public ISymbolFile? GetSymbols(TargetModule module) => _symbols.GetSymbols(module);

    /// <inheritdoc/>
    public ImageVersion? GetVersion(TargetModule module) => _symbols.GetVersion(module);

    /// <inheritdoc/>
    public string SymbolPathAdvice => "type .sympath+ srv*https://msdl.microsoft.com/download/symbols; .reload /f nt";

    /// <inheritdoc/>
    public IReadOnlyList<string> DescribeSearch(TargetModule module) => _symbols.DescribeSearch(module);

    /// <inheritdoc/>
    public UnwindImage GetUnwindImage(TargetModule module) => _symbols.GetUnwindImage(module);

    /// <inheritdoc/>
    public bool TryGetProcessorContext(int processor, out CpuContext context) => _contexts.TryGet(processor, out context);

    /// <inheritdoc/>
    public bool TryGetHeaderContext(out CpuContext context)
    {
        context = _headerContext ?? default;
        return _headerContext is not null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _symbols.Dispose();
        _client.Dispose();
    }

    private ulong ReadEndPage()
    {
        ulong variable = ReadDebuggerData(HighestPhysicalPageAddress);
        return variable != 0 && KernelMemory.TryReadPointer(variable, out ulong highest) && highest is > 0 and < MostPages
            ? highest + 1
            : MostPages;
    }

    private static DumpHeader? ReadHeader(string? path)
    {
        if (path is null)
            return null;
        try
        {
            using DumpFile file = DumpFile.Open(path);
            return DumpHeader.Read(file, path);
        }
        catch (DumpFormatException)
        {
            return null;
        }
    }

    /// <summary>What the engine does not tell of a small dump. Damage is told by the engine, and by what is missing then.</summary>
    private static SmallDumpParts ReadParts(string path, DumpHeader header, DebuggerData? data)
    {
        try
        {
            using DumpFile file = DumpFile.Open(path);
            return SmallDumpParts.Read(file, header, TriageDump.Read(file, header, path, []), data);
        }
        catch (DumpFormatException)
        {
            return SmallDumpParts.None;
        }
    }

    /// <summary>The number of levels by which the page tables lead to the same module list as the engine does; 0 for none.</summary>
    private int FindLevels(ulong directoryTableBase)
    {
        if (!KernelMemory.TryReadUInt64(_moduleList, out ulong expected))
            return 0;
        foreach (int levels in (ReadOnlySpan<int>)[4, 5])
        {
            ProcessMemory memory = new(_physical, new X64PageTables(_physical, directoryTableBase, levels));
            if (memory.TryReadUInt64(_moduleList, out ulong found) && found == expected)
                return levels;
        }
        return 0;
    }

    /// <summary>
    /// The PDB that the engine has for a kernel module. User modules are not asked for: the engine knows those of one
    /// process, and at an address another process has another module.
    /// </summary>
    private string? OpenedByEngine(TargetModule module, bool mayLoad)
    {
        if (module.IsUserMode)
            return null;
        ulong baseAddress = KernelMemory.PointerSize == sizeof(uint) ? EngineMemory.Extend(module.BaseAddress) : module.BaseAddress;
        if (mayLoad)
            // What the engine says of images that it does not find.
            _engine.Quietly(() => _engine.Symbols.LoadSymbolsAt(baseAddress + PageCache.PageSize));
        string path = _engine.Symbols.GetModuleName(ModuleNameKind.SymbolFile, baseAddress);
        return path.EndsWith(".pdb", StringComparison.OrdinalIgnoreCase) && File.Exists(path) ? path : null;
    }

    /// <summary>The folder that <c>srv*</c> means to the debuggers; null where they have none, and ours is used.</summary>
    private static string? DefaultStore()
    {
        string folder = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.CommonApplicationData), "Dbg", "sym");
        return Directory.Exists(folder) ? folder : null;
    }
}
