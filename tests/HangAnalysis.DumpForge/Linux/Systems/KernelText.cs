namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Writes the image's text, unwind data and symbols once all functions are known.</summary>
internal static class KernelText
{
    // So long that its length takes two bytes even in tokens, as names of Rust are.
    private const string LongName =
        "_RNvMs2_NtNtCsb0Qx7Zk9VwH_6kernel4sync3arcINtB5_3ArcNtNtCs1hKzYqXw8Jf_11rust_binder7process7ProcessE"
        + "8try_newQ7Zx9Kk3Jw5Vv1Yh8Xg6Ff2Bb4Pp0MmWqLzUjGoCnDyEuHaRkTsXvB9Z7Q5J3K1W8V6Y4H2F0";

    public static void Write(LinuxMachine machine)
    {
        LinuxMemory memory = machine.Memory;
        machine.Text.Find(LongName);
        foreach (LinuxFunction function in machine.Text.Functions)
        {
            memory.Space.Write(function.Address, function.Bytes());
            machine.Symbols.Add(function.Name, function.Address, function.Kind == EntryKind.None ? 't' : 'T');
            if (!machine.Layout.Is61)
                machine.Symbols.Add("__pfx_" + function.Name, function.Address - 16, 't');
        }
        // An alias: the first name of an address is the one that the kernel prints.
        machine.Symbols.Add("__se_sys_forged_alias", machine.Function("do_syscall_64"), 'T');
        AddVariables(machine);
        machine.Symbols.Add("_text", memory.TextBase, 'T');
        machine.Symbols.Add("_stext", memory.TextBase, 'T');
        machine.Symbols.Add("_etext", memory.TextEnd, 'T');
        if (machine.Options.HasOrc)
            WriteOrc(machine);
        machine.Symbols.Add("__bss_stop", machine.Memory.TakeData(8), 'B');
        machine.Symbols.Add("_end", memory.TakeData(8), 'B');
        WriteSymbols(machine);
    }

    // Names that nobody asks for, so that there are as many as a test needs.
    private static void AddVariables(LinuxMachine machine)
    {
        if (machine.Options.UnusedSymbols == 0)
            return;
        ulong at = machine.Memory.TakeReadOnly(machine.Options.UnusedSymbols);
        for (int i = 0; i < machine.Options.UnusedSymbols; i++)
            machine.Symbols.Add($"forged_table_{Layouts.Mix.Hash(i.ToString()) % 1000:x}_{i}", at + (ulong)i, 'r');
    }

    private static void WriteOrc(LinuxMachine machine)
    {
        List<OrcLine> lines = OrcTables.Lines(machine.Text.Functions, machine.Memory.TextEnd);
        ulong ips = machine.Memory.TakeReadOnly(4 * lines.Count, 16);
        ulong entries = machine.Memory.TakeReadOnly(6 * lines.Count, 16);
        OrcTables.Write(machine, lines, ips, entries);
        machine.Symbols.Add("__start_orc_unwind_ip", ips, 'R');
        machine.Symbols.Add("__stop_orc_unwind_ip", ips + 4 * (ulong)lines.Count, 'R');
        machine.Symbols.Add("__start_orc_unwind", entries, 'R');
        machine.Symbols.Add("__stop_orc_unwind", entries + 6 * (ulong)lines.Count, 'R');
    }

    private static void WriteSymbols(LinuxMachine machine)
    {
        KallsymsTables tables = new(machine.Symbols.Sorted(), machine.Layout.HasPerCpuAddresses);
        ByteWriter number = new ByteWriter().U32(tables.Count), start = new ByteWriter().U64(tables.RelativeBase);
        (string Name, ByteWriter Bytes)[] addresses =
            [("kallsyms_offsets", tables.Offsets), ("kallsyms_relative_base", start)];
        (string Name, ByteWriter Bytes)[] names =
        [
            ("kallsyms_num_syms", number), ("kallsyms_names", tables.Names), ("kallsyms_markers", tables.Markers),
            ("kallsyms_token_table", tables.TokenTable), ("kallsyms_token_index", tables.TokenIndex),
        ];
        // Addresses came first up to 6.3, and come last since.
        (string Name, ByteWriter Bytes)[] sections =
            machine.Layout.Is61 ? [.. addresses, .. names] : [.. names, .. addresses];
        foreach ((string name, ByteWriter bytes) in sections)
        {
            ulong at = machine.Memory.TakeReadOnly(bytes.Length);
            machine.Memory.Space.Write(at, bytes.Written);
            // VMCOREINFO names all but the markers.
            if (name != "kallsyms_markers")
                machine.Identity.Kallsyms.Add((name, at));
        }
        // Much more read-only data follow in any kernel: readers that take names in large pieces may read on.
        machine.Memory.TakeReadOnly(0x20000);
    }
}
