using System.Globalization;
using System.Text.Json;
using HangAnalysis.DumpForge.Layouts;

namespace HangAnalysis.Tests.Matrix;

/// <summary>
/// A kernel of which only some fields of some structures are known (../shared/layouts/partial-*.json): a layout to forge by
/// and the part of it that symbols tell.
/// </summary>
/// <remarks>
/// The known fields lie where the file says. What else a dump needs is put into the gaps between them, at places that no
/// reader can know: the symbols do not have those fields. All other structures are those of <c>whole</c>.
/// </remarks>
internal static class PartialLayout
{
    public static (KernelLayout Forged, KernelLayout Symbols) Read(string path, KernelLayout whole)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        Dictionary<string, TypeDefinition> forged = new(whole.Types, StringComparer.Ordinal);
        Dictionary<string, TypeDefinition> known = new(whole.Types, StringComparer.Ordinal);
        // The embedded ones come first in the file, so that sizes of fields are known when they are needed.
        foreach (JsonProperty type in document.RootElement.EnumerateObject().Where(t => t.Value.ValueKind == JsonValueKind.Object))
        {
            TypeDefinition old = whole.Types[type.Name];
            int size = Hex(type.Value.GetProperty("size"));
            Dictionary<string, int> offsets = type.Value.EnumerateObject().Where(f => f.Name != "size")
                .SelectMany(f => f.Name.Split('/').Select(name => (name, f.Value)))
                .Where(f => old.Find(f.name) is not null).ToDictionary(f => f.name, f => Hex(f.Value), StringComparer.Ordinal);
            // Headers and the structure that another begins with are where they have always been.
            foreach (string first in (string[])["Header", "Pcb", "Tcb"])
                if (old.Find(first) is { } field)
                    offsets[first] = field.Offset;
            KernelLayout soFar = new(whole.Identity, forged, whole.Enums, whole.Symbols);
            List<LayoutField> fields = [.. old.Fields.Where(f => offsets.ContainsKey(f.Name))
                .Select(f => f with { Offset = offsets[f.Name] })];
            known[type.Name] = new TypeDefinition(type.Name, old.IsUnion, size, fields);
            FillGaps(fields, old, size, soFar);
            forged[type.Name] = new TypeDefinition(type.Name, old.IsUnion, size, fields);
        }
        return (new KernelLayout(whole.Identity, forged, whole.Enums, whole.Symbols),
            new KernelLayout(whole.Identity, known, whole.Enums, whole.Symbols));
    }

    /// <summary>Adds the fields that are not placed yet, each storage unit once; those that find no gap are left out.</summary>
    private static void FillGaps(List<LayoutField> fields, TypeDefinition old, int size, KernelLayout layout)
    {
        bool[] taken = new bool[size];
        HashSet<string> placed = [];
        foreach (LayoutField field in fields)
        {
            placed.Add(field.Name);
            taken.AsSpan(field.Offset, Math.Min(layout.FieldSize(field) ?? 8, size - field.Offset)).Fill(true);
        }
        // Fields that share their bytes, as flags do, go on sharing them.
        foreach (IGrouping<int, LayoutField> unit in old.Fields.Where(f => !placed.Contains(f.Name)).GroupBy(f => f.Offset))
        {
            int length = unit.Max(f => layout.FieldSize(f) ?? 8);
            int alignment = Math.Min(8, Math.Max(length, 1));
            for (int at = 0; at + length <= size; at += alignment)
            {
                if (taken.AsSpan(at, length).Contains(true))
                    continue;
                taken.AsSpan(at, length).Fill(true);
                fields.AddRange(unit.Select(f => f with { Offset = at }));
                break;
            }
        }
    }

    private static int Hex(JsonElement value) => int.Parse(value.GetString().AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
