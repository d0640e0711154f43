using System.Globalization;
using System.Text;
using System.Text.Json;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Where everything of a symbol table is: one pass over its text, which also checks its syntax.</summary>
internal sealed class IsfIndex
{
    private static readonly UTF8Encoding s_strictUtf8 = new(false, true);

    /// <summary>Identity of the PDB that the table was made of, or null.</summary>
    public PdbIdentity? Identity { get; private set; }

    /// <summary>Positions of the names of structures and unions.</summary>
    public NameIndex Types { get; private set; } = NameIndex.Empty;

    /// <summary>Positions of the names of enumerations.</summary>
    public NameIndex Enums { get; private set; } = NameIndex.Empty;

    /// <summary>Positions of the names of symbols.</summary>
    public NameIndex Symbols { get; private set; } = NameIndex.Empty;

    /// <summary>Addresses of symbols, rising; <see cref="SymbolPositions"/> has the same order.</summary>
    public uint[] SymbolAddresses { get; private set; } = [];

    /// <summary>Positions of the names of symbols, in the order of their addresses.</summary>
    public int[] SymbolPositions { get; private set; } = [];

    /// <summary>Sizes of base types, by name; that of <c>pointer</c> among them.</summary>
    public Dictionary<string, int> BaseSizes { get; } = [];

    /// <summary>Indexes a table.</summary>
    /// <exception cref="JsonException">The text is not JSON, or not an object.</exception>
    public static IsfIndex Build(byte[] json)
    {
        IsfIndex index = new();
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 64 });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException("a symbol table is an object", null, 0, 0);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsKey(ref reader, "metadata"u8))
                index.ReadMetadata(ref reader);
            else if (IsKey(ref reader, "base_types"u8))
                index.ReadBaseTypes(ref reader);
            else if (IsKey(ref reader, "user_types"u8))
                index.Types = ReadNames(ref reader);
            else if (IsKey(ref reader, "enums"u8))
                index.Enums = ReadNames(ref reader);
            else if (IsKey(ref reader, "symbols"u8))
                index.ReadSymbols(ref reader);
            else
                reader.Skip();
        }

        // Whatever follows the object is an error of the reader's own.
        while (reader.Read())
            continue;
        return index;
    }

    /// <summary>Text of a string; empty where it is not valid UTF-8, which the reader itself would throw for.</summary>
    public static string Text(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName))
            return "";
        try
        {
            return reader.ValueIsEscaped ? reader.GetString() ?? "" : s_strictUtf8.GetString(reader.ValueSpan);
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            return "";
        }
    }

    /// <summary>Whether a property has this name. One with escapes has not: unescaping may throw.</summary>
    public static bool IsKey(ref Utf8JsonReader reader, ReadOnlySpan<byte> name) =>
        !reader.ValueIsEscaped && reader.ValueTextEquals(name);

    /// <summary>Moves to the value of a property; false, with the value passed over, where it is no object.</summary>
    public static bool EnterObject(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.PropertyName)
            reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
            return true;
        reader.Skip();
        return false;
    }

    /// <summary>Reads the next value as a number; 0 where it is none that fits.</summary>
    public static long ReadNumber(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long value))
            return value;
        if (reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong large))
            return (long)large;
        reader.Skip();
        return 0;
    }

    private static uint HashOf(ref Utf8JsonReader reader) =>
        reader.ValueIsEscaped ? NameIndex.Hash(Text(ref reader)) : NameIndex.Hash(reader.ValueSpan);

    private static NameIndex ReadNames(ref Utf8JsonReader reader)
    {
        NameIndex.Builder names = new();
        if (!EnterObject(ref reader))
            return NameIndex.Empty;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            names.Add(HashOf(ref reader), (uint)reader.TokenStartIndex);
            reader.Skip();
        }

        return names.Build();
    }

    private void ReadSymbols(ref Utf8JsonReader reader)
    {
        NameIndex.Builder names = new();
        List<uint> addresses = [];
        List<int> positions = [];
        if (!EnterObject(ref reader))
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int position = (int)reader.TokenStartIndex;
            uint hash = HashOf(ref reader);
            if (!EnterObject(ref reader))
                continue;
            long address = 0;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (IsKey(ref reader, "address"u8))
                    address = ReadNumber(ref reader);
                else
                    reader.Skip();
            }

            // Address 0 is what tables give to symbols of no section.
            if (address is <= 0 or > uint.MaxValue)
                continue;
            names.Add(hash, (uint)position);
            addresses.Add((uint)address);
            positions.Add(position);
        }

        Symbols = names.Build();
        SymbolAddresses = [.. addresses];
        SymbolPositions = [.. positions];
        Array.Sort(SymbolAddresses, SymbolPositions);
    }

    private void ReadBaseTypes(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader))
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = Text(ref reader);
            if (!EnterObject(ref reader))
                continue;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (IsKey(ref reader, "size"u8))
                    BaseSizes[name] = (int)Math.Clamp(ReadNumber(ref reader), 0, 64);
                else
                    reader.Skip();
            }
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (!EnterObject(ref reader))
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!IsKey(ref reader, "windows"u8))
            {
                reader.Skip();
                continue;
            }

            if (!EnterObject(ref reader))
                continue;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (IsKey(ref reader, "pdb"u8))
                    ReadIdentity(ref reader);
                else
                    reader.Skip();
            }
        }
    }

    private void ReadIdentity(ref Utf8JsonReader reader)
    {
        string file = "";
        string guid = "";
        long age = 0;
        if (!EnterObject(ref reader))
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsKey(ref reader, "age"u8))
            {
                age = ReadNumber(ref reader);
                continue;
            }

            bool isGuid = IsKey(ref reader, "GUID"u8);
            bool isFile = IsKey(ref reader, "database"u8);
            reader.Read();
            if (isGuid)
                guid = Text(ref reader);
            else if (isFile)
                file = Text(ref reader);
            reader.Skip();
        }

        if (Guid.TryParse(guid, CultureInfo.InvariantCulture, out Guid parsed))
            Identity = new PdbIdentity(file, parsed, (uint)Math.Clamp(age, 0, uint.MaxValue));
    }
}
