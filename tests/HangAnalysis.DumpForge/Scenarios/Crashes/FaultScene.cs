using System.Buffers.Binary;
using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>
/// A system that stops at an instruction: the instruction's real bytes are in the image, and its registers where Windows leaves
/// them for the code: in a trap frame on the stack, or in a CONTEXT with an exception record.
/// </summary>
internal sealed class FaultScene
{
    private const int FirstRegister = 0x78, RecordSize = 0x98;

    /// <summary>REX prefixes, which only code of x64 has; W alone makes operands of 64 bits (Intel SDM volume 2, 2.2.1).</summary>
    private const byte Rex = 0x40, RexMask = 0xf0, RexW = 0x48;

    /// <summary>Room for the records in the frame of the function that makes them.</summary>
    private const int DispatchFrame = 0x900;
    private const ulong ContextPlace = 0x100, RecordPlace = 0x680, EarlierPlace = 0x40;

    private const string ExceptionPath = """
        nt!KiDispatchException+0x1cd
        nt!KiExceptionDispatch+0xc2
        nt!KiPageFault+0x3fa

        """;

    /// <summary>
    /// The same on x86: KiTrap0E calls a function that does not return, with the trap frame on the stack, and KiDispatchException
    /// has made records of it (stacks of published dumps of 0x8E).
    /// </summary>
    private const string NarrowExceptionPath = """
        nt!KiDispatchException+0x1ac
        nt!CommonDispatchException+0x4a
        nt!KiTrap0E+0x1c8

        """;

    private static readonly (X64Register Register, string Field)[] s_narrow =
    [
        (X64Register.Rax, "Eax"), (X64Register.Rcx, "Ecx"), (X64Register.Rdx, "Edx"), (X64Register.Rbx, "Ebx"),
        (X64Register.Rsi, "Esi"), (X64Register.Rdi, "Edi"),
    ];

    /// <summary>What a stale place of a trap frame holds: nothing that the fault's registers have.</summary>
    private const ulong Stale = 0xffffa00b1cc0de10;

    private readonly SortedDictionary<X64Register, ulong> _registers = [];

    private FaultScene(Setup setup, ulong[] parameters)
    {
        System = setup.System;
        Setup = setup;
        Parameters = parameters;
    }

    public Setup Setup { get; }

    public SystemBuilder System { get; }

    /// <summary>Whether the system is one of x86.</summary>
    public bool IsNarrow => System.Layout.Architecture == Architecture.X86;

    /// <summary>The four parameters; addresses that are known late are written before the dump is.</summary>
    public ulong[] Parameters { get; }

    /// <summary>The thread that stops; set by the path of the code.</summary>
    public ThreadBuilder Thread { get; private set; } = null!;

    /// <summary>The instruction that fails.</summary>
    public ulong Instruction { get; private set; }

    /// <summary>The address that the fault reports.</summary>
    public ulong FaultAddress { get; set; }

    /// <summary>The error code that the processor pushes.</summary>
    public ulong ErrorCode { get; set; }

    /// <summary>Begins a small system that stops with a code.</summary>
    public static FaultScene Begin(KernelLayout layout, string name, uint code)
    {
        const uint SystemService = 0x3b, Trap = 0x8e, SmallDump = 0x10000000;
        if (layout.Architecture == Architecture.X86 && code == SystemService)
            throw new ArgumentException("on x86 a system call's exception is 0x8E: 0x3B is raised by the handler of x64's system calls");
        if (layout.Architecture != Architecture.X86 && (code & ~SmallDump) == Trap)
            throw new ArgumentException("0x8E is of x86: elsewhere no parameter is a trap frame");
        ulong[] parameters = [0, 0, 0, 0];
        Setup setup = Setup.Create(layout, name, new SystemOptions(layout)
        {
            IsMinimal = true,
            BugCheckCode = code,
            BugCheckParameters = parameters,
        });
        FaultScene scene = new(setup, parameters);
        setup.System.PreferredKind = DumpKind.Triage;
        return scene;
    }

