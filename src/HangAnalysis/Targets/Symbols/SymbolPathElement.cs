namespace HangAnalysis.Targets.Symbols;

/// <summary>What an element of a symbol path is.</summary>
public enum SymbolPathElementKind
{
    /// <summary>A plain directory: files by name, and the layout of a store where it has that.</summary>
    Directory,

    /// <summary>One symbol file.</summary>
    File,

    /// <summary>Symbol stores; what is found in one of them is copied to those before it.</summary>
    StoreChain,
}

/// <summary>One store of a symbol path: a directory or a symbol server.</summary>
public sealed class SymbolStoreLocation
{
    private SymbolStoreLocation(string? path, Uri? server)
    {
        Path = path;
        Server = server;
    }

    /// <summary>Full path of the directory or file; null for a server.</summary>
    public string? Path { get; }

    /// <summary>URL of the server; null for a directory.</summary>
    public Uri? Server { get; }

    /// <summary>Makes the location of a directory or file.</summary>
    public static SymbolStoreLocation AtPath(string fullPath) => new(fullPath, null);

    /// <summary>Makes the location of a server.</summary>
    public static SymbolStoreLocation AtServer(Uri url) => new(null, url);

    /// <summary>The path, or the URL without the user name, password and query that it may hold.</summary>
    public override string ToString() => Path ?? DisplayUrl(Server!);

    /// <summary>A URL without anything that could be a secret.</summary>
    internal static string DisplayUrl(Uri url) =>
        url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}

/// <summary>One element of a symbol path.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Stores">The stores of a chain in their order; one location for the other kinds.</param>
/// <param name="Caches">Directories of the <c>cache*</c> elements before it, in their order.</param>
public sealed record SymbolPathElement(
    SymbolPathElementKind Kind, IReadOnlyList<SymbolStoreLocation> Stores, IReadOnlyList<string> Caches);
