using System.Text.Json;
using HangAnalysis.Model;

namespace HangAnalysis.Analysis.Rules;

/// <summary>A file of rules is wrong. The message is one line: file, line, reason.</summary>
public sealed class RuleFileException : Exception
{
    private const int Longest = 400;

    /// <summary>Makes the exception with its one-line message.</summary>
    public RuleFileException(string message) : base(OneLine(message)) { }

    /// <summary>Makes the exception with its message and cause.</summary>
    public RuleFileException(string message, Exception innerException) : base(OneLine(message), innerException) { }

    /// <summary>Makes an exception without a message of its own; only for serialisers.</summary>
    public RuleFileException() { }

    /// <summary>Names and values of the file stand in the message as they are, and may be anything.</summary>
    private static string OneLine(string message) => string.Concat(
        (message.Length > Longest ? message[..Longest] + "…" : message).Select(c => char.IsControl(c) ? ' ' : c));
}

/// <summary>Reads files of rules. A file is taken as a whole or not at all.</summary>
internal static class RuleFile
{
    /// <summary>Levels of a file of rules, with room for one that is wrong.</summary>
    public const int MostDepth = 16;

    /// <summary>A rule takes about a kilobyte.</summary>
    private const long MostBytes = 16 << 20;

    /// <summary>Files that a folder of rules may have.</summary>
    private const int MostFiles = 1000;

    /// <summary>Reads a file, or all files of a folder that end in .json, in the order of their names.</summary>
    public static List<KnownIssue> ReadPath(string path)
    {
        try
        {
            if (!Directory.Exists(path))
                return ReadFile(path);
            string[] files = Directory.GetFiles(path, "*.json");
            Array.Sort(files, StringComparer.Ordinal);
            if (files.Length == 0)
                throw new RuleFileException($"{path}: no file of rules (*.json) is in this folder");
            if (files.Length > MostFiles)
                throw new RuleFileException($"{path}: {files.Length:N0} files; at most {MostFiles:N0} are read");
            List<KnownIssue> issues = [];
            Dictionary<string, string> owners = new(StringComparer.OrdinalIgnoreCase);
            foreach (string file in files)
                foreach (KnownIssue issue in ReadFile(file))
                {
                    if (!owners.TryAdd(issue.Id, file))
                        throw new RuleFileException($"{file}: rule '{issue.Id}' is in {owners[issue.Id]} too");
                    issues.Add(issue);
                }
            return issues;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new RuleFileException($"{path}: {FileErrorText.Of(exception)}", exception);
        }
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="text">The text, in UTF-8.</param>
    /// <param name="file">Its name for messages.</param>
    /// <param name="isBuiltIn">Whether it is the one that comes with the program.</param>
    public static List<KnownIssue> Parse(ReadOnlySpan<byte> text, string file, bool isBuiltIn = false)
    {
        if (text.StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]))
            text = text[3..];
        JsonLines lines;
        try
        {
            lines = new JsonLines(text, MostDepth);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            long line = exception is JsonException { LineNumber: { } number } ? number + 1 : 1;
            throw new RuleFileException($"{file}({line}): no JSON: {FirstSentence(exception.Message)}", exception);
        }
        RuleFileShape? shape;
        try
        {
            shape = JsonSerializer.Deserialize(text, RuleJsonContext.Default.RuleFileShape);
        }
        catch (JsonException exception)
        {
            string path = exception.Path is ['$', '.', ..] p ? p[2..] : "the file";
            string reason = exception.Message.StartsWith("Duplicate", StringComparison.Ordinal)
                ? $"{path} has a property twice"
                : $"{path} is of another kind than docs/rules.md says";
            throw new RuleFileException($"{file}({(exception.LineNumber ?? 0) + 1}): {reason}", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new RuleFileException($"{file}(1): a text in it is no UTF-8", exception);
        }
        return new RuleChecker(file, isBuiltIn, lines).Check(shape);
    }

    private static List<KnownIssue> ReadFile(string path)
    {
        using FileStream stream = File.OpenRead(path);
        if (stream.Length > MostBytes)
            throw new RuleFileException($"{path}: {stream.Length:N0} bytes; a file of rules has at most {MostBytes:N0}");
        byte[] text = new byte[stream.Length];
        stream.ReadExactly(text);
        return Parse(text, path);
    }

    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(". ", StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }
}
