using HangAnalysis.DumpForge.Images;

namespace HangAnalysis.DumpForge.Pdb;

/// <summary>
/// Writes what a PDB of x86 tells of frames: FPO_DATA records (winnt.h) for the entries that make trap frames, and newer
/// records with programs (FRAMEDATA of cvinfo.h) for functions that keep no EBP, and for some that do, as in real PDBs.
/// </summary>
internal sealed class FrameDataStreams
{
    private const string Raw = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =";

    private const string WithFrame = "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =";

    // The order of what KiSwapContext saves, from the return address down.
    private const string Switch = Raw + " $ebx $T0 4 - ^ = $esi $T0 8 - ^ = $edi $T0 12 - ^ = $ebp $T0 16 - ^ =";

    private readonly List<string> _programs = [];
    private readonly ByteWriter _texts = new();
    private readonly Dictionary<string, int> _offsets = new(StringComparer.Ordinal);

    public FrameDataStreams(IReadOnlyList<(uint Rva, uint Length, FunctionFrame Frame)> functions)
    {
        _texts.U8(0);
        ByteWriter old = new(), programs = new();
        foreach ((uint rva, uint length, FunctionFrame any) in functions)
        {
            if (any is not X86Frame frame)
                continue;
            switch (frame.Kind)
            {
                case X86FrameKind.SystemCallEntry or X86FrameKind.Trap:
                    // FRAME_TRAP, 1, in the two highest bits; bit 12: EBP is in use.
                    old.U32(rva).U32(length).U32(0).U16(0).U16(1 << 14 | 1 << 12);
                    break;
                case X86FrameKind.FramePointer when frame.HasProgram:
                    Program(programs, rva, length, frame, WithFrame, saved: 4);
                    break;
                case X86FrameKind.FramePointer:
                    break;
                case X86FrameKind.SwitchContext:
                    Program(programs, rva, length, frame, Switch, saved: 16);
                    break;
                default:
                    Program(programs, rva, length, frame, Raw, saved: 0);
                    break;
            }
        }
        (Old, New) = (old.ToArray(), programs.ToArray());
    }

    /// <summary>FPO_DATA records.</summary>
    public byte[] Old { get; }

    /// <summary>FRAMEDATA records.</summary>
    public byte[] New { get; }

    /// <summary>The string table that the records point into: its texts, then a hash table of their places.</summary>
    public byte[] Names()
    {
        ByteWriter names = new();
        names.U32(0xeffeeffe).U32(1).U32(_texts.Length).Bytes(_texts.Written);
        int places = _programs.Count * 2 + 1;
        int[] table = new int[places];
        foreach (string program in _programs)
        {
            uint place = PdbHash.OfName(program) % (uint)places;
            while (table[place] != 0)
                place = (place + 1) % (uint)places;
            table[place] = _offsets[program];
        }
        names.U32(places);
        foreach (int offset in table)
            names.U32(offset);
        return names.U32(_programs.Count).ToArray();
    }

    private void Program(ByteWriter records, uint rva, uint length, X86Frame frame, string program, int saved)
    {
        if (!_offsets.TryGetValue(program, out int offset))
        {
            _offsets.Add(program, offset = _texts.Length);
            _programs.Add(program);
            _texts.Text(program);
        }
        // Flag 4: the record begins a function.
        records.U32(rva).U32(length).U32(frame.Locals).U32(frame.Parameters).U32(0).U32(offset)
            .U16(frame.PrologLength).U16(saved).U32(4);
    }
}
