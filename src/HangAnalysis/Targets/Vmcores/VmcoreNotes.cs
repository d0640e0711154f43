using System.Buffers.Binary;

namespace HangAnalysis.Targets.Vmcores;

/// <summary>The ELF notes of a vmcore: registers of each processor, and VMCOREINFO.</summary>
/// <remarks>A note: sizes of name and content, type, name, content; name and content are padded to 4 bytes.</remarks>
internal sealed class VmcoreNotes
{
    private const int HeaderSize = 12;
    private const int PrStatusType = 1;

    // struct elf_prstatus of x86-64: pr_pid, then pr_reg with 27 registers.
    private const int PidOffset = 32;
    private const int RegistersOffset = 112;
    private const int RegisterCount = 27;
    private const int RipIndex = 16;
    private const int CsIndex = 17;
    private const int FlagsIndex = 18;
    private const int SsIndex = 20;

    /// <summary>
    /// Where rax rcx rdx rbx rsp rbp rsi rdi r8 to r15 stand in pr_reg: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx
    /// rsi rdi orig_rax rip cs eflags rsp ss and segments (struct user_regs_struct).
    /// </summary>
    private static readonly byte[] s_order = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0];

    private VmcoreNotes(List<VmcoreProcessor> processors, VmcoreInfo info) => (Processors, Info) = (processors, info);

    /// <summary>Processors in the order of their notes.</summary>
    public IReadOnlyList<VmcoreProcessor> Processors { get; }

    /// <summary>VMCOREINFO, or an empty one.</summary>
    public VmcoreInfo Info { get; }

    /// <summary>
    /// Reads as far as the notes are sound; the first one that does not fit ends them, with a line of damage.
    /// </summary>
    public static VmcoreNotes Read(ReadOnlySpan<byte> bytes, VmcoreDamage damage)
    {
        List<VmcoreProcessor> processors = [];
        VmcoreInfo info = VmcoreInfo.Empty;
        int position = 0;
        while (bytes.Length - position >= HeaderSize)
        {
            ReadOnlySpan<byte> note = bytes[position..];
            uint nameSize = BinaryPrimitives.ReadUInt32LittleEndian(note);
            uint size = BinaryPrimitives.ReadUInt32LittleEndian(note[4..]);
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(note[8..]);
            if (nameSize == 0 && size == 0 && type == 0)
                break;
            long content = HeaderSize + Padded(nameSize);
            if (content + size > note.Length)
            {
                damage.Add($"the note at +0x{position:x} of the ELF notes is longer than what is left of them");
                break;
            }
            ReadOnlySpan<byte> name = note.Slice(HeaderSize, (int)nameSize).TrimEnd((byte)0);
            ReadOnlySpan<byte> description = note.Slice((int)content, (int)size);
            if (name.SequenceEqual("VMCOREINFO"u8))
                info = VmcoreInfo.Parse(description);
            else if (name.SequenceEqual("CORE"u8) && type == PrStatusType && processors.Count < VmcoreLimits.Processors
                && description.Length >= RegistersOffset + RegisterCount * 8)
                processors.Add(ReadProcessor(processors.Count, description));
            position = (int)Math.Min(position + content + Padded(size), bytes.Length);
        }
        return new VmcoreNotes(processors, info);
    }

    private static VmcoreProcessor ReadProcessor(int number, ReadOnlySpan<byte> status)
    {
        ReadOnlySpan<byte> registers = status[RegistersOffset..];
        CpuContext context = default;
        for (int i = 0; i < s_order.Length; i++)
            context.Registers[i] = Register(registers, s_order[i]);
        context.InstructionPointer = Register(registers, RipIndex);
        return new VmcoreProcessor(number, BinaryPrimitives.ReadUInt32LittleEndian(status[PidOffset..]), context,
            Register(registers, CsIndex), Register(registers, FlagsIndex), Register(registers, SsIndex));
    }

    private static ulong Register(ReadOnlySpan<byte> registers, int index) =>
        BinaryPrimitives.ReadUInt64LittleEndian(registers[(index * 8)..]);

    private static long Padded(uint size) => (size + 3L) & ~3L;
}
