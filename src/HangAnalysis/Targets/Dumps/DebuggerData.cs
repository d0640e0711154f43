using System.Buffers.Binary;

namespace HangAnalysis.Targets.Dumps;

/// <summary>KDDEBUGGER_DATA64: what the kernel tells debuggers of itself, with or without symbols.</summary>
/// <remarks>
/// Fields and order: wdbgexts.h of the Windows SDK. All pointers have eight bytes, on 32-bit systems too. The block is
/// encoded in a running system and decoded when a dump is written; dumps made by hypervisors may hold it encoded, which
/// reads as absent here.
/// </remarks>
internal sealed class DebuggerData
{
    private const uint Tag = 0x4742444b; // 'KDBG'
    private const int WantedSize = 0x360;
    private const int SmallestSize = 0x2c4;

    /// <summary>Sizes of the block that kernels have written; XP's is the shortest. Behind its end lies something else.</summary>
    private const uint ShortestBlock = 0x208;

    private readonly byte[] _bytes;
    private readonly ulong _pointerMask;

    private DebuggerData(byte[] bytes, ulong pointerMask) => (_bytes, _pointerMask) = (bytes, pointerMask);

    /// <summary>Address of the pointer to the list of unloaded drivers.</summary>
    public ulong MmUnloadedDrivers => Pointer(0x220);

    /// <summary>Address of NtBuildLab's text.</summary>
    public ulong NtBuildLab => Pointer(0x208);

    /// <summary>Address of the array of processor blocks.</summary>
    public ulong KiProcessorBlock => Pointer(0x218);

    /// <summary>Offset of KTHREAD.ApcState.Process.</summary>
    public ushort OffsetKThreadApcProcess => Offset(4);

    /// <summary>Size of an EPROCESS.</summary>
    public ushort SizeEProcess => Offset(8);

    /// <summary>Offset of KPRCB.CurrentThread.</summary>
    public ushort OffsetPrcbCurrentThread => Offset(14);

    /// <summary>Offset of KPRCB.CpuType.</summary>
    public ushort OffsetPrcbCpuType => Offset(16);

    /// <summary>Offset of KPRCB.VendorString.</summary>
    public ushort OffsetPrcbVendorString => Offset(17);

    /// <summary>Offset of the CONTEXT in a KPRCB.</summary>
    public ushort OffsetPrcbProcStateContext => Offset(18);

    /// <summary>Size of an ETHREAD.</summary>
    public ushort SizeEThread => Offset(20);

    /// <summary>Reads the block; null where it is absent or encoded.</summary>
    public static DebuggerData? Read(IMemory memory, ulong address)
    {
        byte[] bytes = new byte[WantedSize];
        int read = address == 0 ? 0 : memory.Read(address, bytes);
        if (read < SmallestSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(0x10)) != Tag)
            return null;
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(0x14));
        if (size is >= ShortestBlock and < WantedSize)
            bytes.AsSpan((int)size).Clear();
        // On x86 pointers of this block may be sign-extended.
        return new DebuggerData(bytes, memory.PointerSize == sizeof(uint) ? uint.MaxValue : ulong.MaxValue);
    }

    private ulong Pointer(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset)) & _pointerMask;

    private ushort Offset(int index) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(0x298 + index * 2));
}
