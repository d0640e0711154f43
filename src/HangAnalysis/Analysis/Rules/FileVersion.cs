using System.Globalization;

namespace HangAnalysis.Analysis.Rules;

/// <summary>The numbers that a file's version begins with.</summary>
internal readonly record struct FileVersion(int Major, int Minor, int Build, int Revision) : IComparable<FileVersion>
{
    /// <summary>
    /// Reads one to four numbers with dots, or commas, between them; what stands behind them, as the name of a branch, does not
    /// count. Null where there is no number.
    /// </summary>
    public static FileVersion? TryParse(string? text, bool isWhole = false)
    {
        const int Most = 4;
        Span<int> numbers = stackalloc int[Most];
        ReadOnlySpan<char> rest = text.AsSpan().Trim();
        int count = 0;
        while (count < Most)
        {
            int digits = 0;
            while (digits < rest.Length && char.IsAsciiDigit(rest[digits]))
                digits++;
            if (!int.TryParse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[count]))
                break;
            count++;
            rest = rest[digits..];
            if (rest.Length < 2 || rest[0] is not ('.' or ','))
                break;
            rest = rest[1..].TrimStart();
        }
        return count == 0 || (isWhole && rest.Length > 0) ? null : new FileVersion(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    /// <inheritdoc/>
    public override string ToString() => (Build, Revision) == (0, 0) ? $"{Major}.{Minor}" : $"{Major}.{Minor}.{Build}.{Revision}";

    /// <inheritdoc/>
    public int CompareTo(FileVersion other) =>
        (Major, Minor, Build, Revision).CompareTo((other.Major, other.Minor, other.Build, other.Revision));
}
