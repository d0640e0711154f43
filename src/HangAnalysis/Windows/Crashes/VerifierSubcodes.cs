namespace HangAnalysis.Windows.Crashes;

/// <summary>What Driver Verifier found, in words.</summary>
/// <remarks>
/// [D] The reference has some 260 rows; these are those of which drivers are written about, with what the other parameters are
/// where they are something that a reader can follow. An empty name is a parameter that depends on the build or says nothing.
/// </remarks>
internal static class VerifierSubcodes
{
    /// <summary>A row: the words, and the names of the second, third and fourth parameter.</summary>
    public sealed record Row(string Words, string Second = "", string Third = "", string Fourth = "");

    private static readonly Dictionary<ulong, Row> s_rows = new()
    {
        [0x00] = new("asked for zero bytes of pool", "IRQL", "pool type", "size in bytes"),
        [0x01] = new("asked for paged pool above APC_LEVEL", "IRQL", "pool type", "size in bytes"),
        [0x02] = new("asked for nonpaged pool above DISPATCH_LEVEL", "IRQL", "pool type", "size in bytes"),
        [0x03] = new("asked for pool that must not fail, more than a page of it", "IRQL", "pool type", "size in bytes"),
        [0x10] = new("freed an address that is no pool", "address"),
        [0x11] = new("freed paged pool above APC_LEVEL", "IRQL", "pool type", "address"),
        [0x12] = new("freed nonpaged pool above DISPATCH_LEVEL", "IRQL", "pool type", "address"),
        [0x13] = new("freed pool that is free", "", "header", "contents of the header"),
        [0x14] = new("freed pool that is free", "", "header", "contents of the header"),
        [0x15] = new("freed pool in which a timer is set", "timer", "", "address"),
        [0x16] = new("freed pool at an address that is none", "", "address"),
        [0x17] = new("freed pool in which a resource (ERESOURCE) is active", "resource", "", "address"),
        [0x30] = new("raised the IRQL to one that is lower, or none", "IRQL", "IRQL that was asked for"),
        [0x31] = new("lowered the IRQL to one that is higher, or none", "IRQL", "IRQL that was asked for"),
        [0x32] = new("released a spin lock at another IRQL than DISPATCH_LEVEL", "IRQL", "spin lock"),
        [0x33] = new("acquired a fast mutex above APC_LEVEL", "IRQL", "fast mutex"),
        [0x34] = new("released a fast mutex at another IRQL than APC_LEVEL", "IRQL", "fast mutex"),
        [0x35] = new("released a spin lock at another IRQL than DISPATCH_LEVEL", "IRQL", "spin lock"),
        [0x36] = new("released a queued spin lock at another IRQL than DISPATCH_LEVEL", "IRQL", "spin lock"),
        [0x37] = new("acquired a resource (ERESOURCE) while APCs are enabled", "IRQL", "count of APCs disabled", "resource"),
        [0x38] = new("released a resource (ERESOURCE) while APCs are enabled", "IRQL", "count of APCs disabled", "resource"),
        [0x39] = new("acquired a mutex (unsafe form) while APCs are enabled", "IRQL", "count of APCs disabled", "fast mutex"),
        [0x3a] = new("released a mutex (unsafe form) while APCs are enabled", "IRQL", "count of APCs disabled", "fast mutex"),
        [0x3b] = new("waited at DISPATCH_LEVEL or above", "IRQL", "object", "time-out"),
        [0x3c] = new("used a handle that is none", "handle", "type of the object"),
        [0x3d] = new("gave a resource (ERESOURCE) at an address that is not aligned", "", "", "address"),
        [0x3e] = new("left a critical region that it was not in"),
        [0x3f] = new("took a reference to an object that had none, or gave back one too many", "object", "", ""),
        [0x40] = new("acquired a spin lock below DISPATCH_LEVEL in the form that must be called there", "IRQL", "spin lock"),
        [0x41] = new("released a spin lock below DISPATCH_LEVEL in the form that must be called there", "IRQL", "spin lock"),
        [0x42] = new("acquired a spin lock above DISPATCH_LEVEL", "IRQL", "spin lock"),
        [0x51] = new("freed pool that it had written beyond the end of", "address", "address of the damage", "size in bytes"),
        [0x52] = new("freed pool whose tracking is damaged", "address", "entry", "size in bytes"),
        [0x53] = new("freed pool whose tracking is damaged", "address", "header", "entry"),
        [0x54] = new("freed pool whose tracking is damaged", "", "number of entries", ""),
        [0x59] = new("freed pool whose tracking is damaged", "", "", ""),
        [0x60] = new("was unloaded and left pool behind", "bytes of paged pool", "bytes of nonpaged pool", "number of blocks"),
        [0x61] = new("asked for pool while it was being unloaded", "bytes of paged pool", "bytes of nonpaged pool", "number of blocks"),
        [0x62] = new("was unloaded and left pool behind", "name of the driver", "", "number of blocks"),
        [0x6f] = new("locked pages that do not exist", "MDL", "page frame number", "highest page frame number"),
        [0x70] = new("locked pages at an IRQL that does not allow it", "IRQL", "MDL", "mode"),
        [0x71] = new("locked pages of a process at an IRQL that does not allow it", "IRQL", "MDL", "process"),
        [0x72] = new("locked selected pages at an IRQL that does not allow it", "IRQL", "MDL", "process"),
        [0x73] = new("mapped locked pages into the system above DISPATCH_LEVEL", "IRQL", "MDL", "mode"),
        [0x74] = new("mapped locked pages into a process above APC_LEVEL", "IRQL", "MDL", "mode"),
        [0x78] = new("unlocked pages above DISPATCH_LEVEL", "IRQL", "MDL"),
        [0x79] = new("unlocked pages that were not locked", "MDL", "flags of the MDL"),
        [0x7a] = new("unlocked pages of pool that was never to be unlocked", "MDL", "flags of the MDL"),
        [0x7b] = new("removed the mapping of pages above DISPATCH_LEVEL", "IRQL", "address", "MDL"),
        [0x80] = new("set an event above DISPATCH_LEVEL", "IRQL", "event"),
        [0x81] = new("mapped locked pages without saying that this may fail", "MDL", "flags of the MDL"),
        [0x82] = new("mapped locked pages without saying that this may fail", "MDL", "flags of the MDL"),
        [0x83] = new("mapped device memory that nobody has locked", "start of the physical range", "bytes", "page frame number"),
        [0x85] = new("unmapped device memory that it had not mapped", "address", "bytes"),
        [0x91] = new("switched to a stack of its own, which the system does not support"),
        [0xa0] = new("met a disk that returned other data than were written", "IRP", "lower device", "sector"),
        [0xc0] = new("sent a request with interrupts disabled", "dispatch routine", "", ""),
        [0xc1] = new("returned from a dispatch routine with interrupts disabled", "dispatch routine", "", ""),
        [0xc2] = new("returned from fast I/O with interrupts disabled", "dispatch routine", "", ""),
        [0xc3] = new("returned from fast I/O with interrupts disabled", "dispatch routine", "", ""),
        [0xc4] = new("returned from a dispatch routine with another count of disabled APCs", "dispatch routine", "count after", "count before"),
        [0xc5] = new("returned from fast I/O with another count of disabled APCs", "dispatch routine", "count after", "count before"),
        [0xc8] = new("returned from a dispatch routine at another IRQL", "dispatch routine", "IRQL after", "IRQL before"),
        [0xc9] = new("returned from fast I/O at another IRQL", "dispatch routine", "IRQL after", "IRQL before"),
        [0xca] = new("initialised a lookaside list again", "lookaside list", "", ""),
        [0xcb] = new("deleted a lookaside list that was not initialised", "lookaside list", "", ""),
        [0xcc] = new("freed pool in which a lookaside list is active", "lookaside list", "pool", "size in bytes"),
        [0xd0] = new("freed pool in which a resource (ERESOURCE) is active", "resource", "pool", "size in bytes"),
        [0xd5] = new("released a remove lock under another tag than it was acquired with", "remove lock", "tag", "tag of the acquisition"),
        [0xda] = new("was unloaded and left its WMI callback registered", "name of the driver", "", ""),
        [0xdb] = new("deleted a device that is still registered for WMI", "device", "", ""),
        [0xdc] = new("unregistered an event provider that is none", "", "", ""),
        [0xdd] = new("was unloaded and left an event provider registered", "caller", "start of the driver", ""),
        [0xdf] = new("put a synchronisation object into session memory", "object", "", ""),
        [0xe0] = new("gave a kernel function an address of user memory", "address", "bytes", ""),
        [0xe1] = new("put a synchronisation object at an address that is invalid or pageable", "object", "", ""),
        [0xe2] = new("sent a request of the kernel that has an address of user memory", "IRP", "user address", ""),
        [0xe3] = new("called a Zw function with an address of user memory", "caller", "user address", ""),
        [0xe4] = new("called a Zw function with a malformed string", "caller", "string", ""),
        [0xe5] = new("called a kernel function at an IRQL that it does not allow", "IRQL", "", ""),
        [0xe6] = new("called a Zw function at another IRQL than PASSIVE_LEVEL, or with APCs disabled", "caller", "IRQL", ""),
        [0xea] = new("acquired a resource (ERESOURCE) while APCs are enabled", "IRQL", "count of APCs disabled", "resource"),
        [0xf0] = new("copied memory between ranges that overlap", "destination", "source", "bytes"),
        [0xf5] = new("used a null handle", "handle", "", ""),
        [0xf6] = new("used a user handle as one of the kernel", "handle", "process", "caller"),
        [0xf7] = new("used a kernel handle in user mode", "handle", "process", "caller"),
        [0xfa] = new("returned from a completion routine at another IRQL", "completion routine", "IRQL", "IRQL"),
        [0xfb] = new("returned from a completion routine with another count of disabled APCs", "completion routine", "", ""),
        [0x105] = new("freed a request as pool", "IRP", "", ""),
        [0x115] = new("keeps the system from shutting down", "thread", "", ""),
        [0x1000] = new("acquired a lock that the thread has (self-deadlock)", "lock", "", ""),
        [0x1001] = new("acquired locks in another order than elsewhere (possible deadlock)", "lock", "", ""),
        [0x1002] = new("used a lock that was never initialised", "lock", "", ""),
        [0x1003] = new("released locks in another order than they were acquired", "lock", "lock that must be released first", ""),
        [0x1004] = new("released a lock of another thread", "lock", "owner", "thread"),
        [0x1005] = new("initialised a lock again", "lock", "", ""),
        [0x1006] = new("deleted a thread's memory that still has locks", "thread", "", ""),
        [0x1007] = new("released a lock that nobody has", "lock", "", ""),
        [0x1008] = new("acquired a lock in a form that does not fit it", "lock", "", ""),
        [0x1009] = new("released a lock in a form that does not fit it", "lock", "", ""),
        [0x100a] = new("ended a thread that still has a lock", "lock", "owner", ""),
        [0x100b] = new("deleted a lock that a thread still has", "lock", "owner", ""),
        [0x2000] = new("asked for pool that can be executed", "address in the driver", "pool type", "tag"),
        [0x2001] = new("asked for a page protection that allows execution", "address in the driver", "protection", ""),
        [0x2002] = new("mapped pages so that they can be executed", "address in the driver", "priority and flags", ""),
        [0x2003] = new("has a section that can be executed and written", "name of the driver", "", "section"),
        [0x2004] = new("has a section that is not aligned to pages", "name of the driver", "", "section"),
        [0x2005] = new("has its import table in a section that can be executed", "name of the driver", "", "section"),
    };

    /// <summary>A sub-code's row; null where it is not in the table.</summary>
    public static Row? Find(ulong code) => code is >= 0x2_0000 and <= 0x2_ffff
        ? new Row("broke a rule of DDI compliance checking", "rule, as text", "", "")
        : s_rows.GetValueOrDefault(code);

    /// <summary>Sub-codes in which the driver is known as the one that was just unloaded, not by the stack.</summary>
    public static bool IsUnload(ulong code) => code is 0x60 or 0x61 or 0x62 or 0xda or 0xdd;

    /// <summary>Sub-codes that speak of the disk.</summary>
    public static bool IsDisk(ulong code) => code is 0xa0 or 0xa1 or 0xa2;
}
