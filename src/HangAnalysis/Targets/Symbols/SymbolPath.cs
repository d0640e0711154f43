namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// A symbol path in WinDbg's syntax, understood: directories, files, <c>srv*</c>, <c>symsrv*</c> and <c>cache*</c>
/// elements (learn.microsoft.com, "Symbol path for Windows debuggers", "Advanced SymSrv Use").
/// </summary>
public sealed class SymbolPath
{
    internal SymbolPath(IReadOnlyList<SymbolPathElement> elements, IReadOnlyList<string> warnings)
    {
        Elements = elements;
        Warnings = warnings;
    }

    /// <summary>Microsoft's public symbol server.</summary>
    public static Uri MicrosoftServer { get; } = new("https://msdl.microsoft.com/download/symbols");

    /// <summary>The elements that are used, in order.</summary>
    public IReadOnlyList<SymbolPathElement> Elements { get; }

    /// <summary>What is wrong with the path, one line each; such elements are left out.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads a symbol path. Bad elements become warnings.</summary>
    /// <param name="text">The path: elements separated by ';'. Environment variables in it are not expanded.</param>
    /// <param name="defaultCache">Directory that <c>srv*</c> and <c>cache*</c> mean; null for the user's.</param>
    public static SymbolPath Parse(string? text, string? defaultCache = null) =>
        new SymbolPathParser(defaultCache ?? DefaultCacheDirectory()).Parse(text ?? "");

    /// <summary>
    /// The user's default cache: <c>HangAnalysis/symbols</c> below XDG_CACHE_HOME or the local application data; null
    /// where the user has neither.
    /// </summary>
    public static string? DefaultCacheDirectory()
    {
        string? root = OperatingSystem.IsWindows() ? null : Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

        // The XDG Base Directory Specification has relative paths ignored.
        if (root is null || !Path.IsPathFullyQualified(root))
        {
            root = Environment.GetFolderPath(
                Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
        }
        return Path.IsPathFullyQualified(root) ? Path.Combine(root, "HangAnalysis", "symbols") : null;
    }
}
