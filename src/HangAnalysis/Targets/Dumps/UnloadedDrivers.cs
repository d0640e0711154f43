using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.Targets.Dumps;

/// <summary>Reads the kernel's record of unloaded drivers.</summary>
internal static class UnloadedDrivers
{
    /// <summary>MI_UNLOADED_DRIVERS: the kernel keeps the last fifty (public documentation of <c>lm u</c>).</summary>
    private const int Entries = 50;

    /// <summary>UNICODE_STRING Name, StartAddress, EndAddress, CurrentTime.</summary>
    private const int EntrySize = 0x28;

    /// <summary>The drivers, in the order of the record.</summary>
    /// <param name="memory">Kernel memory.</param>
    /// <param name="variable">Address of the variable that points to the record.</param>
    public static List<UnloadedModule> Read(IMemory memory, ulong variable)
    {
        List<UnloadedModule> drivers = [];
        if (variable == 0 || !memory.TryReadUInt64(variable, out ulong array) || array == 0)
            return drivers;
        Span<byte> entry = stackalloc byte[EntrySize];
        for (int i = 0; i < Entries && memory.TryRead(array + (ulong)(i * EntrySize), entry); i++)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(entry) & ~1;
            ulong buffer = BinaryPrimitives.ReadUInt64LittleEndian(entry[8..]);
            ulong start = BinaryPrimitives.ReadUInt64LittleEndian(entry[0x10..]);
            ulong end = BinaryPrimitives.ReadUInt64LittleEndian(entry[0x18..]);
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
