namespace HangAnalysis.DumpForge.Layouts;

/// <summary>Types, enumerations and symbols of one build of the Windows kernel.</summary>
public sealed class KernelLayout
{
    private static readonly Lazy<LayoutTable> s_builtIn = new(LayoutTable.ReadEmbedded);

    /// <summary>Puts the parts together.</summary>
    public KernelLayout(
        KernelIdentity identity,
        IReadOnlyDictionary<string, TypeDefinition> types,
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> enums,
        IReadOnlyDictionary<string, uint> symbols)
    {
        Identity = identity;
        Types = types;
        Enums = enums;
        Symbols = symbols;
    }

    /// <summary>Version, machine and PDB of the build.</summary>
    public KernelIdentity Identity { get; }

    /// <summary>Version, as "10.0.14393.6343".</summary>
    public string Version => Identity.Version;

    /// <summary>The third part of the version.</summary>
    public int Build => int.Parse(Version.Split('.')[2]);

    /// <summary>Size of a pointer in bytes.</summary>
    public int PointerSize => Architecture == Architecture.X86 ? 4 : 8;

    /// <summary>Kind of processor.</summary>
    public Architecture Architecture => Identity.Machine switch
    {
        "x86" => Architecture.X86,
        "arm64" => Architecture.Arm64,
        _ => Architecture.X64,
    };

    /// <summary>Structures and unions by name.</summary>
    public IReadOnlyDictionary<string, TypeDefinition> Types { get; }

    /// <summary>Enumerations by name, values by name.</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> Enums { get; }

    /// <summary>RVAs of symbols.</summary>
    public IReadOnlyDictionary<string, uint> Symbols { get; }

    /// <summary>Versions of x64 that <see cref="BuiltIn"/> knows, oldest first.</summary>
    public static IReadOnlyList<string> BuiltInVersions { get; } =
        [.. s_builtIn.Value.Identities.Where(known => known.Machine == "x64").Select(known => known.Version)];

    /// <summary>Names of all layouts that <see cref="BuiltIn"/> knows: <c>10.0.19041.3570</c>, <c>x86:10.0.19041</c>.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } =
        [.. s_builtIn.Value.Identities.Select(NameOf), "arm64:10.0.22000"];

    private static readonly Lazy<KernelLayout> s_arm64 = new(() => Arm64Layout.Of(BuiltIn("10.0.22000")));

    /// <summary>Reads a layout file (JSON, format hanganalysis-layout/1).</summary>
    public static KernelLayout Load(string path) => JsonLayout.Read(path);

    /// <summary>
    /// The layout of a name of <see cref="BuiltInNames"/>; of a shorter version ("10.0.14393") or of a build alone ("14393"),
    /// the latest that it fits. Without "x86:" or "arm64:" before it, x64 comes first, then what else there is.
    /// </summary>
    public static KernelLayout BuiltIn(string name)
    {
        int colon = name.IndexOf(':', StringComparison.Ordinal);
        string? machine = colon < 0 ? null : name[..colon];
        string version = name[(colon + 1)..];
        if (machine == "arm64" && version is "22000" or "10.0.22000")
            return s_arm64.Value;
        foreach (string candidate in (string[])["x64", "x86"])
        {
            if (machine is not null && machine != candidate)
                continue;
            KernelIdentity[] known = [.. s_builtIn.Value.Identities.Where(identity => identity.Machine == candidate)];
            KernelIdentity? found = known.LastOrDefault(identity => identity.Version == version)
                ?? known.LastOrDefault(identity => identity.Version.StartsWith(version + ".", StringComparison.Ordinal))
                ?? known.LastOrDefault(identity => identity.Version.Split('.')[2] == version);
            if (found is not null)
                return s_builtIn.Value.Layout(found);
        }
        throw new ArgumentException($"no built-in layout of version {name}");
    }

    private static string NameOf(KernelIdentity identity) =>
        identity.Machine == "x64" ? identity.Version : $"{identity.Machine}:{identity.Version}";

