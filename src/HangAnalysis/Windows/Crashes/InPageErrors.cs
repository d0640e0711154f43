using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Pages that could not be read in: 0x7A, 0x77; and the store of compressed pages: 0x154, and 0x18B beside it.</summary>
/// <remarks>
/// [D] parameters; [DUMP] that the third of 0x7A is the process where the first is 1, against the reference; [S]
/// _MMINPAGE_SUPPORT since 9600 (crash-triage 1.1). In words, by the status: a disk, memory, or a lack of memory.
/// </remarks>
internal static class InPageErrors
{
    /// <summary>0x7A.</summary>
    public static void Data(CrashCase crash)
    {
        ulong kind = crash.P(1);
        uint status = (uint)crash.P(2);
        crash.Name(2, "status of the read", Phrase.Of(StatusWords.Of(status)));
        crash.Name(4, "address that could not be read in");
        if (crash.Session.IsKernel(kind))
        {
            crash.Name(1, "address of the page table entry");
            crash.Name(3, "contents of the page table entry");
        }
        else
        {
            bool isSupport = kind is 3 or 4 && crash.P(3) != 0 && DispatcherType(crash, crash.P(3)) != ProcessObject;
            crash.Name(1, "kind of lock", Phrase.Of(kind switch
            {
                1 or 2 => "a page of a process, or of the system",
                3 or 4 when isSupport => "a page whose read parameter 3 describes",
                _ => "a page; parameter 3 is the process or zero",
            }));
            crash.Name(3, isSupport ? "description of the read (MMINPAGE_SUPPORT)" : "process",
                isSupport || crash.System.FindProcess(crash.P(3)) is not { } process ? null : Phrase.Of($"{process}"));
            if (isSupport)
                TellRead(crash, crash.P(3));
        }
        AccuseByStatus(crash, status, "a page of the kernel");
    }

