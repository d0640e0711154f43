using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>What only Linux has to tell; read when asked for.</summary>
public sealed partial class LinuxSystem : IThreadDetailsSource
{
    private Workers? _workers;
    private TaskDetailsReader? _details;
    private MemoryFigures? _memoryUse;

    private TaskDetailsReader Details => _details ??= new TaskDetailsReader(Session, Clock);

    /// <summary>How the machine's memory is used.</summary>
    public MemoryFigures MemoryUse => _memoryUse ??= new LinuxMemory(Session).Read();

    /// <summary>The pools of the workqueues' workers with their work.</summary>
    public IReadOnlyList<WorkerPoolFacts> WorkerPools => _workers is null ? [] : new WorkerPools(this).Read(_workers);

    /// <summary>The modules, in the order of the kernel's list: the last one loaded first.</summary>
    public IReadOnlyList<LinuxModule> Modules => Session.Symbols.Modules.All;

    /// <summary>Letters of what has made the kernel suspect; null where that is not known.</summary>
    public string? KernelTaints => new ModuleHistory(Session).KernelTaints;

    /// <summary>Modules that tainted the kernel and are gone; null where the kernel keeps no list of them.</summary>
    public IReadOnlyList<UnloadedTaint>? UnloadedTaints => new ModuleHistory(Session).Unloaded();

    /// <summary>A module as reports show it.</summary>
    public ModuleFacts DescribeModule(LinuxModule module) => _modules.Describe(module);

    /// <summary>How often a module is used, and the names of the modules that do.</summary>
    public (int? Count, IReadOnlyList<string> Users) GetUsers(LinuxModule module)
    {
        ModuleHistory history = new(Session);
        return (history.UseCount(module), history.UsedBy(module));
    }

    /// <summary>Whether a task runs an idle processor.</summary>
    public static bool IsIdleTask(ThreadFacts thread) => thread.Id == 0;

    /// <summary>What is recorded of a task beyond its facts.</summary>
    public TaskDetails GetDetails(ThreadFacts thread) => Details.Read(thread);

    /// <inheritdoc/>
    ThreadDetails IThreadDetailsSource.GetDetails(ThreadFacts thread)
    {
        // DEFAULT_PRIO of include/linux/sched/prio.h: the priority of nice 0.
        const int DefaultPriority = 120;
        TaskDetails task = GetDetails(thread);
        return new ThreadDetails
        {
            Name = task.Name,
            UserTime = task.UserTime,
            KernelTime = task.SystemTime,
            ContextSwitches = task.VoluntarySwitches + task.InvoluntarySwitches is { } switches ? (uint)switches : null,
            BasePriority = task.Nice + DefaultPriority,
        };
    }

    /// <summary>Everything that is recorded of a process.</summary>
    public LinuxProcessDetails GetDetails(ProcessFacts process) => new LinuxProcessReader(this).Read(process);

    /// <summary>The registers of the processor that a task was on; null where it was on none, or they are not in the dump.</summary>
    public VmcoreProcessor? GetRegisters(ThreadFacts thread) =>
        thread.Processor is { } cpu ? _survey.RegistersOf(cpu) : null;

    /// <summary>A frame with its name.</summary>
    public FrameFacts NameFrame(in LinuxFrame frame) => Names.NameFrame(frame);

    /// <summary>Bytes of a program's memory that are swapped out; null where the kernel's types do not tell.</summary>
    internal ulong? GetSwapped(ulong mm) => Details.Memory.Swapped(mm);
}
