namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Turns decorated C++ names into the names that people read: scopes, template arguments and operators, without access,
/// return type and parameters (UNDNAME_NAME_ONLY of dbghelp.h).
/// </summary>
public static class MsvcUndecorator
{
    // MSVC itself cuts names at 4,096 characters and stores a hash instead.
    private const int MaximumLength = 4_096;

    /// <summary>
    /// The name alone, such as <c>CDesktopBrowser::_MessageLoop</c>. What is no decorated C++ name, names a string
    /// constant, or cannot be understood comes back unchanged, as the same string.
    /// </summary>
    public static string UndecorateName(string decorated)
    {
        ArgumentNullException.ThrowIfNull(decorated);
        if (decorated.Length < 3 || decorated.Length > MaximumLength || decorated[0] != '?')
            return decorated;
        // A string constant; a name that was replaced by its hash.
        if (decorated.StartsWith("??_C@", StringComparison.Ordinal)
            || decorated.StartsWith("??@", StringComparison.Ordinal))
            return decorated;
        return new MsvcNameParser(decorated).ParseName() ?? decorated;
    }
}
