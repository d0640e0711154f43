namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// A file of a symbol store while it is written: it has a name of its own in the store's directory, and gets its final
/// name in one step when it is whole. Whatever ends the writing before that removes it.
/// </summary>
internal sealed class PendingFile : IDisposable
{
    private readonly string _temporary;
    private readonly string _final;
    private bool _committed;

    public PendingFile(string root, string final)
    {
        Directory.CreateDirectory(root);
        _final = final;

        // In the root and not in the final folder: a download that fails leaves no empty folders.
        _temporary = Path.Combine(root, $".download-{Guid.NewGuid():N}.tmp");
        Stream = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1);
    }

    public FileStream Stream { get; }

    /// <summary>Gives the file its final name and returns that.</summary>
    public string Commit()
    {
        long length = Stream.Length;

        // Without this a power failure can leave a file with its final name and no content.
        Stream.Flush(flushToDisk: true);
        Stream.Dispose();
        Directory.CreateDirectory(Path.GetDirectoryName(_final)!);
        try
        {
            File.Move(_temporary, _final, overwrite: true);
            _committed = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Windows does not replace a file that another process has open: that process fetched the same file.
            FileInfo present = new(_final);
            if (!present.Exists || present.Length != length)
                throw;
        }
        return _final;
    }

    public void Dispose()
    {
        Stream.Dispose();
        if (_committed)
            return;
        try
        {
            File.Delete(_temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing more can be done about it; the name is never looked for.
        }
    }
}
