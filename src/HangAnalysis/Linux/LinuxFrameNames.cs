using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;

namespace HangAnalysis.Linux;

/// <summary>Names addresses and frames: function, displacement, module.</summary>
internal sealed class LinuxFrameNames(LinuxSession session, LinuxModuleCatalog modules)
{
    private readonly Dictionary<(ulong Address, bool IsReturn), FrameFacts> _known = [];

    /// <summary>The frames of a stack with their names.</summary>
    public StackFacts Name(KernelStack stack)
    {
        List<FrameFacts> frames = new(stack.Frames.Length);
        foreach (LinuxFrame frame in stack.Frames)
            frames.Add(NameFrame(frame));
        return new StackFacts(frames, stack.EndNote);
    }

    /// <summary>One frame with its name.</summary>
    public FrameFacts NameFrame(in LinuxFrame frame) => frame.Kind == LinuxFrameKind.User
        ? new FrameFacts(frame.StackPointer, frame.InstructionPointer, modules.User, null, frame.InstructionPointer, frame.Certainty)
        : NameFrame(frame.InstructionPointer, !frame.IsInterrupted) with
        {
            StackPointer = frame.StackPointer,
            Certainty = frame.Certainty,
        };

    /// <summary>Names an address of code or data.</summary>
    public FrameFacts NameAddress(ulong address) => NameFrame(address, false);

    /// <summary>
    /// A variable by its address, such as <c>abba_lock_a [abba]</c>; within a larger one <c>rw+0x28 [rwhold]</c>. Null for
    /// addresses that are in no image.
    /// </summary>
    public string? NameVariable(ulong address)
    {
        if (modules.Find(address) is not { } module || !session.Symbols.TryFindNearest(address, out LinuxSymbol symbol))
            return null;
        string name = address == symbol.Address ? symbol.Name : $"{symbol.Name}+0x{address - symbol.Address:x}";
        return module.Origin == ModuleOrigin.Core ? name : $"{name} [{module.Name}]";
    }

    private FrameFacts NameFrame(ulong address, bool isReturn)
    {
        if (_known.TryGetValue((address, isReturn), out FrameFacts? known))
            return known;
        ulong within = isReturn ? address - 1 : address;
        ModuleFacts? module = modules.Find(within);
        FrameFacts frame = session.Symbols.TryFindNearest(within, out LinuxSymbol symbol)
            ? new FrameFacts(0, address, module, symbol.Name, address - symbol.Address, Certainty.Proven)
            {
                IsWaitPrimitive = LinuxFunctions.IsWaitPrimitive(symbol.Name),
            }
            : new FrameFacts(0, address, module, null, address - (module?.BaseAddress ?? 0), Certainty.Proven);
        _known[(address, isReturn)] = frame;
        return frame;
    }
}
