using System.Globalization;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// One pass over a decorated name: this part knows names and scopes. The grammar is not published; it is the one that
/// LLVM's MicrosoftDemangle.cpp reads. After the first thing that does not parse, every step returns at once.
/// </summary>
internal sealed partial class MsvcNameParser(string text)
{
    private const int MaximumDepth = 64;
    // A back reference can double a name's length at each level.
    private const int MaximumOutput = 8_192;
    private const int MaximumBackReferences = 10;

    private int _at;
    private int _depth;
    private int _written;
    private bool _failed;
    private List<string> _names = [];
    private List<TypeText> _parameters = [];

    private char Next => _at < text.Length ? text[_at] : '\0';

    /// <summary>The name alone; null where it does not parse.</summary>
    public string? ParseName()
    {
        string name = Symbol(wholeType: false);
        return _failed || name.Length == 0 ? null : name;
    }

    private string Fail()
    {
        _failed = true;
        _at = text.Length;
        return "";
    }

    private bool TryTake(char expected)
    {
        if (Next != expected || _at >= text.Length)
            return false;
        _at++;
        return true;
    }

    private bool TryTake(string expected)
    {
        if (string.CompareOrdinal(text, _at, expected, 0, expected.Length) != 0)
            return false;
        _at += expected.Length;
        return true;
    }

    private char Take() => _at < text.Length ? text[_at++] : '\0';

    private bool Enter()
    {
        if (_failed || _depth >= MaximumDepth)
        {
            Fail();
            return false;
        }

        _depth++;
        return true;
    }

    private string Join(params ReadOnlySpan<string> parts)
    {
        foreach (string part in parts)
            _written += part.Length;
        return _written > MaximumOutput * 8 ? Fail() : string.Concat(parts);
    }

    private void Remember(string name)
    {
        if (_names.Count < MaximumBackReferences && !_names.Contains(name))
            _names.Add(name);
    }

    // A symbol that starts with '?'. The type behind the name is read only where something follows it.
    private string Symbol(bool wholeType)
    {
        if (!TryTake('?') || !Enter())
            return Fail();
        string name = SpecialSymbol() ?? OrdinarySymbol(wholeType);
        _depth--;
        return name.Length > MaximumOutput ? Fail() : name;
    }

    private string OrdinarySymbol(bool wholeType)
    {
        NamePart part = UnqualifiedName(remember: true);
        string scopes = Scopes(out string innermost);
        string name = part.Text;
        if (part.Kind is NameKind.Constructor or NameKind.Destructor)
        {
            if (innermost.Length == 0)
                return Fail();
            name = part.Kind == NameKind.Constructor ? innermost : Join("~", innermost);
            name = Join(name, part.Text);
        }

        if (part.Kind == NameKind.Conversion)
            return Join(scopes, "operator ", SymbolType(), part.Text);
        if (wholeType)
            SymbolType();
        return Join(scopes, name);
    }

    private NamePart UnqualifiedName(bool remember)
    {
        if (Next is >= '0' and <= '9')
            return new NamePart(BackReference(), NameKind.Plain);
        if (TryTake("?$"))
            return Template(remember: false);
        if (TryTake('?'))
            return Operator();
        return new NamePart(SimpleName(remember), NameKind.Plain);
    }

    private string BackReference()
    {
        int index = Take() - '0';
        return index < _names.Count ? _names[index] : Fail();
    }

    private string SimpleName(bool remember)
    {
        int end = text.IndexOf('@', _at);
        if (end <= _at)
            return Fail();
        string name = text[_at..end];
        _at = end + 1;
        if (remember)
            Remember(name);
        return name;
    }

    /// <summary>Scopes from the innermost outwards until '@', as "outer::inner::".</summary>
    private string Scopes(out string innermost)
    {
        string scopes = "";
        innermost = "";
        while (!TryTake('@'))
        {
            if (_failed || _at >= text.Length)
                return Fail();
            string scope = ScopePart();
            if (innermost.Length == 0)
                innermost = scope;
            scopes = Join(scope, "::", scopes);
        }

        return scopes;
    }

    private string ScopePart()
    {
        if (Next is >= '0' and <= '9')
            return BackReference();
        if (TryTake("?$"))
            return Template(remember: true).Text;
        if (TryTake("?A"))
        {
            int end = text.IndexOf('@', _at);
            if (end < 0)
                return Fail();
            // The back reference counts the text of this namespace and not the words that stand for it.
            Remember("`anonymous namespace'");
            _at = end + 1;
            return "`anonymous namespace'";
        }

        if (Next != '?')
            return SimpleName(remember: true);

        // A name inside a function: the number of its block, then the function's own symbol.
        _at++;
        long number = Number();
        if (!TryTake('?') || Next != '?')
            return Fail();
        string function = Symbol(wholeType: true);
        return Join("`", function, "'::`", number.ToString(CultureInfo.InvariantCulture), "'");
    }

    private string QualifiedTypeName()
    {
        if (!Enter())
            return "";
        string name = Next is >= '0' and <= '9' ? BackReference()
            : TryTake("?$") ? Template(remember: true).Text
            : SimpleName(remember: true);
        string scopes = Scopes(out _);
        _depth--;
        return Join(scopes, name);
    }

    // One digit is that digit plus one; otherwise letters A to P are the hexadecimal digits, up to '@'.
    private long Number()
    {
        bool negative = TryTake('?');
        if (Next is >= '0' and <= '9')
        {
            long digit = Take() - '0' + 1;
            return negative ? -digit : digit;
        }

        ulong value = 0;
        for (int digits = 0; digits <= 16; digits++)
        {
            char next = Take();
            if (next == '@')
                return negative ? -(long)value : (long)value;
            if (next is < 'A' or > 'P')
                break;
            value = value << 4 | (uint)(next - 'A');
        }

        Fail();
        return 0;
    }

    private enum NameKind
    {
        Plain,
        Constructor,
        Destructor,
        Conversion,
    }

    // The text of a constructor's name is what follows the class's name: template arguments, mostly none.
    private readonly record struct NamePart(string Text, NameKind Kind);
}
