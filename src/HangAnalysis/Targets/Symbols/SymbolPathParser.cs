namespace HangAnalysis.Targets.Symbols;

/// <summary>The syntax of symbol paths.</summary>
internal sealed class SymbolPathParser(string? defaultCache)
{
    private const int MaximumElements = 256;

    // learn.microsoft.com, "Advanced SymSrv Use": up to ten stores in one element.
    private const int MaximumStores = 10;

    private readonly List<SymbolPathElement> _elements = [];
    private readonly List<string> _warnings = [];
    private readonly List<string> _caches = [];

    public SymbolPath Parse(string text)
    {
        foreach (string part in text.Split(';'))
        {
            string element = part.Trim().Trim('"').Trim();
            if (element.Length == 0)
                continue;
            if (_elements.Count == MaximumElements)
            {
                Warn(element, $"the symbol path has more than {MaximumElements} elements, the rest is not used");
                break;
            }
            Add(element);
        }
        return new SymbolPath(_elements, _warnings);
    }

    private void Add(string element)
    {
        string[] parts = element.Split('*');
        if (parts.Length == 1)
        {
            AddPath(element);
            return;
        }

        switch (parts[0].Trim().ToUpperInvariant())
        {
            case "SRV":
                AddChain(element, parts.AsSpan(1));
                break;
            case "SYMSRV":
                // The second part names a DLL to load into the debugger. Its protocol is built in here, others are not.
                if (parts[1].Trim().Equals("symsrv.dll", StringComparison.OrdinalIgnoreCase))
                    AddChain(element, parts.AsSpan(2));
                else
                    Warn(element, "only symsrv.dll is known as a symbol server DLL");
                break;
            case "CACHE":
                AddCache(element, parts.AsSpan(1));
                break;
            default:
                Warn(element, "not srv*, symsrv* or cache*");
                break;
        }
    }

    private void AddPath(string element)
    {
        SymbolStoreLocation? location = Location(element, element);
        if (location is null)
            return;
        if (location.Path is null)
        {
            Warn(element, "a URL without a keyword, write srv*URL");
            return;
        }
        SymbolPathElementKind kind =
            File.Exists(location.Path) ? SymbolPathElementKind.File : SymbolPathElementKind.Directory;
        AddElement(kind, [location]);
    }

    private void AddChain(string element, ReadOnlySpan<string> parts)
    {
        List<SymbolStoreLocation> stores = [];
        bool anyNamed = false;
        for (int i = 0; i < parts.Length; i++)
        {
            string part = parts[i].Trim();
            if (part.Length == 0)
            {
                // Two asterisks in a row stand for the default store; one at the end separates nothing.
                if (i + 1 < parts.Length && defaultCache is not null)
                    stores.Add(SymbolStoreLocation.AtPath(defaultCache));
                continue;
            }
            anyNamed = true;
            if (stores.Count >= MaximumStores)
            {
                Warn(element, $"more than {MaximumStores} stores, the rest is not used");
                break;
            }
            SymbolStoreLocation? location = Location(part, element);
            if (location is not null)
                stores.Add(location);
        }

        if (!anyNamed)
        {
            stores.Clear();
            stores.Add(SymbolStoreLocation.AtServer(SymbolPath.MicrosoftServer));
        }
        if (stores.Count == 0)
            return;

        // Only files can be opened: a server needs a directory to its left.
        if (stores[0].Server is not null && _caches.Count == 0)
        {
            if (defaultCache is null)
            {
                Warn(element, "a server needs a cache directory and the user has no default one, write srv*CACHE*URL");
                return;
            }
            stores.Insert(0, SymbolStoreLocation.AtPath(defaultCache));
        }
        AddElement(SymbolPathElementKind.StoreChain, stores);
    }

    private void AddCache(string element, ReadOnlySpan<string> parts)
    {
        string part = parts[0].Trim();
        if (parts.Length > 1 && parts[1..].ContainsAnyExcept(""))
            Warn(element, "cache* takes one directory, the rest is not used");

        SymbolStoreLocation? location;
        if (part.Length > 0)
            location = Location(part, element);
        else
            location = defaultCache is null ? null : SymbolStoreLocation.AtPath(defaultCache);
        if (location?.Path is null)
        {
            if (location is not null)
                Warn(element, "a cache is a directory, not a URL");
            else if (part.Length == 0)
                Warn(element, "the user has no default cache directory, write cache*DIRECTORY");
            return;
        }
        AddElement(SymbolPathElementKind.StoreChain, [location]);
        _caches.Add(location.Path);
    }

    private void AddElement(SymbolPathElementKind kind, IReadOnlyList<SymbolStoreLocation> stores) =>
        _elements.Add(new SymbolPathElement(kind, stores, _caches.ToArray()));

    private SymbolStoreLocation? Location(string text, string element)
    {
        if (text.Contains("://", StringComparison.Ordinal))
        {
            if (Uri.TryCreate(text, UriKind.Absolute, out Uri? url)
                && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
                && url.Host.Length > 0)
            {
                return SymbolStoreLocation.AtServer(url);
            }
            Warn(element, "not an http or https URL");
            return null;
        }

        // On other systems such a text would name a new folder below the current one.
        if (!OperatingSystem.IsWindows() && IsWindowsPath(text))
        {
            Warn(element, "has a path of Windows, which this system does not have");
            return null;
        }
        try
        {
            return SymbolStoreLocation.AtPath(Path.TrimEndingDirectorySeparator(Path.GetFullPath(text)));
        }
        catch (Exception e) when (e is ArgumentException or IOException or NotSupportedException)
        {
            Warn(element, "not a path");
            return null;
        }
    }

    private static bool IsWindowsPath(string text) =>
        text.StartsWith(@"\\", StringComparison.Ordinal)
        || (text.Length >= 3 && char.IsAsciiLetter(text[0]) && text[1] == ':' && text[2] is '\\' or '/');

    private void Warn(string element, string reason) =>
        _warnings.Add(SymbolSearchLog.Line($"symbol path element {element}", reason));
}
