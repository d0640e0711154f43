using System.Buffers.Binary;
using System.Text;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Windows.Memory;

/// <summary>Tells which of the pool's functions a slot of an image's import address table leads to.</summary>
/// <remarks>
/// The slot's value is the function's address. The names of imports lie in pages that are mostly discarded after start-up
/// (crash-triage.md 3.5); they are asked for where the slot itself is not in the dump, or leads to no known address.
/// </remarks>
internal sealed class ImportSlots(PeImage image, TargetModule module, PoolFunctions functions)
{
    private const int DescriptorSize = 20;
    private const int MostDescriptors = 256;
    private const int MostThunks = 4096;

    private Dictionary<uint, PoolFunction>? _named;

    /// <summary>The function behind a slot; null for all others.</summary>
    public PoolFunction? Resolve(ulong slot)
    {
        if (slot < module.BaseAddress || slot - module.BaseAddress >= module.Size)
            return null;
        bool isRead = module.Memory.TryReadPointer(slot, out ulong target);
        if (isRead && functions.At(target) is { } function)
            return function;
        // A known function elsewhere: the exports were there, so that this is not one of them. A slot that the loader has not
        // filled in holds the RVA of a name.
        if (isRead && functions.Count > 0 && !module.Contains(target) && target >= module.Size)
            return null;
        return (_named ??= ReadNames()).GetValueOrDefault((uint)(slot - module.BaseAddress));
    }

    private Dictionary<uint, PoolFunction> ReadNames()
    {
        Dictionary<uint, PoolFunction> named = [];
        ImageDirectory directory = image[ImageDirectoryKind.Import];
        Span<byte> descriptor = stackalloc byte[DescriptorSize];
        for (int i = 0; directory.Rva != 0 && i < MostDescriptors; i++)
        {
            if (!image.Bytes.TryRead(directory.Rva + (uint)(i * DescriptorSize), descriptor))
                break;
            uint names = BinaryPrimitives.ReadUInt32LittleEndian(descriptor);
            uint slots = BinaryPrimitives.ReadUInt32LittleEndian(descriptor[16..]);
            if (names == 0 || slots == 0)
                break;
            AddNames(named, names, slots);
        }
        return named;
    }

    private void AddNames(Dictionary<uint, PoolFunction> named, uint names, uint slots)
    {
        int width = image.Is64Bit ? sizeof(ulong) : sizeof(uint);
        Span<byte> thunk = stackalloc byte[width];
        Span<byte> text = stackalloc byte[64];
        for (int i = 0; i < MostThunks; i++)
        {
            uint at = (uint)(i * width);
            if (!image.Bytes.TryRead(names + at, thunk))
                return;
            uint hint = BinaryPrimitives.ReadUInt32LittleEndian(thunk);
            if (hint == 0)
                return;
            // The highest bit marks an import by number.
            if ((thunk[^1] & 0x80) != 0)
                continue;
            int length = image.Bytes.Read(hint + sizeof(ushort), text);
            int end = length > 0 ? text[..length].IndexOf((byte)0) : -1;
            if (end > 0 && PoolFunctions.Named(Encoding.ASCII.GetString(text[..end])) is { } function)
                named.TryAdd(slots + at, function);
        }
    }
}
