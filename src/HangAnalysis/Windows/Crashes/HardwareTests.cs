using HangAnalysis.Model;
using HangAnalysis.Targets;
using HangAnalysis.Targets.Code;

namespace HangAnalysis.Windows.Crashes;

/// <summary>
/// Evidence that contradicts itself: what the processor reports cannot come from the instruction and the registers that the dump
/// holds. These tests run before any driver is blamed.
/// </summary>
/// <remarks>
/// Rules 0.7 to 0.9 of the triage facts. One machine crashed five times, and four of the dumps contradict themselves, with four
/// different modules at the fault [DUMP]; that the processor or memory is to blame is inferred. A code that was changed under
/// way, or a record of another fault, would look the same, so that certainty is never "proven".
/// </remarks>
internal static class HardwareTests
{
    private const byte Int3 = 0xcc;
    private const ulong PageBytes = 0x1000;

    private const string Advice = "test memory and processor (memory test over night, firmware defaults, no overclocking), and compare the " +
        "other dumps of this machine: changing culprits speak for hardware";

    /// <summary>Runs them on the instruction at the fault.</summary>
    public static void Run(CrashCase crash, FaultContext context, FaultCode code)
    {
        uint exception = crash.Exception?.Code ?? 0;
        if (exception == ExceptionRecord.IllegalInstruction)
            TestFeature(crash, code);
        else if (exception == ExceptionRecord.Breakpoint)
            TestPadding(crash, code);
        if (code.Instruction is { } instruction && !code.IsFromFile)
            TestAddress(crash, context, instruction);
        TestBits(crash, context, code);
    }

    /// <summary>Whether the reported address can come from the instruction with these registers.</summary>
    /// <param name="instruction">The instruction.</param>
    /// <param name="address">Where it stands.</param>
    /// <param name="reported">The reported address.</param>
    /// <returns>True where it can, false where it cannot, null where a register is not known or a size depends.</returns>
    public static bool? Explains(InstructionStudy instruction, ulong address, ulong reported)
    {
        // Fetching the instruction itself may fail, in the page behind it too.
        if (reported - address < InstructionStudy.MostBytes || reported == (address | (PageBytes - 1)) + 1)
            return true;
        bool isKnown = true;
        foreach (MemoryOperand memory in instruction.Memory)
        {
            if (memory.Address is not { } start)
            {
                isKnown = false;
                continue;
            }
            ulong size = memory.Bytes == 0 ? PageBytes : (ulong)memory.Bytes;
            // A general protection fault reports -1 whatever the address was.
            bool isOnlyProtection = reported == ulong.MaxValue && !AddressWords.IsCanonical(start);
            if (reported - start < size || isOnlyProtection)
                return true;
        }
        // Nor does -1 contradict an address that is one: alignment, privilege, a device or a hypervisor may have refused the access.
        return isKnown && !instruction.HasHiddenAccesses && reported != ulong.MaxValue ? false : null;
    }

