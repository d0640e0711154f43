namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// Symbol tables of Volatility 3 (ISF, .json and .json.gz) and PDBs of kernels in a directory. A table is found by its
/// identity in Volatility's layout, <c>ntkrnlmp.pdb/GUID-AGE.json.gz</c> with the age in decimal (volatility3,
/// framework/symbols/windows/pdbutil.py), or every one is listed for a dump that does not hold the identity.
/// </summary>
internal sealed class KernelTables(DirectoryNames names)
{
    // Multiprocessor and uniprocessor kernels, with and without PAE. Current ones are all ntkrnlmp.pdb.
    private static readonly string[] s_kernelPdbs = ["ntkrnlmp.pdb", "ntoskrnl.pdb", "ntkrnlpa.pdb", "ntkrpamp.pdb"];

    private static readonly string[] s_extensions = [".json", ".json.gz"];

    private static readonly string[] s_folders = ["windows", "exe", "nt"];

    public static bool IsKernelPdb(string name) => s_kernelPdbs.Contains(name, StringComparer.OrdinalIgnoreCase);

    public static bool IsTable(string name) =>
        name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)
        || name.EndsWith(".json.gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>File names that a table with an identity has.</summary>
    public static IEnumerable<string> TableNames(PdbIdentity wanted)
    {
        foreach (string extension in s_extensions)
            yield return $"{wanted.Guid:N}".ToUpperInvariant() + $"-{wanted.Age}" + extension;
    }

    /// <summary>Tables with an identity below a directory of the symbol path.</summary>
    public IEnumerable<string> FindTable(string directory, string pdbName, PdbIdentity wanted, SymbolSearchLog log)
    {
        foreach (string folder in Folders(directory))
        {
            foreach (string path in TablesIn(folder, wanted, log))
                yield return path;
            foreach (string pdbFolder in names.Folders(folder, pdbName))
            {
                foreach (string path in TablesIn(pdbFolder, wanted, log))
                    yield return path;
            }
        }
    }

    /// <summary>Every kernel PDB and table below a directory of the path, always in the same order.</summary>
    public IEnumerable<string> FindAll(string directory)
    {
        foreach (string folder in Folders(directory))
        {
            foreach (string kernel in s_kernelPdbs)
            {
                foreach (string path in names.Files(folder, kernel))
                    yield return path;
                foreach (string pdbFolder in names.Folders(folder, kernel))
                {
                    foreach (string path in InPdbFolder(pdbFolder, kernel))
                        yield return path;
                }
            }
            foreach (string path in AllTables(folder))
                yield return path;
        }
    }

    private IEnumerable<string> InPdbFolder(string pdbFolder, string kernel)
    {
        foreach (string index in names.AllFolders(pdbFolder))
        {
            if (!StoreName.IsIndex(index))
                continue;
            foreach (string path in names.Files(Path.Combine(pdbFolder, index), kernel))
                yield return path;
        }
        foreach (string path in AllTables(pdbFolder))
            yield return path;
    }

    private IEnumerable<string> TablesIn(string folder, PdbIdentity wanted, SymbolSearchLog log)
    {
        foreach (string name in TableNames(wanted))
        {
            foreach (string path in names.Files(folder, name))
                yield return path;
        }
        string packed = $"{wanted.Guid:N}".ToUpperInvariant() + $"-{wanted.Age}.json.xz";
        foreach (string path in names.Files(folder, packed))
            log.Declined(path, "tables packed with xz are not read, unpack it");
    }

    /// <summary>Tables that are named after a GUID come first: other .json files may be anything.</summary>
    private IEnumerable<string> AllTables(string folder)
    {
        IReadOnlyList<string> files = names.AllFiles(folder);
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (string name in files)
            {
                if (IsTable(name) && IsNamedAfterGuid(name) == (pass == 0))
                    yield return Path.Combine(folder, name);
            }
        }
    }

    private static bool IsNamedAfterGuid(string name) =>
        name.Length > 33 && name[32] == '-' && StoreName.IsIndex(name.AsSpan(0, 32));

    /// <summary>
    /// The directory, the places of images in it, that of the kernels in a store of two tiers, and those of Volatility.
    /// </summary>
    private IEnumerable<string> Folders(string directory)
    {
        yield return directory;
        foreach (string child in ChildrenOf(directory))
            yield return child;
        foreach (string symbols in names.Folders(directory, "symbols"))
        {
            yield return symbols;
            foreach (string child in ChildrenOf(symbols))
                yield return child;
        }
    }

    private IEnumerable<string> ChildrenOf(string directory)
    {
        foreach (string name in s_folders)
        {
            foreach (string folder in names.Folders(directory, name))
                yield return folder;
        }
    }
}
