using HangAnalysis.Esxi;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Commands;

/// <summary>Opens a file by what it is: the one place that knows which kinds of dumps there are.</summary>
public static class DumpFiles
{
    /// <summary>
    /// Opens a dump; throws <see cref="DumpFormatException"/>, with one line that says what is wrong and where, if nothing
    /// of it can be read.
    /// </summary>
    /// <param name="path">The file; <c>-</c> for a text that is piped in.</param>
    /// <param name="options">Where symbols are, and who is told of what.</param>
    public static DumpSource Open(string path, DumpOpenOptions? options = null) =>
        path == PurpleScreenFile.StandardInput || PurpleScreenFile.IsText(path)
            ? OfText(path, options?.Cancellation ?? default)
            : VmcoreTarget.IsVmcore(path) ? DumpSource.OfLinux(VmcoreTarget.Open(path))
            : DumpSource.OfWindows(KernelDumpTarget.Open(path, options));

    private static DumpSource OfText(string path, CancellationToken cancellation)
    {
        (PurpleScreen screen, TargetDescription description) =
            PurpleScreenFile.Open(path, Console.OpenStandardInput, cancellation);
        return new DumpSource(description, CommandTable.Esxi, (_, _) => new EsxiSystem(screen), Nothing.ToDispose);
    }

    /// <summary>A text is read when it is opened, and closed then.</summary>
    private sealed class Nothing : IDisposable
    {
        public static Nothing ToDispose { get; } = new();

        public void Dispose()
        {
        }
    }
}
