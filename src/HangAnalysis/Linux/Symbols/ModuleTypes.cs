using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Symbols;

/// <summary>The types of modules (split BTF): list <c>btf_modules</c>, CONFIG_DEBUG_INFO_BTF_MODULES.</summary>
/// <remarks>
/// kernel/bpf/btf.c: struct btf_module {list, btf, module}; struct btf {data, data_size, start_id, start_str_off}.
/// </remarks>
internal static class ModuleTypes
{
    /// <summary>
    /// Gives each module its types. A module built without the kernel's BTF at hand has none, which is usual.
    /// </summary>
    public static void Read(IMemory memory, KernelSymbols symbols)
    {
        Btf types = symbols.Types;
        if (symbols.Find("btf_modules") is not ulong head
            || types.OffsetOf("btf_module", "list") is not int list
            || types.OffsetOf("btf_module", "btf") is not int btf
            || types.OffsetOf("btf_module", "module") is not int owner)
            return;
        HashSet<ulong> seen = [];
        ulong at = head;
        while (memory.TryReadUInt64(at, out at) && at != head && seen.Add(at) && seen.Count <= SymbolLimits.Modules)
        {
            ulong entry = unchecked(at - (ulong)list);
            if (memory.TryReadUInt64(unchecked(entry + (ulong)owner), out ulong address)
                && memory.TryReadUInt64(unchecked(entry + (ulong)btf), out ulong description)
                && symbols.Modules.FindByStruct(address) is { } module)
                module.Types = ReadOne(memory, types, description);
        }
    }

    private static Btf? ReadOne(IMemory memory, Btf kernel, ulong address)
    {
        if (!memory.TryReadMember(kernel, "btf", "data", address, out ulong data)
            || !memory.TryReadMember(kernel, "btf", "data_size", address, out ulong size)
            || !memory.TryReadMember(kernel, "btf", "start_id", address, out ulong firstId)
            || !memory.TryReadMember(kernel, "btf", "start_str_off", address, out ulong firstString)
            || firstId != kernel.Types.EndId)
            return null;
        byte[] bytes = memory.ReadTable(data, size, SymbolLimits.BtfBytes);
        BtfTypes? types = BtfTypes.Parse(bytes, kernel.Types, (uint)firstId, (uint)firstString, out _);
        return types is null ? null : new Btf(types);
    }
}
