namespace HangAnalysis.Linux.Symbols;

/// <summary>
/// Every bound on what the kernel's description of itself may make us do. Each is far above what real kernels hold:
/// the largest seen (Debian 6.12) has 154,686 symbols, 107,331 types, 424,307 ORC entries.
/// </summary>
internal static class SymbolLimits
{
    /// <summary>Symbols of the kernel.</summary>
    public const int Symbols = 4_000_000;

    /// <summary>Bytes of the kernel's compressed names; 1.4 MB are usual.</summary>
    public const int NameBytes = 64 * 1024 * 1024;

    /// <summary>
    /// Bytes of one compressed name. KSYM_NAME_LEN is 512 since 6.1 and compression never lengthens a name.
    /// </summary>
    public const int CompressedName = 512;

    /// <summary>Bytes of one name that are kept: KSYM_NAME_LEN.</summary>
    public const int Name = 512;

    /// <summary>Symbols of one module; the largest drivers have some 30,000.</summary>
    public const int ModuleSymbols = 524_288;

    /// <summary>Bytes of one module's names.</summary>
    public const int ModuleNameBytes = 32 * 1024 * 1024;

    /// <summary>Bytes of the type information of the kernel or of one module; 5 MB are usual.</summary>
    public const int BtfBytes = 64 * 1024 * 1024;

    /// <summary>Typedefs and qualifiers that are followed from one type.</summary>
    public const int TypeSteps = 32;

    /// <summary>Depth of anonymous structures within structures.</summary>
    public const int AnonymousDepth = 16;

    /// <summary>Members of one structure with those of its anonymous ones; task_struct has some 300.</summary>
    public const int Members = 16_384;

    /// <summary>ORC entries of the kernel or of one module.</summary>
    public const int OrcEntries = 8_000_000;

    /// <summary>Modules; large servers load some 200.</summary>
    public const int Modules = 4_096;

    /// <summary>Bytes of a stack that are searched for the caller of a function without unwind data.</summary>
    public const int CallerSearchBytes = 2_048;

    /// <summary>
    /// Switches of one walk to a lower address. A processor has a handful of stacks: task, interrupt, NMI, four of
    /// exceptions.
    /// </summary>
    public const int StackSwitches = 8;

    /// <summary>Processors: CONFIG_NR_CPUS is at most 8,192.</summary>
    public const int Processors = 8_192;

    /// <summary>
    /// Bytes that are searched for the kallsyms tables from the start of the kernel on: twice what kernels have.
    /// </summary>
    public const int KernelImageBytes = 64 * 1024 * 1024;
}
