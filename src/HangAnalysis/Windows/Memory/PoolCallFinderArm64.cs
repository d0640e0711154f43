using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Memory;

/// <summary>Finds tags in code of ARM64 and follows them to the calls that take them.</summary>
/// <remarks>
/// A number of 32 bits does not fit into an instruction: compilers load its halves by movz and movk, which other instructions may
/// part, or the whole from a literal beside the code. The first eight arguments are in X0 to X7 (Microsoft's ARM64 ABI), so that
/// the register tells which argument it is. Calls go through the import table by adrp, ldr and blr, or to a routine of the image
/// that does the same with br.
/// </remarks>
internal sealed class PoolCallFinderArm64(TargetModule module, PoolFunctions functions, ImportSlots imports) : IPoolCallFinder
{
    private const int FarthestCall = 128;
    private const int Registers = 31;
    private const int Arguments = 8;
    private const int Size = Arm64Instruction.Size;

    /// <summary>Instructions behind the one half among which the other is looked for.</summary>
    private const int FarthestHalf = 8;

    /// <summary>Instructions before the tag among which that may be which loads the page or the slot of the call.</summary>
    private const int Before = 16;

    /// <summary>The number that is loaded from a position on; null where another instruction stands there.</summary>
    public static uint? LoadedAt(ReadOnlySpan<byte> code, int at)
    {
        if (at + Size > code.Length)
            return null;
        Arm64Instruction first = Read(code, at, 0);
        switch (first.Kind)
        {
            case Arm64Kind.LoadLiteral:
                long literal = at + (long)first.Destination;
                return literal >= 0 && literal <= code.Length - sizeof(uint)
                    ? BinaryPrimitives.ReadUInt32LittleEndian(code[(int)literal..]) : null;
            case Arm64Kind.MoveWide when first.Shift <= 16:
                for (int i = 1; i <= FarthestHalf && at + (i + 1) * Size <= code.Length; i++)
                {
                    Arm64Instruction next = Read(code, at + i * Size, 0);
                    if (next.Kind == Arm64Kind.MoveKeep && next.Target == first.Target)
                        return next.Shift == 16 - first.Shift ? first.Part << first.Shift | next.Part << next.Shift : null;
                    if (next.Kind is not (Arm64Kind.Other or Arm64Kind.Page or Arm64Kind.LoadSlot or Arm64Kind.MoveWide or Arm64Kind.MoveKeep
                        or Arm64Kind.LoadLiteral) || next.MayWrite(first.Target))
                        return null;
                }
                return null;
            default:
                return null;
        }
    }

    /// <inheritdoc/>
    public PoolCall Follow(byte[] code, ulong address, int at)
    {
        ulong begin = address + (ulong)at;
        PoolCall nothing = new(begin, 0, null);
        int holder = Read(code, at, 0).Target;
        if (holder >= Arguments)
            return nothing;
        // What leads to the slot may be loaded before the tag: from the last branch on the code runs straight.
        int from = at;
        while (from >= Size && at - from < Before * Size
            && Read(code, from - Size, 0).Kind is not (Arm64Kind.Call or Arm64Kind.CallRegister or Arm64Kind.Jump or Arm64Kind.JumpRegister
                or Arm64Kind.Conditional or Arm64Kind.End))
            from -= Size;
        Slots slots = new(stackalloc ulong[Registers], stackalloc ulong[Registers]);
        bool isWhole = Read(code, at, 0).Kind == Arm64Kind.LoadLiteral;
        for (int i = from; i + Size <= code.Length && i - at <= FarthestCall; i += Size)
        {
            Arm64Instruction instruction = Read(code, i, address + (ulong)i);
            PoolFunction? function;
            switch (instruction.Kind)
            {
                case Arm64Kind.Call or Arm64Kind.Jump:
                    function = Resolve(instruction.Destination);
                    break;
                case Arm64Kind.CallRegister or Arm64Kind.JumpRegister:
                    function = slots.Of(instruction.Base) is not 0 and var slot ? imports.Resolve(slot) : null;
                    break;
                case Arm64Kind.Conditional:
                    continue;
                case Arm64Kind.End:
                    return nothing;
                default:
                    if (i > at && instruction.MayWrite(holder))
                    {
                        if (isWhole || instruction.Kind != Arm64Kind.MoveKeep)
                            return nothing;
                        isWhole = true;
                    }
                    slots.Run(instruction);
                    continue;
            }
            return isWhole && function?.Argument == holder ? new PoolCall(begin, instruction.Address, function) : nothing;
        }
        return nothing;
    }