    /// <summary>Size of a structure, union or simple type in bytes.</summary>
    public int Size(string type) =>
        Types.TryGetValue(type, out TypeDefinition? definition) ? definition.Size
        : Enums.ContainsKey(type) ? 4
        : TypeText.SimpleSize(type) ?? throw new KeyNotFoundException($"{Version} has no type {type}");

    /// <summary>Offset of a member, as <c>Offset("_ETHREAD", "Tcb.WaitBlock[1].Thread")</c>.</summary>
    public int Offset(string type, string path) =>
        TryResolve(type, path, out int offset, out _)
            ? offset
            : throw new KeyNotFoundException($"{Version} has no {type}.{path}");

    /// <summary>Offset of a member; false where the build has none of this name.</summary>
    public bool TryOffset(string type, string path, out int offset) => TryResolve(type, path, out offset, out _);

    /// <summary>Whether the build has the member.</summary>
    public bool Has(string type, string path) => TryResolve(type, path, out _, out _);

    /// <summary>The member at the end of a path, with its bits; its offset is that in its own structure.</summary>
    public LayoutField Field(string type, string path) =>
        TryResolve(type, path, out _, out LayoutField? field) && field is not null
            ? field
            : throw new KeyNotFoundException($"{Version} has no {type}.{path}");

    /// <summary>Size of a member in bytes, arrays in full; null where the layout does not hold its type.</summary>
    public int? FieldSize(LayoutField field)
    {
        int? element = ElementSize(field.Type);
        return element * field.Type.Count;
    }

    /// <summary>The same layout without one type or enumeration: for tests of what a reader does when symbols lack it.</summary>
    public KernelLayout Without(string typeName)
    {
        Dictionary<string, TypeDefinition> types = new(Types, StringComparer.Ordinal);
        Dictionary<string, IReadOnlyDictionary<string, long>> enums = new(Enums, StringComparer.Ordinal);
        if (!types.Remove(typeName) && !enums.Remove(typeName))
            throw new ArgumentException($"{Version} has no type {typeName}");
        return new KernelLayout(Identity, types, enums, Symbols) { HasPae = HasPae };
    }

    /// <summary>The same layout for a kernel of x86 that has page tables of two levels.</summary>
    public KernelLayout WithoutPae() => new(Identity, Types, Enums, Symbols) { HasPae = false };

    /// <summary>Whether a kernel of x86 is the one with physical address extension.</summary>
    public bool HasPae { get; private init; } = true;

    private int? ElementSize(TypeText type) =>
        type.Pointers > 0 ? PointerSize
        : Types.TryGetValue(type.Name, out TypeDefinition? definition) ? definition.Size
        : Enums.ContainsKey(type.Name) ? 4
        : TypeText.SimpleSize(type.Name);

    private bool TryResolve(string type, string path, out int offset, out LayoutField? field)
    {
        offset = 0;
        field = null;
        foreach (string part in path.Split('.'))
        {
            int open = part.IndexOf('[', StringComparison.Ordinal);
            string name = open < 0 ? part : part[..open];
            if (!Types.TryGetValue(type, out TypeDefinition? definition) || definition.Find(name) is not { } found)
                return false;
            field = found;
            offset += found.Offset;
            if (open >= 0)
            {
                if (ElementSize(found.Type) is not { } element)
                    return false;
                offset += int.Parse(part.AsSpan(open + 1, part.Length - open - 2)) * element;
            }
            type = found.Type.Pointers > 0 ? "" : found.Type.Name;
        }
        return true;
    }
}

/// <summary>Kinds of processor that systems are forged for.</summary>
public enum Architecture
{
    X64,
    X86,
    Arm64,
}

/// <summary>Which build a layout is of.</summary>
/// <param name="Version">Version, as "10.0.14393.6343".</param>
/// <param name="Machine">"x64", "x86" or "arm64".</param>
/// <param name="PdbName">File name of the PDB.</param>
/// <param name="PdbGuid">GUID of the PDB.</param>
/// <param name="PdbAge">Age of the PDB.</param>
public sealed record KernelIdentity(string Version, string Machine, string PdbName, Guid PdbGuid, int PdbAge);
