using HangAnalysis.Targets;
using HangAnalysis.Targets.Dumps;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Commands;

/// <summary>Opens a file by what it is: the one place that knows which kinds of dumps there are.</summary>
public static class DumpFiles
{
    /// <summary>
    /// Opens a dump; throws <see cref="DumpFormatException"/>, with one line that says what is wrong and where, if nothing of it
    /// can be read.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Where symbols are, and who is told of what.</param>
    public static DumpSource Open(string path, DumpOpenOptions? options = null) =>
        VmcoreTarget.IsVmcore(path)
            ? DumpSource.OfLinux(VmcoreTarget.Open(path))
            : DumpSource.OfWindows(KernelDumpTarget.Open(path, options));
}
