using System.Globalization;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Types: of each, the text before and after the place where a declared name would stand.</summary>
internal sealed partial class MsvcNameParser
{
    private enum Qualifying
    {
        /// <summary>No qualifiers are written.</summary>
        Drop,

        /// <summary>Qualifiers are written first.</summary>
        Mangle,

        /// <summary>Qualifiers are written after a '?'.</summary>
        Result,
    }

    private static TypeText Plain(string text) => new(text, "");

    private string Format(TypeText type) => type.After.Length == 0 ? type.Before : Join(type.Before, type.After);

    private TypeText FailType()
    {
        Fail();
        return Plain("");
    }

    // The part of a symbol after its name. Returns the return type of a function, the type of a variable.
    private string SymbolType()
    {
        char code = Take();
        switch (code)
        {
            case >= '0' and <= '4':
                string type = Format(Type(Qualifying.Drop));
                SkipPointerQualifiers();
                Qualifiers();
                return type;
            case >= '5' and <= '9':
                // Guards, vftables and the like: what follows says nothing that a name shows.
                SkipRest(code);
                return "";
            case >= 'A' and <= 'Z':
                // In each eight: instance, static and virtual functions and thunks, each near and far.
                int kind = (code - 'A') % 8 / 2;
                if (kind == 3)
                    Number();
                bool isInstance = code < 'Y' && kind != 1;
                return FunctionType(isInstance).Before;
            default:
                return Fail();
        }
    }

    private void SkipRest(char code)
    {
        if (code == '5')
        {
            Number();
            return;
        }

        if (code is '6' or '7')
        {
            Qualifiers();
            while (!TryTake('@') && !_failed && _at < text.Length)
                QualifiedTypeName();
        }
    }

    private TypeText FunctionType(bool isInstance)
    {
        string qualifier = "";
        if (isInstance)
        {
            SkipPointerQualifiers();
            _ = TryTake('G') || TryTake('H');
            qualifier = Qualifiers();
        }

        string convention = Convention();
        TypeText result = TryTake('@') ? Plain("") : Type(Qualifying.Result);
        string parameters = Parameters();
        if (!TryTake("_E") && !TryTake('Z'))
            Fail();
        return new TypeText(Format(result), Join("(", parameters, ")", qualifier), convention);
    }

    private string Convention() => Take() switch
    {
        'A' or 'B' => "__cdecl",
        'C' or 'D' => "__pascal",
        'E' or 'F' => "__thiscall",
        'G' or 'H' => "__stdcall",
        'I' or 'J' => "__fastcall",
        'M' or 'N' => "__clrcall",
        'O' or 'P' => "__eabi",
        'Q' => "__vectorcall",
        'S' => "__swift_1",
        'W' => "__swift_2",
        _ => Fail(),
    };

    private string Parameters()
    {
        if (TryTake('X'))
            return "void";
        string list = "";
        while (!_failed && !TryTake('@'))
        {
            // 'Z' ends a list that goes on with "...".
            if (TryTake('Z'))
                return list.Length == 0 ? "..." : Join(list, ",...");
            TypeText type;
            if (Next is >= '0' and <= '9')
            {
                int index = Take() - '0';
                type = index < _parameters.Count ? _parameters[index] : FailType();
            }
            else
            {
                int start = _at;
                type = Type(Qualifying.Drop);
                // A type of one letter is as short as a reference to it.
                if (_at - start > 1 && _parameters.Count < MaximumBackReferences)
                    _parameters.Add(type);
            }

            list = list.Length == 0 ? Format(type) : Join(list, ",", Format(type));
        }

        return list;
    }

    private void SkipPointerQualifiers()
    {
        while (Next is 'E' or 'F' or 'I')
            _at++;
    }

    private string Qualifiers() => Take() switch
    {
        'A' or 'Q' => "",
        'B' or 'R' => " const",
        'C' or 'S' => " volatile",
        'D' or 'T' => " const volatile",
        _ => Fail(),
    };

    private TypeText Type(Qualifying qualifying)
    {
        if (!Enter())
            return Plain("");
        string qualifiers = qualifying == Qualifying.Mangle
            || (qualifying == Qualifying.Result && TryTake('?')) ? Qualifiers() : "";
        TypeText type = UnqualifiedType();
        _depth--;
        return qualifiers.Length == 0 ? type : type with { Before = Join(type.Before, qualifiers) };
    }

