using System.Text;

namespace HangAnalysis.Analysis.Rules;

/// <summary>Names of enumerations as files and JSON write them: <c>StuckInDriver</c> is <c>stuck-in-driver</c>.</summary>
public static class ContractWords
{
    /// <summary>The word for a value.</summary>
    public static string Of<T>(T value) where T : struct, Enum
    {
        StringBuilder word = new();
        foreach (char c in value.ToString())
        {
            if (char.IsUpper(c) && word.Length > 0)
                word.Append('-');
            word.Append(char.ToLowerInvariant(c));
        }
        return word.ToString();
    }
}
