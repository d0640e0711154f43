using System.Buffers.Binary;
using HangAnalysis.Targets.Images;

namespace HangAnalysis.Targets.Unwinding;

/// <summary>What an x64 unwind code says that the prolog did (UWOP_ values).</summary>
public enum UnwindOperation : byte
{
    /// <summary>Pushed an integer register.</summary>
    PushNonVolatile = 0,

    /// <summary>Allocated stack.</summary>
    AllocateLarge = 1,

    /// <summary>Allocated 8 to 128 bytes of stack.</summary>
    AllocateSmall = 2,

    /// <summary>Set the frame register from RSP and the frame offset.</summary>
    SetFrameRegister = 3,

    /// <summary>Stored an integer register.</summary>
    SaveNonVolatile = 4,

    /// <summary>Stored an integer register at an unscaled offset.</summary>
    SaveNonVolatileFar = 5,

    /// <summary>Describes an epilog (version 2), or stored half an XMM register (version 1, obsolete).</summary>
    Epilog = 6,

    /// <summary>No meaning (version 2), or stored half an XMM register (version 1, obsolete).</summary>
    Spare = 7,

    /// <summary>Stored an XMM register.</summary>
    SaveXmm128 = 8,

    /// <summary>Stored an XMM register at an unscaled offset.</summary>
    SaveXmm128Far = 9,

    /// <summary>The processor pushed a machine frame; Info 1 says with an error code.</summary>
    PushMachineFrame = 10,
}

/// <summary>One unwind code.</summary>
/// <param name="PrologOffset">Offset of the end of the instruction in the prolog.</param>
/// <param name="Operation">What the instruction did.</param>
/// <param name="Info">Register, or the operation's own small number.</param>
/// <param name="Value">Bytes allocated or offset from the frame's base, in bytes; of an epilog code 0.</param>
public readonly record struct UnwindCode(byte PrologOffset, UnwindOperation Operation, byte Info, uint Value);

/// <summary>One entry of a function table.</summary>
/// <param name="Begin">RVA of the function's first byte.</param>
/// <param name="End">RVA after its last byte.</param>
/// <param name="UnwindRva">RVA of its UNWIND_INFO.</param>
public readonly record struct RuntimeFunction(uint Begin, uint End, uint UnwindRva);

/// <summary>A decoded UNWIND_INFO.</summary>
/// <remarks>
/// Layout: "x64 exception handling" of Microsoft's C++ documentation. Version 2 and its epilog codes are not documented
/// there; their slot counts are those of the amd64 unwinder of the CoreCLR sources (MIT).
/// </remarks>
public sealed class UnwindInfo
{
    private const int HeaderSize = 4;
    private const int MaximumSize = HeaderSize + 256 * 2 + RuntimeFunctionSize;
    private const int RuntimeFunctionSize = 12;
    private const int FlagChainInfo = 4;

    private readonly UnwindCode[] _codes;

    private UnwindInfo(ReadOnlySpan<byte> header, UnwindCode[] codes, RuntimeFunction? chained)
    {
        Version = (byte)(header[0] & 7);
        Flags = (byte)(header[0] >> 3);
        PrologSize = header[1];
        FrameRegister = (byte)(header[3] & 15);
        FrameOffset = (uint)(header[3] >> 4) * 16;
        _codes = codes;
        Chained = chained;
    }

    /// <summary>1 or 2.</summary>
    public byte Version { get; }

    /// <summary>UNW_FLAG_ values.</summary>
    public byte Flags { get; }

    /// <summary>Size of the prolog, in bytes.</summary>
    public byte PrologSize { get; }

    /// <summary>The frame register, or 0 where the function has none.</summary>
    public byte FrameRegister { get; }

    /// <summary>Distance of the frame register's value from RSP when it was set, in bytes.</summary>
    public uint FrameOffset { get; }

    /// <summary>The codes, last instruction of the prolog first.</summary>
    public ReadOnlySpan<UnwindCode> Codes => _codes;

    /// <summary>The entry whose codes are to be undone after these, or null.</summary>
    public RuntimeFunction? Chained { get; }

