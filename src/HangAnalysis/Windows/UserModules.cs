using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The images of processes, from their loaders' lists.</summary>
internal sealed class UserModules
{
    private const ulong LowestUserAddress = 0x10000;

    private readonly KernelSession _session;
    private readonly ulong _ldrOffset, _listOffset;
    private readonly Dictionary<ProcessAddress, (ModuleIndex Modules, IMemory Memory)> _processes = [];

    public UserModules(KernelSession session)
    {
        _session = session;
        FieldSlot ldr = session.Types.Get("_PEB").Optional("Ldr");
        FieldSlot list = session.Types.Get("_PEB_LDR_DATA").Optional("InLoadOrderModuleList");
        // Both offsets are the same in every Windows of one pointer size; the symbols are believed where they have them.
        _ldrOffset = ldr.IsPresent ? (ulong)ldr.Offset : session.Is32Bit ? 0xcUL : 0x18;
        _listOffset = list.IsPresent ? (ulong)list.Offset : session.Is32Bit ? 0xcUL : 0x10;
    }

    /// <summary>The modules of a process and its address space. Remembered for the session.</summary>
    public (ModuleIndex Modules, IMemory Memory) Get(ProcessFacts process)
    {
        if (!_processes.TryGetValue(process.Address, out (ModuleIndex, IMemory) found))
        {
            IMemory memory = _session.Target.OpenAddressSpace(process.DirectoryTableBase);
            found = (new ModuleIndex(_session.Target, Read(process, memory)), memory);
            _processes.Add(process.Address, found);
        }
        return found;
    }

    private List<TargetModule> Read(ProcessFacts process, IMemory memory)
    {
        if (process.EnvironmentBlock < LowestUserAddress
            || !memory.TryReadPointer(process.EnvironmentBlock + _ldrOffset, out ulong ldr) || ldr < LowestUserAddress)
            return [];
        return LoaderList.Read(memory, ldr + _listOffset, isUserMode: true, out _, _session.Is32Bit);
    }
}
