namespace HangAnalysis.Targets.Symbols;

/// <summary>The names that the compiler gives: operators, tables, helpers, run-time type information.</summary>
internal sealed partial class MsvcNameParser
{
    private static string? PlainOperator(char code) => code switch
    {
        '2' => "operator new",
        '3' => "operator delete",
        '4' => "operator=",
        '5' => "operator>>",
        '6' => "operator<<",
        '7' => "operator!",
        '8' => "operator==",
        '9' => "operator!=",
        'A' => "operator[]",
        'C' => "operator->",
        'D' => "operator*",
        'E' => "operator++",
        'F' => "operator--",
        'G' => "operator-",
        'H' => "operator+",
        'I' => "operator&",
        'J' => "operator->*",
        'K' => "operator/",
        'L' => "operator%",
        'M' => "operator<",
        'N' => "operator<=",
        'O' => "operator>",
        'P' => "operator>=",
        'Q' => "operator,",
        'R' => "operator()",
        'S' => "operator~",
        'T' => "operator^",
        'U' => "operator|",
        'V' => "operator&&",
        'W' => "operator||",
        'X' => "operator*=",
        'Y' => "operator+=",
        'Z' => "operator-=",
        _ => null,
    };

    private static string? UnderscoreOperator(char code) => code switch
    {
        '0' => "operator/=",
        '1' => "operator%=",
        '2' => "operator>>=",
        '3' => "operator<<=",
        '4' => "operator&=",
        '5' => "operator|=",
        '6' => "operator^=",
        '7' => "`vftable'",
        '8' => "`vbtable'",
        '9' => "`vcall'",
        'A' => "`typeof'",
        'B' => "`local static guard'",
        'D' => "`vbase destructor'",
        'E' => "`vector deleting destructor'",
        'F' => "`default constructor closure'",
        'G' => "`scalar deleting destructor'",
        'H' => "`vector constructor iterator'",
        'I' => "`vector destructor iterator'",
        'J' => "`vector vbase constructor iterator'",
        'K' => "`virtual displacement map'",
        'L' => "`eh vector constructor iterator'",
        'M' => "`eh vector destructor iterator'",
        'N' => "`eh vector vbase constructor iterator'",
        'O' => "`copy constructor closure'",
        'S' => "`local vftable'",
        'T' => "`local vftable constructor closure'",
        'U' => "operator new[]",
        'V' => "operator delete[]",
        'X' => "`placement delete closure'",
        'Y' => "`placement delete[] closure'",
        _ => null,
    };

    private static string? DoubleUnderscoreOperator(char code) => code switch
    {
        'A' => "`managed vector constructor iterator'",
        'B' => "`managed vector destructor iterator'",
        'C' => "`eh vector copy constructor iterator'",
        'D' => "`eh vector vbase copy constructor iterator'",
        'G' => "`vector copy constructor iterator'",
        'H' => "`vector vbase copy constructor iterator'",
        'I' => "`managed vector vbase copy constructor iterator'",
        'J' => "`local static thread guard'",
        'L' => "operator co_await",
        'M' => "operator<=>",
        _ => null,
    };

    private NamePart Operator()
    {
        char code = Take();
        switch (code)
        {
            case '0':
                return new NamePart("", NameKind.Constructor);
            case '1':
                return new NamePart("", NameKind.Destructor);
            case 'B':
                return new NamePart("", NameKind.Conversion);
            case '_':
                break;
            default:
                return new NamePart(PlainOperator(code) ?? Fail(), NameKind.Plain);
        }

        code = Take();
        if (code == 'R')
            return new NamePart(TypeInformation(), NameKind.Plain);
        if (code != '_')
            return new NamePart(UnderscoreOperator(code) ?? Fail(), NameKind.Plain);
        code = Take();
        return new NamePart(
            code == 'K' ? Join("operator \"\" ", SimpleName(remember: false))
                : DoubleUnderscoreOperator(code) ?? Fail(),
            NameKind.Plain);
    }

    // What follows ??_R: 0 a type's descriptor, 1 to 4 the tables of a class.
    private string TypeInformation()
    {
        switch (Take())
        {
            case '1':
                return $"`RTTI Base Class Descriptor at ({Number()},{Number()},{Number()},{Number()})'";
            case '2':
                return "`RTTI Base Class Array'";
            case '3':
                return "`RTTI Class Hierarchy Descriptor'";
            case '4':
                return "`RTTI Complete Object Locator'";
            default:
                return Fail();
        }
    }

    // Symbols of a form of their own; null where the symbol is an ordinary one.
    private string? SpecialSymbol()
    {
        if (TryTake("?_R0"))
            return Join(Format(Type(Qualifying.Result)), " `RTTI Type Descriptor'");
        bool initializer = TryTake("?__E");
        if (!initializer && !TryTake("?__F"))
            return null;

        string name;
        if (Next == '?' && _at + 1 < text.Length && text[_at + 1] != '$')
        {
            name = Symbol(wholeType: true);
            TryTake('@');
            TryTake('@');
        }
        else
        {
            name = UnqualifiedName(remember: true).Text;
            name = Join(Scopes(out _), name);
        }

        SymbolType();
        return Join(
            initializer ? "`dynamic initializer for '" : "`dynamic atexit destructor for '", name, "''");
    }
}
