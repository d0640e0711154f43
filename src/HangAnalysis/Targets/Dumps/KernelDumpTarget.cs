using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Symbols;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Targets.Dumps;

/// <summary>How to open a dump.</summary>
public sealed record DumpOpenOptions
{
    /// <summary>Symbol path in WinDbg's syntax; the dump's own folder is always looked at first.</summary>
    public string? SymbolPath { get; init; }

    /// <summary>Further files of a dump that was split.</summary>
    public IReadOnlyList<string> FurtherParts { get; init; } = [];

    /// <summary>Is told how far downloads are.</summary>
    public IProgress<DownloadProgress>? DownloadProgress { get; init; }

    /// <summary>Is told of errors of symbol servers and of bad elements of the symbol path, one line each.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Ends searches for symbols.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>A Windows kernel dump file, read by ourselves: on any operating system, without a debugger.</summary>
public sealed class KernelDumpTarget : ITarget, ICrashSource, IBlockSource
{
    private const int KernelCacheEntries = 16384;
    private const int ProcessCacheEntries = 128;

    private readonly DumpFile _file;
    private readonly DumpHeader _header;
    private readonly PhysicalPages? _physical;
    private readonly ModuleSymbols _symbols;
    private readonly SymbolServerClient _client;
    private readonly ProcessorContexts _contexts;
    private readonly int _levels = 4;
    private readonly DebuggerData? _data;
    private readonly SmallDumpParts _parts = SmallDumpParts.None;

