using System.Security;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// A directory in the layout of a symbol store: NAME/INDEX/NAME, or with the folder of the first two letters before it
/// where the store has an <c>index2.txt</c> (learn.microsoft.com, "Using SymStore").
/// </summary>
/// <remarks>
/// Files are written beside their place under a name of their own and then renamed, so that several processes can fill
/// one store and none ever sees half a file. <c>file.ptr</c> is not followed: it would let a store name any file of the
/// machine. Compressed files are not unpacked: the format is that of cabinets (LZX), which expand.exe reads.
/// </remarks>
public sealed class SymbolStore
{
    private const int CopyBuffer = 256 * 1024;

    private readonly DirectoryNames _names;

    /// <summary>Makes the store; its directory need not exist.</summary>
    public SymbolStore(string root) : this(root, new DirectoryNames()) { }

    internal SymbolStore(string root, DirectoryNames names)
    {
        Root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        _names = names;
    }

    /// <summary>Full path of the store's directory.</summary>
    public string Root { get; }

    /// <summary>Whether nothing has failed to be written there so far.</summary>
    public bool IsWritable { get; private set; } = true;

    /// <summary>Paths of the files with a key that the store holds, in any case of letters.</summary>
    public IEnumerable<string> Find(StoreKey key, SymbolSearchLog log)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(log);
        return FindIn(key, log);
    }

    /// <summary>The path under which the store keeps a new file with a key.</summary>
    public string PathFor(StoreKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        string? tier = IsTwoTier ? Tier(key.Name) : null;
        string path = tier is null
            ? Path.Combine(Root, key.Name, key.Index, key.Name)
            : Path.Combine(Root, tier, key.Name, key.Index, key.Name);

        // StoreKey rules this out; the check stays, because a mistake there would let a dump write anywhere.
        string root = Path.EndsInDirectorySeparator(Root) ? Root : Root + Path.DirectorySeparatorChar;
        return Path.GetFullPath(path).StartsWith(root, StringComparison.Ordinal)
            ? path
            : throw new InvalidOperationException($"{key.Name} leads out of {Root}");
    }

    /// <summary>Copies a file into the store; null, with a line in the log, where that fails.</summary>
    public string? Add(string source, StoreKey key, SymbolSearchLog log, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(log);
        if (!IsWritable || IsSameFile(source, PathFor(key)))
            return null;
        bool reading = true;
        try
        {
            using FileStream input =
                new(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
            if (input.Length > Limits.DownloadBytes)
            {
                log.Declined(source, $"not copied to {Root}: larger than {Limits.DownloadBytes} bytes");
                return null;
            }
            byte[] buffer = new byte[CopyBuffer];
            int got = input.Read(buffer);
            reading = false;
            using PendingFile pending = Begin(key);
            while (got > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                pending.Stream.Write(buffer, 0, got);
                reading = true;
                got = input.Read(buffer);
                reading = false;
            }
            return pending.Commit();
        }
        catch (Exception e) when (IsFileError(e))
        {
            if (reading)
                log.Damaged(source, $"cannot be read: {e.Message}");
            else
                WriteFailed(e, log);
            return null;
        }
    }

    /// <summary>Begins to write a file. It is in the store only after <see cref="PendingFile.Commit"/>.</summary>
    internal PendingFile Begin(StoreKey key) => new(Root, PathFor(key));

    internal void WriteFailed(Exception error, SymbolSearchLog log)
    {
        IsWritable = false;
        log.Declined(Root, $"cannot be written: {error.Message}");
    }

    internal static bool IsFileError(Exception e) =>
        e is IOException or UnauthorizedAccessException or SecurityException or ArgumentException
            or NotSupportedException;

    private bool IsTwoTier => File.Exists(Path.Combine(Root, "index2.txt"));

    private IEnumerable<string> FindIn(StoreKey key, SymbolSearchLog log)
    {
        if (IsTwoTier && Tier(key.Name) is { } tier)
        {
            foreach (string folder in _names.Folders(Root, tier))
            {
                foreach (string path in FindBelow(folder, key, log))
                    yield return path;
            }
        }
        foreach (string path in FindBelow(Root, key, log))
            yield return path;
    }

    private IEnumerable<string> FindBelow(string root, StoreKey key, SymbolSearchLog log)
    {
        foreach (string nameFolder in _names.Folders(root, key.Name))
        {
            foreach (string indexFolder in _names.Folders(nameFolder, key.Index))
            {
                bool found = false;
                foreach (string path in _names.Files(indexFolder, key.Name))
                {
                    found = true;
                    yield return path;
                }
                if (!found)
                    ExplainWhatElseIsThere(indexFolder, key, log);
            }
        }
    }

    private void ExplainWhatElseIsThere(string indexFolder, StoreKey key, SymbolSearchLog log)
    {
        foreach (string path in _names.Files(indexFolder, key.CompressedName))
            log.Declined(path, "compressed files are not read, unpack it with expand.exe");
        foreach (string path in _names.Files(indexFolder, "file.ptr"))
            log.Declined(path, "redirections to other files are not followed");
    }

    private static string? Tier(string name)
    {
        string tier = name.Length < 2 ? name : name[..2];
        return StoreName.IsSafe(tier) ? tier : null;
    }

    private static bool IsSameFile(string a, string b) =>
        string.Equals(Path.GetFullPath(a), b, StringComparison.Ordinal);
}
