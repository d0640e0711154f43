using System.IO.Enumeration;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Finds entries of directories without regard to case, as Windows does. Listings are kept: a search for the symbols
/// of some hundred images asks the same few directories again and again. A listing can grow old; the exact name is
/// therefore always asked of the file system first.
/// </summary>
internal sealed class DirectoryNames
{
    private const int MaximumEntries = 262_144;
    private const int MaximumListings = 4_096;

    private static readonly EnumerationOptions s_allEntries = new()
    {
        AttributesToSkip = 0, IgnoreInaccessible = true, RecurseSubdirectories = false,
    };

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Listing> _listings = new(StringComparer.Ordinal);

    /// <summary>Full paths of the files of a directory with a name, the one with exactly that name first.</summary>
    public IEnumerable<string> Files(string directory, string name)
    {
        string exact = Path.Combine(directory, name);
        if (File.Exists(exact))
            yield return exact;
        foreach (string other in OtherCases(directory, name, directories: false))
            yield return Path.Combine(directory, other);
    }

    /// <summary>Full paths of the folders of a directory with a name, the one with exactly that name first.</summary>
    public IEnumerable<string> Folders(string directory, string name)
    {
        string exact = Path.Combine(directory, name);
        if (Directory.Exists(exact))
            yield return exact;
        foreach (string other in OtherCases(directory, name, directories: true))
            yield return Path.Combine(directory, other);
    }

    /// <summary>Names of all files of a directory in ordinal order.</summary>
    public IReadOnlyList<string> AllFiles(string directory) => List(directory).Files;

    /// <summary>Names of all folders of a directory in ordinal order.</summary>
    public IReadOnlyList<string> AllFolders(string directory) => List(directory).Folders;

    private List<string> OtherCases(string directory, string name, bool directories)
    {
        List<string> others = [];
        if (OperatingSystem.IsWindows())
            return others;
        Dictionary<string, List<string>> index = List(directory).ByName(directories);
        if (index.TryGetValue(name, out List<string>? names))
        {
            foreach (string candidate in names)
            {
                if (!candidate.Equals(name, StringComparison.Ordinal))
                    others.Add(candidate);
            }
        }
        return others;
    }

    private Listing List(string directory)
    {
        lock (_lock)
        {
            if (_listings.TryGetValue(directory, out Listing? known))
                return known;
        }
        Listing listing = new(directory);
        lock (_lock)
        {
            if (_listings.Count >= MaximumListings)
                _listings.Clear();
            _listings[directory] = listing;
        }
        return listing;
    }

    private sealed class Listing
    {
        private readonly Dictionary<string, List<string>> _filesByName;
        private readonly Dictionary<string, List<string>> _foldersByName;

        public Listing(string directory)
        {
            try
            {
                FileSystemEnumerable<(string Name, bool IsFolder)> entries = new(
                    directory, (ref FileSystemEntry e) => (e.FileName.ToString(), e.IsDirectory), s_allEntries);
                int count = 0;
                foreach ((string name, bool isFolder) in entries)
                {
                    (isFolder ? Folders : Files).Add(name);
                    if (++count >= MaximumEntries)
                        break;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
            {
                // A directory that is absent or closed to us holds nothing; what was read before the error stands.
            }
            Files.Sort(StringComparer.Ordinal);
            Folders.Sort(StringComparer.Ordinal);
            _filesByName = Index(Files);
            _foldersByName = Index(Folders);
        }

        public List<string> Files { get; } = [];

        public List<string> Folders { get; } = [];

        public Dictionary<string, List<string>> ByName(bool directories) =>
            directories ? _foldersByName : _filesByName;

        private static Dictionary<string, List<string>> Index(List<string> names)
        {
            Dictionary<string, List<string>> index = new(names.Count, StringComparer.OrdinalIgnoreCase);
            foreach (string name in names)
            {
                if (index.TryGetValue(name, out List<string>? same))
                    same.Add(name);
                else
                    index.Add(name, [name]);
            }
            return index;
        }
    }
}
