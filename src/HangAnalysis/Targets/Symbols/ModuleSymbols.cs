using HangAnalysis.Targets.Images;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Targets.Symbols;

/// <summary>What the dump's header tells of the kernel's variables: identifies a kernel without its debug directory.</summary>
/// <param name="PsLoadedModuleList">Address of the loaded module list.</param>
/// <param name="PsActiveProcessHead">Address of the process list.</param>
/// <param name="KdDebuggerDataBlock">Address of the debugger data block.</param>
public readonly record struct KernelAnchors(ulong PsLoadedModuleList, ulong PsActiveProcessHead, ulong KdDebuggerDataBlock);

/// <summary>Symbols, version and unwind data of the modules of one dump, found along a symbol path.</summary>
/// <remarks>
/// Nothing is looked for before a frame lies in the module. A PDB is used only if its GUID and age are those of the image.
/// A small dump does not hold the image's debug directory: then a kernel's PDB or symbol table is used if three of its
/// symbols lie where the dump's header says. Without either, the image's export directory names functions.
/// </remarks>
internal sealed class ModuleSymbols : ISymbolSource, IImageSource, IDisposable
{
    private readonly SymbolLocator _locator;
    private readonly KernelAnchors _anchors;
    private readonly Func<TargetModule, bool, string?>? _opened;
    private readonly Dictionary<ModuleKey, (ISymbolFile? File, IReadOnlyList<string> Search)> _symbols = [];
    private readonly Dictionary<ModuleKey, ImageVersion?> _versions = [];
    private readonly Dictionary<ModuleKey, FileImageBytes?> _files = [];
    private readonly Dictionary<(ModuleKey, ulong), UnwindImage> _images = [];

    /// <summary>Finds symbols along a path.</summary>
    /// <param name="locator">The path.</param>
    /// <param name="anchors">Identifies a kernel whose image does not.</param>
    /// <param name="cancellation">Ends searches.</param>
    /// <param name="opened">Names the PDB that a debugger has for a module, or null. Asked before the path is searched for what
    /// it has opened already, and after a search in vain once more: then it may look for one by itself.</param>
    public ModuleSymbols(SymbolLocator locator, KernelAnchors anchors, CancellationToken cancellation,
        Func<TargetModule, bool, string?>? opened = null)
    {
        _opened = opened;
        _locator = locator;
        _anchors = anchors;
        Cancellation = cancellation;
    }

    /// <summary>Ends searches. One that was ended is not remembered: the next question searches anew.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <inheritdoc/>
    public ISymbolFile? GetSymbols(TargetModule module) => Search(module).File;

    /// <inheritdoc/>
    public IReadOnlyList<string> DescribeSearch(TargetModule module) => Search(module).Search;

    /// <inheritdoc/>
    public ImageVersion? GetVersion(TargetModule module)
    {
        ModuleKey key = module.Key;
        if (!_versions.TryGetValue(key, out ImageVersion? version))
        {
            version = PeImage.TryRead(Bytes(module), out PeImage? image) ? image.ReadVersion() : null;
            if (version is null && FindFile(module) is { } file && PeImage.TryRead(file, out image))
                version = image.ReadVersion();
            _versions.Add(key, version);
        }
        return version;
    }

    /// <inheritdoc/>
    public UnwindImage GetUnwindImage(TargetModule module)
    {
        (ModuleKey, ulong) key = (module.Key, module.BaseAddress);
        if (_images.TryGetValue(key, out UnwindImage? image))
            return image;
        if (module.Memory.PointerSize == sizeof(uint))
            return _images[key] = Load32(module);
        image = UnwindImage.Load(module.BaseAddress, module.Size, Bytes(module));
        if (image.Functions is null && FindFile(module) is { } file)
            image = UnwindImage.Load(module.BaseAddress, module.Size, file);
        // What one process has paged out another may hold: only a table that was read is shared.
        if (image.Functions is not null || !module.IsUserMode)
            _images.Add(key, image);
        return image;
    }

    /// <summary>Frames of x86 code are described by the PDB; the image only shows what precedes a return address.</summary>
    private UnwindImage Load32(TargetModule module)
    {
        IX86FrameSource? frames = GetSymbols(module) as IX86FrameSource;
        UnwindImage image = UnwindImage.Load(module.BaseAddress, module.Size, Bytes(module), frames);
        return image.IsExecutable(0) is null && FindFile(module) is { } file
            ? UnwindImage.Load(module.BaseAddress, module.Size, file, frames)
            : image;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((ISymbolFile? file, _) in _symbols.Values)
            file?.Dispose();
        foreach (FileImageBytes? file in _files.Values)
            file?.Dispose();
    }

    private static MemoryImageBytes Bytes(TargetModule module) => new(module.Memory, module.BaseAddress, module.Size);

    private (ISymbolFile? File, IReadOnlyList<string> Search) Search(TargetModule module)
    {
        ModuleKey key = module.Key;
        if (!_symbols.TryGetValue(key, out (ISymbolFile?, IReadOnlyList<string>) found))
            _symbols[key] = found = Find(module);
        return found;
    }

