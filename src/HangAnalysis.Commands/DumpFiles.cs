using HangAnalysis.Esxi;
using HangAnalysis.Linux.Symbols;
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
    /// <param name="path">The file.</param>
    /// <param name="options">Where symbols are, and who is told of what.</param>
    /// <param name="input">What is piped in, for the path <c>-</c>; null in hosts where nothing can be.</param>
    public static DumpSource Open(string path, DumpOpenOptions? options = null, Func<TextReader>? input = null) =>
        (path == PurpleScreenFile.StandardInput && input is not null) || PurpleScreenFile.IsText(path)
            ? OfText(path, input, options?.Cancellation ?? default)
            : VmcoreTarget.IsVmcore(path) ? OfVmcore(path, options)
            : DumpSource.OfWindows(KernelDumpTarget.Open(path, options));

    private static DumpSource OfVmcore(string path, DumpOpenOptions? options)
    {
        VmcoreTarget target = VmcoreTarget.Open(path, new VmcoreOpenOptions { FurtherParts = options?.FurtherParts ?? [] });
        VmlinuxFile? vmlinux = null;
        try
        {
            // A symbol path for Windows, as the environment may have it, is none for Linux.
            if (options?.SymbolPath is { } symbols && FindVmlinux(symbols, target.Info) is { } found)
            {
                vmlinux = VmlinuxFile.Open(found);
                vmlinux.CheckBelongsTo(target.Info);
            }
            return DumpSource.OfLinux(target, vmlinux);
        }
        catch (DumpFormatException)
        {
            vmlinux?.Dispose();
            target.Dispose();
            throw;
        }
    }

    /// <summary>The kernel's file: the one that is named, or that of the dump's release in a folder; null where there is none.</summary>
    private static string? FindVmlinux(string path, VmcoreInfo info)
    {
        if (File.Exists(path))
            return path;
        string[] names = info.OsRelease is { } release && release.IndexOfAny(Path.GetInvalidFileNameChars()) < 0
            ? [$"vmlinux-{release}", "vmlinux"]
            : ["vmlinux"];
        foreach (string name in names)
            if (Path.Combine(path, name) is { } file && File.Exists(file))
                return file;
        return null;
    }

    private static DumpSource OfText(string path, Func<TextReader>? input, CancellationToken cancellation)
    {
        (PurpleScreen screen, TargetDescription description) = PurpleScreenFile.Open(path, input, cancellation);
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
