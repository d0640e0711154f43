using System.Text;
using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Systems;

/// <summary>A process: EPROCESS, address space, PEB and loader list.</summary>
public sealed class ProcessBuilder
{
    private const ulong FirstUserStack = 0x100000;
    private readonly SystemBuilder _system;
    private readonly List<ForgedModule> _modules = [];
    private readonly ulong _region;
    private ulong _nextUser;
    private ulong _queue;

    internal ProcessBuilder(
        SystemBuilder system, string name, uint pid, ulong? address, uint session, uint parent, string? path)
    {
        _system = system;
        Name = name;
        Pid = pid;
        Session = session;
        IsSystem = pid is 0 or 4;
        Path = path ?? (IsSystem ? "" : $@"\Device\HarddiskVolume1\Windows\System32\{name}");
        Space = IsSystem ? system.Kernel : new AddressSpace(system.Physical, system.Kernel);
        Struct = system.Objects.New("_EPROCESS", "Process", null, address);
        // Everything that a process has of its own lies in one region of 2 MB: one page table.
        _region = system.Addresses.ProcessRegion(pid);
        Peb = IsSystem ? 0 : _region;
        _nextUser = _region + FirstUserStack;
        Write(parent);
    }

    public string Name { get; }

    public uint Pid { get; }

    public uint Session { get; }

    /// <summary>Path of the image as the kernel has it.</summary>
    public string Path { get; }

    /// <summary>Path as the process has it; null for that of <see cref="Path"/> on drive C.</summary>
    public string? DosPath { get; set; }

    public string? CommandLine { get; set; }

    public bool IsSystem { get; }

    public AddressSpace Space { get; }

    public KernelStruct Struct { get; }

    public ulong Address => Struct.Address;

    /// <summary>The process environment block; 0 for a system process. It may be put at another address.</summary>
    public ulong Peb
    {
        get;
        set
        {
            field = value;
            Struct.Set("Peb", value);
        }
    }

    /// <summary>Where the process has its loader list and parameters.</summary>
    internal ulong LoaderAddress => _region + 0x1000;

    /// <summary>When the process was started; null for soon after the system.</summary>
    public DateTime? CreateTime { get; set; }

    /// <summary>Who the process runs as; null for whom the name and the session suggest.</summary>
    public Account? Account { get; set; }

    /// <summary>What the memory manager has counted; null for something plausible.</summary>
    public ProcessMemory? Memory { get; set; }

    /// <summary>Number of open handles; null for something plausible.</summary>
    public uint? HandleCount { get; set; }

    /// <summary>Address of the handle table; 0 for any.</summary>
    public ulong HandleTable { get; set; }

    /// <summary>Modules in the loader list, filled up by ones whose images are not in memory; 0 for those that are.</summary>
    public int ModuleCount { get; set; }

    public IReadOnlyList<ForgedModule> UserModules => _modules;

    /// <summary>The process has exited: an object that is still referenced, with no threads that run.</summary>
    public bool IsExited { get; set; }

    /// <summary>The process's environment and loader list are not in memory, as in a dump of the kernel alone.</summary>
    public bool IsUserModeAbsent { get; set; }

    /// <summary>The completion port that idle workers of the process wait for.</summary>
    public ulong Queue => _queue != 0 ? _queue : _queue = _system.Objects.Queue();

    /// <summary>Image of the process itself; a loader entry without one has no pages in memory.</summary>
    public ForgedModule? Executable { get; set; }

    public ThreadBuilder AddThread(uint tid, ulong? address = null)
    {
        ThreadBuilder thread = new(_system, this, tid, address);
        _system.Threads.Add(thread);
        return thread;
    }

    /// <summary>Puts a module into the loader list; those of frames come by themselves.</summary>
    public ProcessBuilder Use(ForgedModule module)
    {
        if (!IsSystem && module.IsUser && !_modules.Contains(module))
            _modules.Add(module);
        return this;
    }

    /// <summary>Room in the process's own region.</summary>
    internal ulong TakeUser(int size)
    {
        ulong taken = _nextUser;
        _nextUser += (ulong)(size + 0xfff & ~0xfff);
        return taken;
    }

    internal void Finish()
    {
        if (IsExited)
            Struct.Set("ExitTime", _system.Options.FileTime - 600_000_000)
                .TrySet("Flags", Struct.Get("Flags") | 0xc);
        if (CreateTime is { } created)
            Struct.Set("CreateTime", (ulong)created.ToFileTimeUtc());
        if (IsSystem)
            return;
        if (Executable is not null)
        {
            _modules.Remove(Executable);
            _modules.Insert(0, Executable);
        }
        foreach (ForgedModule module in _modules)
            _system.Modules.Map(module, Space);
        if (!IsUserModeAbsent)
            ProcessEnvironment.Write(_system, this);
    }

    private void Write(uint parent)
    {
        SystemOptions options = _system.Options;
        _system.Objects.WriteDispatcher(Address, "ProcessObject", _system.Layout.Size("_KPROCESS") / 4, 0);
        Struct.Set("Pcb.DirectoryTableBase", Space.DirectoryTableBase).Set("UniqueProcessId", Pid)
            .Set("InheritedFromUniqueProcessId", parent).Set("Pcb.BasePriority", 8)
            .Set("CreateTime", options.FileTime - (ulong)options.Uptime.Ticks + 10_000_000ul * (Pid + 1ul))
            .Set("SectionBaseAddress", IsSystem ? 0 : _system.Addresses.ProgramBase)
            .EmptyLists("ThreadListHead", "Pcb.ThreadListHead", "Pcb.ReadyListHead", "Pcb.ProfileListHead");
        byte[] name = Encoding.Latin1.GetBytes(Name);
        _system.Kernel.Write(Struct.At("ImageFileName"), name.AsSpan(0, Math.Min(name.Length, 14)));
        if (Path.Length > 0)
        {
            ulong information = _system.Pool.Take(16);
            _system.WriteText(information, Path);
            Struct.Set("SeAuditProcessCreationInfo.ImageFileName", information);
        }
        if (Pid == 0)
            return;
        if (!IsSystem)
        {
            // MM_SESSION_SPACE begins with two numbers; SessionId is behind them (public symbols of 7601).
            ulong session = _system.Pool.Take(0x20);
            _system.Kernel.WriteUInt32(session + 8, Session);
            Struct.TrySet("Session", session).TrySet("ProcessInSession", 1);
        }
        _system.Kernel.AppendToList(_system.Variables["PsActiveProcessHead"], Struct.At("ActiveProcessLinks"));
    }
}