    /// <inheritdoc/>
    public IReadOnlyList<PoolCodeLine> Disassemble(PoolCall call)
    {
        const int Most = 24;
        byte[] code = new byte[FarthestCall + 2 * Size];
        int length = Math.Max(0, module.Memory.Read(call.Start, code));
        int end = call.Function is null ? Size : (int)(call.Call - call.Start) + Size;
        List<PoolCodeLine> lines = [];
        for (int at = 0; at < end && at + Size <= length && lines.Count < Most; at += Size)
        {
            Arm64Instruction instruction = Read(code, at, call.Start + (ulong)at);
            string text = instruction.Text;
            if (call.Function is { } function && instruction.Address == call.Call)
                text += $"  ; {function.Name}";
            lines.Add(new PoolCodeLine(instruction.Address, $"{instruction.Word:x8}", text, at == 0));
        }
        return lines;
    }

    /// <summary>The function at an address, or behind a routine of the image that goes on to it through its slot.</summary>
    private PoolFunction? Resolve(ulong target)
    {
        const int LongestRoutine = 4 * Size;
        if (functions.At(target) is { } function)
            return function;
        if (!module.Contains(target))
            return null;
        byte[] code = new byte[LongestRoutine];
        int length = Math.Max(0, module.Memory.Read(target, code));
        Slots slots = new(stackalloc ulong[Registers], stackalloc ulong[Registers]);
        for (int at = 0; at + Size <= length; at += Size)
        {
            Arm64Instruction instruction = Read(code, at, target + (ulong)at);
            switch (instruction.Kind)
            {
                case Arm64Kind.JumpRegister:
                    return slots.Of(instruction.Base) is not 0 and var slot ? imports.Resolve(slot) : null;
                case Arm64Kind.Jump:
                    return functions.At(instruction.Destination);
                case Arm64Kind.Page or Arm64Kind.LoadSlot:
                    slots.Run(instruction);
                    continue;
                default:
                    return null;
            }
        }
        return null;
    }

    private static Arm64Instruction Read(ReadOnlySpan<byte> code, int at, ulong address) =>
        new(BinaryPrimitives.ReadUInt32LittleEndian(code[at..]), address);

    /// <summary>Which registers hold the address of a page, and which hold what stands in a slot.</summary>
    private readonly ref struct Slots(Span<ulong> pages, Span<ulong> slots)
    {
        private readonly Span<ulong> _pages = pages, _slots = slots;

        /// <summary>The slot whose contents a register holds; 0 for none.</summary>
        public ulong Of(int register) => register < Registers ? _slots[register] : 0;

        public void Run(Arm64Instruction instruction)
        {
            int target = instruction.Target;
            ulong page = instruction.Kind == Arm64Kind.Page ? instruction.Destination : 0;
            bool isLoad = instruction.Kind == Arm64Kind.LoadSlot && instruction.Base < Registers;
            ulong slot = isLoad && _pages[instruction.Base] is not 0 and var start ? start + instruction.Distance : 0;
            for (int i = 0; i < Registers; i++)
                if (instruction.MayWrite(i))
                    (_pages[i], _slots[i]) = (0, 0);
            if (target < Registers)
                (_pages[target], _slots[target]) = (page != 0 ? page : _pages[target], slot != 0 ? slot : _slots[target]);
        }
    }
}