    private KernelDumpTarget(DumpFile file, string path, DumpOpenOptions options)
    {
        _file = file;
        file.ReadFailed = failure => throw new DumpFormatException($"{path}: {failure}");
        _header = DumpHeader.Read(file, path);
        List<string> damage = [];
        file.ReadFailed = damage.Add;
        List<TargetModule> modules;
        IReadOnlyList<UnloadedModule> unloaded;
        DebuggerData? data;
        bool holdsPages = _header.DumpType != DumpType.Triage;
        if (holdsPages)
        {
            _physical = new PhysicalPages(file, PageMapReader.Read(file, _header, path, damage));
            (KernelMemory, _levels) = OpenKernelMemory(_physical, _header, damage);
            data = DebuggerData.Read(KernelMemory, _header.KdDebuggerDataBlock);
            modules = LoaderList.Read(KernelMemory, _header.PsLoadedModuleList, isUserMode: false, out string? problem,
                is32Bit: !_header.Is64Bit);
            if (problem is not null)
                damage.Add($"the module list is damaged: {problem}");
            unloaded = UnloadedDrivers.Read(KernelMemory, data?.MmUnloadedDrivers ?? 0);
        }
        else
        {
            TriageDump triage = TriageDump.Read(file, _header, path, damage);
            (KernelMemory, data, CurrentThread) = OpenTriageMemory(file, _header, triage);
            _parts = SmallDumpParts.Read(file, _header, triage, data);
            modules = triage.ReadDrivers(KernelMemory, damage);
            unloaded = triage.ReadUnloaded();
        }
        _data = data;
        KernelModules = WithKernelNamed(modules, _header.PsLoadedModuleList);
        UnloadedModules = unloaded;
        if (modules.Count == 0)
            damage.Add("no module could be read");
        Description = DumpDescription.Create(_header, path, data, KernelMemory, damage);
        Description.SmallDumpMemory = _parts.Memory;
        SymbolPath symbolPath = WithFolder(path, Symbols.SymbolPath.Parse(options.SymbolPath));
        foreach (string warning in symbolPath.Warnings)
            options.Warn?.Invoke(warning);
        _client = new SymbolServerClient(null, options.DownloadProgress, options.Warn);
        _symbols = new ModuleSymbols(new SymbolLocator(symbolPath, _client),
            new KernelAnchors(_header.PsLoadedModuleList, _header.PsActiveProcessHead, _header.KdDebuggerDataBlock),
            options.Cancellation);
        _contexts = new ProcessorContexts(KernelMemory, _header.Architecture, data, modules, _symbols);
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

    /// <summary>Ends searches for symbols; a host gives a new one after it has cancelled the last.</summary>
    public CancellationToken Cancellation
    {
        get => _symbols.Cancellation;
        set => _symbols.Cancellation = value;
    }

    /// <summary>
    /// Opens a dump; throws <see cref="DumpFormatException"/>, with one line that says what is wrong and where, if nothing
    /// of it can be read.
    /// </summary>
    public static KernelDumpTarget Open(string path, DumpOpenOptions? options = null)
    {
        DumpFile file = DumpFile.Open(path);
        try
        {
            return new KernelDumpTarget(file, path, options ?? new DumpOpenOptions());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IMemory OpenAddressSpace(ulong directoryTableBase) => (_physical, _header.Architecture) switch
    {
        ({ } physical, Architecture.X64) =>
            new PagedMemory(physical, new X64PageTables(physical, directoryTableBase, _levels), ProcessCacheEntries),
        ({ } physical, Architecture.X86) =>
            new PagedMemory(physical, TablesOf32(physical, directoryTableBase, _header.Pae), ProcessCacheEntries, is32Bit: true),
        ({ } physical, Architecture.Arm64) =>
            new PagedMemory(physical, new Arm64PageTables(physical, directoryTableBase), ProcessCacheEntries),
        _ => KernelMemory,
    };

    /// <inheritdoc/>
    public ISymbolFile? GetSymbols(TargetModule module) => _symbols.GetSymbols(module);

    /// <inheritdoc/>
    public ImageVersion? GetVersion(TargetModule module) => _symbols.GetVersion(module);

    /// <inheritdoc/>
    public string SymbolPathAdvice => "name a symbol path with --symbols, such as srv*";

    /// <inheritdoc/>
    public IReadOnlyList<string> DescribeSearch(TargetModule module) => _symbols.DescribeSearch(module);

    /// <inheritdoc/>
    public UnwindImage GetUnwindImage(TargetModule module) => _symbols.GetUnwindImage(module);

    /// <inheritdoc/>
    public bool TryGetProcessorContext(int processor, out CpuContext context) => _contexts.TryGet(processor, out context);

    /// <inheritdoc/>
    public bool TryGetHeaderContext(out CpuContext context)
    {
        context = _header.Context ?? default;
        return _header.Context is not null;
    }

    /// <inheritdoc/>
    /// <remarks>A small dump holds the block of the processor that crashed, a larger one those of all.</remarks>
    public ProcessorIdentity? ReadProcessorIdentity() => _parts.ReadIdentity(KernelMemory, _data);

    /// <inheritdoc/>
    public void Dispose()
    {
        _symbols.Dispose();
        _client.Dispose();
        _file.Dispose();
    }

    private static PageTables TablesOf32(PhysicalPages physical, ulong root, bool hasPae) =>
        hasPae ? new X86PaePageTables(physical, root) : new X86PageTables(physical, root);

    /// <summary>
    /// The kernel's address space. Whether x64 page tables have four or five levels is in no field of the header: the
    /// number by which the module list can be read is the right one.
    /// </summary>
    private static (IMemory Memory, int Levels) OpenKernelMemory(PhysicalPages physical, DumpHeader header, List<string> damage)
    {
        ulong root = header.DirectoryTableBase;
        switch (header.Architecture)
        {
            case Architecture.X86:
                return (new PagedMemory(physical, TablesOf32(physical, root, header.Pae), KernelCacheEntries, is32Bit: true), 0);
            case Architecture.Arm64:
                return (new PagedMemory(physical, new Arm64PageTables(physical, root), KernelCacheEntries), 0);
        }
        foreach (int levels in (ReadOnlySpan<int>)[4, 5])
        {
            PagedMemory memory = new(physical, new X64PageTables(physical, root, levels), KernelCacheEntries);
            if (memory.TryReadUInt64(header.PsLoadedModuleList, out ulong first)
                && memory.TryReadUInt64(first + 8, out ulong back) && back == header.PsLoadedModuleList)
                return (memory, levels);
        }
        damage.Add($"the page tables at 0x{root:x} do not lead to the module list at {header.PsLoadedModuleList:x16}");
        return (new PagedMemory(physical, new X64PageTables(physical, root, 4), KernelCacheEntries), 4);
    }

    /// <summary>
    /// The blocks of a small dump, and the raw current thread and process at the addresses that the processor block and the
    /// thread name.
    /// </summary>
    private static (IMemory Memory, DebuggerData? Data, ulong Thread) OpenTriageMemory(
        DumpFile file, DumpHeader header, TriageDump triage)
    {
        int pointerSize = header.Is64Bit ? sizeof(ulong) : sizeof(uint);
        BlockMemory blocks = new(file, triage.Blocks, pointerSize);
        DebuggerData? data = DebuggerData.Read(blocks, header.KdDebuggerDataBlock);
        if (data is null)
            return (blocks, data, 0);
        List<MemoryBlock> all = [.. triage.Blocks];
        ulong thread = Word(file, triage.ProcessorBlockOffset, data.OffsetPrcbCurrentThread, pointerSize);
        if (thread != 0 && triage.ThreadOffset != 0)
        {
            all.Add(new MemoryBlock(thread, triage.ThreadOffset, Room(file, triage.ThreadOffset, data.SizeEThread)));
            ulong process = Word(file, triage.ThreadOffset, data.OffsetKThreadApcProcess, pointerSize);
            if (process != 0 && triage.ProcessOffset != 0)
                all.Add(new MemoryBlock(process, triage.ProcessOffset, Room(file, triage.ProcessOffset, data.SizeEProcess)));
        }
        return (new BlockMemory(file, all, pointerSize), data, thread);
    }

    /// <summary>A kernel may be loaded under any file name: it is the image that holds the module list.</summary>
    private static List<TargetModule> WithKernelNamed(List<TargetModule> modules, ulong loadedModuleList)
    {
        if (modules.Exists(m => m.Name == "nt"))
            return modules;
        int kernel = modules.FindIndex(m => m.Contains(loadedModuleList));
        if (kernel >= 0)
            modules[kernel] = modules[kernel].Renamed("nt");
        return modules;
    }

    private static uint Room(DumpFile file, uint offset, ushort size) =>
        (uint)Math.Clamp(file.Length - offset, 0, size);

    private static ulong Word(DumpFile file, uint block, ushort offset, int size)
    {
        ReadOnlySpan<byte> bytes = block == 0 ? default : file.ReadBytes((long)block + offset, size);
        return bytes.Length < size ? 0
            : size == sizeof(uint) ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes)
            : System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private static SymbolPath WithFolder(string path, SymbolPath symbolPath)
    {
        string? folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (folder is null)
            return symbolPath;
        SymbolPathElement own = new(SymbolPathElementKind.Directory, [SymbolStoreLocation.AtPath(folder)], []);
        return new SymbolPath([own, .. symbolPath.Elements], symbolPath.Warnings);
    }
}
