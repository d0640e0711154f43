using HangAnalysis.Targets;

namespace HangAnalysis.Commands;

/// <summary>Opens other files beside what a host has open. Hosts say with which symbols, and who is told of progress.</summary>
public interface IDumpOpener : IDisposable
{
    /// <summary>The file that was opened last and is still open; null for none.</summary>
    CommandSession? Opened { get; }

    /// <summary>
    /// The session of a file. It stays open until another file is asked for, so that the links of its output are quick; throws
    /// <see cref="DumpFormatException"/> with one line where it cannot be opened.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellation">Ends what is read.</param>
    CommandSession Open(string path, CancellationToken cancellation);
}
