using System.Text.RegularExpressions;

namespace HangAnalysis.DumpForge.Linux.Layouts;

/// <summary>
/// Reads the declarations of <c>linux-types.txt</c>: C without functions and preprocessor, but with lines <c>#if NAME</c>,
/// <c>#if !NAME</c>, <c>#else</c>, <c>#endif</c>, and <c>#section MODULE</c> for types that a module may define.
/// </summary>
internal sealed partial class TypeTextParser
{
    private static readonly Dictionary<string, (int Size, bool Signed, string BtfName)> s_integers = new()
    {
        ["char"] = (1, true, "char"), ["unsigned char"] = (1, false, "unsigned char"), ["bool"] = (1, false, "_Bool"),
        ["short"] = (2, true, "short int"), ["unsigned short"] = (2, false, "short unsigned int"),
        ["int"] = (4, true, "int"), ["unsigned int"] = (4, false, "unsigned int"),
        ["long"] = (8, true, "long int"), ["unsigned long"] = (8, false, "long unsigned int"),
        ["unsigned long long"] = (8, false, "long long unsigned int"),
        ["u8"] = (1, false, "__u8"), ["u16"] = (2, false, "__u16"), ["s16"] = (2, true, "__s16"),
        ["u32"] = (4, false, "__u32"),
        ["s32"] = (4, true, "__s32"), ["u64"] = (8, false, "__u64"), ["s64"] = (8, true, "__s64"),
    };

    private readonly Dictionary<string, CType> _pointers = [];
    private readonly List<string> _tokens = [];
    private readonly List<string> _sections = [];
    private int _next;

    public TypeTextParser(string text, ISet<string> conditions)
    {
        string section = "";
        Stack<bool> taken = new();
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.Split("//")[0].Trim();
            if (line.StartsWith("#section", StringComparison.Ordinal))
                section = line["#section".Length..].Trim();
            else if (line.StartsWith("#if ", StringComparison.Ordinal))
                taken.Push(line[4] == '!' ? !conditions.Contains(line[5..]) : conditions.Contains(line[4..]));
            else if (line == "#else")
                taken.Push(!taken.Pop());
            else if (line == "#endif")
                taken.Pop();
            else if (taken.All(part => part))
                foreach (Match token in Token().Matches(line))
                {
                    _tokens.Add(token.Value);
                    _sections.Add(section);
                }
        }
        foreach ((string name, (int size, bool signed, string btfName)) in s_integers)
            Types.Add(name, new CType(CKind.Int, btfName)
            {
                Size = size, Alignment = size, IsSigned = signed, IsPlaced = true,
            });
        while (_next < _tokens.Count)
            ParseDeclaration();
    }

    /// <summary>Types by the name C gives them: <c>struct mutex</c>, <c>atomic_t</c>.</summary>
    public Dictionary<string, CType> Types { get; } = [];

    [GeneratedRegex(@"[A-Za-z_][A-Za-z_0-9]*|-?\d+|[{}\[\]*;:,=]")]
    private static partial Regex Token();

    private string Peek => _tokens[_next];

    private string Take() => _tokens[_next++];

    private bool Accept(string token)
    {
        if (Peek != token)
            return false;
        _next++;
        return true;
    }

    private void Expect(string token)
    {
        if (Take() is not string found || found == token)
            return;
        string before = string.Join(' ', _tokens[Math.Max(0, _next - 12)..(_next - 1)]);
        throw new FormatException($"'{token}' expected, '{found}' found after '{before}'");
    }

    private void ParseDeclaration()
    {
        if (!Accept("typedef"))
        {
            CType type = ParseType();
            while (!Accept(";"))
                Mark(type, Take());
            return;
        }
        CType target = ParseType();
        string name = Take();
        Types[name] = new CType(CKind.Typedef, name) { Element = target };
        Expect(";");
    }

    private static void Mark(CType type, string mark)
    {
        // A packed structure keeps its order too; only orc_entry is one.
        type.IsPinned |= mark is "pinned" or "packed";
        type.IsLoose |= mark == "loose";
        if (mark == "packed")
            type.Alignment = -1;
    }

    private CType ParseType()
    {
        string word = Take();
        switch (word)
        {
            case "struct" or "union" or "enum":
                return ParseTagged(word);
            case "void":
                return Special("void", CKind.Void);
            case "fn":
                return Special("fn", CKind.Function);
            case "unsigned":
                word = "unsigned " + Take();
                if (word == "unsigned long" && Accept("long"))
                    word = "unsigned long long";
                break;
        }
        return Types.TryGetValue(word, out CType? type) ? type : throw new FormatException($"no type {word}");
    }

    private CType Special(string word, CKind kind)
    {
        if (!Types.TryGetValue(word, out CType? type))
            Types[word] = type = new CType(kind, "") { IsPlaced = true };
        return type;
    }

    private CType ParseTagged(string word)
    {
        string name = Peek == "{" ? "" : Take(), key = $"{word} {name}";
        CKind kind = word switch { "struct" => CKind.Struct, "union" => CKind.Union, _ => CKind.Enum };
        CType type = name.Length > 0 && Types.TryGetValue(key, out CType? known) ? known : new CType(kind, name);
        if (name.Length > 0)
            Types[key] = type;
        string section = _sections[_next];
        if (!Accept("{"))
            return type;
        if (section.Length > 0)
            type.Module = section;
        if (kind == CKind.Enum)
            ParseValues(type);
        else
            while (!Accept("}"))
                ParseMember(type);
        return type;
    }

    private void ParseValues(CType type)
    {
        (type.Size, type.Alignment, type.IsPlaced) = (4, 4, true);
        int value = 0;
        while (!Accept("}"))
        {
            string name = Take();
            if (Accept("="))
                value = int.Parse(Take());
            type.Values.Add((name, value++));
            Accept(",");
        }
    }

    private void ParseMember(CType owner)
    {
        CType type = ParseType();
        if (Accept(";"))
        {
            owner.Members.Add(new CMember("", type, 0));
            return;
        }
        while (Accept("*"))
            type = PointerTo(type);
        string name = Take();
        int bits = Accept(":") ? int.Parse(Take()) : 0;
        List<int> counts = [];
        while (Accept("["))
        {
            counts.Add(int.Parse(Take()));
            Expect("]");
        }
        for (int i = counts.Count - 1; i >= 0; i--)
            type = new CType(CKind.Array, "") { Element = type, Count = counts[i] };
        int place = Accept("first") ? -1 : Accept("last") ? 1 : 0;
        Expect(";");
        owner.Members.Add(new CMember(name, type, bits) { Place = place });
    }

    private CType PointerTo(CType type)
    {
        // One pointer type for each named target, as a compiler makes them.
        string key = $"{type.Kind} {type.Name}";
        if (type.Name.Length > 0 && _pointers.TryGetValue(key, out CType? known))
            return known;
        CType pointer = new(CKind.Pointer, "") { Element = type, Size = 8, Alignment = 8, IsPlaced = true };
        if (type.Name.Length > 0)
            _pointers[key] = pointer;
        return pointer;
    }
}
