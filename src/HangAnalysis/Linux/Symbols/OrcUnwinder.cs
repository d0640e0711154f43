using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// Walks kernel stacks with the kernel's own unwind data, as its unwinder does (arch/x86/kernel/unwind_orc.c).
/// </summary>
public sealed class OrcUnwinder
{
    // arch/x86/include/asm/page_64_types.h: THREAD_SIZE without KASAN.
    private const int UsualStackSize = 16 * 1024;
    private const byte CallRelative = 0xe8;
    private const int CallLength = 5;

    // A call through NULL or another pointer to no code: its return address is all that is on the stack (null_orc_entry).
    private static readonly OrcEntry s_called = new(OrcType.Call, OrcRegister.Sp, 8, OrcRegister.Undefined, 0, false);

    // Code without unwind data that keeps a frame pointer, such as what BPF compiles (orc_fp_entry).
    private static readonly OrcEntry s_framePointer =
        new(OrcType.Call, OrcRegister.Bp, 16, OrcRegister.PreviousSp, -16, false);

    private readonly IMemory _memory;
    private readonly BufferedStack _stack;
    private readonly OrcTable? _kernel;
    private readonly KernelSymbols _symbols;
    private readonly int _returnOffset;
    private readonly int _bpOffset;

    internal OrcUnwinder(IMemory memory, KernelSymbols symbols, OrcTable? kernel)
    {
        _memory = memory;
        _symbols = symbols;
        _stack = new BufferedStack(memory);
        _kernel = kernel;
        // r15 r14 r13 r12 bx bp ret_addr: __switch_to_asm pushes them so since 4.9.
        _returnOffset = symbols.Types.OffsetOf("inactive_task_frame", "ret_addr") ?? 48;
        _bpOffset = symbols.Types.OffsetOf("inactive_task_frame", "bp") ?? 40;
        StackSize = symbols.Types.SizeOf("thread_union") is int size and > 0 and <= Limits.StackBytes
            ? size
            : UsualStackSize;
    }

    /// <summary>Bytes of one task's kernel stack (THREAD_SIZE, which KASAN doubles).</summary>
    public int StackSize { get; }

    /// <summary>Entries of the kernel's own table, without those of modules; 0 where there is none.</summary>
    public int EntryCount => _kernel?.ReadableCount ?? 0;

    /// <summary>Walks the stack of a task that is on no processor.</summary>
    /// <param name="savedStackPointer">Its <c>thread.sp</c>.</param>
    /// <param name="stackBase">Its <c>stack</c>: lowest address of its kernel stack.</param>
    /// <param name="result">Takes the frames in place of those it holds.</param>
    public void WalkSleeping(ulong savedStackPointer, ulong stackBase, LinuxStack result)
    {
        result.Clear();
        ulong high = unchecked(stackBase + (ulong)StackSize);
        _stack.Load(savedStackPointer, high > savedStackPointer && high - savedStackPointer <= (ulong)StackSize ? high : 0);
        if (!_stack.TryReadUInt64(unchecked(savedStackPointer + (ulong)_returnOffset), out ulong ip)
            || !_stack.TryReadUInt64(unchecked(savedStackPointer + (ulong)_bpOffset), out ulong bp))
        {
            result.End = LinuxStackEnd.Unreadable;
            return;
        }
        State state = new() { Ip = ip, Sp = unchecked(savedStackPointer + (ulong)_returnOffset + 8), Bp = bp };
        Walk(ref state, result);
    }

    /// <summary>Walks from the registers of a processor, or from any that were saved.</summary>
    /// <param name="context">The registers.</param>
    /// <param name="stackBase">Lowest address of the kernel stack of the task on it; 0 where none is known.</param>
    /// <param name="result">Takes the frames in place of those it holds.</param>
    /// <param name="isUser">Whether it ran a user program (low two bits of CS): its kernel stack is empty.</param>
    public void WalkRunning(in CpuContext context, ulong stackBase, LinuxStack result, bool isUser = false)
    {
        result.Clear();
        _stack.Load(stackBase, stackBase == 0 ? 0 : unchecked(stackBase + (ulong)StackSize));
        State state = new()
        {
            Ip = context.InstructionPointer,
            Sp = context.StackPointer,
            Bp = context.Registers[CpuContext.Rbp],
            Interrupted = true,
            Registers = context,
            RegistersKnown = true,
        };
        if (isUser)
            result.Add(state.Frame(0, LinuxFrameKind.User));
        else
            Walk(ref state, result);
    }

