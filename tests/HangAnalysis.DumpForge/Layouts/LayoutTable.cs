using System.Globalization;

namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// Several layouts in one text, where a value is written only at the layouts in which it changes. Lines, parts divided
/// by tabs: <c>layout version machine pdb guid age</c> (they number the layouts from 0), <c>type NAME changes</c>
/// followed by its fields (<c>.NAME changes</c>), <c>enum NAME changes</c> followed by its values,
/// <c>symbol NAME changes</c>. A change is <c>index value</c>, valid until the next one; value <c>-</c> means absent,
/// as does no change yet. Numbers are hexadecimal, indexes decimal; a field's value is its offset and, where it
/// changed, its type; a type's value is its size, with <c>u</c> behind it for a union.
/// </summary>
internal sealed class LayoutTable
{
    private readonly string[] _lines;
    private readonly List<KernelIdentity> _identities = [];
    private readonly Dictionary<KernelIdentity, KernelLayout> _layouts = [];

    public LayoutTable(TextReader reader)
    {
        List<string> lines = [];
        while (reader.ReadLine() is { } line)
        {
            string[] parts = line.Split('\t');
            if (parts[0] == "layout")
                _identities.Add(new KernelIdentity(
                    parts[1], parts[2], parts[3], Guid.ParseExact(parts[4], "N"), int.Parse(parts[5])));
            else if (!line.StartsWith('#'))
                lines.Add(line);
        }
        _lines = [.. lines];
    }

    public IReadOnlyList<KernelIdentity> Identities => _identities;

    public static LayoutTable ReadEmbedded()
    {
        using Stream stream = typeof(LayoutTable).Assembly.GetManifestResourceStream("layouts.txt")
            ?? throw new InvalidOperationException("the assembly lacks layouts.txt");
        using StreamReader reader = new(stream);
        return new LayoutTable(reader);
    }

    public KernelLayout Layout(KernelIdentity identity)
    {
        lock (_layouts)
        {
            if (!_layouts.TryGetValue(identity, out KernelLayout? layout))
                _layouts.Add(identity, layout = Extract(_identities.IndexOf(identity)));
            return layout;
        }
    }

    private KernelLayout Extract(int index)
    {
        Dictionary<string, TypeDefinition> types = new(StringComparer.Ordinal);
        Dictionary<string, IReadOnlyDictionary<string, long>> enums = new(StringComparer.Ordinal);
        Dictionary<string, uint> symbols = new(StringComparer.Ordinal);
        string typeName = "", typeValue = "-";
        List<LayoutField> fields = [];
        Dictionary<string, long> values = new(StringComparer.Ordinal);
        bool inEnum = false;
        void Finish()
        {
            if (typeValue != "-" && inEnum)
                enums.Add(typeName, values);
            else if (typeValue != "-")
            {
                int size = (int)Hex(typeValue.TrimEnd('u'));
                types.Add(typeName, new TypeDefinition(typeName, typeValue.EndsWith('u'), size, fields));
            }
            (fields, values, typeValue) = ([], new(StringComparer.Ordinal), "-");
        }

        foreach (string line in _lines)
        {
            string[] parts = line.Split('\t');
            if (parts[0].StartsWith('.'))
            {
                (string value, string type) = ValueAt(parts, 1, index);
                if (value == "-")
                    continue;
                if (inEnum)
                    values.Add(parts[0][1..], Hex(value));
                else
                    fields.Add(new LayoutField(parts[0][1..], (int)Hex(value), type));
                continue;
            }
            string current = ValueAt(parts, 2, index).Value;
            if (parts[0] == "symbol")
            {
                if (current != "-")
                    symbols.Add(parts[1], (uint)Hex(current));
                continue;
            }
            Finish();
            inEnum = parts[0] == "enum";
            (typeName, typeValue) = (parts[1], current);
        }
        Finish();
        return new KernelLayout(_identities[index], types, enums, symbols);
    }

