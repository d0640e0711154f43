using HangAnalysis.Model;

namespace HangAnalysis.Esxi;

/// <summary>The worlds and processors that a text names: worlds are the threads of ESXi.</summary>
internal sealed class EsxiWorlds
{
    /// <summary>Where worlds lie that have no number in the text: numbers of worlds have 32 bits.</summary>
    private const ulong Unnumbered = 1UL << 32;

    private readonly Dictionary<ulong, ThreadFacts> _threads = [];
    private readonly List<ThreadFacts> _inOrder = [];
    private readonly List<ProcessFacts> _processes = [];
    private readonly Dictionary<int, ThreadFacts> _onPcpu = [];
    private readonly List<ProcessorFacts> _processors = [];

    public EsxiWorlds(PurpleScreen screen)
    {
        foreach (EsxiPcpu pcpu in screen.Pcpus)
        {
            bool isPanicking = pcpu.Number == screen.PanickingPcpu;
            ulong? world = pcpu.World ?? (isPanicking ? screen.PanickingWorld : null);
            bool isNamed = isPanicking || pcpu.Number == screen.Message?.Pcpu || screen.StackOf(pcpu.Number) is not null;
            if (world is not null || isNamed)
                Add(pcpu, world,
                    (isPanicking && screen.Message?.World == world ? screen.Message?.WorldName : null) ?? pcpu.WorldName);
            _processors.Add(new ProcessorFacts(pcpu.Number, _onPcpu.GetValueOrDefault(pcpu.Number), IsIdle(pcpu),
                DpcActive: false));
        }
    }

    /// <summary>The worlds.</summary>
    public IReadOnlyList<ThreadFacts> Threads => _inOrder;

    /// <summary>A process for each world: the text does not say which worlds belong together.</summary>
    public IReadOnlyList<ProcessFacts> Processes => _processes;

    /// <summary>The processors that the text names.</summary>
    public IReadOnlyList<ProcessorFacts> Processors => _processors;

    /// <summary>The world at an address, or null.</summary>
    public ThreadFacts? Find(ulong address) => _threads.GetValueOrDefault(address);

    /// <summary>The process at an address, or null.</summary>
    public ProcessFacts? FindProcess(ulong address) => Find(address)?.Process;

    /// <summary>The world on a processor, or null.</summary>
    public ThreadFacts? On(int? pcpu) => pcpu is { } number ? _onPcpu.GetValueOrDefault(number) : null;

    /// <summary>Puts more that is known of a processor in its place.</summary>
    public void Change(int pcpu, Func<ProcessorFacts, ProcessorFacts> change)
    {
        for (int i = 0; i < _processors.Count; i++)
            if (_processors[i].Number == pcpu)
                _processors[i] = change(_processors[i]);
    }

    /// <summary>Puts more that is known of every processor in its place.</summary>
    public void ChangeAll(Func<ProcessorFacts, ProcessorFacts> change)
    {
        for (int i = 0; i < _processors.Count; i++)
            _processors[i] = change(_processors[i]);
    }

    private void Add(EsxiPcpu pcpu, ulong? world, string? name)
    {
        ulong address = world is > 0 and < Unnumbered ? world.Value : Unnumbered + (uint)pcpu.Number;
        if (_threads.ContainsKey(address))
            return;
        bool isNumbered = address < Unnumbered;
        ProcessFacts process = new()
        {
            Address = new ProcessAddress(address), Id = isNumbered ? address : (uint)pcpu.Number, IsIdDecimal = true,
            Name = name ?? (isNumbered ? "world" : "unnamed world"),
        };
        ThreadFacts thread = new()
        {
            Address = new ThreadAddress(address), Id = process.Id, Process = process, Activity = ThreadActivity.Running,
            State = $"on PCPU {pcpu.Number}", IsSystemThread = true, Processor = pcpu.Number, StackResident = true,
        };
        process.ThreadList.Add(thread);
        _processes.Add(process);
        _inOrder.Add(thread);
        _threads.Add(address, thread);
        _onPcpu[pcpu.Number] = thread;
    }

    private static bool IsIdle(EsxiPcpu pcpu) => pcpu is { IsPanicking: false }
        && (pcpu.State == 'I' || pcpu.WorldName?.StartsWith("idle", StringComparison.Ordinal) == true);
}
