using System.Text.RegularExpressions;
using HangAnalysis.Model;

namespace HangAnalysis.Commands;

/// <summary>Tells by the text of frames which stacks are wanted: those that have every text, and not an unwanted one.</summary>
internal sealed class StackMatcher
{
    /// <summary>Texts of one call.</summary>
    private const int MostTexts = 32;

    private readonly Func<string, bool>[] _wanted;
    private readonly Func<string, bool>? _unwanted;

    /// <summary>Makes the matcher; throws a usage error for what is no regular expression.</summary>
    /// <param name="command">Name of the command, for the error.</param>
    /// <param name="wanted">Texts of which a stack has all, each in any of its frames.</param>
    /// <param name="unwanted">A text that it has not; null for none.</param>
    /// <param name="isPattern">Whether the texts are regular expressions.</param>
    public StackMatcher(string command, IReadOnlyList<string> wanted, string? unwanted, bool isPattern)
    {
        if (wanted.Count > MostTexts)
            throw new CommandUsageException(
                $"!{command}: at most {MostTexts} texts; a text with spaces stands in quotation marks");
        _wanted = [.. wanted.Select(text => Matcher(command, text, isPattern))];
        _unwanted = unwanted is null ? null : Matcher(command, unwanted, isPattern);
    }

    /// <summary>Whether every stack is wanted.</summary>
    public bool IsEmpty => _wanted.Length == 0 && _unwanted is null;

    /// <summary>Whether a stack is wanted.</summary>
    public bool Matches(StackFacts stack)
    {
        uint missing = (uint)((1UL << _wanted.Length) - 1);
        foreach (FrameFacts frame in stack.Frames)
        {
            string text = frame.Text;
            if (_unwanted?.Invoke(text) == true)
                return false;
            for (int i = 0; i < _wanted.Length && missing != 0; i++)
                if ((missing >> i & 1) != 0 && _wanted[i](text))
                    missing &= ~(1u << i);
            if (missing == 0 && _unwanted is null)
                return true;
        }
        return missing == 0;
    }

    /// <summary>
    /// Patterns are matched without going back: the time that a frame takes grows with its length and not with the pattern's
    /// cunning.
    /// </summary>
    private static Func<string, bool> Matcher(string command, string text, bool isPattern)
    {
        if (!isPattern)
            return frame => frame.Contains(text, StringComparison.OrdinalIgnoreCase);
        try
        {
            return new Regex(
                text, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking).IsMatch;
        }
        catch (RegexParseException exception)
        {
            throw new CommandUsageException(
                $"!{command}: '{text}' is no regular expression: {Words(exception.Error)} at {exception.Offset}", exception);
        }
        catch (NotSupportedException exception)
        {
            throw new CommandUsageException(
                $"!{command}: '{text}' looks around or refers back to itself, or is too large: frames are not matched by that",
                exception);
        }
    }

    /// <summary>Such as <c>insufficient closing parentheses</c>.</summary>
    private static string Words(RegexParseError error) => string.Concat(
        error.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : " ") + char.ToLowerInvariant(c) : $"{c}"));
}
