using System.Diagnostics;
using System.Text;

namespace HangAnalysis.Cli.Prompting;

/// <summary>The pager that the user has chosen, or <c>less</c>: searches, and goes back.</summary>
internal sealed class ExternalPager : IPager
{
    private readonly Process _process;
    private readonly ProgressLine _progress;

    private ExternalPager(Process process, ProgressLine progress)
    {
        _process = process;
        _progress = progress;
        progress.IsHeld = true;
    }

    /// <inheritdoc/>
    public bool IsClosed { get; private set; }

    /// <summary>
    /// The command of the pager: $PAGER, or <c>less</c> where it is installed. Null where there is neither, and empty where
    /// the user wants none (PAGER is empty or <c>cat</c>).
    /// </summary>
    public static string? FindCommand()
    {
        if (Environment.GetEnvironmentVariable("PAGER") is { } chosen)
            return chosen.Trim() is "cat" ? "" : chosen.Trim();
        if (OperatingSystem.IsWindows())
            return null;
        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator))
            if (folder.Length > 0 && File.Exists(Path.Combine(folder, "less")))
                return "less";
        return null;
    }

    /// <summary>Starts a pager; null where it cannot be started.</summary>
    public static ExternalPager? TryStart(string command, ProgressLine progress)
    {
        // The shell takes a command with options apart, as everybody who reads $PAGER has it done.
        ProcessStartInfo start = OperatingSystem.IsWindows()
            ? new("cmd.exe", ["/c", command])
            : new("/bin/sh", ["-c", command]);
        start.RedirectStandardInput = true;
        start.StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        // As git does it: colours, the text stays on the screen for copying addresses; and Ctrl+C ends it.
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LESS")))
            start.Environment["LESS"] = "-RXK";
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("LESSCHARSET")))
            start.Environment["LESSCHARSET"] = "utf-8";
        try
        {
            return Process.Start(start) is { } process ? new ExternalPager(process, progress) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void WriteLine(string line, int rows)
    {
        if (IsClosed)
            return;
        try
        {
            _process.StandardInput.Write(line + "\n");
        }
        catch (IOException)
        {
            // It was ended before the last line.
            IsClosed = true;
        }
    }

    /// <inheritdoc/>
    public void Finish()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            IsClosed = true;
        }
        _process.WaitForExit();
        _process.Dispose();
        _progress.IsHeld = false;
    }
}
