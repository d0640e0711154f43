namespace HangAnalysis.Esxi;

/// <summary>Reads a line of a stack: <c>0x4390c:[0x41801]Func@vmkernel#nover+0x439 stack: 0x0, 0x1</c>.</summary>
internal static class FrameLine
{
    private const int LeastDigits = 5;

    /// <summary>How much of the line is there.</summary>
    public enum Reading
    {
        /// <summary>It is no line of a stack.</summary>
        None,

        /// <summary>It begins like one and ends before the function's name.</summary>
        Begun,

        /// <summary>The function is there; the module or the displacement may be cut.</summary>
        Named,

        /// <summary>Everything up to the displacement is there; it may be cut by the end of the line.</summary>
        Displaced,

        /// <summary>It goes on behind the displacement: nothing is cut.</summary>
        Whole,
    }

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its prefix.</param>
    /// <param name="frame">The frame; null unless the function or at least the whole address is there.</param>
    /// <param name="repairs">How many characters had to be guessed.</param>
    public static Reading Read(string line, out EsxiFrame? frame, out int repairs)
    {
        frame = null;
        repairs = 0;
        ReadOnlySpan<char> text = line;
        int start = Start(text);
        if (start < 0)
            return Reading.None;
        text = text[start..];
        if (!EsxiGlyphs.TryReadHex(ref text, out ulong stack, out int digits, ref repairs) || digits < LeastDigits)
            return Reading.None;
        text = text.TrimStart();
        bool hasColon = !text.IsEmpty && text[0] is ':' or ';' or '.';
        repairs += hasColon && text[0] != ':' ? 1 : 0;
        text = hasColon ? text[1..].TrimStart() : text;
        bool hasBracket = !text.IsEmpty && text[0] is '[' or '(' or '{';
        if (!hasColon && !hasBracket)
            return text.IsEmpty && digits >= LeastDigits ? Reading.Begun : Reading.None;
        repairs += hasColon && hasBracket && text[0] == '[' ? 0 : 1;
        text = hasBracket ? text[1..].TrimStart() : text;
        if (text.Length < 3)
            return hasBracket || text.IsEmpty ? Reading.Begun : Reading.None;
        if (!EsxiGlyphs.StartsHex(text))
            return Reading.None;
        ReadOnlySpan<char> before = text;
        int guessed = repairs;
        if (!EsxiGlyphs.TryReadHex(ref text, out ulong address, out digits, ref repairs))
            return Reading.None;
        if (text.IsEmpty)
            return Reading.Begun;
        if (text[0] is ']' or ')' or '}')
        {
            repairs += text[0] == ']' ? 0 : 1;
            text = text[1..];
        }
        else
        {
            // Without its bracket the address would take the first letters of the name: it has twelve digits in 64-bit
            // kernels.
            text = before;
            repairs = guessed + 1;
            if (!EsxiGlyphs.TryReadAddress(ref text, out address, ref repairs))
                EsxiGlyphs.TryReadHex(ref text, out address, out digits, ref repairs);
        }
        if (digits < LeastDigits)
            return Reading.None;
        return ReadName(text.TrimStart(), stack, address, out frame, ref repairs);
    }

    /// <summary>Where a line of a stack begins: dust before it does not count, a word does.</summary>
    private static int Start(ReadOnlySpan<char> text)
    {
        const int MostDust = 8;
        for (int i = 0; i < Math.Min(text.Length, MostDust); i++)
        {
            if (EsxiGlyphs.StartsHex(text[i..]))
                return i;
            if (char.IsLetterOrDigit(text[i]) || text[i] == '"')
                return -1;
        }
        return -1;
    }

    private static Reading ReadName(
        ReadOnlySpan<char> text, ulong stack, ulong address, out EsxiFrame? frame, ref int repairs)
    {
        string? symbol = TakeWord(ref text, "@+# \t");
        string? module = null, version = null;
        bool isCut = false, hasModule = false;
        if (!text.IsEmpty && text[0] == '@')
        {
            text = text[1..];
            hasModule = true;
            module = TakeModule(ref text, out isCut, ref repairs);
        }
        if (!text.IsEmpty && text[0] == '#')
        {
            text = text[1..];
            version = TakeWord(ref text, "+ \t");
            version = version is null or "nover" or "<None>" || EsxiGlyphs.AreAlike(version, "nover") ? null : version;
        }
        ulong displacement = 0;
        bool hasDisplacement = !text.IsEmpty && text[0] == '+';
        if (hasDisplacement)
        {
            text = text[1..];
            hasDisplacement = EsxiGlyphs.TryReadHex(ref text, out displacement, out _, ref repairs);
        }
        frame = new EsxiFrame(stack, address, symbol, module, displacement)
        {
            Version = version, IsCut = isCut || !hasDisplacement, NamesNoModule = !hasModule && hasDisplacement,
        };
        return symbol is null ? Reading.Begun
            : !hasDisplacement ? Reading.Named
            : text.TrimStart().IsEmpty ? Reading.Displaced : Reading.Whole;
    }

    /// <summary>
    /// The module: <c>vmkernel</c>, <c>(hbr_filter)</c>, <c>com.vmware.driverAPI</c>; null for <c>&lt;None&gt;</c>.
    /// </summary>
    private static string? TakeModule(ref ReadOnlySpan<char> text, out bool isCut, ref int repairs)
    {
        isCut = false;
        bool isEnclosed = !text.IsEmpty && text[0] == '(';
        if (isEnclosed)
            text = text[1..];
        string? name = TakeWord(ref text, isEnclosed ? ")#+ \t" : "#+ \t");
        if (isEnclosed && !text.IsEmpty && text[0] == ')')
            text = text[1..];
        else if (text.IsEmpty)
            isCut = true;
        else if (isEnclosed)
            repairs++;
        if (name is null || EsxiGlyphs.AreAlike(name, "<None>"))
            return null;
        string known = EsxiModules.Normalize(name, out bool isGuess);
        repairs += isGuess ? 1 : 0;
        return known;
    }

    /// <summary>Takes what stands before one of the <paramref name="ends"/>; null where there is nothing.</summary>
    private static string? TakeWord(ref ReadOnlySpan<char> text, ReadOnlySpan<char> ends)
    {
        int end = text.IndexOfAny(ends);
        ReadOnlySpan<char> word = end < 0 ? text : text[..end];
        text = text[word.Length..];
        return word.IsEmpty ? null : new string(word);
    }
}
