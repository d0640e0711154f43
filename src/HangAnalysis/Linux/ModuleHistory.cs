using HangAnalysis.Linux.Symbols;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>A module that was unloaded and had tainted the kernel.</summary>
/// <param name="Name">Its name. Text from the dump.</param>
/// <param name="Taints">Letters of what made it suspect.</param>
/// <param name="Count">How often it was unloaded.</param>
public sealed record UnloadedTaint(string Name, string Taints, ulong Count);

/// <summary>Reads what the kernel records of modules besides themselves.</summary>
internal sealed class ModuleHistory(LinuxSession session)
{
    private const int NameBytes = 56, MostUsers = 256;

    /// <summary>Letters of what has made the kernel suspect; null where the symbol is absent.</summary>
    public string? KernelTaints =>
        session.AddressOf("tainted_mask") is not 0 and var address && session.Memory.TryReadUInt64(address, out ulong mask)
            ? TaintFlags.Letters(mask) : null;

    /// <summary>
    /// Modules that tainted the kernel and are gone; null where the kernel keeps no list of them
    /// (CONFIG_MODULE_UNLOAD_TAINT_TRACKING, since 5.19).
    /// </summary>
    public List<UnloadedTaint>? Unloaded()
    {
        FieldSlot link = session.Field("mod_unload_taint", "list"), name = session.Field("mod_unload_taint", "name");
        FieldSlot taints = session.Field("mod_unload_taint", "taints"), count = session.Field("mod_unload_taint", "count");
        if (session.AddressOf("unloaded_tainted_modules") is not (not 0 and var head) || !link.IsPresent || !name.IsPresent)
            return null;
        List<ulong> nodes = [];
        ListRing.Collect(session.Memory, head, Limits.Modules, nodes);
        List<UnloadedTaint> unloaded = new(nodes.Count);
        foreach (ulong node in nodes)
        {
            ulong entry = node - (ulong)link.Offset;
            unloaded.Add(new UnloadedTaint(session.ReadText(entry + (ulong)name.Offset, NameBytes) ?? "?",
                TaintFlags.Letters(session.Read(entry, taints)), session.Read(entry, count)));
        }
        return unloaded;
    }

    /// <summary>How often a module is used, as <c>lsmod</c> counts; null where that is not recorded.</summary>
    public int? UseCount(LinuxModule module) =>
        // MODULE_REF_BASE of kernel/module/main.c: a module that nobody uses has 1.
        session.Field("module", "refcnt") is { IsPresent: true } slot
            ? Math.Max((int)(uint)session.Read(module.Address, slot) - 1, 0) : null;

    /// <summary>Names of the modules that use one.</summary>
    public List<string> UsedBy(LinuxModule module)
    {
        FieldSlot users = session.Field("module", "source_list"), link = session.Field("module_use", "source_list");
        FieldSlot user = session.Field("module_use", "source"), name = session.Field("module", "name");
        List<string> names = [];
        if (!users.IsPresent || !link.IsPresent || !user.IsPresent)
            return names;
        List<ulong> nodes = [];
        ListRing.Collect(session.Memory, module.Address + (ulong)users.Offset, MostUsers, nodes);
        foreach (ulong node in nodes)
            if (session.Read(node - (ulong)link.Offset, user) is var other && LinuxSession.IsObject(other)
                && session.ReadText(other + (ulong)name.Offset, NameBytes) is { Length: > 0 } text)
                names.Add(text);
        return names;
    }
}
