using System.Buffers.Binary;
using System.Text;

namespace HangAnalysis.DumpForge.Dumps;

/// <summary>A driver in a triage dump's list.</summary>
public sealed record TriageDriver(string Name, ulong Base, uint SizeOfImage, uint TimeDateStamp, uint CheckSum);

/// <summary>An unloaded driver; the dump has room for 12 characters of its name.</summary>
public sealed record UnloadedDriver(string Name, ulong Start, ulong End);

/// <summary>Memory at an address.</summary>
public readonly record struct DataBlock(ulong Address, byte[] Bytes);

/// <summary>What a triage dump (type 4, "small memory dump") holds; empty parts get offset 0.</summary>
public sealed class TriageDump
{
    // Behind the header: eighteen numbers, and places and sizes of more parts.
    private int BodyStart => Header.IsNarrow ? Memory.PhysicalMemory.PageSize + 0x70 : 0x20b0;

    public DumpHeader Header { get; set; } = new();

    public uint ServicePackBuild { get; set; }

    /// <summary>Raw KPRCB of the crashing processor.</summary>
    public byte[] Prcb { get; set; } = [];

    /// <summary>Raw EPROCESS.</summary>
    public byte[] Process { get; set; } = [];

    /// <summary>Raw ETHREAD.</summary>
    public byte[] Thread { get; set; } = [];

    /// <summary>Address of the first byte of the stack.</summary>
    public ulong TopOfStack { get; set; }

    /// <summary>The crashing thread's stack from its stack pointer to its base.</summary>
    public byte[] CallStack { get; set; } = [];

    /// <summary>KDDEBUGGER_DATA64.</summary>
    public byte[] DebuggerData { get; set; } = [];

    /// <summary>Memory manager's counters; Windows leaves them zero unless TriageOptions is 0x41.</summary>
    public byte[] MemoryCounters { get; set; } = new byte[0x50];

    public IList<TriageDriver> Drivers { get; } = [];

    /// <summary>
    /// Size of a driver entry. The debugger engine takes 0x90 on x64 and loses the second driver with anything else;
    /// other sizes are for readers that probe.
    /// </summary>
    public int DriverStride
    {
        get => field != 0 ? field : Header.IsNarrow ? 0x4c : 0x90;
        set;
    }

    public IList<UnloadedDriver> UnloadedDrivers { get; } = [];

    public IList<DataBlock> DataBlocks { get; } = [];

    public uint TriageOptions { get; set; } = 0xffffffff;

    public byte[] Build()
    {
        ByteWriter body = new();
        int mm = Put(body, MemoryCounters), unloaded = PutUnloadedDrivers(body);
        int prcb = Put(body, Prcb), process = Put(body, Process), thread = Put(body, Thread);
        int stack = Put(body, CallStack);
        (int drivers, int strings, int stringsEnd) = PutDrivers(body);
        int debugger = Put(body, DebuggerData);
        ByteWriter table = new();
        foreach (DataBlock block in DataBlocks)
            // Addresses of 32 bits are sign-extended here.
            table.U64(Header.IsNarrow ? (ulong)(int)block.Address : block.Address).U32(Put(body, block.Bytes)).U32(block.Bytes.Length);
        int blocks = Put(body, table.Written);
        int valid = Put(body, "TRGD"u8);
        int size = BodyStart + body.Length;

        ByteWriter head = new();
        head.U32(ServicePackBuild).U32(size).U32(valid).U32(Header.ContextOffset).U32(Header.ExceptionOffset)
            .U32(mm).U32(unloaded).U32(prcb).U32(process).U32(thread).U32(stack).U32(CallStack.Length)
            .U32(drivers).U32(Drivers.Count).U32(strings).U32(stringsEnd - strings).U32(0).U32(TriageOptions);
        if (Header.IsNarrow)
            head.U32((long)TopOfStack).Zero(12);
        else
            head.U64(TopOfStack).Zero(0x70 - 0x50);
        head.U32(debugger).U32(DebuggerData.Length).U32(blocks).U32(DataBlocks.Count);
        head.Zero(BodyStart - Header.Size - head.Length);
        // Without all of these flags debuggers do not look at the data blocks.
        Header.MiniDumpFields = 0xcff;
        byte[] header = Header.Build(4, null, (ulong)size);
        return [.. header, .. head.Written, .. body.Written];
    }

    private int Put(ByteWriter body, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0)
            return 0;
        body.Align(16);
        int offset = BodyStart + body.Length;
        body.Bytes(bytes);
        return offset;
    }

    // A count, then entries of 0x38 bytes (0x28 on x86): UNICODE_STRING, 12 characters, start and end address.
    private int PutUnloadedDrivers(ByteWriter body)
    {
        ByteWriter list = new();
        Pointer(list, (ulong)UnloadedDrivers.Count);
        foreach (UnloadedDriver driver in UnloadedDrivers)
        {
            string name = driver.Name.Length > 12 ? driver.Name[..12] : driver.Name;
            list.U16(name.Length * 2).U16(24).Zero(Header.IsNarrow ? 4 : 12).Bytes(Encoding.Unicode.GetBytes(name))
                .Zero(24 - 2 * name.Length);
            Pointer(list, driver.Start);
            Pointer(list, driver.End);
        }
        return Put(body, list.Written);
    }

    private void Pointer(ByteWriter list, ulong value)
    {
        if (Header.IsNarrow)
            list.U32((long)value);
        else
            list.U64(value);
    }

    // The entries, and behind them their names: the length in characters, the characters and a 0.
    private (int Drivers, int Strings, int StringsEnd) PutDrivers(ByteWriter body)
    {
        if (Drivers.Count == 0)
            return (0, 0, 0);
        byte[] entries = new byte[DriverStride * Drivers.Count];
        body.Align(16);
        int start = BodyStart + body.Length, strings = start + entries.Length;
        ByteWriter names = new();
        for (int i = 0; i < Drivers.Count; i++)
        {
            TriageDriver driver = Drivers[i];
            Span<byte> entry = entries.AsSpan(DriverStride * i, DriverStride);
            BinaryPrimitives.WriteInt32LittleEndian(entry, strings + names.Length);
            if (Header.IsNarrow)
            {
                // KLDR_DATA_TABLE_ENTRY32 behind the number.
                BinaryPrimitives.WriteUInt32LittleEndian(entry[0x1c..], (uint)driver.Base);
                BinaryPrimitives.WriteUInt32LittleEndian(entry[0x24..], driver.SizeOfImage);
                BinaryPrimitives.WriteUInt32LittleEndian(entry[0x44..], driver.CheckSum);
                BinaryPrimitives.WriteUInt32LittleEndian(entry[0x48..], driver.TimeDateStamp);
                names.U32(driver.Name.Length).WideText(driver.Name).Align(8);
                continue;
            }
            BinaryPrimitives.WriteUInt64LittleEndian(entry[0x38..], driver.Base);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[0x48..], driver.SizeOfImage);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[0x80..], driver.CheckSum);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[0x88..], driver.TimeDateStamp);
            names.U32(driver.Name.Length).WideText(driver.Name).Align(8);
        }
        body.Bytes(entries).Bytes(names.Written);
        return (start, strings, strings + names.Length);
    }
}
