using System.Text.Json;

namespace HangAnalysis.Targets.Symbols;

/// <summary>Parses one structure or enumeration of a symbol table where its index says that it starts.</summary>
internal sealed class IsfTypes(byte[] json, IsfIndex index)
{
    private static readonly TypeReference s_unknown = new(TypeKind.Base, "", 0);

    /// <summary>A structure or union by name.</summary>
    public TypeLayout? FindType(string name)
    {
        if (!TryEnter(index.Types, name, out Utf8JsonReader reader))
            return null;
        List<FieldLayout> fields = [];
        long size = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsfIndex.IsKey(ref reader, "size"u8))
                size = IsfIndex.ReadNumber(ref reader);
            else if (IsfIndex.IsKey(ref reader, "fields"u8))
                ReadFields(ref reader, fields);
            else
                reader.Skip();
        }

        return new TypeLayout(name, Clamp(size), fields);
    }

    /// <summary>An enumeration by name.</summary>
    public EnumLayout? FindEnum(string name)
    {
        if (!TryEnter(index.Enums, name, out Utf8JsonReader reader))
            return null;
        Dictionary<string, long> values = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!IsfIndex.IsKey(ref reader, "constants"u8))
            {
                reader.Skip();
                continue;
            }

            if (!IsfIndex.EnterObject(ref reader))
                continue;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string constant = IsfIndex.Text(ref reader);
                values[constant] = IsfIndex.ReadNumber(ref reader);
            }
        }

        return new EnumLayout(name, values);
    }

    private static int Clamp(long value) => value is < 0 or > int.MaxValue ? 0 : (int)value;

    // A reader just inside the object that belongs to a name. The whole text was parsed once, so that a reader which
    // starts at any of its values meets no error before that value's end.
    private bool TryEnter(NameIndex names, string name, out Utf8JsonReader reader)
    {
        foreach (uint position in names.Find(NameIndex.Hash(name)))
        {
            reader = ReaderAt((int)position);
            if (!reader.Read() || IsfIndex.Text(ref reader) != name)
                continue;
            int value = (int)position + (int)reader.BytesConsumed;
            while (value < json.Length && " \t\r\n:"u8.Contains(json[value]))
                value++;
            reader = ReaderAt(value);
            return reader.Read() && reader.TokenType == JsonTokenType.StartObject;
        }

        reader = default;
        return false;
    }

    private Utf8JsonReader ReaderAt(int position) =>
        new(json.AsSpan(position), new JsonReaderOptions { MaxDepth = 64 });

    private void ReadFields(ref Utf8JsonReader reader, List<FieldLayout> fields)
    {
        if (!IsfIndex.EnterObject(ref reader))
            return;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = IsfIndex.Text(ref reader);
            if (!IsfIndex.EnterObject(ref reader))
                continue;
            int offset = 0;
            Parsed type = new(s_unknown, 0, 0);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (IsfIndex.IsKey(ref reader, "offset"u8))
                    offset = Clamp(IsfIndex.ReadNumber(ref reader));
                else if (IsfIndex.IsKey(ref reader, "type"u8))
                    type = ReadType(ref reader);
                else
                    reader.Skip();
            }

            fields.Add(new FieldLayout(name, offset, type.Type, type.BitPosition, type.BitLength));
        }
    }

    // Recursion ends where the JSON does: its depth was checked when the file was opened.
    private Parsed ReadType(ref Utf8JsonReader reader)
    {
        string kind = "";
        string name = "";
        Parsed inner = new(s_unknown, 0, 0);
        int count = 0;
        int position = 0;
        int length = 0;
        if (!IsfIndex.EnterObject(ref reader))
            return inner;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsfIndex.IsKey(ref reader, "subtype"u8) || IsfIndex.IsKey(ref reader, "type"u8))
                inner = ReadType(ref reader);
            else if (IsfIndex.IsKey(ref reader, "count"u8))
                count = Clamp(IsfIndex.ReadNumber(ref reader));
            else if (IsfIndex.IsKey(ref reader, "bit_position"u8))
                position = Clamp(IsfIndex.ReadNumber(ref reader));
            else if (IsfIndex.IsKey(ref reader, "bit_length"u8))
                length = Clamp(IsfIndex.ReadNumber(ref reader));
            else
            {
                bool isKind = IsfIndex.IsKey(ref reader, "kind"u8);
                bool isName = IsfIndex.IsKey(ref reader, "name"u8);
                reader.Read();
                if (isKind)
                    kind = IsfIndex.Text(ref reader);
                else if (isName)
                    name = IsfIndex.Text(ref reader);
                reader.Skip();
            }
        }

        return kind switch
        {
            "base" => new(new TypeReference(TypeKind.Base, name, index.BaseSizes.GetValueOrDefault(name)), 0, 0),
            "pointer" => new(
                new TypeReference(TypeKind.Pointer, "", index.BaseSizes.GetValueOrDefault("pointer", 8), inner.Type),
                0, 0),
            "array" => new(
                new TypeReference(TypeKind.Array, "", Clamp((long)count * inner.Type.Size), inner.Type, count), 0, 0),
            "bitfield" => new(inner.Type, position, length),
            "struct" or "union" or "class" => new(
                new TypeReference(TypeKind.Structure, name, SizeOf(index.Types, name)), 0, 0),
            "enum" => new(new TypeReference(TypeKind.Enumeration, name, SizeOf(index.Enums, name)), 0, 0),
            "function" => new(new TypeReference(TypeKind.Function, "", 0), 0, 0),
            _ => new(s_unknown, 0, 0),
        };
    }

    private int SizeOf(NameIndex names, string name)
    {
        if (!TryEnter(names, name, out Utf8JsonReader reader))
            return 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (IsfIndex.IsKey(ref reader, "size"u8))
                return Clamp(IsfIndex.ReadNumber(ref reader));
            reader.Skip();
        }

        return 0;
    }

    private readonly record struct Parsed(TypeReference Type, int BitPosition, int BitLength);
}
