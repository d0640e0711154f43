namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Finds the files along a symbol path that may be the wanted PDB, image or symbol table. Whether one is, only who
/// opens it can say: candidates come one at a time, all local ones before the first request to a server, and the search
/// goes on only while the caller asks for the next.
/// </summary>
/// <remarks>
/// The difference to WinDbg, which goes through the path strictly from left to right: a directory to the right of a
/// server is looked at before the server is asked.
/// </remarks>
public sealed class SymbolLocator
{
    /// <summary>Kernel PDBs and tables that are tried for a dump that does not identify its kernel.</summary>
    public const int DefaultKernelTables = 256;

    private readonly SymbolPath _path;
    private readonly SymbolServerClient? _client;
    private readonly DirectoryNames _names = new();
    private readonly KernelTables _tables;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, SymbolStore> _stores = new(StringComparer.Ordinal);

    /// <summary>Makes a locator.</summary>
    /// <param name="path">Where to look.</param>
    /// <param name="client">Talks to servers; null where none may be asked. It stays the caller's.</param>
    public SymbolLocator(SymbolPath path, SymbolServerClient? client = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        _path = path;
        _client = client;
        _tables = new KernelTables(_names);
    }

    /// <summary>Paths of files that may be a PDB, in the order in which they should be tried.</summary>
    public IEnumerable<string> PdbCandidates(
        PdbIdentity wanted, SymbolSearchLog log, CancellationToken cancellation = default) =>
        Candidates(StoreKey.ForPdb(wanted), wanted.FileName, log, cancellation);

    /// <summary>Paths of files that may be an image, in the order in which they should be tried.</summary>
    public IEnumerable<string> ImageCandidates(
        string fileName, uint timeDateStamp, uint sizeOfImage, SymbolSearchLog log,
        CancellationToken cancellation = default) =>
        Candidates(StoreKey.ForImage(fileName, timeDateStamp, sizeOfImage), fileName, log, cancellation);

    /// <summary>Paths of symbol tables (ISF) that are named after the identity of a kernel's PDB.</summary>
    public IEnumerable<string> IsfCandidates(
        PdbIdentity wanted, SymbolSearchLog log, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        if (StoreName.FromDump(wanted.FileName) is { } name)
            return TablesFor(name, wanted, log, cancellation);
        log.Declined(wanted.FileName, "not a file name that is looked for");
        return [];
    }

    /// <summary>
    /// Every kernel PDB and symbol table (ISF) along the path, at most <paramref name="limit"/>, always in the same
    /// order: for dumps that do not hold the identity of their kernel.
    /// </summary>
    public IReadOnlyList<string> KernelTableCandidates(
        SymbolSearchLog log, int limit = DefaultKernelTables, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(log);
        List<string> found = [];
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach (string place in LocalPlaces())
        {
            foreach (string path in TablesAt(place))
            {
                cancellation.ThrowIfCancellationRequested();
                if (known.Contains(path))
                    continue;
                if (found.Count >= limit)
                {
                    log.Declined(path, $"not tried, nor what follows: {limit} kernel symbol files are the limit");
                    return found;
                }
                known.Add(path);
                found.Add(path);
            }
        }
        return found;
    }

    /// <summary>
    /// Copies a PDB that the caller has accepted to the <c>cache*</c> directories before its element. Only files from
    /// plain directories need this: before they are opened nothing says which build they belong to.
    /// </summary>
    public void CacheAccepted(
        PdbIdentity identity, string path, SymbolSearchLog log, CancellationToken cancellation = default) =>
        CacheAccepted(StoreKey.ForPdb(identity), path, log, cancellation);

    /// <summary>As the other overload, for an image.</summary>
    public void CacheAccepted(
        string fileName, uint timeDateStamp, uint sizeOfImage, string path, SymbolSearchLog log,
        CancellationToken cancellation = default) =>
        CacheAccepted(StoreKey.ForImage(fileName, timeDateStamp, sizeOfImage), path, log, cancellation);

    private void CacheAccepted(StoreKey? key, string path, SymbolSearchLog log, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(log);
        if (key is null)
            return;
        foreach (SymbolPathElement element in _path.Elements)
        {
            if (element.Kind == SymbolPathElementKind.StoreChain || !IsBelow(path, element.Stores[0].Path!))
                continue;
            foreach (string cache in element.Caches)
                Store(cache).Add(path, key, log, cancellation);
            return;
        }
    }

    private static bool IsBelow(string path, string place) =>
        path.StartsWith(place, StringComparison.Ordinal)
        && (path.Length == place.Length || Path.EndsInDirectorySeparator(place)
            || path[place.Length] == Path.DirectorySeparatorChar);

    private IEnumerable<string> Candidates(
        StoreKey? key, string fileName, SymbolSearchLog log, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(log);
        if (key is not null)
            return Candidates(key, log, cancellation);
        log.Declined(fileName, "not a file name that is looked for");
        return [];
    }

