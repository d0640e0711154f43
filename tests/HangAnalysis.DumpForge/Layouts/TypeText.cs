namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// A field's type, read from the text form of the layout files: <c>unsigned long:1@4</c> (bits), <c>*_KTHREAD</c>,
/// <c>_KWAIT_BLOCK[4]</c>, <c>*void[2][3]</c> or a name.
/// </summary>
/// <param name="Name">Name of the innermost type; "void" where the text names none.</param>
/// <param name="Pointers">How many pointers lead to it.</param>
/// <param name="Dimensions">Dimensions of the array that the field is, outermost first; empty for none.</param>
/// <param name="BitLength">Number of bits of a bit field; 0 for a whole field.</param>
/// <param name="BitPosition">Lowest bit of a bit field in its storage unit.</param>
public sealed record TypeText(string Name, int Pointers, int[] Dimensions, int BitLength, int BitPosition)
{
    /// <summary>Number of elements of all dimensions together; 1 for no array.</summary>
    public int Count
    {
        get
        {
            int count = 1;
            foreach (int dimension in Dimensions)
                count *= dimension;
            return count;
        }
    }

    /// <summary>Reads the text form.</summary>
    public static TypeText Parse(string text)
    {
        int bitLength = 0, bitPosition = 0;
        // Names of nested anonymous types hold "::": only a colon followed by digits and '@' starts a bit field.
        int at = text.LastIndexOf('@');
        if (at >= 0)
        {
            int colon = text.LastIndexOf(':', at);
            bitLength = int.Parse(text.AsSpan(colon + 1, at - colon - 1));
            bitPosition = int.Parse(text.AsSpan(at + 1));
            text = text[..colon];
        }
        List<int> dimensions = [];
        while (text.EndsWith(']'))
        {
            int open = text.LastIndexOf('[');
            dimensions.Insert(0, int.Parse(text.AsSpan(open + 1, text.Length - open - 2)));
            text = text[..open];
        }
        int pointers = 0;
        while (pointers < text.Length && text[pointers] == '*')
            pointers++;
        string name = text[pointers..];
        return new TypeText(name.Length == 0 ? "void" : name, pointers, [.. dimensions], bitLength, bitPosition);
    }

    /// <summary>Size of a type that C knows without a declaration, in bytes; null for other names.</summary>
    public static int? SimpleSize(string name) => name switch
    {
        "char" or "unsigned char" or "bool" => 1,
        "short" or "unsigned short" or "wchar" => 2,
        "long" or "unsigned long" or "int" or "unsigned int" or "float" => 4,
        "long long" or "unsigned long long" or "double" => 8,
        "void" => 0,
        _ => null,
    };
}
