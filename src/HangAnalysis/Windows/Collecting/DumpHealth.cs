using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Collecting;

/// <summary>Counts what of a system its dump holds: stacks, programs' memory, images, symbols.</summary>
internal sealed class DumpHealth
{
    private const ulong LowestUserAddress = 0x10000;
    private const ushort ImageSignature = 0x5a4d; // 'MZ'

    /// <summary>Images whose symbols decide what commands can say, and for what.</summary>
    private static readonly (string Module, string For)[] s_important =
    [
        ("nt", "everything"), ("storport", "queues of disks (!stor)"), ("classpnp", "retries of disks (!stor)"),
        ("fltmgr", "file system filters"), ("ntdll", "critical sections"), ("win32kfull", "window messages"),
    ];

    private readonly WindowsSystem _system;

    private DumpHealth(WindowsSystem system) => _system = system;

    /// <summary>Threads that have a kernel stack in memory.</summary>
    public int Stacks { get; private set; }

    /// <summary>Threads whose stack Windows had written out: no fault of the dump.</summary>
    public int SwappedOut { get; private set; }

    /// <summary>Threads whose stack should be in the dump and is not.</summary>
    public List<ThreadAddress> WithoutStack { get; } = [];

    /// <summary>Processes that have a user half.</summary>
    public int Programs { get; private set; }

    /// <summary>Of those the ones whose environment block is in the dump.</summary>
    public int ProgramsHeld { get; private set; }

    /// <summary>Processors whose registers are in the dump.</summary>
    public int ProcessorsHeld { get; private set; }

    /// <summary>Images of the kernel whose header is in the dump.</summary>
    public int ImagesHeld { get; private set; }

    /// <summary>Important images that are loaded, and whether their symbols were found.</summary>
    public List<(string Module, string For, bool Found)> Symbols { get; } = [];

    /// <summary>Counts everything.</summary>
    public static DumpHealth Count(WindowsSystem system)
    {
        DumpHealth health = new(system);
        foreach (ThreadFacts thread in system.Threads)
            health.CountStack(thread);
        foreach (ProcessFacts process in system.Processes)
            health.CountProgram(process);
        ITarget target = system.Target;
        for (int i = 0; i < target.Description.ProcessorCount; i++)
            if (target.TryGetProcessorContext(i, out _))
                health.ProcessorsHeld++;
        foreach (TargetModule module in target.KernelModules)
        {
            if (module.Memory.TryReadUInt16(module.BaseAddress, out ushort signature) && signature == ImageSignature)
                health.ImagesHeld++;
            foreach ((string name, string use) in s_important)
                if (module.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                    health.Symbols.Add((module.Name, use, target.GetSymbols(module) is not null));
        }
        return health;
    }

    private void CountStack(ThreadFacts thread)
    {
        if (thread.HasExited || thread.KernelStack == 0)
            return;
        if (!thread.StackResident)
        {
            SwappedOut++;
            return;
        }
        Stacks++;
        // The saved stack pointer is of threads that do not run; of all others the base of the stack is in use as well.
        ulong used = thread.Processor is null ? thread.KernelStack : thread.StackBase - (ulong)_system.Session.Memory.PointerSize;
        if (!_system.Session.Memory.TryReadPointer(used, out _))
            WithoutStack.Add(thread.Address);
    }

    private void CountProgram(ProcessFacts process)
    {
        if (process.HasExited || process.EnvironmentBlock < LowestUserAddress)
            return;
        Programs++;
        if (_system.Target.OpenAddressSpace(process.DirectoryTableBase).TryReadPointer(process.EnvironmentBlock, out _))
            ProgramsHeld++;
    }
}
