namespace HangAnalysis.Targets;

/// <summary>
/// A file cannot be read as what it should be. The message is one line for the user and says what is wrong and where.
/// </summary>
public sealed class DumpFormatException : Exception
{
    /// <summary>Makes the exception with its one-line message.</summary>
    public DumpFormatException(string message) : base(message) { }

    /// <summary>Makes the exception with its one-line message and its cause.</summary>
    public DumpFormatException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Makes an exception without a message of its own; only for serialisers.</summary>
    public DumpFormatException() { }
}