    private void Walk(ref State state, LinuxStack result)
    {
        int switches = 0;
        for (int i = 0; i < Limits.Frames; i++)
        {
            ulong sp = state.Sp;
            LinuxStackEnd? end = Step(ref state, result);
            if (end is { } reason)
            {
                result.End = reason;
                return;
            }
            if (state.Sp <= sp && ++switches > SymbolLimits.StackSwitches)
            {
                result.End = LinuxStackEnd.Loop;
                return;
            }
        }
        result.End = LinuxStackEnd.TooManyFrames;
    }

    // Adds the frame that the state is in and goes on to its caller; the reason where there is none.
    private LinuxStackEnd? Step(ref State state, LinuxStack result)
    {
        if (!TryFindEntry(state.Lookup, out OrcEntry entry))
        {
            bool isCode = !state.Interrupted || _memory.TryReadByte(state.Ip, out _);
            entry = isCode ? s_framePointer : s_called;
            state.Certainty = Certainty.Inferred;
        }
        if (entry.Type == OrcType.End)
        {
            result.Add(state.Frame(0, LinuxFrameKind.End));
            return LinuxStackEnd.Complete;
        }
        if (entry.Type == OrcType.Undefined || entry.SpRegister == OrcRegister.Undefined)
            return SearchCaller(ref state, result);
        if (!TryGetFrameAddress(state, entry, out ulong cfa, out LinuxStackEnd why))
            return Lost(state, result, why);
        return entry.Type == OrcType.Call
            ? FollowCall(ref state, entry, cfa, result)
            : FollowEntry(ref state, entry, cfa, result);
    }

    private LinuxStackEnd? FollowCall(ref State state, in OrcEntry entry, ulong cfa, LinuxStack result)
    {
        if (!_stack.TryReadUInt64(cfa - 8, out ulong ip) || !TryRestoreBp(ref state, entry, cfa))
            return Lost(state, result, LinuxStackEnd.Unreadable);
        // A wrong step would end in some word of the stack: what is no code is no caller.
        if (!TryFindEntry(ip - 1, out _) && !IsFramePointerCode(ip, state.Bp))
            return Lost(state, result, LinuxStackEnd.NoUnwindData);
        result.Add(state.Frame(cfa, LinuxFrameKind.Call));
        state.GoTo(ip, cfa, entry.IsSignal);
        state.RegistersKnown = false;
        return null;
    }

    private LinuxStackEnd? FollowEntry(ref State state, in OrcEntry entry, ulong cfa, LinuxStack result)
    {
        bool partial = entry.Type == OrcType.PartialRegisters;
        bool read = partial
            ? PtRegs.TryReadFrame(_stack, cfa, out PtRegs registers)
            : PtRegs.TryRead(_stack, cfa, out registers);
        if (!read || (partial && !TryRestoreBp(ref state, entry, cfa)))
            return Lost(state, result, LinuxStackEnd.Unreadable);
        result.Add(state.Frame(cfa, partial ? LinuxFrameKind.PartialRegisters : LinuxFrameKind.Registers));
        int index = result.Add(registers);
        state.GoTo(registers.Context.InstructionPointer, registers.Context.StackPointer, entry.IsSignal);
        state.RegistersIndex = index;
        if (!partial)
        {
            state.Registers = registers.Context;
            state.RegistersKnown = true;
            state.Bp = registers.Context.Registers[CpuContext.Rbp];
        }
        if (!registers.IsUser)
            return null;
        state.Interrupted = true;
        result.Add(state.Frame(0, LinuxFrameKind.User));
        return LinuxStackEnd.Complete;
    }

    // STACK_FRAME_NON_STANDARD functions have no unwind data, and __crash_kexec, where every kdump begins, is one of them.
    // A word of the stack is the return address if the call before it calls exactly this function.
    private LinuxStackEnd? SearchCaller(ref State state, LinuxStack result)
    {
        if (_symbols.FindEntryOfFunction(state.Lookup) is ulong entry)
        {
            Span<byte> words = stackalloc byte[SymbolLimits.CallerSearchBytes];
            ulong from = (state.Sp + 7) & ~7UL;
            int readable = _stack.Read(from, words) & ~7;
            for (int i = 0; i < readable; i += 8)
            {
                ulong ip = ((ReadOnlySpan<byte>)words).UInt64(i);
                if (!TryFindEntry(ip - 1, out _) || !Calls(ip, entry))
                    continue;
                ulong slot = from + (ulong)i;
                result.Add(state.Frame(slot + 8, LinuxFrameKind.Searched));
                state.GoTo(ip, slot + 8, false);
                state.RegistersKnown = false;
                state.Certainty = Certainty.Inferred;
                return null;
            }
        }
        return Lost(state, result, LinuxStackEnd.NoUnwindData);
    }

