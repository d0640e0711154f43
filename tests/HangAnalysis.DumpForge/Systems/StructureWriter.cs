using System.Buffers.Binary;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>Writes members of structures where a layout has them, whole fields and bits.</summary>
public sealed class StructureWriter(AddressSpace space, KernelLayout layout)
{
    private readonly Dictionary<(string Type, string Path), Place?> _places = [];

    private readonly record struct Place(int Offset, int Size, int Bit, int Bits);

    public AddressSpace Space { get; } = space;

    public KernelLayout Layout { get; } = layout;

    public bool Has(string type, string path) => Find(type, path) is not null;

    /// <summary>Writes a member; with <paramref name="into"/>, in another address space.</summary>
    public void Set(ulong address, string type, string path, ulong value, AddressSpace? into = null)
    {
        Place place = Find(type, path) ?? throw new KeyNotFoundException($"{Layout.Version} has no {type}.{path}");
        Write(into ?? Space, address + (ulong)place.Offset, place, value);
    }

    /// <summary>Writes a member where the build has it.</summary>
    public bool TrySet(ulong address, string type, string path, ulong value, AddressSpace? into = null)
    {
        if (Find(type, path) is not { } place)
            return false;
        Write(into ?? Space, address + (ulong)place.Offset, place, value);
        return true;
    }

    public ulong Get(ulong address, string type, string path)
    {
        Place place = Find(type, path) ?? throw new KeyNotFoundException($"{Layout.Version} has no {type}.{path}");
        ulong value = Read(Space, address + (ulong)place.Offset, place.Size);
        return place.Bits == 0 ? value : value >> place.Bit & (1ul << place.Bits) - 1;
    }

    public KernelStruct At(string type, ulong address) => new(this, type, address);

    private static void Write(AddressSpace space, ulong address, Place place, ulong value)
    {
        if (place.Bits != 0)
        {
            ulong mask = (1ul << place.Bits) - 1 << place.Bit;
            value = Read(space, address, place.Size) & ~mask | value << place.Bit & mask;
        }
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        space.Write(address, bytes[..place.Size]);
    }

    private static ulong Read(AddressSpace space, ulong address, int size)
    {
        space.Map(address);
        space.Map(address + (ulong)size - 1);
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        space.Read(address, size).CopyTo(bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private Place? Find(string type, string path)
    {
        if (_places.TryGetValue((type, path), out Place? known))
            return known;
        Place? place = null;
        if (Layout.TryOffset(type, path, out int offset))
        {
            LayoutField field = Layout.Field(type, path);
            int size = (Layout.FieldSize(field) ?? Layout.PointerSize) / field.Type.Count;
            place = new Place(offset, Math.Min(size, 8), field.Type.BitPosition, field.Type.BitLength);
        }
        _places.Add((type, path), place);
        return place;
    }
}

/// <summary>A structure at an address.</summary>
public readonly record struct KernelStruct(StructureWriter Writer, string Type, ulong Address)
{
    /// <summary>Address of a member.</summary>
    public ulong At(string path) => Address + (ulong)Writer.Layout.Offset(Type, path);

    public KernelStruct Set(string path, ulong value)
    {
        Writer.Set(Address, Type, path, value);
        return this;
    }

    /// <summary>Writes a member where the build has it.</summary>
    public KernelStruct TrySet(string path, ulong value)
    {
        Writer.TrySet(Address, Type, path, value);
        return this;
    }

    public ulong Get(string path) => Writer.Get(Address, Type, path);

    public bool Has(string path) => Writer.Has(Type, path);

    /// <summary>Makes list heads empty rings.</summary>
    public KernelStruct EmptyLists(params ReadOnlySpan<string> paths)
    {
        foreach (string path in paths)
            if (Writer.Has(Type, path))
                Writer.Space.InitializeList(At(path));
        return this;
    }
}

/// <summary>Hands out addresses of a region, lowest first; in disorder, of one of several regions.</summary>
public sealed class AddressPool(ulong start, Disorder? disorder = null, bool isNarrow = false)
{
    private readonly Dictionary<ulong, ulong> _next = [];

    /// <summary>What was handed out, in order.</summary>
    public List<(ulong Address, int Size)> Blocks { get; } = [];

    public ulong Take(int size, int alignment = 16)
    {
        ulong region = disorder?.TakeRegion(isNarrow) ?? 0;
        ulong next = _next.GetValueOrDefault(region, start + region);
        ulong taken = next + (ulong)alignment - 1 & ~((ulong)alignment - 1);
        _next[region] = taken + (ulong)size;
        Blocks.Add((taken, size));
        return taken;
    }
}
