using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Writes the kernel's types between __start_BTF and __stop_BTF.</summary>
internal static class KernelBtf
{
    public static BtfBuilder? Write(LinuxMachine machine)
    {
        BtfBuilder btf = new();
        btf.AddOtherKinds(machine.Layout.Types["int"]);
        foreach (CType type in machine.Layout.Types.Values)
            if (type.Module is null && (type.Kind is CKind.Typedef or CKind.Enum || type.Members.Count > 0))
                btf.Add(type);
        btf.AddSection(".data..percpu", machine.Processors.Variables);
        if (!machine.Options.HasBtf)
            return null;
        byte[] bytes = btf.ToBytes();
        ulong at = machine.Memory.TakeReadOnly(bytes.Length, 4096);
        machine.Memory.Space.Write(at, bytes);
        machine.Symbols.Add("__start_BTF", at, 'R');
        machine.Symbols.Add("__stop_BTF", at + (ulong)bytes.Length, 'R');
        return btf;
    }
}