    /// <summary>Adds a driver of another company.</summary>
    public ForgedModule Driver(string file)
    {
        ForgedModule driver = System.Modules.AddThirdParty(file, "Fabrikam Software", "3.1.0.22");
        driver.MinimumSize = 0x8000;
        return driver;
    }

    /// <summary>An address of the kernel; x86 has the low half of it, in its own half for the kernel.</summary>
    public ulong Kernel(ulong address) => IsNarrow ? (uint)address | 0x80000000u : address;

    /// <summary>Gives a register its value at the fault.</summary>
    public FaultScene With(X64Register register, ulong value)
    {
        if (IsNarrow && (register >= X64Register.R8 || value > uint.MaxValue))
            throw new ArgumentException($"x86 has no {register} with {value:x}");
        _registers[register] = value;
        return this;
    }

    /// <summary>
    /// The thread faults, and the trap's handler stops the system: the registers are in the trap frame, and those that it does
    /// not hold have not changed since.
    /// </summary>
    /// <param name="frames">The stack from the fault on.</param>
    /// <param name="code">The bytes of the instruction; none where it is to be fetched from where no code is.</param>
    public FaultScene Traps(string frames, byte[] code)
    {
        string above = "nt!KeBugCheckEx+0x107\nnt!KiBugCheckDispatch+0x69\nnt!KiPageFault+0x3fa\n";
        // On x86 KiTrap0E itself stops for an access at a raised IRQL, and MmAccessFault for an address that is none.
        if (IsNarrow)
            above = System.Options.BugCheckCode is 0x0a or 0xd1 or 0xc5 ? "nt!KeBugCheckEx+0x1e\nnt!KiTrap0E+0x2cf\n"
                : "nt!KeBugCheckEx+0x1e\nnt!MmAccessFault+0x106\nnt!KiTrap0E+0xdc\n";
        int inner = above.Count(c => c == '\n');
        Run(above + frames, inner, code);
        System.Finishing.Add(() =>
        {
            ulong at = Thread.StackPointers[inner - 1];
            if (IsNarrow)
            {
                WriteNarrowTrap(at);
                return;
            }
            KernelStruct trap = System.Struct("_KTRAP_FRAME", at).Set("FaultAddress", FaultAddress).Set("ErrorCode", ErrorCode)
                .Set("Rbx", Stale).Set("Rdi", Stale + 0x40).Set("Rsi", Stale + 0x80);
            foreach (X64Register register in (X64Register[])[X64Register.Rax, X64Register.Rcx, X64Register.Rdx, X64Register.R8,
                X64Register.R9, X64Register.R10, X64Register.R11])
                trap.Set(register.ToString(), _registers.GetValueOrDefault(register));
            TrapAt?.Invoke(at);
        });
        // What no function on the way saves, the processor still has when the dump is written.
        foreach ((X64Register register, ulong value) in _registers)
            if (register is X64Register.Rbx or X64Register.Rsi or X64Register.Rdi or >= X64Register.R12)
                Thread.Registers[register] = value;
        return this;
    }

    /// <summary>Is told where the trap frame lies.</summary>
    public Action<ulong>? TrapAt { get; set; }

