using System.Buffers.Binary;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// A PDB of native code. Nothing but the directory of the file is read when it is opened: types, names and the symbols
/// of object files are indexed at their first use. Lookups may come from several threads and wait for each other.
/// </summary>
public sealed class PdbFile : ISymbolFile, IX86FrameSource
{
    private const int InfoStream = 1;

    private readonly Lock _gate = new();
    private readonly MsfFile _file;
    private readonly PdbDebugInfo _debugInfo;
    private readonly PdbTypes _types;
    private readonly PdbSymbols _symbols;
    private PdbFrameData? _frames;

    private PdbFile(MsfFile file, string path)
    {
        _file = file;
        Path = path;
        _debugInfo = new PdbDebugInfo(file);
        _types = new PdbTypes(file);
        _symbols = new PdbSymbols(file, _debugInfo);
        Identity = ReadIdentity(file, _debugInfo, path);
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public PdbIdentity? Identity { get; }

    /// <summary>Opens a PDB.</summary>
    /// <exception cref="DumpFormatException">The file cannot be read or is no PDB of native code.</exception>
    public static PdbFile Open(string path) => Open(OpenStream(path), path);

    /// <summary>Opens a PDB that a stream holds; the stream is owned from here on.</summary>
    /// <param name="seekable">The file's bytes.</param>
    /// <param name="path">What messages and <see cref="Path"/> call it.</param>
    /// <exception cref="DumpFormatException">It is no PDB of native code.</exception>
    public static PdbFile Open(Stream seekable, string path)
    {
        ArgumentNullException.ThrowIfNull(seekable);
        ArgumentNullException.ThrowIfNull(path);
        MsfFile file = MsfFile.Open(seekable, path);
        PdbFile pdb = new(file, path);
        if (pdb.Identity is not null)
            return pdb;
        pdb.Dispose();
        throw new DumpFormatException($"{path}: the PDB has no information stream (stream 1)");
    }

    /// <summary>Reads the identity alone.</summary>
    /// <exception cref="DumpFormatException">The file cannot be read or is no PDB of native code.</exception>
    public static PdbIdentity ReadIdentity(string path)
    {
        using MsfFile file = MsfFile.Open(OpenStream(path), path);
        return ReadIdentity(file, new PdbDebugInfo(file), path)
            ?? throw new DumpFormatException($"{path}: the PDB has no information stream (stream 1)");
    }

    /// <inheritdoc/>
    public TypeLayout? FindType(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        lock (_gate)
            return _types.FindType(name);
    }

    /// <inheritdoc/>
    public EnumLayout? FindEnum(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        lock (_gate)
            return _types.FindEnum(name);
    }

    /// <inheritdoc/>
    public bool TryFindSymbol(string name, out uint rva)
    {
        ArgumentNullException.ThrowIfNull(name);
        lock (_gate)
            return _symbols.TryFind(name, out rva);
    }

    /// <inheritdoc/>
    public bool TryFindNearest(uint rva, out NearestSymbol symbol)
    {
        symbol = default;
        lock (_gate)
        {
            if (!_debugInfo.Addresses.TryToSection(rva, out ushort section, out uint offset, out bool isCode))
                return false;
            PdbSymbol found;
            // Code sections that follow each other (.text, PAGE) are one run of code: the part of a function that the
            // linker moved behind the others may have no symbol of its own in its section.
            while (!_symbols.TryFindNearest(section, offset, isCode, out found)
                || found.Section != section || found.Offset > offset)
                if (!isCode || !_debugInfo.Addresses.TryToPreviousCode(ref section, out offset))
                    return false;
            // Where code was moved, a symbol may now lie behind its own parts: then only the distance holds.
            if (!_debugInfo.Addresses.TryToRva(found.Section, found.Offset, out uint start) || start > rva)
                start = rva - Math.Min(rva, offset - found.Offset);
            symbol = new NearestSymbol(MsvcUndecorator.UndecorateName(found.Name), start);
            return true;
        }
    }

    /// <inheritdoc/>
    public bool TryFindFrame(uint rva, out X86FrameData frame)
    {
        frame = default;
        lock (_gate)
            return _debugInfo.Addresses.TryToSource(rva, out uint source)
                && (_frames ??= new PdbFrameData(_file, _debugInfo)).TryFind(source, out frame);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
            _file.Dispose();
    }

    private static FileStream OpenStream(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new DumpFormatException($"{path}: cannot be opened: {error.Message}", error);
        }
    }

    private static PdbIdentity? ReadIdentity(MsfFile file, PdbDebugInfo debugInfo, string path)
    {
        // Version, time stamp, age, GUID: llvm.org/docs/PDB/PdbStream.html. This age counts writes, not links.
        Span<byte> header = stackalloc byte[28];
        if (file.Read(InfoStream, 0, header) < header.Length)
            return null;
        uint age = debugInfo.IsPresent ? debugInfo.Age : BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        return new PdbIdentity(System.IO.Path.GetFileName(path), new Guid(header.Slice(12, 16)), age);
    }
}
