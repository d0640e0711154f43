using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Reads the kernel's record of unloaded drivers.</summary>
internal static class UnloadedDrivers
{
    /// <summary>MI_UNLOADED_DRIVERS: the kernel keeps the last fifty (public documentation of <c>lm u</c>).</summary>
    private const int Entries = 50;

    /// <summary>UNICODE_STRING Name, StartAddress, EndAddress: four pointers' room, then CurrentTime.</summary>
    private const int LargestEntry = 0x28;

    /// <summary>The drivers, in the order of the record.</summary>
    /// <param name="memory">Kernel memory.</param>
    /// <param name="variable">Address of the variable that points to the record.</param>
    public static List<UnloadedModule> Read(IMemory memory, ulong variable)
    {
        List<UnloadedModule> drivers = [];
        if (variable == 0 || !memory.TryReadPointer(variable, out ulong array) || array == 0)
            return drivers;
        int pointer = memory.PointerSize;
        Span<byte> entry = stackalloc byte[LargestEntry];
        entry = entry[..(4 * pointer + sizeof(long))];
        for (int i = 0; i < Entries && memory.TryRead(array + (ulong)(i * entry.Length), entry); i++)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(entry) & ~1;
            ulong buffer = memory.PointerAt(entry[pointer..]);
            ulong start = memory.PointerAt(entry[(2 * pointer)..]);
            ulong end = memory.PointerAt(entry[(3 * pointer)..]);
            const int LongestName = 520;
            if (length is 0 or > LongestName || end <= start)
                continue;
            byte[] name = new byte[length];
            if (memory.TryRead(buffer, name))
                drivers.Add(new UnloadedModule(Encoding.Unicode.GetString(name), start, end));
        }
        return drivers;
    }
}
