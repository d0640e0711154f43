using System.Text;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>What every reader of Linux structures needs: memory, the kernel's description of itself, and a place for failures.</summary>
internal sealed class LinuxSession
{
    /// <summary>The same failure is told at most this often; a broken list would otherwise fill the report.</summary>
    private const int MostUnknowns = 64;

    /// <summary>
    /// Offsets beyond this are damage. rcu_state begins with the nodes of as many processors as the kernel is built for: 333 KB
    /// in Debian's kernels for 8,192.
    /// </summary>
    private const int MostOffset = 16 * 1024 * 1024;

    private readonly List<Unknown> _unknowns = [];

    public LinuxSession(VmcoreTarget target, KernelSymbols symbols)
    {
        Target = target;
        Memory = target.KernelMemory;
        Symbols = symbols;
        foreach (AbsentKnowledge absent in symbols.Absent)
            AddUnknown($"what depends on {absent.What}", absent.Why);
    }

    public VmcoreTarget Target { get; }

    public IMemory Memory { get; }

    public KernelSymbols Symbols { get; }

    /// <summary>Stops a sweep early; what is known by then is shown.</summary>
    public CancellationToken Cancellation { get; set; }

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<Unknown> Unknowns => _unknowns;

    /// <summary>Records something that could not be found out; the same words are recorded once.</summary>
    public void AddUnknown(string what, string why)
    {
        Unknown unknown = new(what, why);
        if (_unknowns.Count < MostUnknowns && !_unknowns.Contains(unknown))
            _unknowns.Add(unknown);
    }

    /// <summary>A field by its path; the first of several names that the kernel has, for fields that were renamed.</summary>
    public FieldSlot Field(string type, params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
            if (Symbols.Types.FindMember(type, path) is { } member)
                return ToSlot(member);
        return default;
    }

    /// <summary>A field of a structure that is a part of the kernel or of one of its modules, as FUSE and NFS may be either.</summary>
    public FieldSlot ModuleField(string module, string type, string path) =>
        Symbols.Types.FindMember(type, path) is { } own ? ToSlot(own)
        : Symbols.Modules.Find(module)?.Types is { } types && types.FindMember(type, path) is { } member ? ToSlot(member, types)
        : default;

    private FieldSlot ToSlot(in BtfMember member) => ToSlot(member, Symbols.Types);

    private static FieldSlot ToSlot(in BtfMember member, Btf types)
    {
        if (member.Offset is < 0 or > MostOffset)
            return default;
        int bit = member.BitOffset & 7;
        if (member.BitSize == 0)
            return new FieldSlot(member.Offset, Math.Clamp(types.SizeOf(member.TypeId) ?? 0, 0, Limits.StructureBytes));
        int bytes = (bit + member.BitSize + 7) / 8;
        return new FieldSlot(member.Offset, bytes <= 1 ? 1 : bytes <= 2 ? 2 : bytes <= 4 ? 4 : 8, bit, member.BitSize);
    }

    /// <summary>Size of a structure in bytes; 0 where the types do not have it.</summary>
    public int SizeOf(string type) => Symbols.Types.SizeOf(type) ?? 0;

    /// <summary>Address of a variable or function; 0 where there is none of the name.</summary>
    public ulong AddressOf(string symbol) => Symbols.Find(symbol) ?? 0;

    /// <summary>A field of a structure in memory; 0 where either is absent.</summary>
    public ulong Read(ulong structure, FieldSlot field)
    {
        Span<byte> bytes = stackalloc byte[8];
        if (!field.IsPresent || field.Size is < 1 or > 8 || !IsKernelAddress(structure)
            || !Memory.TryRead(structure + (ulong)field.Offset, bytes[..field.Size]))
            return 0;
        return new FieldSlot(0, field.Size, field.BitPosition, field.BitLength).Read(bytes[..field.Size]);
    }

    /// <summary>Eight bytes of memory; 0 where they are absent.</summary>
    public ulong ReadPointer(ulong address) => Memory.TryReadUInt64(address, out ulong value) ? value : 0;

    /// <summary>A string of bytes that ends with a zero, as UTF-8; null where its first byte is absent.</summary>
    /// <param name="address">Where it begins.</param>
    /// <param name="most">Bytes at most.</param>
    public string? ReadText(ulong address, int most = 256)
    {
        Span<byte> bytes = stackalloc byte[256];
        bytes = bytes[..Math.Min(most, bytes.Length)];
        int count = IsKernelAddress(address) ? Memory.Read(address, bytes) : 0;
        if (count == 0)
            return null;
        bytes = bytes[..count];
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }

    /// <summary>
    /// Whether an address can be one of the kernel's: in the upper half, whatever the number of levels of the page tables.
    /// </summary>
    public static bool IsKernelAddress(ulong address) => address >= 0xff00_0000_0000_0000;

    /// <summary>Whether an address can be one of an object with pointers in it: such are aligned.</summary>
    public static bool IsObject(ulong address) => IsKernelAddress(address) && (address & 7) == 0;
}
