namespace HangAnalysis.Esxi;

/// <summary>Reads words and numbers as they come out of a photograph: with O for 0 and l for 1.</summary>
internal static class EsxiGlyphs
{
    /// <summary>Digits of an address of a 64-bit vmkernel: it uses 48 bits.</summary>
    public const int AddressDigits = 12;

    /// <summary>
    /// Gives letters and digits that look alike one face, character by character, so that positions stay: <c>Spin c0unt</c>
    /// and <c>Spin count</c> become the same.
    /// </summary>
    public static string Fold(string text) => string.Create(text.Length, text, static (folded, source) =>
    {
        for (int i = 0; i < folded.Length; i++)
            folded[i] = Fold(source[i]);
    });

    /// <summary>One character of <see cref="Fold(string)"/>.</summary>
    public static char Fold(char c) => c switch
    {
        '0' => 'o',
        '1' or 'I' or 'i' or '|' => 'l',
        _ => char.ToLowerInvariant(c),
    };

    /// <summary>Whether two words are the same but for letters and digits that look alike.</summary>
    public static bool AreAlike(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        if (a.Length != b.Length)
            return false;
        for (int i = 0; i < a.Length; i++)
            if (Fold(a[i]) != Fold(b[i]))
                return false;
        return true;
    }

    /// <summary>Whether a text begins with a word but for letters and digits that look alike.</summary>
    public static bool StartsAlike(ReadOnlySpan<char> text, ReadOnlySpan<char> word) =>
        text.Length >= word.Length && AreAlike(text[..word.Length], word);

    /// <summary>Whether a hexadecimal number with its <c>0x</c> begins here, also one with the letter O.</summary>
    public static bool StartsHex(ReadOnlySpan<char> text) =>
        text.Length > 2 && text[0] is '0' or 'O' or 'o' && text.Length > 2 && text[1] is 'x' or 'X'
        && DigitOf(text[2], out _) >= 0;

    /// <summary>
    /// Reads a hexadecimal number with or without <c>0x</c>. O, l and I among its digits are read as 0 and 1.
    /// </summary>
    /// <param name="text">The text; left behind the number.</param>
    /// <param name="value">The number.</param>
    /// <param name="digits">How many digits it has.</param>
    /// <param name="repairs">Raised by one for each digit that had to be guessed.</param>
    /// <param name="mostDigits">Where it ends at the latest.</param>
    public static bool TryReadHex(ref ReadOnlySpan<char> text, out ulong value, out int digits, ref int repairs,
        int mostDigits = 16)
    {
        ReadOnlySpan<char> rest = text;
        value = 0;
        digits = 0;
        int guessed = 0;
        if (StartsHex(rest))
        {
            guessed += rest[0] == '0' ? 0 : 1;
            rest = rest[2..];
        }
        while (digits < mostDigits && digits < rest.Length && DigitOf(rest[digits], out bool isGuess) is >= 0 and int digit)
        {
            // A letter that is no digit ends the number where a word goes on: the S of "Socket", the l of "lock".
            if (isGuess && digits + 1 < rest.Length && char.IsAsciiLetter(rest[digits + 1])
                && DigitOf(rest[digits + 1], out _) < 0)
                break;
            value = (value << 4) | (uint)digit;
            guessed += isGuess ? 1 : 0;
            digits++;
        }
        if (digits == 0)
            return false;
        repairs += guessed;
        text = rest[digits..];
        return true;
    }

    /// <summary>
    /// Reads an address whose end is not marked: as many digits as addresses of the kernel have. False where there are
    /// fewer.
    /// </summary>
    public static bool TryReadAddress(ref ReadOnlySpan<char> text, out ulong value, ref int repairs)
    {
        value = 0;
        const int Prefix = 2;
        if (!StartsHex(text) || text.Length < Prefix + AddressDigits)
            return false;
        int guessed = 0;
        foreach (char c in text.Slice(Prefix, AddressDigits))
        {
            int digit = DigitOf(c, out bool isGuess);
            if (digit < 0)
                return false;
            value = (value << 4) | (uint)digit;
            guessed += isGuess ? 1 : 0;
        }
        repairs += guessed;
        text = text[(Prefix + AddressDigits)..];
        return true;
    }

    /// <summary>Reads a decimal number; false where there is none or it is absurd.</summary>
    public static bool TryReadDecimal(ref ReadOnlySpan<char> text, out ulong value)
    {
        const int MostDigits = 18;
        value = 0;
        int digits = 0;
        while (digits < text.Length && char.IsAsciiDigit(text[digits]))
        {
            if (digits == MostDigits)
                return false;
            value = value * 10 + (uint)(text[digits++] - '0');
        }
        text = text[digits..];
        return digits > 0;
    }

    /// <summary>Reads a decimal number that counts processors; false where there is none or no host has so many.</summary>
    public static bool TryReadPcpu(ref ReadOnlySpan<char> text, out int pcpu)
    {
        bool isNumber = TryReadDecimal(ref text, out ulong value) && value < EsxiLimits.Processors;
        pcpu = isNumber ? (int)value : 0;
        return isNumber;
    }

    private static int DigitOf(char c, out bool isGuess)
    {
        isGuess = c is 'O' or 'o' or 'l' or 'I';
        return c switch
        {
            >= '0' and <= '9' => c - '0',
            >= 'a' and <= 'f' => c - 'a' + 10,
            >= 'A' and <= 'F' => c - 'A' + 10,
            'O' or 'o' => 0,
            'l' or 'I' => 1,
            _ => -1,
        };
    }
}
