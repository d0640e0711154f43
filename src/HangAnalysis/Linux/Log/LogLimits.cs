namespace HangAnalysis.Linux.Log;

/// <summary>Every bound on what a log may make us do.</summary>
internal static class LogLimits
{
    /// <summary>Records that are read: the last ones. A log of 32 MB, the most that people set, has some 400,000.</summary>
    public const int Records = 1 << 20;

    /// <summary>
    /// Bits of the number of descriptors: log_buf_len is at most 2 GB, with a descriptor for each 32 bytes.
    /// </summary>
    public const int DescriptorBits = 26;

    /// <summary>Bits of the size of the texts: log_buf_len is at most 2 GB.</summary>
    public const int TextBits = 31;

    /// <summary>Bytes of all texts together.</summary>
    public const int TextBytes = 64 * 1024 * 1024;

    /// <summary>Bytes of one structure of the log; the largest, printk_info, has 88.</summary>
    public const int StructureBytes = 1024;

    /// <summary>Records between the first line on an oops and its end: registers, stack, modules.</summary>
    public const int OopsRecords = 512;

    /// <summary>Events that are kept of one log: repeated ones are the usual reason for many.</summary>
    public const int Events = 4_096;
}
