using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>Turns the frames of a screen into frames of the model, with modules as far as names tell.</summary>
internal sealed class EsxiStacks
{
    /// <summary>What a module is called whose name the screen prints as <c>&lt;None&gt;</c>.</summary>
    public const string Unnamed = "unnamed";

    private readonly Dictionary<string, ModuleFacts> _modules = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, FrameFacts> _frames = [];
    private readonly Dictionary<EsxiBacktrace, StackFacts> _stacks = new(ReferenceEqualityComparer.Instance);

    public EsxiStacks(PurpleScreen screen)
    {
        foreach (EsxiModule module in screen.Modules)
            if (module.Name != EsxiModules.Kernel)
                Add(module.Name, module.Base, null);
        // Where the table is missing, a module begins for us with the lowest of its addresses that the text has.
        Dictionary<string, (ulong Lowest, string? Version)> seen = [];
        foreach (EsxiBacktrace stack in screen.Backtraces)
            foreach (EsxiFrame frame in stack.Frames)
                if (NameOf(frame) is { } name)
                {
                    (ulong lowest, string? version) = seen.GetValueOrDefault(name,
                        (frame.InstructionPointer, frame.Version));
                    seen[name] = (Math.Min(lowest, frame.InstructionPointer), version ?? frame.Version);
                }
        foreach ((string name, (ulong lowest, string? version)) in seen)
        {
            ulong? start = name == EsxiModules.Kernel ? screen.CodeStart : _modules.GetValueOrDefault(name)?.BaseAddress;
            Add(name, start ?? lowest, version);
        }
        foreach (EsxiBacktrace stack in screen.Backtraces)
            _stacks[stack] = Make(stack);
    }

    /// <summary>The modules by name.</summary>
    public IReadOnlyCollection<ModuleFacts> Modules => _modules.Values;

    /// <summary>A stack in the words of the model; an empty one with the reason where there is none.</summary>
    public StackFacts Get(EsxiBacktrace? stack, string reason) =>
        stack is not null && _stacks.TryGetValue(stack, out StackFacts? facts) ? facts : new StackFacts([], reason);

    /// <summary>The frame that executes at an address; the bare address where no stack has it.</summary>
    public FrameFacts Describe(ulong address) =>
        _frames.GetValueOrDefault(address) ?? new FrameFacts(0, address, null, null, 0, Certainty.Proven);

    /// <summary>The module that begins at an address, or has a frame there.</summary>
    public ModuleFacts? Find(ulong address)
    {
        foreach (ModuleFacts module in _modules.Values)
            if (module.BaseAddress == address)
                return module;
        return _frames.GetValueOrDefault(address)?.Module;
    }

    private void Add(string name, ulong start, string? version)
    {
        ModuleOrigin origin = EsxiModules.OriginOf(name);
        string? company = EsxiModules.PurposeOf(name) is { } purpose && origin == ModuleOrigin.System
            ? $"VMware, {purpose}"
            : EsxiModules.CompanyOf(name);
        _modules[name] = new ModuleFacts(name, name, start, IsUserMode: false)
        {
            Origin = origin, Company = company, Version = version,
            Notation = origin == ModuleOrigin.Core ? SymbolNotation.Absent : SymbolNotation.Behind,
        };
    }

    private StackFacts Make(EsxiBacktrace stack)
    {
        List<FrameFacts> frames = new(stack.Frames.Count);
        EsxiFrame? accused = SpinKnowledge.FirstModuleFrame(stack);
        FrameFacts? suspect = null;
        foreach (EsxiFrame frame in stack.Frames)
        {
            ModuleFacts? module = NameOf(frame) is { } name ? _modules.GetValueOrDefault(name) : null;
            FrameFacts facts = new(frame.StackPointer, frame.InstructionPointer, module, frame.Symbol, frame.Displacement,
                Certainty.Proven)
            {
                IsWaitPrimitive = frame.IsKernel && SpinKnowledge.IsMachinery(frame.Symbol),
            };
            frames.Add(facts);
            _frames.TryAdd(frame.InstructionPointer, facts);
            suspect ??= ReferenceEquals(frame, accused) ? facts : null;
        }
        return new StackFacts(frames, stack.Frames.Count > 0 ? null : "the text has the stack's title and no frame of it")
        {
            Suspect = suspect,
        };
    }

    private static string? NameOf(EsxiFrame frame) => frame.Module
        ?? (frame is { Symbol: not null, NamesNoModule: false, IsCut: false } ? Unnamed : null);
}