    private TypeText UnqualifiedType()
    {
        if (TryTake("$$Q"))
            return Pointer(" &&", "");
        if (TryTake("$$R"))
            return Pointer(" &&", " volatile");
        if (TryTake("$$T"))
            return Plain("std::nullptr_t");
        if (TryTake("$$A6"))
        {
            TypeText function = FunctionType(isInstance: false);
            return new TypeText(Join(function.Before, " ", function.Convention), function.After);
        }

        if (TryTake("$$A8@@"))
        {
            TypeText function = FunctionType(isInstance: true);
            return new TypeText(Join(function.Before, " ", function.Convention), function.After);
        }

        if (TryTake("$$B"))
            return Type(Qualifying.Drop);
        if (TryTake("$$C"))
            return Type(Qualifying.Mangle);
        char code = Take();
        switch (code)
        {
            case 'A':
                return Pointer(" &", "");
            case 'B':
                return Pointer(" &", " volatile");
            case 'P':
                return Pointer(" *", "");
            case 'Q':
                return Pointer(" *", " const");
            case 'R':
                return Pointer(" *", " volatile");
            case 'S':
                return Pointer(" *", " const volatile");
            case 'T' or 'U' or 'V':
                return Plain(QualifiedTypeName());
            case 'W':
                return Next is >= '0' and <= '7' && Take() != '\0' ? Plain(QualifiedTypeName()) : FailType();
            case 'Y':
                return Array();
            case '_':
                return Plain(ExtendedPrimitive());
            case '?':
                string custom = QualifiedTypeName();
                return Plain(custom);
            default:
                return Plain(Primitive(code));
        }
    }

    private TypeText Pointer(string sign, string ownQualifiers)
    {
        if (TryTake('6'))
        {
            TypeText function = FunctionType(isInstance: false);
            string open = Join(function.Before, " (", function.Convention, sign.TrimStart(), ownQualifiers);
            return new TypeText(open, Join(")", function.After));
        }

        SkipPointerQualifiers();
        if (TryTake('8'))
        {
            string owner = QualifiedTypeName();
            TypeText function = FunctionType(isInstance: true);
            string before = Join(function.Before, " (", function.Convention, " ", owner);
            return new TypeText(Join(before, "::", sign.TrimStart(), ownQualifiers), Join(")", function.After));
        }

        bool isMember = Next is >= 'Q' and <= 'T';
        string qualifiers = Qualifiers();
        string member = isMember ? Join(" ", QualifiedTypeName(), "::*") : sign;
        TypeText target = Type(Qualifying.Drop);
        bool isArray = target.After.StartsWith('[');
        string beforeSign = Join(target.Before, qualifiers, isArray ? " (" : "");
        string text = Join(beforeSign, isArray ? member.TrimStart() : member, ownQualifiers);
        return new TypeText(text, isArray ? Join(")", target.After) : target.After);
    }

    private TypeText Array()
    {
        long rank = Number();
        if (rank is <= 0 or > 32)
            return FailType();
        string dimensions = "";
        for (long i = 0; i < rank; i++)
        {
            long count = Number();
            dimensions = Join(dimensions, "[", count == 0 ? "" : count.ToString(CultureInfo.InvariantCulture), "]");
        }

        string qualifiers = TryTake("$$C") ? Qualifiers() : "";
        TypeText element = Type(Qualifying.Drop);
        return new TypeText(Join(element.Before, qualifiers), Join(dimensions, element.After));
    }

    private string Primitive(char code) => code switch
    {
        'X' => "void",
        'C' => "signed char",
        'D' => "char",
        'E' => "unsigned char",
        'F' => "short",
        'G' => "unsigned short",
        'H' => "int",
        'I' => "unsigned int",
        'J' => "long",
        'K' => "unsigned long",
        'M' => "float",
        'N' => "double",
        'O' => "long double",
        _ => Fail(),
    };

    private string ExtendedPrimitive() => Take() switch
    {
        'D' => "__int8",
        'E' => "unsigned __int8",
        'F' => "__int16",
        'G' => "unsigned __int16",
        'H' => "__int32",
        'I' => "unsigned __int32",
        'J' => "__int64",
        'K' => "unsigned __int64",
        'L' => "__int128",
        'M' => "unsigned __int128",
        'N' => "bool",
        'P' => "auto",
        'Q' => "char8_t",
        'S' => "char16_t",
        'T' => "decltype(auto)",
        'U' => "char32_t",
        'W' => "wchar_t",
        _ => Fail(),
    };

    private readonly record struct TypeText(string Before, string After, string Convention = "");
}