    private IEnumerable<string> Candidates(StoreKey key, SymbolSearchLog log, CancellationToken cancellation)
    {
        // A directory or server may be in the path twice; what was refused is not offered again.
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (SymbolPathElement element in _path.Elements)
        {
            for (int i = 0; i < element.Stores.Count; i++)
            {
                if (element.Stores[i].Path is not { } place)
                    continue;
                bool any = false;
                foreach ((string found, bool inStore) in LocalFiles(element.Kind, place, key, log))
                {
                    cancellation.ThrowIfCancellationRequested();
                    any = true;
                    if (seen.Add(found))
                        yield return inStore ? CopyLeft(found, Downstream(element, i), key, log, cancellation) : found;
                }
                if (!any)
                    log.NotFound(place);
            }
        }

        foreach (SymbolPathElement element in _path.Elements)
        {
            for (int i = 0; i < element.Stores.Count; i++)
            {
                if (element.Stores[i].Server is not { } server || seen.Contains(server.AbsoluteUri))
                    continue;
                cancellation.ThrowIfCancellationRequested();
                if (Fetch(server, Downstream(element, i), key, log, cancellation) is { } path)
                {
                    seen.Add(server.AbsoluteUri);
                    yield return path;
                }
            }
        }
    }

    private IEnumerable<(string Path, bool InStore)> LocalFiles(
        SymbolPathElementKind kind, string place, StoreKey key, SymbolSearchLog log)
    {
        if (kind == SymbolPathElementKind.File)
        {
            if (Path.GetFileName(place).Equals(key.Name, StringComparison.OrdinalIgnoreCase))
                yield return (place, false);
            yield break;
        }
        foreach (string path in Store(place).Find(key, log))
            yield return (path, true);
        if (kind == SymbolPathElementKind.Directory)
        {
            foreach (string path in PlainDirectory.Find(_names, place, key))
                yield return (path, false);
        }
    }

    /// <summary>The directories that get a copy of what is found in a store, the nearest first.</summary>
    private List<SymbolStore> Downstream(SymbolPathElement element, int index)
    {
        List<SymbolStore> stores = [];
        for (int i = index - 1; i >= 0; i--)
        {
            if (element.Stores[i].Path is { } path)
                stores.Add(Store(path));
        }
        for (int i = element.Caches.Count - 1; i >= 0; i--)
            stores.Add(Store(element.Caches[i]));
        return stores;
    }

    /// <summary>Copies a file to stores; returns the last copy, or the file itself where none could be made.</summary>
    private static string CopyLeft(
        string path, List<SymbolStore> stores, StoreKey key, SymbolSearchLog log, CancellationToken cancellation)
    {
        foreach (SymbolStore store in stores)
            path = store.Add(path, key, log, cancellation) ?? path;
        return path;
    }

    private string? Fetch(
        Uri server, List<SymbolStore> stores, StoreKey key, SymbolSearchLog log, CancellationToken cancellation)
    {
        if (_client is null)
        {
            log.Declined(SymbolStoreLocation.DisplayUrl(server), "not asked, downloads are off");
            return null;
        }
        foreach (SymbolStore store in stores)
        {
            if (!store.IsWritable)
                continue;
            if (_client.Download(server, key, store, log, cancellation) is { } path)
                return CopyLeft(path, stores, key, log, cancellation);

            // Another store is worth a second request only if it was this one that failed.
            if (store.IsWritable)
                return null;
        }
        log.Declined(SymbolStoreLocation.DisplayUrl(server), "not asked, no directory for its files can be written");
        return null;
    }

    private IEnumerable<string> TablesFor(
        string pdbName, PdbIdentity wanted, SymbolSearchLog log, CancellationToken cancellation)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string place in LocalPlaces())
        {
            bool any = false;
            foreach (string path in TablesFor(place, pdbName, wanted, log))
            {
                cancellation.ThrowIfCancellationRequested();
                any = true;
                if (seen.Add(path))
                    yield return path;
            }
            if (!any)
                log.NotFound(place);
        }
    }

    private IEnumerable<string> TablesFor(string place, string pdbName, PdbIdentity wanted, SymbolSearchLog log)
    {
        if (!File.Exists(place))
            return _tables.FindTable(place, pdbName, wanted, log);

        // The user named this very file: its content decides, not its name.
        return KernelTables.IsTable(place) ? [place] : [];
    }

    private IEnumerable<string> TablesAt(string place)
    {
        if (!File.Exists(place))
            return _tables.FindAll(place);
        bool usable = KernelTables.IsTable(place)
            || KernelTables.IsKernelPdb(Path.GetFileName(place));
        return usable ? [place] : [];
    }

    private IEnumerable<string> LocalPlaces()
    {
        foreach (SymbolPathElement element in _path.Elements)
        {
            foreach (SymbolStoreLocation location in element.Stores)
            {
                if (location.Path is { } place)
                    yield return place;
            }
        }
    }

    private SymbolStore Store(string root)
    {
        lock (_lock)
        {
            if (!_stores.TryGetValue(root, out SymbolStore? store))
                _stores.Add(root, store = new SymbolStore(root, _names));
            return store;
        }
    }
}
