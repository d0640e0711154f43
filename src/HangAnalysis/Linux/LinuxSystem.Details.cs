using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets.Vmcores;

namespace HangAnalysis.Linux;

/// <summary>What only Linux has to tell; read when asked for.</summary>
public sealed partial class LinuxSystem
{
    private TaskDetailsReader? _details;
    private MemoryFigures? _memoryUse;

    /// <summary>How the machine's memory is used.</summary>
    public MemoryFigures MemoryUse => _memoryUse ??= new LinuxMemory(Session).Read();

    /// <summary>The modules, in the order of the kernel's list: the last one loaded first.</summary>
    public IReadOnlyList<LinuxModule> Modules => Session.Symbols.Modules.All;

    /// <summary>Whether a task runs an idle processor.</summary>
    public static bool IsIdleTask(ThreadFacts thread) => thread.Id == 0;

    /// <summary>What is recorded of a task beyond its facts.</summary>
    public TaskDetails GetDetails(ThreadFacts thread) => (_details ??= new TaskDetailsReader(Session, Clock)).Read(thread);

    /// <summary>The registers of the processor that a task was on; null where it was on none, or they are not in the dump.</summary>
    public VmcoreProcessor? GetRegisters(ThreadFacts thread) =>
        thread.Processor is { } cpu ? _survey.RegistersOf(cpu) : null;

    /// <summary>A frame with its name.</summary>
    public FrameFacts NameFrame(in LinuxFrame frame) => Names.NameFrame(frame);
}
