namespace HangAnalysis.Targets;

/// <summary>Access to memory: the kernel's address space and those of processes.</summary>
public interface IMemorySource
{
    /// <summary>Kernel memory by the page tables that were active when the dump was taken.</summary>
    IMemory KernelMemory { get; }

    /// <summary>
    /// Memory as a process sees it: its user half, and the kernel half with its session space.
    /// </summary>
    /// <param name="directoryTableBase">Physical address of the process's top page table (KPROCESS.DirectoryTableBase).</param>
    IMemory OpenAddressSpace(ulong directoryTableBase);
}

/// <summary>The images of the kernel.</summary>
public interface IModuleSource
{
    /// <summary>Loaded images in load order; the kernel itself is first.</summary>
    IReadOnlyList<TargetModule> KernelModules { get; }

    /// <summary>Drivers that had been unloaded, the latest last.</summary>
    IReadOnlyList<UnloadedModule> UnloadedModules { get; }
}

/// <summary>Symbols and types, found by image.</summary>
public interface ISymbolSource
{
    /// <summary>
    /// The symbols of an image, or null where none were found. The answer is remembered for the session, also across
    /// processes that map the same file.
    /// </summary>
    ISymbolFile? GetSymbols(TargetModule module);

    /// <summary>Version resource, company and the like; null where neither the dump nor the symbol path holds the resource.</summary>
    Images.ImageVersion? GetVersion(TargetModule module);

    /// <summary>Where the symbols of an image came from, or what was tried in vain, in lines for the user.</summary>
    IReadOnlyList<string> DescribeSearch(TargetModule module);
}

/// <summary>Unwind data and code bytes of images.</summary>
public interface IImageSource
{
    /// <summary>The image's bytes: from the dump, or from a matching file on the symbol path where the dump has none.</summary>
    Unwinding.UnwindImage GetUnwindImage(TargetModule module);
}

/// <summary>Processor state.</summary>
public interface IProcessorSource
{
    /// <summary>
    /// The registers of one processor at the moment of the dump.
    /// </summary>
    /// <param name="processor">Number from 0.</param>
    /// <param name="context">The registers; for the crash processor of a crash dump those of the crash.</param>
    /// <returns>False where the dump does not hold them.</returns>
    bool TryGetProcessorContext(int processor, out CpuContext context);

    /// <summary>The registers that the dump's header holds: the faulting or the dumping context.</summary>
    bool TryGetHeaderContext(out CpuContext context);

    /// <summary>Which processor wrote the dump; null where the dump does not tell.</summary>
    ProcessorIdentity? ReadProcessorIdentity() => null;
}

/// <summary>A dump that holds chosen blocks of memory and not pages: only such a one can be searched whole.</summary>
public interface IBlockSource
{
    /// <summary>The blocks, by address; possibly overlapping.</summary>
    IReadOnlyList<(ulong Address, uint Size)> Blocks { get; }
}

/// <summary>A dump that holds one thread and not the system.</summary>
public interface ICrashSource
{
    /// <summary>Address of the thread that was current when the dump was taken; 0 where not known.</summary>
    ulong CurrentThread { get; }
}

/// <summary>A dump file, or a debugger's session: everything that knowledge of an operating system is built on.</summary>
public interface ITarget : IMemorySource, IModuleSource, ISymbolSource, IImageSource, IProcessorSource, IDisposable
{
    /// <summary>What the dump says of itself.</summary>
    TargetDescription Description { get; }

    /// <summary>What the user does to have symbols found, as half a sentence.</summary>
    string SymbolPathAdvice { get; }
}

/// <summary>A driver that had been unloaded before the dump was taken.</summary>
/// <param name="Name">Name as recorded, cut to 12 characters in small dumps. Text from the dump.</param>
/// <param name="StartAddress">First address it occupied.</param>
/// <param name="EndAddress">First address after it.</param>
public sealed record UnloadedModule(string Name, ulong StartAddress, ulong EndAddress);
