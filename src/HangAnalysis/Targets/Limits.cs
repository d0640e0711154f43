namespace HangAnalysis.Targets;

/// <summary>
/// Every bound on what a dump or a symbol file may make us do. Each is far above what real systems hold and low enough
/// that a damaged file costs seconds and not hours.
/// </summary>
public static class Limits
{
    /// <summary>Processes of one system. Real terminal servers hold a few thousand.</summary>
    public const int Processes = 65_536;

    /// <summary>Threads of one system. The largest published case held 5,272.</summary>
    public const int Threads = 1_000_000;

    /// <summary>Threads of one process.</summary>
    public const int ThreadsPerProcess = 250_000;

    /// <summary>Images of the kernel or of one process.</summary>
    public const int Modules = 4_096;

    /// <summary>Entries of one linked list that has no limit of its own.</summary>
    public const int ListEntries = 1_000_000;

    /// <summary>Frames of one stack: what debuggers show unless told otherwise.</summary>
    public const int Frames = 256;

    /// <summary>Frames of all stacks that are kept for a second look. 100,000 threads with 20 frames need as many.</summary>
    public const int KeptFrames = 2_000_000;

    /// <summary>Bytes of one kernel structure. The largest that is read whole, KPRCB, has less than 64 KB.</summary>
    public const int StructureBytes = 256 * 1024;

    /// <summary>Bytes of one kernel stack that are read; those of real systems are smaller.</summary>
    public const int StackBytes = 128 * 1024;

    /// <summary>Characters of one string of a dump: UNICODE_STRING holds at most 32,767.</summary>
    public const int StringCharacters = 32_767;

    /// <summary>Bytes of a program's environment variables that are searched: 32,767 characters were the most for long.</summary>
    public const int EnvironmentBytes = 128 * 1024;

    /// <summary>Processors: Windows runs on at most 2,048.</summary>
    public const int Processors = 2_048;

    /// <summary>ERESOURCEs of one system. Published dumps hold up to 108,531.</summary>
    public const int Resources = 2_000_000;

    /// <summary>AutoBoost lock entries of one thread: every layout from 9600 to 22000 has six.</summary>
    public const int LockEntriesPerThread = 6;

    /// <summary>Bytes of a waiting thread's stack that are searched for the address of its lock: the waiting functions' frames.</summary>
    public const int LockSearchBytes = 0x1000;

    /// <summary>Threads whose stacks are searched so; a lock that one search finds names its other waiters.</summary>
    public const int LockSearches = 1_024;

    /// <summary>Messages in one queue of a port.</summary>
    public const int QueuedMessages = 16_384;

    /// <summary>Message ports of one system, and connections of one port. Real systems have some thousands.</summary>
    public const int Ports = 262_144;

    /// <summary>Bytes of a user stack that are searched for the lock of a waiting function: a few frames are.</summary>
    public const int UserLockBytes = 0x1000;

    /// <summary>Requests in one thread's list.</summary>
    public const int RequestsPerThread = 4_096;

    /// <summary>Devices of one stack of devices. Real ones have about ten.</summary>
    public const int DevicesPerStack = 64;

    /// <summary>Requests in the queue of one device, or of one file.</summary>
    public const int RequestsPerDevice = 4_096;

    /// <summary>Items that wait in one work queue.</summary>
    public const int WorkItems = 65_536;

    /// <summary>Threads in page-in whose stacks are searched for their request; one disk is found by the first of them.</summary>
    public const int PageInStacks = 256;

    /// <summary>Bytes of such a stack that are searched, from its top: the calls between the fault and the wait need less.</summary>
    public const int PageInStackBytes = 4_096;

    /// <summary>Bytes of one symbol file that is read whole (a compressed symbol table, unpacked).</summary>
    public const int SymbolTableBytes = 512 * 1024 * 1024;

    /// <summary>Bytes of one PDB or image that a symbol server may send.</summary>
    public const long DownloadBytes = 2L * 1024 * 1024 * 1024;

    /// <summary>Threads in one queue of threads that could run. Real queues hold a few dozen.</summary>
    public const int ReadyThreads = 65_536;

    /// <summary>Frames by which a processor is stopped for a dump, before what it did.</summary>
    public const int FreezeFrames = 32;

    /// <summary>Stacks that are searched for the entries of queued spin locks.</summary>
    public const int LockQueueSearches = 256;

    /// <summary>Entries of one table of pool tags. Real ones have some thousands; the largest seen has 16,384.</summary>
    public const int PoolTags = 262_144;

    /// <summary>Large blocks of pool, free places of their table included.</summary>
    public const int LargePoolBlocks = 8 * 1024 * 1024;

    /// <summary>Lines on what could not be read of the pools.</summary>
    public const int PoolProblems = 8;

    /// <summary>Bytes of one image's code that are searched for tags of pool. The largest images have 20 MB.</summary>
    public const int PoolCodeBytes = 64 * 1024 * 1024;
}
