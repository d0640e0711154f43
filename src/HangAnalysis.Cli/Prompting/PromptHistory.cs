namespace HangAnalysis.Cli.Prompting;

/// <summary>Lines that were typed, in this session and in those before.</summary>
/// <remarks>A history that cannot be read or written is none: nobody's work ends because of it.</remarks>
internal sealed class PromptHistory
{
    /// <summary>Lines that are kept.</summary>
    public const int MostLines = 1000;

    private readonly string? _path;
    private readonly List<string> _lines = [];

    /// <summary>Reads the lines of earlier sessions.</summary>
    /// <param name="path">The file; null to remember this session only.</param>
    public PromptHistory(string? path)
    {
        _path = path;
        if (path is null)
            return;
        try
        {
            string[] lines = File.Exists(path) ? File.ReadAllLines(path) : [];
            // A file that somebody else has written could drive the terminal.
            _lines.AddRange(lines.Where(l => l.Length > 0 && !l.Any(char.IsControl)).TakeLast(MostLines));
            // Sessions only append, so that two at a time lose nothing; now and then the oldest lines are taken off.
            if (lines.Length > 2 * MostLines)
                WriteAnew(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _path = null;
        }
    }

    /// <summary>The lines, the latest last.</summary>
    public IReadOnlyList<string> Lines => _lines;

    /// <summary>
    /// Where the history lies: in the user's folder for state ($XDG_STATE_HOME), on Windows in that for local data. Null
    /// where there is none.
    /// </summary>
    public static string? DefaultPath()
    {
        string? state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        // The XDG Base Directory Specification: a path that is not absolute is to be ignored.
        if (string.IsNullOrEmpty(state) || !Path.IsPathFullyQualified(state))
        {
            string home = Environment.GetFolderPath(OperatingSystem.IsWindows()
                ? Environment.SpecialFolder.LocalApplicationData
                : Environment.SpecialFolder.UserProfile);
            if (home.Length == 0)
                return null;
            state = OperatingSystem.IsWindows() ? home : Path.Combine(home, ".local", "state");
        }
        return Path.Combine(state, "hangwhy", "history");
    }

    /// <summary>Remembers a line. One that begins with a space is kept by nobody, as in shells.</summary>
    public void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || line[0] == ' ' || (_lines.Count > 0 && _lines[^1] == line))
            return;
        _lines.Add(line);
        if (_lines.Count > MostLines)
            _lines.RemoveAt(0);
        if (_path is null)
            return;
        try
        {
            using StreamWriter writer = Open(_path, FileMode.Append);
            writer.Write(line + "\n");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // This session remembers all the same.
        }
    }

    private void WriteAnew(string path)
    {
        string other = $"{path}.{Environment.ProcessId}";
        using (StreamWriter writer = Open(other, FileMode.Create))
            foreach (string line in _lines)
                writer.Write(line + "\n");
        File.Move(other, path, overwrite: true);
    }

    /// <summary>Names of files and processes are in these lines: nobody else's business.</summary>
    private static StreamWriter Open(string path, FileMode mode)
    {
        FileStreamOptions options = new() { Mode = mode, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        }
        else
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new StreamWriter(path, options);
    }
}
