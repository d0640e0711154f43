using System.Text;
using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A structure in the kernel's memory; members are written by name.</summary>
public sealed class LinuxObject(LinuxMachine machine, string type, ulong address)
{
    public ulong Address { get; } = address;

    public string TypeName { get; } = type;

    private LinuxLayout Layout => machine.Layout;

    /// <summary>The address of a member.</summary>
    public ulong At(string path) => Address + (ulong)Layout.OffsetOf(TypeName, path);

    /// <summary>Writes a number, a pointer or a bit field; atomic_t and its like are stepped into.</summary>
    public LinuxObject Set(string path, ulong value)
    {
        CField field = Layout.Field(TypeName, path);
        CType type = field.Type.Resolved;
        while (type.IsAggregate)
            type = type.Members[0].Type.Resolved;
        Span<byte> bytes = stackalloc byte[8];
        if (field.BitSize > 0)
        {
            ulong at = Address + (ulong)field.Offset, mask = (1ul << field.BitSize) - 1;
            int shift = field.BitOffset % 8;
            ulong old = machine.Memory.Space.ReadUInt16(at);
            machine.Memory.Space.WriteUInt16(at, (ushort)(old & ~(mask << shift) | (value & mask) << shift));
            return this;
        }
        BitConverter.TryWriteBytes(bytes, value);
        machine.Memory.Space.Write(Address + (ulong)field.Offset, bytes[..type.Size]);
        return this;
    }

    public LinuxObject Set(string path, LinuxObject target) => Set(path, target.Address);

    public LinuxObject Set(string path, long value) => Set(path, unchecked((ulong)value));

    /// <summary>Writes a member that some kernels have.</summary>
    public LinuxObject SetIfPresent(string path, ulong value) => Layout.Has(TypeName, path) ? Set(path, value) : this;

    /// <summary>Writes text into an array of characters, cut to fit with its terminating 0.</summary>
    public LinuxObject Text(string path, string text)
    {
        CField field = Layout.Field(TypeName, path);
        byte[] bytes = new byte[field.Type.Resolved.Size];
        ReadOnlySpan<byte> letters = Encoding.UTF8.GetBytes(text);
        letters[..Math.Min(letters.Length, bytes.Length - 1)].CopyTo(bytes);
        machine.Memory.Space.Write(Address + (ulong)field.Offset, bytes);
        return this;
    }

    /// <summary>Makes list heads empty rings.</summary>
    public LinuxObject Lists(params string[] paths)
    {
        foreach (string path in paths)
            machine.Memory.Space.InitializeList(At(path));
        return this;
    }

    /// <summary>Puts this at the end of a list by one of its members.</summary>
    public LinuxObject AppendTo(ulong head, string member)
    {
        machine.Memory.Space.AppendToList(head, At(member));
        return this;
    }

    public ulong Get(string path) => machine.Memory.Space.ReadUInt64(At(path));

    /// <summary>A structure inside this one.</summary>
    public LinuxObject Inner(string path, string innerType) => new(machine, innerType, At(path));
}