    private static void TestAddress(CrashCase crash, FaultContext context, InstructionStudy instruction)
    {
        if (crash.ReportedAddress is not { } reported)
            return;
        bool? explained = Explains(instruction, context.InstructionPointer, reported);
        if (explained == true)
        {
            crash.RuleOut("an impossible fault", "the reported address is the one that instruction and registers make");
            return;
        }
        if (explained is null && reported == ulong.MaxValue)
        {
            foreach (MemoryOperand memory in instruction.Memory)
                if (memory.Address is { } made && AddressWords.IsCanonical(made))
                    crash.Tell("Protection", Phrase.Of($"a general protection fault, which names no address; {memory.Text} is {made:x16}, " +
                        "which is one: what refused the access is not recorded"));
            return;
        }
        if (explained is null)
        {
            crash.AddUnknown("whether the fault is possible", "the address of the access hangs on registers that the dump does not hold");
            return;
        }
        string operands = "";
        foreach (MemoryOperand memory in instruction.Memory)
            operands += $"{(operands.Length > 0 ? ", " : "")}{memory.Text} is {memory.Address:x16}";
        string why = operands.Length == 0
            ? $"{instruction.Mnemonic} accesses no memory, and the reported address is {reported:x16}"
            : $"{operands}, and the reported address is {reported:x16}";
        crash.Tell("Impossible", Phrase.Of(why));
        crash.Advise(Advice);
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            "the processor reported a fault that this instruction cannot make: processor or memory, or changed code; no driver is accused",
            // A record that no parameter names may be left over from an earlier exception at the same instruction.
            crash.Exception is { IsFound: true } ? Certainty.Candidate : Certainty.Inferred, why));
    }

    /// <summary>A breakpoint in the filling between functions: breakpoints before it were not executed, so no code ran into it.</summary>
    private static void TestPadding(CrashCase crash, FaultCode code)
    {
        if (code.IsFromFile || code.Bytes.Length == 0 || code.Bytes[0] != Int3)
            return;
        int before = 0;
        while (before < code.Before.Length && code.Before[^(before + 1)] == Int3)
            before++;
        if (before == 0)
            return;
        string why = $"the breakpoint lies in the filling between functions, and {before} breakpoint{(before == 1 ? "" : "s")} right before it " +
            $"{(before == 1 ? "was" : "were")} not hit: no code runs into it";
        crash.Tell("Impossible", Phrase.Of(why));
        crash.Advise(Advice);
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            "the processor stood where no code leads: processor or memory, or a jump through a damaged address; no driver is accused",
            Certainty.Candidate, why));
    }

    private static void TestFeature(CrashCase crash, FaultCode code)
    {
        if (code.Instruction is not { } instruction)
        {
            crash.Tell("Instruction", Phrase.Of($"the bytes at it make no instruction: it is no code, or code that was overwritten"));
            return;
        }
        if (instruction.Stop == StopInstruction.Undefined)
        {
            crash.Tell("Instruction", Phrase.Of("it is undefined on purpose: the code stops itself, as after a failed check"));
            return;
        }
        ProcessorIdentity? processor = crash.System.Target.ReadProcessorIdentity() ?? ReadIdentity(crash.Session);
        string named = processor is null ? "this processor" : $"this processor ({processor}, hexadecimal)";
        string? missing = null, doubtful = null;
        foreach (string feature in instruction.Features)
        {
            bool? has = processor is null ? ProcessorFeatures.IsAlwaysThere(feature) ? true : null : ProcessorFeatures.Has(feature, processor);
            missing ??= has == false ? feature : null;
            doubtful ??= has is null ? feature : null;
        }
        string? module = crash.Fault?.Where.Module?.FileName ?? "the code";
        if ((missing ?? doubtful) is { } needed)
        {
            string verb = missing is null ? "may not have" : "does not have";
            crash.Tell("Processor", Phrase.Of($"{instruction.Mnemonic} needs {needed}, which {named} {verb}"));
            crash.Advise($"use a version of {module} that supports this processor, or another processor");
            crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.ProcessorFeature,
                $"{module} executes {instruction.Mnemonic}, which {named} {verb}",
                missing is null ? Certainty.Candidate : Certainty.Proven,
                $"illegal instruction at a valid {instruction.Mnemonic}; by its maker's manual the processor {verb} {needed}")
            {
                Module = crash.Fault?.Where.Module,
                Frame = crash.Fault?.Where,
            });
            return;
        }
        if (code.IsFromFile || instruction.MayFailOtherwise)
            return;
        string why = $"{instruction.Mnemonic} is valid and every processor has it, and it was reported as illegal";
        crash.Tell("Impossible", Phrase.Of(why));
        crash.Advise(Advice);
        crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
            "the processor refused an instruction that it has: processor or memory, or changed code; no driver is accused",
            Certainty.Inferred, why));
    }

    /// <summary>The processor's identity by the kernel's symbols, where the target does not tell it by itself.</summary>
    private static ProcessorIdentity? ReadIdentity(KernelSession session)
    {
        StructLayout block = session.Types.Get("_KPRCB");
        FieldSlot type = block.Optional("CpuType"), vendor = block.Optional("VendorString");
        Span<byte> identity = stackalloc byte[ProcessorIdentity.TypeLength];
        Span<byte> name = stackalloc byte[ProcessorIdentity.VendorLength];
        if (!type.IsPresent || !vendor.IsPresent || !session.TryReadPointerVariable("KiProcessorBlock", out ulong at)
            || !session.IsObject(at) || !session.Memory.TryRead(at + (ulong)type.Offset, identity))
            return null;
        return ProcessorIdentity.FromBlock(identity, session.Memory.TryRead(at + (ulong)vendor.Offset, name) ? name : default);
    }

    /// <summary>
    /// Pointers of the instruction that are one bit away from what a pointer is. A driver's own mistake is likelier than memory
    /// where the driver is not a part of Windows: then it is only told.
    /// </summary>
    private static void TestBits(CrashCase crash, FaultContext context, FaultCode code)
    {
        foreach ((string name, int index) in code.Instruction?.AddressRegisters ?? [])
        {
            if (context.Value(index) is not { } value || crash.Session.Memory.PointerSize != sizeof(ulong))
                continue;
            int? alone = BitTest.StandsAlone(value);
            if ((alone ?? BitTest.BreaksCanonical(value)) is not { } bit)
                continue;
            ulong rest = value ^ 1UL << bit;
            string what = alone is not null
                ? $"{name} holds {value:x}: {(rest == 0 ? "a null pointer" : $"0x{rest:x}")} and bit {bit} alone"
                : $"{name} holds {value:x16}, which is an address but for bit {bit}";
            crash.Tell("Single bit", Phrase.Of($"{what}, as memory with an error makes it"));
            crash.Advise("look for the same bit in other dumps of this machine: twice the same bit is defective memory");
            if (crash.Fault?.Where.Module is { Origin: ModuleOrigin.ThirdParty or ModuleOrigin.Unknown })
                continue;
            crash.Advise(Advice);
            crash.Accuse(BlameRank.Hardware, new CrashBlame(CrashCause.Hardware,
                $"a pointer has one wrong bit ({bit}): memory may be defective; no driver is accused", Certainty.Candidate, what));
        }
    }
}
