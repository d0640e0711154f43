namespace HangAnalysis.DumpForge.Systems;

/// <summary>The functions of <see cref="PoolCode"/> in code of ARM64 (Arm Architecture Reference Manual, DDI 0487, chapter C6).</summary>
internal static class PoolCodeArm64
{
    private const uint Nop = 0xd503201f, StoreSecond = 0xb90007e1, LoadFirst = 0xf9400260, Return = 0xd65f03c0;
    private const int X8 = 8, X9 = 9, X16 = 16;

    /// <summary>Writes a call with a tag; the tag's first half is loaded at the RVA.</summary>
    public static ulong Call(ForgedModule module, uint rva, string function, string tag, PoolCallForm form, int gap, uint slot)
    {
        int argument = Argument(function);
        uint number = PoolTables.Number(tag);
        ByteWriter code = new();
        uint at() => rva + (uint)code.Length;
        // Compilers put other instructions between the halves: here the one that loads another argument.
        code.U32(MoveWide(argument, number & 0xffff)).U32(form == PoolCallForm.PaddedSlot ? LoadFirst : Nop)
            .U32(MoveKeep(argument, number >> 16));
        for (int i = 0; i < gap; i += 4)
            code.U32(Nop);
        code.U32(StoreSecond);
        uint? routine = null;
        switch (form)
        {
            case PoolCallForm.Thunk or PoolCallForm.Retpoline:
                routine = rva + 0x100;
                code.U32(Branch(0x94000000, at(), routine.Value));
                break;
            default:
                code.U32(Page(X8, at(), slot)).U32(LoadSlot(X9, X8, slot)).U32((form == PoolCallForm.Tail ? 0xd61f0000u : 0xd63f0000) | X9 << 5);
                break;
        }
        if (routine is { } start)
            module.AddCode(start, [.. new ByteWriter().U32(Page(X16, start, slot)).U32(LoadSlot(X16, X16, slot)).U32(0xd61f0000 | X16 << 5).Written]);
        module.AddCode(rva, [.. code.U32(Nop).Written]);
        return module.Base + rva;
    }

    /// <summary>Writes a comparison with the tag, which no call takes.</summary>
    public static ulong Mention(ForgedModule module, uint rva, string tag)
    {
        uint number = PoolTables.Number(tag);
        // cmp w0, w9
        module.AddCode(rva, [.. new ByteWriter().U32(MoveWide(X9, number & 0xffff)).U32(MoveKeep(X9, number >> 16)).U32(0x6b09001f).U32(Return).Written]);
        return module.Base + rva;
    }

    // All arguments up to the eighth are in registers.
    private static int Argument(string function) => function switch
    {
        "ExFreePoolWithTag" => 1,
        "FltAllocatePoolAlignedWithTag" => 3,
        "ExInitializeNPagedLookasideList" => 5,
        _ => 2,
    };

    private static uint MoveWide(int register, uint part) => 0x52800000 | part << 5 | (uint)register;

    private static uint MoveKeep(int register, uint part) => 0x72a00000 | part << 5 | (uint)register;

    private static uint Page(int register, uint at, uint target)
    {
        uint pages = (target >> 12) - (at >> 12);
        return 0x90000000 | (pages & 3) << 29 | (pages >> 2 & 0x7ffff) << 5 | (uint)register;
    }

    private static uint LoadSlot(int register, int from, uint slot) => 0xf9400000 | (slot & 0xfff) / 8 << 10 | (uint)from << 5 | (uint)register;

    private static uint Branch(uint operation, uint at, uint target) => operation | (target - at >> 2 & 0x3ffffff);
}