    /// <summary>
    /// The thread raises an exception that nobody handles: CONTEXT and exception record lie in the frame of the function that
    /// made them.
    /// </summary>
    /// <param name="above">The frames between the dispatcher and the stop.</param>
    /// <param name="frames">The stack from the fault on.</param>
    /// <param name="code">The bytes of the instruction.</param>
    /// <param name="exception">The exception.</param>
    /// <param name="information">Its parameters.</param>
    public FaultScene Raises(string above, string frames, byte[] code, uint exception, params ulong[] information)
    {
        uint at = IsNarrow ? 0x1acu : 0x1cdu;
        System.Nt.PlaceFrame("KiDispatchException", at, null, $"nt!KiDispatchException+0x{at:x}", DispatchFrame);
        int dispatcher = above.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, inner = dispatcher + 3;
        Run(above + (IsNarrow ? NarrowExceptionPath : ExceptionPath) + frames, inner, code);
        Parameters[0] = unchecked((ulong)(int)exception);
        Parameters[1] = Instruction;
        System.Finishing.Add(() =>
        {
            ulong place = Thread.StackPointers[dispatcher], context = place + ContextPlace, record = place + RecordPlace;
            if (IsNarrow)
                WriteNarrowTrap(Thread.StackPointers[inner - 1]);
            byte[] bytes = Processors.Registers(System).Context(Instruction, Thread.StackPointers[inner], Thread.FramePointerOf(inner));
            foreach ((X64Register register, ulong value) in _registers)
                PutRegister(bytes, register, value);
            System.Kernel.Write(context, bytes);
            System.Kernel.Write(record, new byte[RecordSize]);
            KernelStruct written = System.Struct("_EXCEPTION_RECORD", record).Set("ExceptionCode", exception)
                .Set("ExceptionAddress", Instruction).Set("NumberParameters", (ulong)information.Length);
            for (int i = 0; i < information.Length; i++)
                written.Set($"ExceptionInformation[{i}]", information[i]);
            if (EarlierAddress is { } earlier)
            {
                System.Kernel.Write(place + EarlierPlace, System.Kernel.Read(record, RecordSize));
                System.Struct("_EXCEPTION_RECORD", place + EarlierPlace).Set("ExceptionInformation[1]", earlier);
            }
            RecordsAt?.Invoke(record, context);
        });
        return this;
    }

    /// <summary>An exception at the same instruction that was handled before: its record is still on the stack, below the other.</summary>
    public ulong? EarlierAddress { get; set; }

    /// <summary>Is told where exception record and CONTEXT lie.</summary>
    public Action<ulong, ulong>? RecordsAt { get; set; }

    /// <summary>Completes the scene with what is true of it.</summary>
    public SystemBuilder Complete(string cause, ForgedModule? culprit, ulong? address, string? module = null)
    {
        System.Truth = new Truth("crash", culprit, [])
        {
            Crash = new CrashTruth(cause, module ?? culprit?.FileName, Instruction, address),
        };
        return System;
    }

    private void Run(string frames, int inner, byte[] code)
    {
        Thread = Setup.Population.System.AddThread(0x1a4).Stack(frames).RunsOn(0).Priority(12);
        StackFrame fault = Thread.Frames!.Frames[inner];
        Instruction = fault.Address;
        if (fault.Module is { } module && code.Length > 0)
            module.Code[(uint)(Instruction - module.Base)] = IsNarrow ? Narrow(code) : code;
    }

    /// <summary>The instruction with operands of 32 bits; with other prefixes it would use registers that x86 does not have.</summary>
    private static byte[] Narrow(byte[] code) => code[0] == RexW ? code[1..]
        : (code[0] & RexMask) == Rex ? throw new ArgumentException("x86 has not the registers of this instruction") : code;

    /// <summary>A trap frame of x86 holds all registers, and no fault address: that was in CR2.</summary>
    private void WriteNarrowTrap(ulong at)
    {
        KernelStruct trap = System.Struct("_KTRAP_FRAME", at).Set("ErrCode", ErrorCode);
        foreach ((X64Register register, string field) in s_narrow)
            trap.Set(field, _registers.GetValueOrDefault(register));
        TrapAt?.Invoke(at);
    }

    private void PutRegister(byte[] context, X64Register register, ulong value)
    {
        if (!IsNarrow)
            BinaryPrimitives.WriteUInt64LittleEndian(context.AsSpan(FirstRegister + 8 * (int)register), value);
        else
            foreach ((X64Register known, string field) in s_narrow)
                if (known == register)
                    BinaryPrimitives.WriteUInt32LittleEndian(context.AsSpan(System.Layout.Offset("_CONTEXT", field)), (uint)value);
    }
}
