using System.Text.Json;

namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// Reads the layout files. They number nested anonymous types by their place in the PDB, which differs from build to
/// build: here such a type is named after the member that it is the type of, so that builds can be compared.
/// </summary>
internal static class JsonLayout
{
    public static KernelLayout Read(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement root = document.RootElement;
        bool hasPdb = root.TryGetProperty("pdb", out JsonElement pdb) && pdb.ValueKind == JsonValueKind.Object;
        KernelIdentity identity = new(
            root.GetProperty("version").GetString()!,
            root.GetProperty("machine").GetString()!,
            hasPdb ? pdb.GetProperty("name").GetString()! : "ntkrnlmp.pdb",
            hasPdb ? Guid.ParseExact(pdb.GetProperty("guid").GetString()!, "N") : Guid.Empty,
            hasPdb ? pdb.GetProperty("age").GetInt32() : 1);

        Dictionary<string, TypeDefinition> types = ReadTypes(root.GetProperty("types"));
        foreach (TypeDefinition published in PublishedTypes.Of(identity))
            types.TryAdd(published.Name, published);

        Dictionary<string, IReadOnlyDictionary<string, long>> enums = new(StringComparer.Ordinal);
        if (root.TryGetProperty("enums", out JsonElement enumElement))
            foreach (JsonProperty one in enumElement.EnumerateObject())
                enums[one.Name] = one.Value.EnumerateObject()
                    .ToDictionary(value => value.Name, value => value.Value.GetInt64(), StringComparer.Ordinal);

        Dictionary<string, uint> symbols = new(StringComparer.Ordinal);
        if (root.TryGetProperty("symbols", out JsonElement symbolElement))
            foreach (JsonProperty symbol in symbolElement.EnumerateObject())
                symbols[symbol.Name] = symbol.Value.GetUInt32();
        return new KernelLayout(identity, types, enums, symbols);
    }

    private static Dictionary<string, TypeDefinition> ReadTypes(JsonElement source)
    {
        Dictionary<string, TypeDefinition> types = new(StringComparer.Ordinal);
        Queue<(string Source, string Name)> work = new();
        foreach (JsonProperty type in source.EnumerateObject())
            if (!IsNumbered(type.Name))
                work.Enqueue((type.Name, type.Name));
        while (work.TryDequeue(out (string Source, string Name) next))
        {
            if (types.ContainsKey(next.Name))
                continue;
            JsonElement type = source.GetProperty(next.Source);
            List<LayoutField> fields = [];
            foreach (JsonProperty field in type.GetProperty("fields").EnumerateObject())
            {
                string text = field.Value[1].GetString()!;
                TypeText parsed = TypeText.Parse(text);
                if (IsNumbered(parsed.Name))
                {
                    string nested = next.Name + TypeDefinition.AnonymousMark + field.Name + ">";
                    text = text.Replace(parsed.Name, nested, StringComparison.Ordinal);
                    if (source.TryGetProperty(parsed.Name, out _))
                        work.Enqueue((parsed.Name, nested));
                }
                fields.Add(new LayoutField(field.Name, field.Value[0].GetInt32(), text));
            }
            bool isUnion = type.GetProperty("kind").GetString() == "union";
            types[next.Name] = new TypeDefinition(next.Name, isUnion, type.GetProperty("size").GetInt32(), fields);
        }
        return types;
    }

    private static bool IsNumbered(string name) =>
        name.StartsWith("__unnamed_", StringComparison.Ordinal)
        || name.StartsWith("__anonymous_", StringComparison.Ordinal);
}
