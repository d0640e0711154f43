using System.Buffers.Binary;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>How code calls what another image exports.</summary>
public enum PoolCallForm
{
    /// <summary><c>call [slot]</c>: FF 15.</summary>
    Slot,

    /// <summary>The same with a prefix and room for the loader: 48 FF 15, 0F 1F 44 00 00, as compilers write it since 2018.</summary>
    PaddedSlot,

    /// <summary>A call of a jump through the slot that lies in the image.</summary>
    Thunk,

    /// <summary>The slot into R10, and a call of a routine of the image that goes there: a retpoline.</summary>
    Retpoline,

    /// <summary>A jump through the slot instead of a call and a return.</summary>
    Tail,
}

/// <summary>Writes functions into a driver that allocate and free pool with a tag, as compilers make them.</summary>
public sealed class PoolCode(SystemBuilder system, ForgedModule module)
{
    private readonly bool _isNarrow = system.Layout.PointerSize == 4;
    private readonly Dictionary<string, uint> _slots = new(StringComparer.Ordinal);

    /// <summary>Where the import address table lies.</summary>
    public uint SlotRva { get; init; } = 0x5000;

    /// <summary>
    /// Writes a call with a tag, the tag's instruction at an RVA, and says where that is. <paramref name="gap"/> bytes lie between
    /// it and the instructions that load the other arguments.
    /// </summary>
    public ulong Call(uint rva, string function, string tag, PoolCallForm form = PoolCallForm.Slot, int gap = 0)
    {
        uint slot = Slot(function);
        if (system.Layout.Architecture == Layouts.Architecture.Arm64)
            return PoolCodeArm64.Call(module, rva, function, tag, form, gap, slot);
        if (_isNarrow)
            return Call32(rva, function, tag, form, gap, slot);
        List<byte> code = [.. LoadTag(function, tag), .. Enumerable.Repeat((byte)0x90, gap)];
        // mov edx, 800h; xor ecx, ecx: the other arguments, which do not touch the tag's register.
        if (!function.Contains("Free", StringComparison.Ordinal))
            code.AddRange([0xba, 0x00, 0x08, 0x00, 0x00]);
        code.AddRange([0x33, 0xc9]);
        uint at() => rva + (uint)code.Count;
        switch (form)
        {
            case PoolCallForm.Slot:
                code.AddRange([0xff, 0x15, .. Relative(slot, at() + 6)]);
                break;
            case PoolCallForm.PaddedSlot:
                code.AddRange([0x48, 0xff, 0x15, .. Relative(slot, at() + 7), 0x0f, 0x1f, 0x44, 0x00, 0x00]);
                break;
            case PoolCallForm.Thunk:
                uint thunk = rva + 0x100;
                module.AddCode(thunk, [0xff, 0x25, .. Relative(slot, thunk + 6)]);
                code.AddRange([0xe8, .. Relative(thunk, at() + 5)]);
                break;
            case PoolCallForm.Retpoline:
                uint stub = rva + 0x100;
                // jmp r10
                module.AddCode(stub, [0x41, 0xff, 0xe2]);
                code.AddRange([0x4c, 0x8b, 0x15, .. Relative(slot, at() + 7)]);
                code.AddRange([0xe8, .. Relative(stub, at() + 5)]);
                break;
            case PoolCallForm.Tail:
                code.AddRange([0x48, 0xff, 0x25, .. Relative(slot, at() + 7)]);
                break;
        }
        // test rax, rax; jz +2; nop; nop
        code.AddRange([0x48, 0x85, 0xc0, 0x74, 0x02, 0x90, 0x90]);
        module.AddCode(rva, [.. code]);
        return module.Base + rva;
    }

    /// <summary>
    /// On x86 arguments are pushed, the last first, and slots have their addresses in the code. Prefixes, R10 and calls at a
    /// function's end, which leaves its arguments behind, are of x64: an ordinary call stands for them.
    /// </summary>
    private ulong Call32(uint rva, string function, string tag, PoolCallForm form, int gap, uint slot)
    {
        List<byte> code = [0x68, .. Bytes(tag), .. Enumerable.Repeat((byte)0x90, gap)];
        // push dword ptr [ebp+0Ch]; push dword ptr [ebp+8]; …
        for (int i = PushesBehindTag(function); i > 0; i--)
            code.AddRange([0xff, 0x75, (byte)(4 + 4 * i)]);
        if (form == PoolCallForm.Thunk)
        {
            uint thunk = rva + 0x100;
            module.AddCode(thunk, [0xff, 0x25, .. Absolute(slot)]);
            code.AddRange([0xe8, .. Relative(thunk, rva + (uint)code.Count + 5)]);
        }
        else
            code.AddRange([0xff, 0x15, .. Absolute(slot)]);
        // test eax, eax; jz +22h
        code.AddRange([0x85, 0xc0, 0x74, 0x22]);
        module.AddCode(rva, [.. code]);
        return module.Base + rva;
    }

    // Words of the arguments before the tag by wdm.h and fltkernel.h; the flags of ExAllocatePool2 have 64 bits.
    private static int PushesBehindTag(string function) => function switch
    {
        "ExFreePoolWithTag" => 1,
        "ExAllocatePool2" or "FltAllocatePoolAlignedWithTag" => 3,
        "ExInitializeNPagedLookasideList" => 5,
        _ => 2,
    };

    private byte[] Absolute(uint rva) => BitConverter.GetBytes((uint)(module.Base + rva));

    /// <summary>Writes a comparison with the tag, which no call takes.</summary>
    public ulong Mention(uint rva, string tag)
    {
        if (system.Layout.Architecture == Layouts.Architecture.Arm64)
            return PoolCodeArm64.Mention(module, rva, tag);
        // cmp dword ptr [rcx], tag; jnz +2; xor eax, eax
        module.AddCode(rva, [0x81, 0x39, .. Bytes(tag), 0x75, 0x02, 0x33, 0xc0]);
        return module.Base + rva;
    }

    private uint Slot(string function)
    {
        if (_slots.TryGetValue(function, out uint known))
            return known;
        int size = system.Layout.PointerSize;
        uint slot = SlotRva + (uint)(size * _slots.Count);
        _slots.Add(function, slot);
        string exporter = function.StartsWith("Flt", StringComparison.Ordinal) ? "FLTMGR" : "nt";
        ForgedModule from = system.Modules.ByName(exporter);
        module.Variable($"__imp_{function}", size, module.Base + slot);
        byte[] address = BitConverter.GetBytes(from.Function(function));
        module.WithCode(slot, address[..size]);
        from.Export(function);
        return slot;
    }

    private static byte[] LoadTag(string function, string tag) => function switch
    {
        "ExFreePoolWithTag" => [0xba, .. Bytes(tag)],
        "FltAllocatePoolAlignedWithTag" => [0x41, 0xb9, .. Bytes(tag)],
        // mov dword ptr [rsp+28h]: the sixth argument.
        "ExInitializeNPagedLookasideList" => [0xc7, 0x44, 0x24, 0x28, .. Bytes(tag)],
        _ => [0x41, 0xb8, .. Bytes(tag)],
    };

    private static byte[] Bytes(string tag)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, PoolTables.Number(tag));
        return bytes;
    }

    private static byte[] Relative(uint target, uint next)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, (int)(target - next));
        return bytes;
    }
}
