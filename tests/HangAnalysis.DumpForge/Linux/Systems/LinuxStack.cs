using HangAnalysis.DumpForge.Linux.Layouts;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A frame on a stack: where a return address lies, what it returns to, and room for locals below.</summary>
/// <param name="Function">Name of the function the frame belongs to.</param>
/// <param name="Module">Its module, or null.</param>
/// <param name="Slot">Address of the word by which the frame's own function was called from further in; crash's
/// [..].</param>
/// <param name="Address">Where the function goes on: a return address, or the instruction that was interrupted.</param>
public sealed record TruthFrame(string Function, string? Module, ulong Slot, ulong Address);

/// <summary>
/// Builds a kernel stack from its outermost frame inwards, as calls would: return addresses of real call sites, saved RBP,
/// locals, registers of interrupts. What it writes is what ORC data lead to.
/// </summary>
internal sealed class LinuxStack
{
    private readonly LinuxMachine _machine;
    private readonly List<Frame> _frames = [];
    private ulong _bp;

    /// <param name="machine">Whose stack it is.</param>
    /// <param name="top">Where it begins; the first thing below is pushed there.</param>
    public LinuxStack(LinuxMachine machine, ulong top) => (_machine, Sp) = (machine, top);

    public ulong Sp { get; private set; }

    public ulong Bp => _bp;

    private AddressSpace Space => _machine.Memory.Space;

    /// <summary>The frames, innermost first; the innermost says where it is itself.</summary>
    public IReadOnlyList<TruthFrame> Truth(ulong innermost)
    {
        List<TruthFrame> result = [];
        for (int i = _frames.Count - 1; i >= 0; i--)
        {
            Frame frame = _frames[i];
            ulong address = i == _frames.Count - 1 ? innermost : frame.Continues;
            result.Add(new TruthFrame(frame.Function.Name, frame.Function.Module, frame.Sp - 8, address));
        }
        return result;
    }

    /// <summary>Begins with a struct pt_regs that stands at the top, as all tasks have it.</summary>
    public LinuxStack Begin(LinuxFunction entry, LinuxRegisters registers)
    {
        Sp -= LinuxRegisters.Size;
        registers.Write(Space, Sp);
        _frames.Add(new Frame(entry, Sp + LinuxRegisters.Size, Sp));
        _bp = registers.Bp;
        return this;
    }

    /// <summary>Calls a function from the innermost one.</summary>
    public LinuxStack Call(LinuxFunction function)
    {
        Frame caller = _frames[^1];
        caller.Continues = caller.Function.ReturnFrom(function);
        Space.WriteUInt64(Sp - 8, caller.Continues);
        return Enter(function);
    }

    /// <summary>Calls a function on another stack, as interrupts are handled on that of their CPU.</summary>
    public LinuxStack CallOnStack(LinuxFunction function, ulong top)
    {
        Frame caller = _frames[^1];
        caller.Continues = caller.Function.ReturnFromOtherStack(function);
        Space.WriteUInt64(top - 8, Sp);
        Space.WriteUInt64(top - 16, caller.Continues);
        caller.Sp = top - 8;
        Sp = top - 8;
        return Enter(function);
    }

    /// <summary>
    /// An exception or interrupt at an instruction of the innermost function; the processor aligns the stack to 16 bytes.
    /// Another stack may be given (NMI).
    /// </summary>
    public LinuxStack Interrupt(LinuxFunction entry, ulong at, LinuxRegisters registers, ulong? top = null)
    {
        Frame interrupted = _frames[^1];
        interrupted.Continues = at;
        registers.Ip = at;
        registers.Sp = Sp;
        registers.Bp = _bp;
        Sp = ((top ?? Sp) & ~0xful) - LinuxRegisters.Size;
        registers.Write(Space, Sp);
        _frames.Add(new Frame(entry, Sp, Sp));
        return this;
    }

    /// <summary>Room for an object on the frame of a function; the innermost of that name that has the room.</summary>
    public ulong Local(string function, int size)
    {
        for (int i = _frames.Count - 1; i >= 0; i--)
            if (_frames[i].Function.Name == function)
                return _frames[i].Take(size);
        throw new InvalidOperationException($"{function} is not on the stack");
    }

    public bool Has(string function) => _frames.Any(frame => frame.Function.Name == function);

    /// <summary>Goes to sleep in __schedule(): says what task.thread.sp is.</summary>
    public ulong SwitchAway()
    {
        LinuxFunction schedule = _frames[^1].Function;
        ulong back = schedule.ReturnFrom(_machine.Text.Find("__switch_to_asm"));
        _frames[^1].Continues = back;
        ulong frame = Sp - (ulong)_machine.Layout.SizeOf("inactive_task_frame");
        Mix mix = new(frame);
        foreach (string register in (string[])["r15", "r14", "r13", "r12", "bx"])
            Space.WriteUInt64(frame + (ulong)_machine.Layout.OffsetOf("inactive_task_frame", register), mix.Next() >> 40);
        Space.WriteUInt64(frame + (ulong)_machine.Layout.OffsetOf("inactive_task_frame", "bp"), _bp);
        Space.WriteUInt64(frame + (ulong)_machine.Layout.OffsetOf("inactive_task_frame", "ret_addr"), back);
        return frame;
    }

    private LinuxStack Enter(LinuxFunction function)
    {
        ulong cfa = Sp;
        Sp = cfa - (ulong)function.FrameSize;
        // Frames hold what was there before: words that look like return addresses must not be taken for such.
        ulong below = cfa - 8;
        if (function.Pointer != BasePointer.Kept)
        {
            Space.WriteUInt64(cfa - 16, _bp);
            _bp = function.Pointer == BasePointer.Frame ? cfa - 16 : Mix.Hash(function.Name) >> 32;
            below = cfa - 16;
        }
        Frame frame = new(function, below, Sp);
        if (frame.Free > 8)
            Space.WriteUInt64(below - 8, function.Inside + 3);
        _frames.Add(frame);
        return this;
    }

    private sealed class Frame(LinuxFunction function, ulong end, ulong sp)
    {
        private ulong _next = sp;

        public LinuxFunction Function { get; } = function;

        public ulong Sp { get; set; } = sp;

        public ulong Continues { get; set; }

        public long Free => (long)(end - _next);

        public ulong Take(int size)
        {
            ulong at = _next + 7 & ~7ul;
            _next = at + (ulong)size;
            return _next <= end ? at
                : throw new InvalidOperationException($"{Function.Name} has no room for {size} bytes on its frame");
        }
    }
}
