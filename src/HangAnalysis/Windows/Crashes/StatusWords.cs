namespace HangAnalysis.Windows.Crashes;

/// <summary>What an operation on pages failed with, by whom it is to be looked for.</summary>
internal enum StatusKind
{
    /// <summary>The status does not tell.</summary>
    Other,

    /// <summary>The disk, its controller, the cable or the path to it.</summary>
    Storage,

    /// <summary>A network or a device that is gone.</summary>
    Gone,

    /// <summary>Memory, or pool, was used up.</summary>
    Resources,

    /// <summary>What was read is not what was written: memory, or the store of compressed pages.</summary>
    Contents,
}

/// <summary>NTSTATUS values that stops carry, in words (ntstatus.h for the names).</summary>
internal static class StatusWords
{
    private static readonly Dictionary<uint, (string Name, string Words, StatusKind Kind)> s_known = new()
    {
        [0x00000000] = ("STATUS_SUCCESS", "success", StatusKind.Other),
        [0x00000102] = ("STATUS_TIMEOUT", "the time ran out", StatusKind.Other),
        [0x00000103] = ("STATUS_PENDING", "not finished yet", StatusKind.Other),
        [0x80000002] = ("STATUS_DATATYPE_MISALIGNMENT", "an address is not aligned", StatusKind.Other),
        [0x80000003] = ("STATUS_BREAKPOINT", "a breakpoint", StatusKind.Other),
        [0x80000004] = ("STATUS_SINGLE_STEP", "a single step", StatusKind.Other),
        [0xc0000001] = ("STATUS_UNSUCCESSFUL", "failed, without a reason", StatusKind.Other),
        [0xc0000002] = ("STATUS_NOT_IMPLEMENTED", "not implemented", StatusKind.Other),
        [0xc0000005] = ("STATUS_ACCESS_VIOLATION", "an access violation", StatusKind.Contents),
        [0xc0000006] = ("STATUS_IN_PAGE_ERROR", "a page could not be read in", StatusKind.Storage),
        [0xc0000008] = ("STATUS_INVALID_HANDLE", "an invalid handle", StatusKind.Other),
        [0xc000000d] = ("STATUS_INVALID_PARAMETER", "an invalid parameter", StatusKind.Other),
        [0xc000000e] = ("STATUS_NO_SUCH_DEVICE", "there is no such device", StatusKind.Gone),
        [0xc0000010] = ("STATUS_INVALID_DEVICE_REQUEST", "the device does not know the request", StatusKind.Storage),
        [0xc0000011] = ("STATUS_END_OF_FILE", "beyond the end of the file", StatusKind.Other),
        [0xc0000017] = ("STATUS_NO_MEMORY", "no memory was left", StatusKind.Resources),
        [0xc000001d] = ("STATUS_ILLEGAL_INSTRUCTION", "an illegal instruction", StatusKind.Other),
        [0xc0000022] = ("STATUS_ACCESS_DENIED", "access denied", StatusKind.Other),
        [0xc0000032] = ("STATUS_DISK_CORRUPT_ERROR", "the file system on the disk is corrupt", StatusKind.Storage),
        [0xc0000034] = ("STATUS_OBJECT_NAME_NOT_FOUND", "the name was not found", StatusKind.Other),
        [0xc000003f] = ("STATUS_CRC_ERROR", "a checksum is wrong", StatusKind.Contents),
        [0xc0000094] = ("STATUS_INTEGER_DIVIDE_BY_ZERO", "a division by zero", StatusKind.Other),
        [0xc0000096] = ("STATUS_PRIVILEGED_INSTRUCTION", "a privileged instruction", StatusKind.Other),
        [0xc000009a] = ("STATUS_INSUFFICIENT_RESOURCES", "no memory or pool was left for it", StatusKind.Resources),
        [0xc000009c] = ("STATUS_DEVICE_DATA_ERROR", "the device has an error in its data: bad sectors", StatusKind.Storage),
        [0xc000009d] = ("STATUS_DEVICE_NOT_CONNECTED", "the device is not connected: power, cable or controller", StatusKind.Gone),
        [0xc000009e] = ("STATUS_DEVICE_POWER_FAILURE", "the device has no power", StatusKind.Gone),
        [0xc00000a2] = ("STATUS_MEDIA_WRITE_PROTECTED", "the medium is write-protected", StatusKind.Storage),
        [0xc00000a3] = ("STATUS_DEVICE_NOT_READY", "the device is not ready", StatusKind.Storage),
        [0xc00000b5] = ("STATUS_IO_TIMEOUT", "the device did not answer in time", StatusKind.Storage),
        [0xc00000c0] = ("STATUS_DEVICE_DOES_NOT_EXIST", "the device does not exist", StatusKind.Gone),
        [0xc00000c4] = ("STATUS_UNEXPECTED_NETWORK_ERROR", "an unexpected error of the network", StatusKind.Gone),
        [0xc00000e9] = ("STATUS_UNEXPECTED_IO_ERROR", "an unexpected error of input or output", StatusKind.Storage),
        [0xc00000fd] = ("STATUS_STACK_OVERFLOW", "a stack overflow", StatusKind.Other),
        [0xc0000102] = ("STATUS_FILE_CORRUPT_ERROR", "a file or directory is corrupt", StatusKind.Storage),
        [0xc000012d] = ("STATUS_COMMITMENT_LIMIT", "the limit of committed memory is reached", StatusKind.Resources),
        [0xc0000142] = ("STATUS_DLL_INIT_FAILED", "a DLL could not be initialised", StatusKind.Other),
        [0xc000014f] = ("STATUS_UNRECOGNIZED_VOLUME", "no file system knows the volume", StatusKind.Storage),
        [0xc0000153] = ("STATUS_DRIVER_ENTRYPOINT_NOT_FOUND", "a driver imports what is not there", StatusKind.Other),
        [0xc000016a] = ("STATUS_DISK_OPERATION_FAILED", "the disk's operation failed", StatusKind.Storage),
        [0xc0000185] = ("STATUS_IO_DEVICE_ERROR", "the device has an error: controller, cable or disk", StatusKind.Storage),
        [0xc000018e] = ("STATUS_REGISTRY_HIVE_RECOVERED", "a registry hive was repaired", StatusKind.Other),
        [0xc00001ad] = ("STATUS_FATAL_MEMORY_EXHAUSTION", "memory is exhausted", StatusKind.Resources),
        [0xc0000203] = ("STATUS_USER_SESSION_DELETED", "the remote session is gone", StatusKind.Gone),
        [0xc000020c] = ("STATUS_CONNECTION_DISCONNECTED", "the connection is gone", StatusKind.Gone),
        [0xc0000221] = ("STATUS_IMAGE_CHECKSUM_MISMATCH", "an image's checksum is wrong", StatusKind.Contents),
        [0xc000026e] = ("STATUS_VOLUME_DISMOUNTED", "the volume was dismounted", StatusKind.Gone),
        [0xc00002b6] = ("STATUS_DEVICE_REMOVED", "the device was removed", StatusKind.Gone),
        [0xc00002c4] = ("STATUS_SYSTEM_IMAGE_BAD_SIGNATURE", "a page's contents do not fit their check value", StatusKind.Contents),
        [0xc0000374] = ("STATUS_HEAP_CORRUPTION", "a heap is corrupt", StatusKind.Other),
        [0xc0000409] = ("STATUS_STACK_BUFFER_OVERRUN", "a fail fast, or a stack buffer overrun", StatusKind.Other),
        [0xc0000420] = ("STATUS_ASSERTION_FAILURE", "an assertion failed", StatusKind.Other),
        [0xc0000428] = ("STATUS_INVALID_IMAGE_HASH", "an image's signature does not fit", StatusKind.Contents),
        [0xc000047f] = ("STATUS_IO_OPERATION_TIMEOUT", "the operation took too long", StatusKind.Storage),
    };

    /// <summary>The status in words with its name: <c>bad sectors (STATUS_DEVICE_DATA_ERROR)</c>; its number where unknown.</summary>
    public static string Of(uint status) => s_known.TryGetValue(status, out var known)
        ? $"{known.Words} ({known.Name})" : $"status 0x{status:x8}";

    /// <summary>What kind of failure a status speaks of.</summary>
    public static StatusKind KindOf(uint status) => s_known.TryGetValue(status, out var known) ? known.Kind : StatusKind.Other;

    /// <summary>Whether a parameter can be an NTSTATUS: 32 bits, perhaps with its sign extended, that say an error.</summary>
    public static bool IsError(ulong value) => value >> 32 is 0 or 0xffff_ffff && (uint)value >> 30 == 3;
}