    private (ISymbolFile? File, IReadOnlyList<string> Search) Find(TargetModule module)
    {
        bool hasHeaders = PeImage.TryRead(Bytes(module), out PeImage? image);
        PdbIdentity identity = default;
        bool identified = hasHeaders && image!.TryReadPdbIdentity(out identity);
        if (!identified && FindFile(module) is { } file && PeImage.TryRead(file, out PeImage? fromFile))
        {
            image = fromFile;
            identified = image.TryReadPdbIdentity(out identity);
        }
        SymbolSearchLog log = identified ? new SymbolSearchLog(identity) : new SymbolSearchLog(module.FileName);
        ISymbolFile? symbols = FindOpened(module, identified ? identity : null, log, mayLoad: false);
        symbols ??= identified ? FindByIdentity(module, identity, log)
            : module.Name == "nt" && !module.IsUserMode ? FindByAnchors(module, log) : null;
        symbols ??= FindOpened(module, identified ? identity : null, log, mayLoad: true);
        if (symbols is null && image is not null)
            symbols = ExportTable.TryRead(image, module.Path);
        List<string> search = [log.Wanted, .. log.Lines];
        if (symbols is ExportTable)
            search.Add("names come from the image's export directory");
        else if (symbols is null)
            search.Add(identified ? "nothing that fits was found" : "its image does not tell which symbols are its own");
        return (symbols, search);
    }

    /// <summary>The file that a debugger has opened. Where the image does not identify it, the debugger's choice is trusted.</summary>
    private ISymbolFile? FindOpened(TargetModule module, PdbIdentity? identity, SymbolSearchLog log, bool mayLoad)
    {
        if (_opened?.Invoke(module, mayLoad) is not { } path || TryOpen(path, log) is not { } file)
            return null;
        if (identity is { } wanted ? Matches(file, wanted, log) : file.Identity is not null)
            return file;
        file.Dispose();
        return null;
    }

    private ISymbolFile? FindByIdentity(TargetModule module, PdbIdentity identity, SymbolSearchLog log)
    {
        foreach (string path in _locator.PdbCandidates(identity, log, Cancellation))
            if (TryOpen(path, log) is { } file)
            {
                if (Matches(file, identity, log))
                {
                    _locator.CacheAccepted(identity, path, log, Cancellation);
                    return file;
                }
                file.Dispose();
            }
        if (module.Name != "nt" || module.IsUserMode)
            return null;
        foreach (string path in _locator.IsfCandidates(identity, log, Cancellation))
            if (TryOpen(path, log) is { } file)
            {
                if (Matches(file, identity, log))
                    return file;
                file.Dispose();
            }
        return null;
    }

    private ISymbolFile? FindByAnchors(TargetModule kernel, SymbolSearchLog log)
    {
        foreach (string path in _locator.KernelTableCandidates(log, cancellation: Cancellation))
            if (TryOpen(path, log) is { } file)
            {
                if (HasAnchor(file, kernel, "PsLoadedModuleList", _anchors.PsLoadedModuleList)
                    && HasAnchor(file, kernel, "PsActiveProcessHead", _anchors.PsActiveProcessHead)
                    && HasAnchor(file, kernel, "KdDebuggerDataBlock", _anchors.KdDebuggerDataBlock))
                {
                    log.Accepted(path);
                    return file;
                }
                log.Declined(path, "its PsLoadedModuleList, PsActiveProcessHead or KdDebuggerDataBlock lie elsewhere");
                file.Dispose();
            }
        return null;
    }

    private static bool HasAnchor(ISymbolFile file, TargetModule kernel, string symbol, ulong address) =>
        kernel.Contains(address) && file.TryFindSymbol(symbol, out uint rva) && kernel.BaseAddress + rva == address;

    private static bool Matches(ISymbolFile file, PdbIdentity wanted, SymbolSearchLog log)
    {
        if (file.Identity is { } found && found.Guid == wanted.Guid && found.Age == wanted.Age)
        {
            log.Accepted(file.Path);
            return true;
        }
        if (file.Identity is { } other)
            log.Mismatch(file.Path, other);
        else
            log.Declined(file.Path, "it does not say which image it belongs to");
        return false;
    }

    private static ISymbolFile? TryOpen(string path, SymbolSearchLog log)
    {
        try
        {
            bool isTable = path.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
                || path.EndsWith(".json.gz", StringComparison.OrdinalIgnoreCase);
            return isTable ? IsfFile.Open(path) : PdbFile.Open(path);
        }
        catch (DumpFormatException exception)
        {
            log.Damaged(path, exception.Message);
            return null;
        }
    }

    /// <summary>The image file along the symbol path whose time stamp and size are the module's; null where none is.</summary>
    private FileImageBytes? FindFile(TargetModule module)
    {
        ModuleKey key = module.Key;
        if (_files.TryGetValue(key, out FileImageBytes? found))
            return found;
        SymbolSearchLog log = new(module.FileName);
        foreach (string path in module.TimeDateStamp == 0
            ? []
            : _locator.ImageCandidates(module.FileName, module.TimeDateStamp, module.Size, log, Cancellation))
        {
            FileImageBytes? file = TryOpenImage(path, log);
            if (file is null)
                continue;
            if (PeImage.TryRead(file, out PeImage? image) && image.TimeDateStamp == module.TimeDateStamp
                && image.SizeOfImage == module.Size)
            {
                found = file;
                break;
            }
            file.Dispose();
        }
        _files.Add(key, found);
        return found;
    }

    private static FileImageBytes? TryOpenImage(string path, SymbolSearchLog log)
    {
        try
        {
            return FileImageBytes.Open(path);
        }
        catch (DumpFormatException exception)
        {
            log.Damaged(path, exception.Message);
            return null;
        }
    }
}
