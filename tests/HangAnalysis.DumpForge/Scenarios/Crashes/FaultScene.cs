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

    /// <summary>Room for the records in the frame of the function that makes them.</summary>
    private const int DispatchFrame = 0x900;
    private const ulong ContextPlace = 0x100, RecordPlace = 0x680, EarlierPlace = 0x40;

    private const string ExceptionPath = """
        nt!KiDispatchException+0x1cd
        nt!KiExceptionDispatch+0xc2
        nt!KiPageFault+0x3fa

        """;

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

    /// <summary>Gives a register its value at the fault.</summary>
    public FaultScene With(X64Register register, ulong value)
    {
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
        const int Inner = 3, TrapFrame = 2;
        Run("""
            nt!KeBugCheckEx+0x107
            nt!KiBugCheckDispatch+0x69
            nt!KiPageFault+0x3fa

            """ + frames, Inner, code);
        System.Finishing.Add(() =>
        {
            ulong at = Thread.StackPointers[TrapFrame];
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
        System.Nt.PlaceFrame("KiDispatchException", 0x1cd, null, "nt!KiDispatchException+0x1cd", DispatchFrame);
        int dispatcher = above.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, inner = dispatcher + 3;
        Run(above + ExceptionPath + frames, inner, code);
        Parameters[0] = unchecked((ulong)(int)exception);
        Parameters[1] = Instruction;
        System.Finishing.Add(() =>
        {
            ulong place = Thread.StackPointers[dispatcher], context = place + ContextPlace, record = place + RecordPlace;
            byte[] bytes = Processors.Registers(System).Context(Instruction, Thread.StackPointers[inner], 0);
            foreach ((X64Register register, ulong value) in _registers)
                BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(FirstRegister + 8 * (int)register), value);
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
            module.Code[(uint)(Instruction - module.Base)] = code;
    }
}
