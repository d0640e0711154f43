namespace HangAnalysis.Targets;

/// <summary>Identity of a PDB: what links it to its image.</summary>
/// <param name="FileName">File name without a path, such as <c>ntkrnlmp.pdb</c>.</param>
/// <param name="Guid">Signature.</param>
/// <param name="Age">Age: for an image, that of its debug directory; for a PDB, that of its DBI stream.</param>
public readonly record struct PdbIdentity(string FileName, Guid Guid, uint Age)
{
    /// <summary>Folder name of a symbol store: 32 upper-case digits and the age in hexadecimal.</summary>
    public string StoreFolder => $"{Guid:N}".ToUpperInvariant() + $"{Age:X}";
}

/// <summary>The symbol at or before an address.</summary>
/// <param name="Name">Name, undecorated to the form a debugger shows (<c>CFileStream::Release</c>).</param>
/// <param name="Rva">Address of the symbol, relative to the image's base.</param>
public readonly record struct NearestSymbol(string Name, uint Rva);

/// <summary>One opened source of symbols and types of one image: a PDB, a symbol table, an export directory.</summary>
/// <remarks>Damaged files never throw after opening: what cannot be read is absent.</remarks>
public interface ISymbolFile : IDisposable
{
    /// <summary>The file that was opened.</summary>
    string Path { get; }

    /// <summary>Identity, or null where the source has none.</summary>
    PdbIdentity? Identity { get; }

    /// <summary>Finds a structure or union by its exact name; null where absent or only declared.</summary>
    TypeLayout? FindType(string name);

    /// <summary>Finds an enumeration by its exact name; null where absent.</summary>
    EnumLayout? FindEnum(string name);

    /// <summary>Finds a symbol by its exact name, as written in the file or undecorated.</summary>
    /// <param name="name">Name of a function or variable.</param>
    /// <param name="rva">Its address relative to the image's base.</param>
    bool TryFindSymbol(string name, out uint rva);

    /// <summary>Finds the last symbol that begins at or before an address, in the same section of the image.</summary>
    bool TryFindNearest(uint rva, out NearestSymbol symbol);
}
