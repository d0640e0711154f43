namespace HangAnalysis.Esxi;

/// <summary>Every bound on what the text of a purple screen may make us do. What goes beyond is counted and told.</summary>
public static class EsxiLimits
{
    /// <summary>Bytes of one text that are read. A vmkernel log is rotated long before.</summary>
    public const int TextBytes = 64 * 1024 * 1024;

    /// <summary>Characters of one line. The longest lines of published screens, module tables, have a few hundred.</summary>
    public const int LineCharacters = 4_096;

    /// <summary>
    /// Characters at the start of a line in which the log's own prefix is looked for: time, host, processor.
    /// </summary>
    public const int PrefixCharacters = 192;

    /// <summary>Stacks of one panic: one for each processor, and those that a log printed before.</summary>
    public const int Backtraces = 1_024;

    /// <summary>Frames of one stack. The kernel's own walk ends far earlier.</summary>
    public const int Frames = 256;

    /// <summary>Processors of one host. ESXi 8 runs on at most 896.</summary>
    public const int Processors = 4_096;

    /// <summary>Modules in the table behind the stack.</summary>
    public const int Modules = 2_048;

    /// <summary>Registers of one screen.</summary>
    public const int Registers = 64;

    /// <summary>
    /// Lines of machine-check banks, of lost heartbeats and of interrupted processors that are kept, each.
    /// </summary>
    public const int Notes = 256;

    /// <summary>Lines that were not understood of which the text is kept; the others are counted.</summary>
    public const int KeptLines = 8;

    /// <summary>Characters of such a line.</summary>
    public const int KeptCharacters = 100;

    /// <summary>Earlier panics of which the text is kept; the others are counted.</summary>
    public const int EarlierPanics = 16;
}
