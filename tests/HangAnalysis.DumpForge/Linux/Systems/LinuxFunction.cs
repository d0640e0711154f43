using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>What a function does with RBP.</summary>
internal enum BasePointer
{
    /// <summary>Leaves it alone.</summary>
    Kept,

    /// <summary>Saves it and uses it as any other register.</summary>
    Saved,

    /// <summary>Saves it and reaches its frame by it.</summary>
    Frame,
}

/// <summary>What the unwinder has to do in a function of assembler.</summary>
internal enum EntryKind
{
    /// <summary>An ordinary function.</summary>
    None,

    /// <summary>The first frame of a stack.</summary>
    End,

    /// <summary>Stands on a struct pt_regs.</summary>
    Registers,

    /// <summary>Has no ORC data (STACK_FRAME_NON_STANDARD).</summary>
    Unknown,
}

/// <summary>A line of an ORC table before it is encoded.</summary>
internal readonly record struct OrcLine(
    ulong Address, int SpRegister, int SpOffset, int BpRegister, int BpOffset, EntryKind Kind)
{
    public const int Undefined = 0, PreviousSp = 1, Bp = 4, Sp = 5, SpIndirect = 9;
}

/// <summary>
/// A function of the kernel or of a module with code that fits its frame: a prologue, call sites that really call what is
/// on the stack above them, and an epilogue.
/// </summary>
internal sealed class LinuxFunction
{
    private const int FirstSite = 0x20, SiteStep = 0x10;
    private readonly Dictionary<string, ulong> _sites = [];
    private readonly List<(ulong At, byte[] Code)> _code = [];
    private readonly List<OrcLine> _extra = [];
    private ulong _nextSite;

    public LinuxFunction(
        string name, string? module, ulong address, int size, int frame, EntryKind kind, BasePointer pointer)
    {
        (Name, Module, Address, Size, FrameSize, Kind, Pointer) = (name, module, address, size, frame, kind, pointer);
        _nextSite = address + FirstSite;
    }

    public string Name { get; }

    public string? Module { get; }

    public ulong Address { get; }

    public int Size { get; }

    /// <summary>Bytes from the stack pointer in the body to the frame's end, with the return address.</summary>
    public int FrameSize { get; }

    public EntryKind Kind { get; }

    public BasePointer Pointer { get; }

    /// <summary>Calls by a register: all callees return to one place, as in kthread() and vfs_read().</summary>
    public bool CallsIndirectly { get; init; }

    /// <summary>A place in the body that is no call site, as an interrupt may find it.</summary>
    public ulong Inside => Address + 0x1c;

    /// <summary>Where a callee returns to.</summary>
    public ulong ReturnFrom(LinuxFunction callee)
    {
        string key = CallsIndirectly ? "" : callee.Module + ":" + callee.Name;
        if (_sites.TryGetValue(key, out ulong known))
            return known;
        ulong at = TakeSite();
        byte[] code = [0xff, 0xd0];
        if (!CallsIndirectly)
        {
            code = [0xe8, 0, 0, 0, 0];
            long distance = unchecked((long)(callee.Address - (at + 5)));
            BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(1), checked((int)distance));
        }
        _code.Add((at, code));
        return _sites[key] = at + (ulong)code.Length;
    }

    /// <summary>
    /// A call on another stack, where the old stack pointer is the word below the top: inside it the frame is found by
    /// *(sp) (call_on_stack() of arch/x86/include/asm/irq_stack.h).
    /// </summary>
    public ulong ReturnFromOtherStack(LinuxFunction callee)
    {
        ulong site = _nextSite, result = ReturnFrom(callee);
        _extra.Add(Body(site) with { SpRegister = OrcLine.SpIndirect, SpOffset = FrameSize });
        _extra.Add(Body(result));
        return result;
    }

    /// <summary>Puts code of one's own into the body; says where.</summary>
    public ulong Code(params byte[] code)
    {
        ulong at = TakeSite((code.Length + SiteStep - 1) / SiteStep);
        _code.Add((at, code));
        return at;
    }

    public IEnumerable<OrcLine> OrcLines()
    {
        if (Kind != EntryKind.None)
        {
            int register = Kind == EntryKind.Registers ? OrcLine.Sp : OrcLine.Undefined;
            yield return new OrcLine(Address, register, 0, OrcLine.Undefined, 0, Kind);
            yield break;
        }
        yield return new OrcLine(Address, OrcLine.Sp, 8, OrcLine.Undefined, 0, Kind);
        if (Pointer != BasePointer.Kept)
            yield return new OrcLine(Address + 1, OrcLine.Sp, 16, OrcLine.PreviousSp, -16, Kind);
        yield return Body(Address + (ulong)Prologue().Length);
        foreach (OrcLine line in _extra.OrderBy(line => line.Address))
            yield return line;
    }

    public byte[] Bytes()
    {
        byte[] bytes = new byte[Size];
        bytes.AsSpan().Fill(0x90);
        if (Kind == EntryKind.None)
        {
            Prologue().CopyTo(bytes, 0);
            Epilogue().CopyTo(bytes, Size - Epilogue().Length);
        }
        foreach ((ulong at, byte[] code) in _code)
            code.CopyTo(bytes, (int)(at - Address));
        return bytes;
    }

    private OrcLine Body(ulong at) => Pointer switch
    {
        BasePointer.Frame => new OrcLine(at, OrcLine.Bp, 16, OrcLine.PreviousSp, -16, Kind),
        BasePointer.Saved => new OrcLine(at, OrcLine.Sp, FrameSize, OrcLine.PreviousSp, -16, Kind),
        _ => new OrcLine(at, OrcLine.Sp, FrameSize, OrcLine.Undefined, 0, Kind),
    };

    private ulong TakeSite(int steps = 1)
    {
        ulong at = _nextSite;
        _nextSite += (ulong)(SiteStep * steps);
        return _nextSite + FirstSite <= Address + (ulong)Size
            ? at : throw new InvalidOperationException($"{Name} has no room for more calls");
    }

    // push rbp; mov rbp, rsp; sub rsp, size
    private byte[] Prologue() =>
    [
        .. Pointer != BasePointer.Kept ? (byte[])[0x55] : [],
        .. Pointer == BasePointer.Frame ? (byte[])[0x48, 0x89, 0xe5] : [],
        0x48, 0x81, 0xec, .. Int32(FrameSize - (Pointer == BasePointer.Kept ? 8 : 16)),
    ];

    // add rsp, size; pop rbp; ret
    private byte[] Epilogue() =>
    [
        0x48, 0x81, 0xc4, .. Int32(FrameSize - (Pointer == BasePointer.Kept ? 8 : 16)),
        .. Pointer != BasePointer.Kept ? (byte[])[0x5d] : [], 0xc3,
    ];

    private static byte[] Int32(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }
}
