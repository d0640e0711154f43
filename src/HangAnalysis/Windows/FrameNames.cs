using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Unwinding;

namespace HangAnalysis.Windows;

/// <summary>Names frames: module, symbol, displacement. Each distinct address is looked up once a session.</summary>
internal sealed class FrameNames(ITarget target, ModuleIndex kernelModules, UserModules userModules, ModuleCatalog catalog)
{
    private readonly Dictionary<(TargetModule Module, uint Rva), NearestSymbol?> _symbols = [];
    private readonly Dictionary<ulong, string> _kernelFunctions = [];

    /// <summary>The frames of a stack with their names.</summary>
    public StackFacts Name(RawStack stack, ThreadFacts? thread)
    {
        List<FrameFacts> frames = new(stack.Frames.Length);
        for (int i = 0; i < stack.Frames.Length; i++)
        {
            FrameFacts frame = Name(stack.Frames[i], i >= stack.FirstUserFrame ? thread : null);
            // The first byte of a function follows no call: a scan that finds it has found a function pointer.
            bool isPointer = frame is { Certainty: Certainty.Candidate, Symbol: not null, Displacement: 0 };
            if (!isPointer)
                frames.Add(frame);
        }
        return new StackFacts(frames, stack.EndNote);
    }

    /// <summary>Module and function of a kernel address, such as <c>nt!KiSwapContext</c>.</summary>
    public string KernelFunction(ulong address)
    {
        if (!_kernelFunctions.TryGetValue(address, out string? function))
        {
            TargetModule? module = kernelModules.FindModule(address);
            function = module is null
                ? $"0x{address:x}"
                : FindSymbol(module, address) is { } symbol ? $"{module.Name}!{symbol.Name}" : module.Name;
            _kernelFunctions.Add(address, function);
        }
        return function;
    }

    /// <summary>
    /// The function at an address in one module of a process; null where it is in another, whose symbols are not looked
    /// for, or has no name.
    /// </summary>
    public string? UserFunction(ProcessFacts process, ulong address, string moduleName)
    {
        TargetModule? module = userModules.Get(process).Modules.FindModule(address);
        return module is not null && module.Name.Equals(moduleName, StringComparison.OrdinalIgnoreCase)
            ? FindSymbol(module, address)?.Name
            : null;
    }

    /// <summary>The address space of a process.</summary>
    public IMemory UserMemory(ProcessFacts process) => userModules.Get(process).Memory;

    /// <summary>The image of a process by its name without extension; null where the process has none such.</summary>
    public TargetModule? UserModule(ProcessFacts process, string name) => userModules.Get(process).Modules.FindByName(name);

    /// <summary>Names an address of a thread's program.</summary>
    public FrameFacts NameAddress(ulong address, ThreadFacts thread) =>
        Name(new RawFrame(0, address, 0, FrameKind.Unwound), thread);

    /// <summary>Names a kernel address that is no frame of a walked stack.</summary>
    public FrameFacts NameAddress(ulong address) => Name(new RawFrame(0, address, 0, FrameKind.Unwound), null);

    private FrameFacts Name(in RawFrame frame, ThreadFacts? userThread)
    {
        TargetModule? module = userThread is null
            ? kernelModules.FindModule(frame.InstructionPointer)
            : userModules.Get(userThread.Process).Modules.FindModule(frame.InstructionPointer);
        Certainty certainty = frame.Kind switch
        {
            FrameKind.Scanned => Certainty.Candidate,
            FrameKind.FramePointer => Certainty.Inferred,
            _ => Certainty.Proven,
        };
        string? foundBy = frame.Kind == FrameKind.FramePointer ? "by frame pointers" : null;
        if (module is null)
            return new FrameFacts(frame.StackPointer, frame.InstructionPointer, null, null, 0, certainty) { FoundBy = foundBy };
        ulong rva = frame.InstructionPointer - module.BaseAddress;
        NearestSymbol? symbol = FindSymbol(module, frame.InstructionPointer);
        return new FrameFacts(frame.StackPointer, frame.InstructionPointer, catalog.Describe(module), symbol?.Name,
            rva - (symbol?.Rva ?? 0), certainty)
        {
            FoundBy = foundBy,
            IsWaitPrimitive = !module.IsUserMode && symbol is not null
                && FrameKnowledge.IsWaitPrimitive($"{module.Name}!{symbol.Value.Name}"),
        };
    }

    private NearestSymbol? FindSymbol(TargetModule module, ulong address)
    {
        uint rva = (uint)(address - module.BaseAddress);
        if (!_symbols.TryGetValue((module, rva), out NearestSymbol? symbol))
        {
            symbol = target.GetSymbols(module) is { } file && file.TryFindNearest(rva, out NearestSymbol found) ? found : null;
            _symbols.Add((module, rva), symbol);
        }
        return symbol;
    }
}