    private bool Calls(ulong returnAddress, ulong function)
    {
        Span<byte> code = stackalloc byte[CallLength];
        return _memory.TryRead(returnAddress - CallLength, code) && code[0] == CallRelative
            && unchecked(returnAddress + (ulong)(int)((ReadOnlySpan<byte>)code).UInt32(1)) == function;
    }

    // Only where the frame pointer leads to known code, and then the frame behind is as sure as that.
    private bool IsFramePointerCode(ulong ip, ulong bp) =>
        ip >= 0x8000_0000_0000_0000 && _stack.TryReadUInt64(unchecked(bp + 8), out ulong caller)
        && TryFindEntry(caller - 1, out _) && _memory.TryReadByte(ip, out _);

    private bool TryGetFrameAddress(in State state, in OrcEntry entry, out ulong cfa, out LinuxStackEnd why)
    {
        why = LinuxStackEnd.UnknownRegister;
        ulong offset = unchecked((ulong)entry.SpOffset);
        cfa = 0;
        switch (entry.SpRegister)
        {
            case OrcRegister.Sp:
                cfa = unchecked(state.Sp + offset);
                return true;
            case OrcRegister.Bp:
                cfa = unchecked(state.Bp + offset);
                return true;
            case OrcRegister.SpIndirect:
                why = LinuxStackEnd.Unreadable;
                bool read = _stack.TryReadUInt64(state.Sp, out cfa);
                cfa = unchecked(cfa + offset);
                // Before 5.12 the offset led to the word; nothing but what the word leads to tells the two apart.
                if ((!read || !IsReturnedFrom(cfa)) && _stack.TryReadUInt64(unchecked(state.Sp + offset), out ulong older)
                    && IsReturnedFrom(older))
                    cfa = older;
                return read;
            case OrcRegister.BpIndirect:
                why = LinuxStackEnd.Unreadable;
                return _stack.TryReadUInt64(unchecked(state.Bp + offset), out cfa);
        }
        int register = entry.SpRegister switch
        {
            OrcRegister.Dx => 2,
            OrcRegister.Di => 7,
            OrcRegister.R10 => 10,
            OrcRegister.R13 => 13,
            _ => -1,
        };
        if (register < 0 || !state.RegistersKnown)
            return false;
        cfa = state.Registers.Registers[register];
        return true;
    }

    private bool IsReturnedFrom(ulong cfa) => _stack.TryReadUInt64(cfa - 8, out ulong ip) && TryFindEntry(ip - 1, out _);

    private bool TryRestoreBp(ref State state, in OrcEntry entry, ulong cfa)
    {
        if (entry.BpRegister is not (OrcRegister.PreviousSp or OrcRegister.Bp))
            return true;
        ulong from = entry.BpRegister == OrcRegister.PreviousSp ? cfa : state.Bp;
        return _stack.TryReadUInt64(unchecked(from + (ulong)entry.BpOffset), out state.Bp);
    }

    private bool TryFindEntry(ulong address, out OrcEntry entry)
    {
        if (_kernel is not null && _kernel.TryFind(address, out entry))
            return true;
        entry = default;
        return _symbols.Modules.FindByAddress(address)?.Orc is { } table && table.TryFind(address, out entry);
    }

    private static LinuxStackEnd Lost(in State state, LinuxStack result, LinuxStackEnd why)
    {
        result.Add(state.Frame(0, LinuxFrameKind.Lost));
        return why;
    }

    private struct State()
    {
        public ulong Ip;
        public ulong Sp;
        public ulong Bp;
        public bool Interrupted;
        public bool RegistersKnown;
        public int RegistersIndex = -1;
        public CpuContext Registers;
        public Certainty Certainty = Certainty.Proven;

        public readonly ulong Lookup => Interrupted ? Ip : Ip - 1;

        public readonly LinuxFrame Frame(ulong cfa, LinuxFrameKind kind) =>
            new(Ip, Sp, cfa, kind, Interrupted, RegistersIndex, Certainty);

        public void GoTo(ulong ip, ulong sp, bool interrupted)
        {
            Ip = ip;
            Sp = sp;
            Interrupted = interrupted;
            RegistersIndex = -1;
        }
    }
}
