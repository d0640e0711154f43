namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Where a debugger looks for a file in a directory that is no store: DIR, DIR/ext and DIR/symbols/ext, with the
/// extension of the image (learn.microsoft.com, "Symbol path for Windows debuggers"). A PDB does not say which
/// extension its image has, so that the usual three are tried.
/// </summary>
internal static class PlainDirectory
{
    private static readonly string[] s_imageFolders = ["dll", "exe", "sys"];

    public static IEnumerable<string> Find(DirectoryNames names, string directory, StoreKey key)
    {
        string[] folders = s_imageFolders;
        if (key.Kind == StoreFileKind.Image)
        {
            string extension = Path.GetExtension(key.Name).TrimStart('.');
            folders = extension.Length > 0 ? [extension] : [];
        }

        foreach (string path in names.Files(directory, key.Name))
            yield return path;
        foreach (string path in InFolders(names, directory, folders, key.Name))
            yield return path;
        foreach (string symbols in names.Folders(directory, "symbols"))
        {
            foreach (string path in InFolders(names, symbols, folders, key.Name))
                yield return path;
        }
    }

    private static IEnumerable<string> InFolders(
        DirectoryNames names, string directory, string[] folders, string name)
    {
        foreach (string folder in folders)
        {
            foreach (string present in names.Folders(directory, folder))
            {
                foreach (string path in names.Files(present, name))
                    yield return path;
            }
        }
    }
}
