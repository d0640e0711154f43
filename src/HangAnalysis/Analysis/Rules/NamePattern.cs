using System.Text.RegularExpressions;

namespace HangAnalysis.Analysis.Rules;

/// <summary>
/// A name as rules write it: <c>*</c> for any characters, <c>?</c> for one, and after <c>re:</c> a regular expression. Case does
/// not matter, and the whole name has to fit.
/// </summary>
public sealed class NamePattern
{
    private const string RegexMark = "re:";

    /// <summary>How long one name may take: names of a dump are text that somebody else wrote.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(100);

    private readonly Regex? _regex;

    private NamePattern(string text, Regex? regex)
    {
        Text = text;
        _regex = regex;
    }

    /// <summary>As it stands in the rule.</summary>
    public string Text { get; }

    /// <summary>Whether it fits every name: no module, frame or tag is called so.</summary>
    public bool FitsAll => Fits("\u0001") || Fits("\u0001!\u0001");

    /// <summary>Reads a pattern; the problem is null where it is one.</summary>
    public static (NamePattern Pattern, string? Problem) Parse(string text)
    {
        if (!text.StartsWith(RegexMark, StringComparison.Ordinal))
            return (new NamePattern(text, null), string.IsNullOrWhiteSpace(text) ? "a name is empty" : null);
        try
        {
            // Matched without going back: the time grows with the name and not with the pattern's cunning.
            return (new NamePattern(text, new Regex($"^(?:{text[RegexMark.Length..]})$", RegexOptions.IgnoreCase
                | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, s_timeout)), null);
        }
        catch (RegexParseException)
        {
            return (new NamePattern(text, null), $"'{text}' is no regular expression");
        }
        catch (NotSupportedException)
        {
            return (new NamePattern(text, null),
                $"the regular expression '{text}' looks around or refers back to itself, or is too large");
        }
    }

    /// <summary>Whether a name fits.</summary>
    public bool Fits(string name)
    {
        if (_regex is null)
            return FitsWildcards(Text, name);
        try
        {
            return _regex.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
    }

    /// <summary>Wildcards with one place to come back to: a later star makes an earlier one final.</summary>
    private static bool FitsWildcards(string pattern, string name)
    {
        int p = 0, n = 0, star = -1, resume = 0;
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                resume = n;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || char.ToUpperInvariant(pattern[p]) == char.ToUpperInvariant(name[n])))
            {
                p++;
                n++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                n = ++resume;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == '*')
            p++;
        return p == pattern.Length;
    }
}
