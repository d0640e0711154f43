namespace HangAnalysis.Targets.Symbols;

/// <summary>What kind of file a symbol store is asked for.</summary>
public enum StoreFileKind
{
    /// <summary>A PDB, by GUID and age.</summary>
    Pdb,

    /// <summary>An image, by time stamp and size.</summary>
    Image,
}

/// <summary>Key of a file in a symbol store. It can only be made of parts that are safe in a path or URL.</summary>
public sealed class StoreKey
{
    private StoreKey(string name, string index, StoreFileKind kind)
    {
        Name = name;
        Index = index;
        Kind = kind;
    }

    /// <summary>Name of the file: one path component.</summary>
    public string Name { get; }

    /// <summary>Index folder: hexadecimal digits.</summary>
    public string Index { get; }

    /// <summary>Kind of the file.</summary>
    public StoreFileKind Kind { get; }

    /// <summary>
    /// Name under which a store can hold the file compressed as a cabinet: the last character is an underscore.
    /// </summary>
    public string CompressedName => $"{Name[..^1]}_";

    /// <summary>Key of a PDB, or null where its name is refused.</summary>
    public static StoreKey? ForPdb(PdbIdentity wanted) =>
        Create(wanted.FileName, wanted.StoreFolder, StoreFileKind.Pdb);

    /// <summary>Key of an image, or null where its name is refused.</summary>
    public static StoreKey? ForImage(string fileName, uint timeDateStamp, uint sizeOfImage) =>
        Create(fileName, StoreName.ImageIndex(timeDateStamp, sizeOfImage), StoreFileKind.Image);

    /// <summary>Key of any parts, or null where one of them is refused.</summary>
    public static StoreKey? Create(string fileName, string index, StoreFileKind kind) =>
        StoreName.FromDump(fileName) is { } name && StoreName.IsIndex(index) ? new StoreKey(name, index, kind) : null;
}
