using System.Text;

namespace HangAnalysis.DumpForge.Linux.Layouts;

/// <summary>Where a member lies: bytes from the beginning, and for bit fields the bits inside.</summary>
public readonly record struct CField(CType Type, int BitOffset, int BitSize)
{
    public int Offset => BitOffset / 8;
}

/// <summary>
/// Structures of a kernel with offsets of the forge's own choosing. A reader that takes offsets from the dump's BTF and
/// VMCOREINFO reads them all; one that knows offsets by heart reads none.
/// </summary>
public sealed class LinuxLayout
{
    private static readonly Lazy<string> s_text = new(ReadText);
    private readonly ulong _seed;
    private readonly bool _isShuffled;

    private LinuxLayout(string name, string generation, ulong seed, bool isShuffled)
    {
        (Name, Generation, _seed, _isShuffled) = (name, generation, seed, isShuffled);
        TypeTextParser parser = new(s_text.Value, new HashSet<string> { generation });
        Types = parser.Types;
        if (generation != "6.1")
            foreach (CType type in Types.Values.Where(type => type.Module == "fuse"))
                type.Module = null;
        foreach (CType type in Types.Values)
            Place(type);
    }

    /// <summary>
    /// Like Linux 6.1: ORC entries with an <c>end</c> bit, <c>core_layout</c> of modules, per-CPU <c>current_task</c>;
    /// FUSE is a module.
    /// </summary>
    public static LinuxLayout Linux61 { get; } = new("6.1", "6.1", 61, isShuffled: false);

    /// <summary>
    /// Like Linux 6.12: ORC types of three bits with <c>signal</c>, seven memories of modules, <c>pcpu_hot</c>.
    /// </summary>
    public static LinuxLayout Linux612 { get; } = new("6.12", "6.12", 612, isShuffled: false);

    /// <summary>As 6.12, but with the members of every structure in another order.</summary>
    public static LinuxLayout Odd { get; } = new("odd", "6.12", 977, isShuffled: true);

    /// <summary>
    /// Like Linux 6.15, whose per-CPU variables have real addresses: kallsyms holds distances alone, and
    /// <c>current_task</c> is a variable again.
    /// </summary>
    public static LinuxLayout Linux615 { get; } = new("6.15", "6.15", 615, isShuffled: false);

    public static IReadOnlyList<LinuxLayout> All { get; } = [Linux61, Linux612, Odd, Linux615];

    public string Name { get; }

    /// <summary>Whose declarations these are: <c>6.1</c>, <c>6.12</c> or <c>6.15</c>.</summary>
    public string Generation { get; }

    public bool Is61 => Generation == "6.1";

    /// <summary>Per-CPU symbols are addresses in the image; before, they are offsets from 0.</summary>
    public bool HasPerCpuAddresses => Generation == "6.15";

    internal Dictionary<string, CType> Types { get; }

    public static LinuxLayout Find(string name) =>
        All.FirstOrDefault(layout => layout.Name == name) ?? throw new KeyNotFoundException($"no Linux layout '{name}'");

    /// <summary>A structure, union or typedef by its bare name.</summary>
    public CType Type(string name) =>
        FindType(name) ?? throw new KeyNotFoundException($"no type {name} in layout {Name}");

    public bool Has(string type, string path) => TryFind(type, path, out _);

    public int SizeOf(string type) => Type(type).Resolved.Size;

    /// <summary>Bytes to a member: <c>sched_info.last_arrival</c>, <c>busy_hash[3]</c>.</summary>
    public int OffsetOf(string type, string path) => Field(type, path).Offset;

    public CField Field(string type, string path) =>
        TryFind(type, path, out CField field) ? field : throw new KeyNotFoundException($"no {type}.{path} in layout {Name}");

    /// <summary>The value of an enumerator.</summary>
    public int Enumerator(string enumeration, string name) =>
        Types["enum " + enumeration].Values.First(value => value.Name == name).Value;

