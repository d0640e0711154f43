namespace HangAnalysis.DumpForge.Layouts;

/// <summary>
/// A layout of ARM64, for which no file exists: that of x64 of the same build, moved to what is known of ARM64 22000 from a real
/// dump. Where blocks of members lie follows from the known members among them; the rest is told to readers by the PDB.
/// </summary>
internal static class Arm64Layout
{
    private const string Byte = "unsigned char", Long = "unsigned long", Quad = "unsigned long long";

    public static KernelLayout Of(KernelLayout x64)
    {
        Dictionary<string, TypeDefinition> types = new(x64.Types, StringComparer.Ordinal);
        foreach (string name in (string[])["_KTRAP_FRAME", "_KEXCEPTION_FRAME", "_XSAVE_FORMAT", "_KDESCRIPTOR"])
            types.Remove(name);
        // Without StateSaveArea eight bytes less up to QueueListEntry, and behind it forty more, in which a waiting thread's
        // FP and PC lie.
        Move(types, "_KTHREAD", 0x20, offset => offset is >= 0x60 and < 0x68 ? null : offset < 0x60 ? 0 : offset < 0x218 ? -8 : 0x20);
        Move(types, "_ETHREAD", 0x20, offset => offset < 0x480 ? 0 : 0x20);
        Move(types, "_KPROCESS", -0x48, offset => offset is >= 0x388 and < 0x3d0 ? null : offset < 0x388 ? 0 : -0x48);
        Move(types, "_EPROCESS", -0x48, offset => offset < 0x438 ? 0 : -0x48);
        TypeDefinition process = types["_EPROCESS"];
        types["_EPROCESS"] = new TypeDefinition(process.Name, false, 0xc80, process.Fields);
        AddProcessor(types);
        KernelIdentity identity = x64.Identity with { Machine = "arm64", PdbGuid = Guid.Empty };
        return new KernelLayout(identity, types, x64.Enums, new Dictionary<string, uint>());
    }

    private static void AddProcessor(Dictionary<string, TypeDefinition> types)
    {
        // CONTEXT of winnt.h for ARM64.
        types["_CONTEXT"] = new TypeDefinition("_CONTEXT", false, 0x390,
        [
            new LayoutField("ContextFlags", 0, Long), new LayoutField("Cpsr", 4, Long), new LayoutField("X", 8, $"{Quad}[31]"),
            new LayoutField("Fp", 0xf0, Quad), new LayoutField("Lr", 0xf8, Quad), new LayoutField("Sp", 0x100, Quad),
            new LayoutField("Pc", 0x108, Quad), new LayoutField("V", 0x110, $"{Quad}[64]"),
            new LayoutField("Fpcr", 0x310, Long), new LayoutField("Fpsr", 0x314, Long), new LayoutField("Bcr", 0x318, $"{Long}[8]"),
            new LayoutField("Bvr", 0x338, $"{Quad}[8]"), new LayoutField("Wcr", 0x378, $"{Long}[2]"),
            new LayoutField("Wvr", 0x380, $"{Quad}[2]"),
        ]);
        types["_KSPECIAL_REGISTERS"] = new TypeDefinition("_KSPECIAL_REGISTERS", false, 0xa0,
            [new LayoutField("Elr_El1", 0, Quad), new LayoutField("Spsr_El1", 8, Long)]);
        string[] state =
            ["Midr_El1", "Sctlr_El1", "Actlr_El1", "Cpacr_El1", "Tcr_El1", "Ttbr0_El1", "Ttbr1_El1", "Esr_El1", "Far_El1"];
        types["_KARM64_ARCH_STATE"] = new TypeDefinition("_KARM64_ARCH_STATE", false, 0x280,
            state.Select((name, i) => new LayoutField(name, 8 * i, Quad)));
        types["_KPROCESSOR_STATE"] = new TypeDefinition("_KPROCESSOR_STATE", false, 0x6b0,
        [
            new LayoutField("SpecialRegisters", 0, "_KSPECIAL_REGISTERS"), new LayoutField("ArchState", 0xa0, "_KARM64_ARCH_STATE"),
            new LayoutField("ContextFrame", 0x320, "_CONTEXT"),
        ]);
        TypeDefinition old = types["_KPRCB"];
        Dictionary<string, LayoutField> members = new(StringComparer.Ordinal);
        void Add(string name, int offset, string type) => members.Add(name, new LayoutField(name, offset, type));
        Add("CurrentThread", 8, "*_KTHREAD");
        Add("NextThread", 0x10, "*_KTHREAD");
        Add("IdleThread", 0x18, "*_KTHREAD");
        Add("Number", 0x24, Long);
        Add("ProcessorState", 0x40, "_KPROCESSOR_STATE");
        Add("CpuType", 0x6f0, Byte);
        Add("MHz", 0x6f4, Long);
        Add("DeferredReadyListHead", 0x700, "_SINGLE_LIST_ENTRY");
        Add("GroupSetMember", 0x708, Quad);
        Add("GroupIndex", 0x710, Byte);
        Add("VendorString", 0x890, $"{Byte}[8]");
        Add("MaxBreakpoints", 0x898, Long);
        Add("MaxWatchpoints", 0x89c, Long);
        Add("Context", 0x8a0, "*_CONTEXT");
        // DpcData begins the block of which DpcRoutineActive is known to lie at b1a.
        const int Block = 0x3340, Moved = -0x28a0;
        foreach (LayoutField field in old.Fields)
            if (field.Offset >= Block)
                members.TryAdd(field.Name, field with { Offset = field.Offset + Moved });
        types["_KPRCB"] = new TypeDefinition("_KPRCB", false, 0x9680, members.Values);
        types["_KPCR"] = new TypeDefinition("_KPCR", false, 0xa000,
        [
            new LayoutField("Self", 0x18, "*_KPCR"), new LayoutField("CurrentPrcb", 0x20, "*_KPRCB"),
            new LayoutField("Prcb", 0x980, "_KPRCB"),
        ]);
    }

    // Null takes a member away.
    private static void Move(Dictionary<string, TypeDefinition> types, string name, int growth, Func<int, int?> distance)
    {
        TypeDefinition old = types[name];
        List<LayoutField> fields = [];
        foreach (LayoutField field in old.Fields)
            if (distance(field.Offset) is { } moved)
                fields.Add(new LayoutField(field.Name, field.Offset + moved, field.TypeText));
        types[name] = new TypeDefinition(name, old.IsUnion, old.Size + growth, fields);
    }
}
