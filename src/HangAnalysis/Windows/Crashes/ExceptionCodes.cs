using HangAnalysis.Model;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Windows.Crashes;

/// <summary>Bug checks for an exception that nobody handled: 1E, 3B, 7E, 8E.</summary>
/// <remarks>
/// Which parameter leads to the registers: 3B the third, 7E the third to the exception record and the fourth to the CONTEXT, 8E
/// the third to a trap frame [D], checked on real dumps [DUMP]; 1E names neither, and of 3B the record is no parameter: both are
/// found by searching the stacks [DUMP: 1E yes, records in six of seven].
/// </remarks>
internal static class ExceptionCodes
{
    /// <summary>KMODE_EXCEPTION_NOT_HANDLED.</summary>
    public static void KernelMode(CrashCase crash)
    {
        NameException(crash);
        uint code = (uint)crash.P(1);
        bool isAccess = code is ExceptionRecord.AccessViolation or ExceptionRecord.InPageError;
        crash.Name(3, isAccess ? "access" : "first parameter of the exception", isAccess ? Phrase.Of(FaultCodes.Word(Kind(crash.P(3)))) : null);
        crash.Name(4, isAccess ? "address" : "second parameter of the exception", isAccess ? FaultCodes.Words(crash, crash.P(4)) : null);
        crash.Context = crash.Contexts.FindContext(crash.P(2)) ?? crash.Contexts.FindTrapFrame(crash.P(2), null);
        // Access and address are parameters: a record that says otherwise is another exception's.
        crash.Exception = isAccess
            ? crash.Contexts.FindException(code, crash.P(2), AgreesWithParameters) is { } found && AgreesWithParameters(found) ? found
                : new ExceptionRecord(0, code, crash.P(2), [crash.P(3), crash.P(4)])
            : crash.Contexts.FindException(code, crash.P(2)) ?? new ExceptionRecord(0, code, crash.P(2), []);
        Finish(crash, "neither a CONTEXT nor a trap frame of it is on the stacks of the dump");

        bool AgreesWithParameters(ExceptionRecord record) =>
            record.Information.Count >= 2 && record.Information[0] == crash.P(3) && record.Information[1] == crash.P(4);
    }

    /// <summary>SYSTEM_SERVICE_EXCEPTION.</summary>
    public static void SystemService(CrashCase crash)
    {
        NameException(crash);
        crash.Name(3, "CONTEXT", null);
        crash.Name(4, "reserved");
        uint code = (uint)crash.P(1);
        crash.Context = crash.Contexts.FromContext(crash.P(3), crash.P(2), "parameter 3") ?? crash.Contexts.FindContext(crash.P(2));
        crash.Exception = Search(crash, code);
        if (crash.Exception.At == 0 && code is ExceptionRecord.AccessViolation or ExceptionRecord.InPageError)
            crash.AddUnknown("which address could not be accessed", "the exception's record is not on the stacks of the dump");
        Finish(crash, "parameter 3 leads to no CONTEXT of the instruction, and none is on the stacks of the dump");
    }

    /// <summary>SYSTEM_THREAD_EXCEPTION_NOT_HANDLED.</summary>
    public static void SystemThread(CrashCase crash)
    {
        NameException(crash);
        crash.Name(3, "exception record", null);
        crash.Name(4, "CONTEXT", null);
        uint code = (uint)crash.P(1);
        crash.Context = crash.Contexts.FromContext(crash.P(4), crash.P(2), "parameter 4")
            ?? crash.Contexts.FromHeader(crash.P(2)) ?? crash.Contexts.FindContext(crash.P(2));
        crash.Exception = crash.Contexts.ReadException(crash.P(3)) is { } record && record.Code == code && record.Address == crash.P(2)
            ? record
            : Search(crash, code);
        Finish(crash, "parameter 4 leads to no CONTEXT of the instruction, and neither the header nor the stacks hold one");
    }

    /// <summary>KERNEL_MODE_EXCEPTION_NOT_HANDLED, of 32-bit systems.</summary>
    public static void KernelModeTrap(CrashCase crash)
    {
        NameException(crash);
        crash.Name(3, "trap frame", null);
        crash.Name(4, "reserved");
        uint code = (uint)crash.P(1);
        crash.Context = crash.Contexts.FromTrapFrame(crash.P(3), crash.P(2), "parameter 3")
            ?? crash.Contexts.FindTrapFrame(crash.P(2), null) ?? crash.Contexts.FindContext(crash.P(2));
        crash.Exception = Search(crash, code);
        Finish(crash, "parameter 3 leads to no trap frame of the instruction, and none is on the stacks of the dump");
    }

    /// <summary>
    /// The record on the stacks: one whose address the instruction makes with the registers that were found, where there is one.
    /// </summary>
    private static ExceptionRecord Search(CrashCase crash, uint code)
    {
        InstructionStudy? instruction = crash.Context is { } context ? FaultCode.Read(crash.System, context)?.Instruction : null;
        ExceptionRecord? found = crash.Contexts.FindException(code, crash.P(2), record => instruction is null
            || record.AccessedAddress is not { } address || HardwareTests.Explains(instruction, crash.P(2), address) == true);
        return found is null ? new ExceptionRecord(0, code, crash.P(2), []) : found with { IsFound = true };
    }

    private static void NameException(CrashCase crash)
    {
        crash.Name(1, "exception", Phrase.Of(ExceptionWords.Describe((uint)crash.P(1))));
        crash.Name(2, "instruction", FaultCodes.Place(crash, crash.P(2)));
    }

    private static void Finish(CrashCase crash, string missing)
    {
        crash.InstructionPointer = crash.P(2);
        if (crash.Exception is { AccessedAddress: { } address } record)
        {
            crash.ReportedAddress = address;
            crash.Access = Kind(record.Information[0]);
            string words = AddressWords.Describe(crash.System, address);
            crash.Tell("Exception", record.At == 0
                ? Phrase.Of($"{FaultCodes.Word(crash.Access)} of {address:x16}: {words}")
                : Phrase.Of($"record at {record.At:x16}: {FaultCodes.Word(crash.Access)} of {address:x16}: {words}"));
            const int StatusIndex = 2;
            if (record.Code == ExceptionRecord.InPageError && record.Information.Count > StatusIndex)
                crash.Tell("Page-in", Phrase.Of($"the page could not be read in: status 0x{(uint)record.Information[StatusIndex]:x8}"));
        }
        if (crash.Context is null)
            crash.AddUnknown("the registers at the fault", missing);
    }

    private static CrashAccessKind Kind(ulong information) => information switch
    {
        0 => CrashAccessKind.Read,
        1 => CrashAccessKind.Write,
        8 => CrashAccessKind.Execute,
        _ => CrashAccessKind.Unknown,
    };
}
