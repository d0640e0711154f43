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

    /// <summary>
    /// The name of a public symbol as debuggers show it: of a C++ name the name alone, of a C name without its first
    /// underscore. dbghelp takes that for the C compiler's decoration on every machine, so that <c>__C_specific_handler</c>
    /// is shown as <c>_C_specific_handler</c> on x64 too (checked with the debugger engine).
    /// </summary>
    public static string UndecoratePublic(string decorated)
    {
        ArgumentNullException.ThrowIfNull(decorated);
        if (UndecorateCall(decorated) is { } plain)
            return plain;
        return decorated.Length > 1 && decorated[0] == '_' ? decorated[1..] : UndecorateName(decorated);
    }

    /// <summary>
    /// The name in a decoration of x86 that tells the bytes of parameters: _Name@8 (stdcall), @Name@8 (fastcall); null where it
    /// is none ("Decorated names" of Microsoft's C++ documentation).
    /// </summary>
    internal static string? UndecorateCall(string decorated)
    {
        int at = decorated.LastIndexOf('@');
        return at >= 2 && decorated[0] is '_' or '@' && at < decorated.Length - 1
            && !decorated.AsSpan(at + 1).ContainsAnyExceptInRange('0', '9') ? decorated[1..at] : null;
    }
}
