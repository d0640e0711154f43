namespace HangAnalysis.Model;

/// <summary>Words for what went wrong with a file that the user named: the same on every system, without its path.</summary>
public static class FileErrorText
{
    /// <summary>The words, as the end of a line that begins with the file's name.</summary>
    public static string Of(Exception exception) => exception switch
    {
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException => "it may not be read",
        PathTooLongException => "the name is too long",
        ArgumentException or NotSupportedException => "that is no name of a file",
        _ => $"it cannot be read: {FirstLine(exception.Message)}",
    };

    private static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        return end < 0 ? text : text[..end];
    }
}
