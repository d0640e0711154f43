namespace HangAnalysis.Linux.Symbols;

/// <summary>What has made a kernel or a module suspect: the letters that its log prints behind <c>Tainted:</c>.</summary>
/// <remarks>Documentation/admin-guide/tainted-kernels.rst; bit 18 is there since 5.19, bit 19 since 6.15.</remarks>
public static class TaintFlags
{
    private static readonly string[] s_meanings =
    [
        "a proprietary module was loaded",
        "a module was loaded by force",
        "the kernel runs on a system out of its specification",
        "a module was unloaded by force",
        "a processor reported a machine check",
        "a bad page was seen",
        "a user program asked for it",
        "the kernel has died before: an oops or a BUG",
        "an ACPI table was overridden",
        "the kernel gave a warning before",
        "a staging driver was loaded",
        "a bug of the firmware is worked around",
        "a module from outside of the kernel's tree was loaded",
        "an unsigned module was loaded",
        "a soft lockup happened before",
        "the kernel was patched while it ran",
        "the distribution says so",
        "the kernel was built with randomised structures",
        "an in-kernel test ran",
        "a device's firmware was commanded from user space",
    ];

    private static ReadOnlySpan<char> AllLetters => "PFSRMBUDAWCIOELKXTNJ";

    /// <summary>The letters of all bits that are set, in the kernel's order; '?' for bits that are not known.</summary>
    public static string Letters(ulong mask)
    {
        Span<char> letters = stackalloc char[AllLetters.Length + 1];
        int count = 0;
        for (int bit = 0; bit < AllLetters.Length; bit++)
            if ((mask >> bit & 1) != 0)
                letters[count++] = AllLetters[bit];
        if (mask >> AllLetters.Length != 0)
            letters[count++] = '?';
        return new string(letters[..count]);
    }

    /// <summary>The letters of a module in words, with them behind: <c>out of tree, unsigned (OE)</c>; null for none.</summary>
    public static string? Describe(string letters)
    {
        if (letters.Length == 0)
            return null;
        List<string> words = [];
        foreach (char letter in letters)
            if (Word(letter) is { } word)
                words.Add(word);
        return words.Count == 0 ? $"tainted ({letters})" : $"{string.Join(", ", words)} ({letters})";
    }

    private static string? Word(char letter) => letter switch
    {
        'P' => "proprietary",
        'F' => "loaded by force",
        'C' => "a staging driver",
        'O' => "out of tree",
        'E' => "unsigned",
        'K' => "a live patch",
        'N' => "a test",
        _ => null,
    };

    /// <summary>What a letter means, as the end of a sentence; null for one that is not known.</summary>
    public static string? Meaning(char letter)
    {
        int bit = AllLetters.IndexOf(letter);
        return bit < 0 ? null : s_meanings[bit];
    }
}
