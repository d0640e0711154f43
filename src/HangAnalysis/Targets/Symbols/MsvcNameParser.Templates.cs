using System.Globalization;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Templates: a name, then arguments up to '@', with back references of their own.</summary>
internal sealed partial class MsvcNameParser
{
    private NamePart Template(bool remember)
    {
        if (!Enter())
            return new NamePart("", NameKind.Plain);
        List<string> outerNames = _names;
        List<TypeText> outerParameters = _parameters;
        _names = [];
        _parameters = [];
        NamePart name = UnqualifiedName(remember: true);
        string arguments = Arguments();
        _names = outerNames;
        _parameters = outerParameters;
        _depth--;

        // Old compilers' habit, which debuggers kept: a space between closing brackets.
        string text = Join(name.Text, "<", arguments, arguments.EndsWith('>') ? " >" : ">");
        if (remember)
            Remember(text);
        return name with { Text = text };
    }

    private string Arguments()
    {
        string list = "";
        while (!_failed && !TryTake('@'))
        {
            if (_at >= text.Length)
                return Fail();
            // Ends of parameter packs.
            if (TryTake("$$V") || TryTake("$$$V") || TryTake("$$Z") || TryTake("$S"))
                continue;
            string argument = Argument();
            list = list.Length == 0 ? argument : Join(list, ",", argument);
        }

        return list;
    }

    private string Argument()
    {
        if (TryTake("$$Y"))
            return QualifiedTypeName();
        if (TryTake("$$B"))
            return Format(Type(Qualifying.Drop));
        if (TryTake("$$C"))
            return Format(Type(Qualifying.Mangle));
        // A value of a parameter declared auto: its type comes first and is not shown, and no '$' follows.
        if (TryTake("$M"))
        {
            Type(Qualifying.Drop);
            return TryTake('0') ? Number().ToString(CultureInfo.InvariantCulture)
                : TryTake('1') ? Join("&", Symbol(wholeType: true)) : Fail();
        }

        if (TryTake("$0"))
            return Number().ToString(CultureInfo.InvariantCulture);
        if (TryTake("$E"))
            return Symbol(wholeType: true);
        if (TryTake("$1@"))
            return "0";
        if (TryTake("$1"))
            return Join("&", Symbol(wholeType: true));
        if (Next == '$' && _at + 1 < text.Length && text[_at + 1] is >= 'F' and <= 'J')
            return MemberPointer();
        return Format(Type(Qualifying.Drop));
    }

    // Pointers to members: F and G are numbers, H to J a function and then numbers.
    private string MemberPointer()
    {
        char kind = text[_at + 1];
        _at += 2;
        string list = kind >= 'H' ? Join("&", Symbol(wholeType: true)) : "";
        int numbers = kind switch { 'H' => 1, 'I' or 'F' => 2, _ => 3 };
        for (int i = 0; i < numbers; i++)
        {
            string number = Number().ToString(CultureInfo.InvariantCulture);
            list = list.Length == 0 ? number : Join(list, ",", number);
        }

        return Join("{", list, "}");
    }
}
