namespace HangAnalysis.Targets.Symbols;

/// <summary>Which of several names at one address a person wants to read.</summary>
internal static class SymbolRanking
{
    /// <summary>
    /// Lower is plainer: a plain name, then a C++ one, then one with a leading underscore or at sign (an alias of the C
    /// compiler), then what the compiler made for itself (<c>??_C@</c> strings, <c>??_7</c> tables).
    /// </summary>
    public static int Rank(string name)
    {
        if (name.Length == 0)
            return 4;
        if (name.StartsWith("??_", StringComparison.Ordinal))
            return 3;
        return name[0] switch { '?' => 1, '_' or '@' or '$' => 2, _ => 0 };
    }
}