    /// <summary>Reads and decodes; null where bytes are absent or the codes mean nothing.</summary>
    internal static UnwindInfo? Read(IImageBytes bytes, uint rva)
    {
        Span<byte> raw = stackalloc byte[MaximumSize];
        return Decode(raw[..bytes.Read(rva, raw)]);
    }

    private static UnwindInfo? Decode(ReadOnlySpan<byte> raw)
    {
        if (raw.Length < HeaderSize || (raw[0] & 7) is not (1 or 2))
            return null;
        int count = raw[2];
        // Slots are padded to an even number before what follows them.
        int after = HeaderSize + ((count + 1) & ~1) * 2;
        bool chains = ((raw[0] >> 3) & FlagChainInfo) != 0;
        if (raw.Length < HeaderSize + count * 2 || (chains && raw.Length < after + RuntimeFunctionSize))
            return null;
        UnwindCode[]? codes = DecodeCodes(raw.Slice(HeaderSize, count * 2), isVersion2: (raw[0] & 7) == 2);
        if (codes is null)
            return null;
        RuntimeFunction? chained = chains
            ? new RuntimeFunction(
                BinaryPrimitives.ReadUInt32LittleEndian(raw[after..]),
                BinaryPrimitives.ReadUInt32LittleEndian(raw[(after + 4)..]),
                BinaryPrimitives.ReadUInt32LittleEndian(raw[(after + 8)..]))
            : null;
        return new UnwindInfo(raw, codes, chained);
    }

    private static UnwindCode[]? DecodeCodes(ReadOnlySpan<byte> slots, bool isVersion2)
    {
        Span<UnwindCode> codes = stackalloc UnwindCode[slots.Length / 2];
        int count = 0;
        int epilogs = 0;
        int at = 0;
        while (at < slots.Length)
        {
            byte offset = slots[at];
            UnwindOperation operation = (UnwindOperation)(slots[at + 1] & 15);
            byte info = (byte)(slots[at + 1] >> 4);
            // Epilog codes come first and in an even number; an odd one is padded with a slot that may be all zero,
            // which would read as a push of rax before the function's first instruction.
            if (isVersion2 && (epilogs & 1) == 1 && offset == 0 && slots[at + 1] == 0)
                operation = UnwindOperation.Epilog;
            if (isVersion2 && operation == UnwindOperation.Epilog)
                epilogs++;
            int length = SlotCount(operation, info, isVersion2) * 2;
            if (length == 0 || length > slots.Length - at)
                return null;
            codes[count++] = new UnwindCode(offset, operation, info, Value(operation, info, slots[at..]));
            at += length;
        }
        return codes[..count].ToArray();
    }

    private static int SlotCount(UnwindOperation operation, byte info, bool isVersion2) => operation switch
    {
        UnwindOperation.PushNonVolatile or UnwindOperation.AllocateSmall or UnwindOperation.SetFrameRegister => 1,
        UnwindOperation.PushMachineFrame => info <= 1 ? 1 : 0,
        UnwindOperation.AllocateLarge => info switch { 0 => 2, 1 => 3, _ => 0 },
        UnwindOperation.SaveNonVolatile or UnwindOperation.SaveXmm128 => 2,
        UnwindOperation.SaveNonVolatileFar or UnwindOperation.SaveXmm128Far or UnwindOperation.Spare => 3,
        UnwindOperation.Epilog => isVersion2 ? 1 : 2,
        _ => 0,
    };

    private static uint Value(UnwindOperation operation, byte info, ReadOnlySpan<byte> slots) => operation switch
    {
        UnwindOperation.AllocateSmall => info * 8u + 8,
        UnwindOperation.AllocateLarge when info == 0 => BinaryPrimitives.ReadUInt16LittleEndian(slots[2..]) * 8u,
        UnwindOperation.SaveNonVolatile => BinaryPrimitives.ReadUInt16LittleEndian(slots[2..]) * 8u,
        UnwindOperation.SaveXmm128 => BinaryPrimitives.ReadUInt16LittleEndian(slots[2..]) * 16u,
        UnwindOperation.AllocateLarge or UnwindOperation.SaveNonVolatileFar or UnwindOperation.SaveXmm128Far =>
            BinaryPrimitives.ReadUInt32LittleEndian(slots[2..]),
        _ => 0,
    };
}