    private static (string Value, string Type) ValueAt(string[] parts, int first, int index)
    {
        string value = "-", type = "";
        for (int i = first; i < parts.Length; i++)
        {
            string[] change = parts[i].Split(' ', 3);
            if (int.Parse(change[0]) > index)
                break;
            value = change[1];
            if (change.Length > 2)
                type = change[2];
        }
        return (value, type);
    }

    private static long Hex(string text) => long.Parse(text, NumberStyles.HexNumber);

    /// <summary>Writes layouts, which have to be in the order in which they are to be numbered.</summary>
    public static void Write(TextWriter writer, IReadOnlyList<KernelLayout> layouts)
    {
        writer.NewLine = "\n";
        writer.WriteLine("# Kernel layouts. Format: see LayoutTable.cs. Written by: DumpForge --make-layouts DIR FILE");
        writer.WriteLine("# Source: type information of public PDBs, by way of");
        writer.WriteLine("# JPCERTCC/Windows-Symbol-Tables (BSD-3-Clause).");
        foreach (KernelLayout layout in layouts)
        {
            KernelIdentity id = layout.Identity;
            writer.WriteLine($"layout\t{id.Version}\t{id.Machine}\t{id.PdbName}\t{id.PdbGuid:N}\t{id.PdbAge}");
        }
        foreach (string type in Names(layouts, layout => layout.Types.Keys))
        {
            TypeDefinition?[] definitions = [.. layouts.Select(layout => layout.Types.GetValueOrDefault(type))];
            WriteLine(writer, $"type\t{type}",
                definitions.Select(d => d is null ? null : $"{d.Size:x}{(d.IsUnion ? "u" : "")}"), null);
            foreach (string name in definitions.SelectMany(d => d?.Fields ?? []).Select(f => f.Name).Distinct())
                WriteLine(writer, "." + name,
                    definitions.Select(d => d?.Find(name) is { } f ? $"{f.Offset:x}" : null),
                    [.. definitions.Select(d => d?.Find(name)?.TypeText)]);
        }
        foreach (string name in Names(layouts, layout => layout.Enums.Keys))
        {
            IReadOnlyDictionary<string, long>?[] enums =
                [.. layouts.Select(layout => layout.Enums.GetValueOrDefault(name))];
            WriteLine(writer, $"enum\t{name}", enums.Select(e => e is null ? null : "0"), null);
            IEnumerable<string> values = enums.OfType<IReadOnlyDictionary<string, long>>()
                .SelectMany(e => e.OrderBy(v => v.Value).ThenBy(v => v.Key, StringComparer.Ordinal))
                .Select(v => v.Key).Distinct();
            foreach (string value in values)
                WriteLine(writer, "." + value,
                    enums.Select(e => e is not null && e.TryGetValue(value, out long n) ? $"{n:x}" : null), null);
        }
        foreach (string name in Names(layouts, layout => layout.Symbols.Keys))
            WriteLine(writer, $"symbol\t{name}",
                layouts.Select(layout => layout.Symbols.TryGetValue(name, out uint rva) ? $"{rva:x}" : null), null);
    }

    private static void WriteLine(TextWriter writer, string head, IEnumerable<string?> values, string?[]? types)
    {
        writer.Write(head);
        string last = "-";
        string? lastType = null;
        int index = 0;
        foreach (string? value in values)
        {
            string? type = types?[index];
            bool newType = value is not null && type != lastType;
            if ((value ?? "-") != last || newType)
            {
                last = value ?? "-";
                writer.Write($"\t{index} {last}");
                if (newType)
                    writer.Write($" {lastType = type}");
            }
            index++;
        }
        writer.WriteLine();
    }

    private static IEnumerable<string> Names(
        IEnumerable<KernelLayout> layouts, Func<KernelLayout, IEnumerable<string>> names) =>
        layouts.SelectMany(names).Distinct().Order(StringComparer.Ordinal);
}
