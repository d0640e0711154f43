using System.Buffers.Binary;
using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Walks each task's stack once, and tells of its functions.</summary>
/// <remarks>
/// Thousands of tasks share a few hundred stacks. Frames are kept as addresses; the function of each distinct return address
/// is looked up once.
/// </remarks>
internal sealed class LinuxStacks(LinuxSession session)
{
    /// <summary>Frames in which pointers to a lock or request are looked for, and bytes of each.</summary>
    private const int PointerFrames = 12, PointerBytes = 2048;

    private readonly LinuxStack _walk = new();
    private readonly Dictionary<ulong, KernelStack> _kept = [];
    private readonly Dictionary<ulong, string> _functions = [];
    private readonly byte[] _bytes = new byte[PointerBytes];
    private int _keptFrames;

    /// <summary>The stack of a task that is on no processor.</summary>
    public KernelStack Sleeping(ThreadFacts thread)
    {
        if (_kept.TryGetValue(thread.Address.Value, out KernelStack? stack))
            return stack;
        session.Symbols.Unwinder.WalkSleeping(thread.KernelStack, thread.StackLimit, _walk);
        return Keep(thread.Address.Value);
    }

    /// <summary>The stack of a task on a processor, from the registers of that.</summary>
    public KernelStack Running(ThreadFacts thread, in CpuContext context)
    {
        if (_kept.TryGetValue(thread.Address.Value, out KernelStack? stack))
            return stack;
        session.Symbols.Unwinder.WalkRunning(context, thread.StackLimit, _walk);
        return Keep(thread.Address.Value);
    }

    /// <summary>Forgets a stack, because a better beginning for it is known.</summary>
    public void Forget(ThreadFacts thread) => _kept.Remove(thread.Address.Value);

    /// <summary>Name of the function of a frame, without its module; the bare address where it has none.</summary>
    public string FunctionOf(KernelStack stack, int frame) => FunctionAt(stack.Frames[frame].LookupAddress);

    /// <summary>Name of the function at an address, without its module; the bare address where it has none.</summary>
    public string FunctionAt(ulong address)
    {
        if (!_functions.TryGetValue(address, out string? name))
            _functions[address] = name = session.Symbols.TryFindFunction(address, out LinuxSymbol symbol)
                ? symbol.Name
                : $"0x{address:x}";
        return name;
    }

    /// <summary>The innermost function of a stack that fulfils a condition; null where none does. User frames have no function.</summary>
    public string? FindFunction(KernelStack stack, Func<string, bool> isIt)
    {
        int frame = FindFrame(stack, isIt);
        return frame < 0 ? null : FunctionOf(stack, frame);
    }

    /// <summary>Number of the innermost frame whose function fulfils a condition; -1 where none does.</summary>
    public int FindFrame(KernelStack stack, Func<string, bool> isIt)
    {
        for (int i = 0; i < stack.Frames.Length; i++)
            if (stack.Frames[i].Kind != LinuxFrameKind.User && isIt(FunctionOf(stack, i)))
                return i;
        return -1;
    }

    /// <summary>
    /// The first pointer on a stack to a structure of which a field fulfils a condition; 0 where there is none. It is how
    /// structures are found that the compiler keeps a pointer to in some frame.
    /// </summary>
    public ulong FindPointer(KernelStack stack, FieldSlot field, Func<ulong, bool> isIt)
    {
        if (!field.IsPresent)
            return 0;
        for (int i = 0; i < stack.Frames.Length && i < PointerFrames; i++)
        {
            LinuxFrame frame = stack.Frames[i];
            if (frame.Kind is LinuxFrameKind.User or LinuxFrameKind.End || frame.Cfa <= frame.StackPointer)
                break;
            int length = (int)Math.Min(frame.Cfa - frame.StackPointer, PointerBytes);
            int read = session.Memory.Read(frame.StackPointer, _bytes.AsSpan(0, length));
            for (int at = 0; at + 8 <= read; at += 8)
            {
                ulong value = BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(at));
                if (LinuxSession.IsObject(value) && session.Read(value, field) is not 0 and var found && isIt(found))
                    return value;
            }
        }
        return 0;
    }

    private KernelStack Keep(ulong task)
    {
        KernelStack stack = new([.. _walk.Frames], [.. _walk.Registers], Describe(_walk.End));
        if (_keptFrames + stack.Frames.Length <= Limits.KeptFrames)
        {
            _keptFrames += stack.Frames.Length;
            _kept[task] = stack;
        }
        return stack;
    }

    private static string? Describe(LinuxStackEnd end) => end switch
    {
        LinuxStackEnd.Complete => null,
        LinuxStackEnd.NoUnwindData => "a function on it has no unwind data, and its caller was not found",
        LinuxStackEnd.UnknownRegister => "its unwind data needs a register that is not known",
        LinuxStackEnd.Unreadable => "a part of it is not in the dump",
        LinuxStackEnd.Loop => "it leads back to where it was: it is damaged",
        _ => "it has more frames than are read",
    };
}