    /// <summary>0x77: a thread's kernel stack.</summary>
    public static void Stack(CrashCase crash)
    {
        if (crash.P(1) > 2)
        {
            uint status = (uint)crash.P(1);
            crash.Name(1, "status", Phrase.Of(StatusWords.Of(status)));
            crash.Name(2, "status of the read", Phrase.Of(StatusWords.Of((uint)crash.P(2))));
            crash.Name(3, "number of the page file");
            crash.Name(4, "place in the page file");
            AccuseByStatus(crash, StatusWords.KindOf((uint)crash.P(2)) == StatusKind.Other ? status : (uint)crash.P(2), "a kernel stack");
            return;
        }
        crash.Name(1, "where the page came from", Phrase.Of(crash.P(1) switch
        {
            0 => "memory",
            1 => "the disk",
            _ => "the disk, which claimed success and returned another length",
        }));
        crash.Name(2, "what stands where the stack's mark should be");
        crash.Name(3, "reserved");
        crash.Name(4, "address of the mark");
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Hardware, crash.P(1) == 0
                ? "memory, in all likelihood: a kernel stack lost its mark while it was out"
                : "the disk with the page file, or memory: a kernel stack came back other than it was written",
            Certainty.Inferred, "the read succeeded, and the mark that every kernel stack has is gone"));
        AdviseDisk(crash);
        MemoryManagement.AdviseMemoryTest(crash);
    }

    /// <summary>0x154: an exception in the store of compressed pages.</summary>
    public static void Store(CrashCase crash)
    {
        crash.Name(1, "store, or its data manager");
        crash.Name(2, "exception (EXCEPTION_POINTERS)");
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        (uint Code, ulong Address, uint Status)? exception = ReadException(crash, crash.P(2));
        if (exception is { } found)
        {
            FrameFacts where = crash.System.DescribeAddress(found.Address);
            crash.Tell("Exception", Phrase.Of($"{StatusWords.Of(found.Code)} at {where.Text}"));
        }
        else
            crash.AddUnknown($"the exception at {crash.P(2):x16}", "the dump does not hold it");
        const uint InPage = 0xc0000006;
        if (exception is { Code: InPage, Status: var status } && status != 0)
        {
            crash.Tell("Read", Phrase.Of(StatusWords.Of(status)));
            AccuseByStatus(crash, status, "a page of the store of compressed memory");
            return;
        }
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Hardware,
            "memory, or the disk with the page file: the store of compressed pages came upon contents that cannot be", Certainty.Candidate,
            "the store runs no driver's code; its contents change by defective memory or disks, more rarely by a driver that goes astray"));
        AdviseDisk(crash);
        MemoryManagement.AdviseMemoryTest(crash);
    }

    /// <summary>0x18B: the secure kernel stopped the system.</summary>
    public static void SecureKernel(CrashCase crash)
    {
        for (int i = 1; i <= 4; i++)
            crash.Name(i, "reserved");
        crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown, "the secure kernel found an error in its own world", Certainty.Inferred,
            "the code says no more, and memory of the secure kernel is in no dump"));
        crash.AddUnknown("why the secure kernel stopped the system", "its memory (VTL 1) is not in the dump");
        crash.Advise("update firmware and Windows; a memory test, and other dumps of the machine, decide for or against hardware");
    }

    /// <summary>Accuses what the status of a read speaks of.</summary>
    private static void AccuseByStatus(CrashCase crash, uint status, string page)
    {
        string words = StatusWords.Of(status);
        switch (StatusWords.KindOf(status))
        {
            case StatusKind.Storage:
            case StatusKind.Gone:
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Device,
                    $"the disk, its controller or the path to it: {page} could not be read in", Certainty.Inferred,
                    $"the read ended with: {words}"));
                AdviseDisk(crash);
                crash.Suggest("!stor");
                break;
            case StatusKind.Resources:
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Unknown,
                    $"memory was used up: {page} could not be read in for want of it", Certainty.Inferred, $"the read ended with: {words}"));
                crash.Suggest("!mem");
                crash.Suggest("!poolwho");
                break;
            default:
                crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Hardware,
                    $"memory, or the store of compressed pages: {page} could not be read in, and no device reported an error",
                    Certainty.Candidate, $"the read ended with: {words}"));
                MemoryManagement.AdviseMemoryTest(crash);
                AdviseDisk(crash);
                break;
        }
    }

    private const byte ProcessObject = 3, ThreadObject = 6;

    /// <summary>First byte of an object that threads can wait for: its type, the same numbers in every build (KOBJECTS).</summary>
    private static byte DispatcherType(CrashCase crash, ulong address) =>
        crash.Session.IsObject(address) && crash.Session.Memory.TryReadByte(address, out byte type) ? (byte)(type & 0x7f) : (byte)0xff;

    private static void TellRead(CrashCase crash, ulong support)
    {
        StructLayout layout = crash.Session.Types.Get("_MMINPAGE_SUPPORT");
        FieldSlot thread = layout.Optional("Thread"), file = layout.Optional("FilePointer");
        IMemory memory = crash.Session.Memory;
        if (thread.IsPresent && memory.TryReadPointer(support + (ulong)thread.Offset, out ulong reader)
            && DispatcherType(crash, reader) == ThreadObject)
            crash.Tell("Reader", Phrase.Of($"thread {new ObjectReference(ObjectKind.Thread, reader)}"));
        if (!file.IsPresent || !memory.TryReadPointer(support + (ulong)file.Offset, out ulong fileObject))
        {
            crash.AddUnknown("which file was read", layout.Exists ? "the dump does not hold the description of the read"
                : "the symbols do not have _MMINPAGE_SUPPORT");
            return;
        }
        // The lowest bits of the pointer are flags.
        const ulong Flags = 0xf;
        fileObject &= ~Flags;
        FieldSlot name = crash.Session.Types.Get("_FILE_OBJECT").Optional("FileName");
        FieldSlot device = crash.Session.Types.Get("_FILE_OBJECT").Optional("DeviceObject");
        if (!crash.Session.IsObject(fileObject) || !name.IsPresent
            || UnicodeStrings.Read(memory, fileObject + (ulong)name.Offset) is not { } path)
        {
            crash.AddUnknown("which file was read", "no file object is recorded, or the dump does not hold it");
            return;
        }
        string on = device.IsPresent && memory.TryReadPointer(fileObject + (ulong)device.Offset, out ulong volume) && volume != 0
            && new DeviceReader(crash.Session).Describe(volume).DriverName is { } driver ? $", on a device of {driver}" : "";
        crash.Tell("File", Phrase.Of($"{path}{on}"));
    }

    /// <summary>EXCEPTION_POINTERS and the record that they lead to: code, address, and the status that an in-page error carries.</summary>
    private static (uint Code, ulong Address, uint Status)? ReadException(CrashCase crash, ulong pointers)
    {
        IMemory memory = crash.Session.Memory;
        ulong word = (ulong)memory.PointerSize;
        if (!memory.TryReadPointer(pointers, out ulong record) || !crash.Session.IsObject(record)
            || !memory.TryReadUInt32(record, out uint code) || !memory.TryReadPointer(record + 8 + word, out ulong address)
            || !memory.TryReadUInt32(record + 8 + 2 * word, out uint count))
            return null;
        // Parameters follow the count at the next multiple of a pointer's size: kind of access, address, status.
        ulong parameters = record + 8 + 3 * word;
        memory.TryReadPointer(parameters + 2 * word, out ulong status);
        return (code, address, count >= 3 && count <= 15 ? (uint)status : 0);
    }

    private static void AdviseDisk(CrashCase crash)
    {
        crash.Advise("look after the disk with the page file: SMART, its controller's log, cable, firmware; events 7, 11, 51, 129, 153");
        crash.Advise("chkdsk /r on the volume, once its data are saved");
    }
}