    private CType? FindType(string name) =>
        Types.GetValueOrDefault("struct " + name) ?? Types.GetValueOrDefault("union " + name)
        ?? Types.GetValueOrDefault(name);

    private bool TryFind(string type, string path, out CField field)
    {
        field = default;
        if (FindType(type) is not { } found)
            return false;
        field = new CField(found, 0, 0);
        foreach (string part in path.Split('.'))
        {
            string name = part.Split('[')[0];
            if (FindMember(field.Type.Resolved, name) is not { } member)
                return false;
            field = member with { BitOffset = field.BitOffset + member.BitOffset };
            if (part.Length > name.Length)
            {
                int index = int.Parse(part.AsSpan()[(name.Length + 1)..^1]);
                CType element = field.Type.Resolved.Element!;
                field = new CField(element, field.BitOffset + 8 * index * element.Resolved.Size, 0);
            }
        }
        return true;
    }

    private static CField? FindMember(CType type, string name)
    {
        foreach (CMember member in type.Members)
            if (member.Name == name)
                return new CField(member.Type, member.BitOffset, member.BitSize);
            else if (member.Name.Length == 0 && FindMember(member.Type, name) is { } inner)
                return inner with { BitOffset = inner.BitOffset + member.BitOffset };
        return null;
    }

    private void Place(CType type)
    {
        if (type.IsPlaced)
            return;
        type.IsPlaced = true;
        if (type.Element is { } element)
        {
            Place(element);
            (type.Size, type.Alignment) = (element.Size * Math.Max(type.Count, type.Kind == CKind.Array ? 0 : 1),
                element.Alignment);
        }
        else if (type.IsAggregate)
            PlaceMembers(type);
    }

    private void PlaceMembers(CType type)
    {
        foreach (CMember member in type.Members)
            Place(member.Type);
        bool isPacked = type.Alignment < 0;
        type.Alignment = isPacked || type.Members.Count == 0 ? 1 : type.Members.Max(member => member.Type.Alignment);
        // The same members get the same order wherever they are: struct folio repeats those of struct page.
        Mix mix = new(_seed ^ Mix.Hash(string.Join(',', type.Members.Select(member => member.Name))));
        if (_isShuffled && !type.IsPinned && type.Kind == CKind.Struct)
            Shuffle(type.Members, mix);
        int bit = 0, end = 0;
        foreach (CMember member in type.Members)
        {
            if (type.Kind == CKind.Union)
                bit = 0;
            int size = member.Type.Size * 8, alignment = isPacked ? 8 : member.Type.Alignment * 8;
            if (member.BitSize == 0 || !isPacked && bit / size != (bit + member.BitSize - 1) / size)
                bit = (bit + alignment - 1) / alignment * alignment;
            if (type.IsLoose && member.BitSize == 0 && bit > 0 && mix.Next(4) == 0)
                bit += 64 * (1 + mix.Next(3));
            member.BitOffset = bit;
            bit += member.BitSize > 0 ? member.BitSize : size;
            end = Math.Max(end, bit);
        }
        int bytes = (end + 7) / 8;
        type.Size = (bytes + type.Alignment - 1) / type.Alignment * type.Alignment;
    }

    private static void Shuffle(List<CMember> members, Mix mix)
    {
        List<List<CMember>> groups = [];
        foreach (CMember member in members)
            if (member.BitSize > 0 && groups.Count > 0 && groups[^1][0].BitSize > 0)
                groups[^1].Add(member);
            else
                groups.Add([member]);
        for (int i = groups.Count - 1; i > 0; i--)
        {
            int other = mix.Next(i + 1);
            (groups[i], groups[other]) = (groups[other], groups[i]);
        }
        members.Clear();
        members.AddRange(groups.SelectMany(group => group).OrderBy(member => member.Place));
    }

    private static string ReadText()
    {
        using Stream stream = typeof(LinuxLayout).Assembly.GetManifestResourceStream("linux-types.txt")!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
