using System.IO.Compression;
using System.Text.Json;

namespace HangAnalysis.Targets.Symbols;

/// <summary>
/// A Volatility 3 symbol table (ISF): types and symbols of one image as JSON. The unpacked text is held, with an index
/// of where each type and symbol starts, and one entry is parsed when it is asked for: a tree of the whole text would
/// take ten times its size and most of a second to build.
/// </summary>
/// <remarks>
/// Format: volatility3/schemas/schema-6.2.0.json. It has no sections, so that the nearest symbol is the one before the
/// address, wherever that lies. Lookups may come from several threads: nothing changes after opening.
/// </remarks>
public sealed class IsfFile : ISymbolFile
{
    private readonly IsfTypes _types;
    private readonly IsfSymbols _symbols;

    private IsfFile(string path, byte[] json)
    {
        Path = path;
        IsfIndex index = IsfIndex.Build(json);
        Identity = index.Identity;
        _types = new IsfTypes(json, index);
        _symbols = new IsfSymbols(json, index);
    }

    /// <inheritdoc/>
    public string Path { get; }

    /// <inheritdoc/>
    public PdbIdentity? Identity { get; }

    /// <summary>Opens a symbol table, plain or packed with gzip.</summary>
    /// <exception cref="DumpFormatException">The file cannot be read, is too large or is no symbol table.</exception>
    public static IsfFile Open(string path)
    {
        try
        {
            return new IsfFile(path, ReadText(path));
        }
        catch (JsonException error)
        {
            string place = $"line {error.LineNumber + 1}, byte {error.BytePositionInLine}";
            throw new DumpFormatException($"{path}: the symbol table is not valid JSON ({place})", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new DumpFormatException($"{path}: cannot be opened: {error.Message}", error);
        }
        catch (InvalidDataException error)
        {
            throw new DumpFormatException($"{path}: the packed symbol table is damaged: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public TypeLayout? FindType(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _types.FindType(name);
    }

    /// <inheritdoc/>
    public EnumLayout? FindEnum(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _types.FindEnum(name);
    }

    /// <inheritdoc/>
    public bool TryFindSymbol(string name, out uint rva)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _symbols.TryFind(name, out rva);
    }

    /// <inheritdoc/>
    public bool TryFindNearest(uint rva, out NearestSymbol symbol) => _symbols.TryFindNearest(rva, out symbol);

    /// <summary>Nothing is held but memory.</summary>
    public void Dispose() { }

    private static byte[] ReadText(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Span<byte> magic = stackalloc byte[2];
        bool packed = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2
            && magic[0] == 0x1f && magic[1] == 0x8b;
        file.Position = 0;
        using Stream text = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
        // Text of this kind packs to about an eighth.
        long expected = packed ? file.Length * 9 : file.Length + 1;
        byte[] bytes = new byte[Math.Clamp(expected, 64 * 1024, Limits.SymbolTableBytes)];
        int length = 0;
        while (true)
        {
            int read = text.Read(bytes, length, bytes.Length - length);
            length += read;
            if (read == 0 && length < bytes.Length)
                break;
            if (length < bytes.Length)
                continue;
            if (length >= Limits.SymbolTableBytes)
                throw new DumpFormatException(
                    $"{path}: the symbol table is larger than {Limits.SymbolTableBytes >> 20} MB when unpacked");
            Array.Resize(ref bytes, (int)Math.Min(bytes.Length * 2L, Limits.SymbolTableBytes));
        }

        Array.Resize(ref bytes, length);
        return bytes;
    }
}
