using HangAnalysis.DumpForge.Linux.Layouts;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Encodes unwind data as objtool does: sorted addresses relative to themselves, and entries of 6 bytes.</summary>
internal static class OrcTables
{
    /// <summary>Lines of functions by address, with lines between them that know nothing.</summary>
    public static List<OrcLine> Lines(IEnumerable<LinuxFunction> functions, ulong end)
    {
        List<OrcLine> lines = [];
        ulong covered = 0;
        foreach (LinuxFunction function in functions.OrderBy(function => function.Address))
        {
            if (covered != 0 && covered < function.Address)
                lines.Add(Nothing(covered));
            lines.AddRange(function.OrcLines());
            covered = function.Address + (ulong)function.Size;
        }
        // objtool ends a table with a line that knows nothing.
        lines.Add(Nothing(covered == 0 ? end : covered));
        return lines;
    }

    /// <summary>Writes both sections; the one of addresses has 4 bytes for each line.</summary>
    public static void Write(LinuxMachine machine, IReadOnlyList<OrcLine> lines, ulong ipSection, ulong entrySection)
    {
        ByteWriter ips = new(), entries = new();
        foreach (OrcLine line in lines)
        {
            ips.U32((long)(line.Address - (ipSection + (ulong)ips.Length)));
            Encode(machine.Layout, line, entries);
        }
        machine.Memory.Space.Write(ipSection, ips.Written);
        machine.Memory.Space.Write(entrySection, entries.Written);
    }

    private static OrcLine Nothing(ulong at) => new(at, OrcLine.Undefined, 0, OrcLine.Undefined, 0, EntryKind.Unknown);

    private static void Encode(LinuxLayout layout, OrcLine line, ByteWriter entries)
    {
        ulong value = (ushort)line.SpOffset | (ulong)(ushort)line.BpOffset << 16;
        void Put(string member, int number)
        {
            CField field = layout.Field("orc_entry", member);
            value |= (ulong)number << field.BitOffset;
        }
        Put("sp_reg", line.SpRegister);
        Put("bp_reg", line.BpRegister);
        if (layout.Has("orc_entry", "end"))
        {
            // UNWIND_HINT_TYPE_CALL 0, REGS 1; an unknown place is one without a stack register.
            Put("type", line.Kind == EntryKind.Registers ? 1 : 0);
            Put("end", line.Kind == EntryKind.End ? 1 : 0);
        }
        else
        {
            // ORC_TYPE_UNDEFINED 0, END_OF_STACK 1, CALL 2, REGS 3 (6.4).
            Put("type", line.Kind switch { EntryKind.Unknown => 0, EntryKind.End => 1, EntryKind.Registers => 3, _ => 2 });
            Put("signal", line.Kind == EntryKind.Registers ? 1 : 0);
        }
        entries.U32((uint)value).U16((int)(value >> 32));
    }
}
