using System.Text;
using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Files;

/// <summary>The ELF notes of a vmcore: registers of each processor, and VMCOREINFO.</summary>
internal static class VmcoreNotes
{
    private const int PrStatusSize = 336, PidAt = 32, RegistersAt = 112, NtPrStatus = 1;

    public static byte[] Write(LinuxMachine machine, VmcoreForm form)
    {
        ByteWriter notes = new();
        foreach (LinuxProcessor processor in machine.Processors.All)
            Note(notes, "CORE", NtPrStatus, Status(processor, form));
        if (form.HasVmcoreInfo)
            Note(notes, "VMCOREINFO", 0, Encoding.UTF8.GetBytes(machine.Identity.VmcoreInfo));
        if (form.IsFromQemu)
            foreach (LinuxProcessor _ in machine.Processors.All)
                Note(notes, "QEMU", 0, new byte[440]);
        return notes.ToArray();
    }

    /// <summary>Where the text of VMCOREINFO lies in the notes; 0 and 0 without it.</summary>
    public static (int At, int Length) FindVmcoreInfo(ReadOnlySpan<byte> notes)
    {
        int at = notes.IndexOf("OSRELEASE="u8);
        return at < 0 ? (0, 0) : (at, notes[at..].IndexOf((byte)0) is >= 0 and int end ? end : notes.Length - at);
    }

    private static byte[] Status(LinuxProcessor processor, VmcoreForm form)
    {
        ByteWriter status = new ByteWriter().Zero(PrStatusSize);
        status.PatchU32(PidAt, form.IsFromQemu ? processor.Number + 1 : processor.Current!.Pid);
        ReadOnlySpan<ulong> values = processor.Registers.Values;
        for (int i = 0; i < values.Length; i++)
        {
            status.PatchU32(RegistersAt + 8 * i, (uint)values[i]);
            status.PatchU32(RegistersAt + 8 * i + 4, (uint)(values[i] >> 32));
        }
        return status.ToArray();
    }

    private static void Note(ByteWriter notes, string name, int type, byte[] content) =>
        notes.U32(name.Length + 1).U32(content.Length).U32(type).Text(name).Align(4).Bytes(content).Align(4);
}
