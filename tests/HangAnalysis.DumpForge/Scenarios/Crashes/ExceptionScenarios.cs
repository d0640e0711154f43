using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Exceptions that nobody handles: the registers are in a CONTEXT, the address in an exception record.</summary>
internal static class ExceptionScenarios
{
    private const uint AccessViolation = 0xc0000005, IllegalInstruction = 0xc000001d, Breakpoint = 0x80000003;
    private const ulong Read = 0, Write = 1;

    private const string Unhandled = """
        nt!KeBugCheckEx+0x107
        nt!KiFatalExceptionHandler+0x22

        """;

    private const string SystemThread = """
        nt!KeBugCheckEx+0x107
        nt!PspSystemThreadStartup$filt$0+0x44

        """;

    private const string Service = """
        nt!KeBugCheckEx+0x107
        nt!KiBugCheckDispatch+0x69
        nt!KiSystemServiceHandler+0x7c

        """;

    private const string InterruptHandler = """
        nt!KeBugCheckEx+0x107
        nt!KiInterruptHandler+0x2d

        """;

    private const string Worker = """

        nt!ExpWorkerThread+0xdd
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>1E: neither record nor context is a parameter; both lie on the stack.</summary>
    public static SystemBuilder KernelMode(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-1e", 0x1e);
        ForgedModule driver = scene.Driver("badflt.sys");
        // mov dword ptr [r14+0F0h],ecx; mov dword ptr [esi+0F0h],ecx
        scene.With(scene.IsNarrow ? X64Register.Rsi : X64Register.R14, 0).Raises(UnhandledOf(scene), "badflt+0x1514\nbadflt+0x2210" + Worker,
            scene.IsNarrow ? [0x89, 0x8e, 0xf0, 0, 0, 0] : [0x41, 0x89, 0x8e, 0xf0, 0, 0, 0], AccessViolation, Write, 0xf0);
        (scene.Parameters[2], scene.Parameters[3]) = (Write, 0xf0);
        return scene.Complete("module", driver, 0xf0);
    }

    /// <summary>1E: a breakpoint in the filling between functions, into which no code runs.</summary>
    public static SystemBuilder Filling(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-filling", 0x1e);
        ForgedModule driver = scene.Driver("innocent.sys");
        scene.Raises(UnhandledOf(scene), "innocent+0x1514\ninnocent+0x2210" + Worker, [0xcc, 0xcc, 0xcc], Breakpoint, 0);
        // ret, and filling up to the breakpoint.
        driver.Code[0x1510] = [0xc3, 0xcc, 0xcc, 0xcc];
        return scene.Complete("hardware", null, null);
    }

    /// <summary>3B: a driver that a system call has come to.</summary>
    public static SystemBuilder SystemService(KernelLayout layout)
    {
        const ulong Freed = 0xffffab0b41410000;
        FaultScene scene = FaultScene.Begin(layout, "crash-3b", 0x3b);
        ForgedModule driver = scene.Driver("badflt.sys");
        // mov rax,qword ptr [rbx+8]
        scene.With(X64Register.Rbx, Freed).Raises(Service, "badflt+0x1514\nnt!IopfCallDriver+0x53" + Worker,
            [0x48, 0x8b, 0x43, 0x08], AccessViolation, Read, Freed + 8);
        scene.RecordsAt = (_, context) => scene.Parameters[2] = context;
        // A probe that went wrong before, and was handled: not this exception.
        scene.EarlierAddress = 0x7ffe0000dead;
        return scene.Complete("module", driver, Freed + 8);
    }

    /// <summary>3B: the kernel follows a pointer that has one bit wrong, which makes it none.</summary>
    public static SystemBuilder SingleBit(KernelLayout layout)
    {
        const ulong Pointer = 0xffffab06b0044000, Bit = 1UL << 55;
        FaultScene scene = FaultScene.Begin(layout, "crash-bit", 0x3b);
        // mov rax,qword ptr [rdi+8]; a general protection fault names no address.
        scene.With(X64Register.Rdi, Pointer ^ Bit).Raises(Service, "nt!ObfDereferenceObject+0x21\nnt!IopfCallDriver+0x53" + Worker,
            [0x48, 0x8b, 0x47, 0x08], AccessViolation, Read, ulong.MaxValue);
        scene.RecordsAt = (_, context) => scene.Parameters[2] = context;
        return scene.Complete("hardware", null, (Pointer ^ Bit) + 8);
    }

    /// <summary>7E: the server's driver walks a list of attributes that a client has made too long.</summary>
    public static SystemBuilder ServerList(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-7e-srv", 0x1000007e);
        ulong behind = scene.Kernel(0xffffab0c00021000);
        ForgedModule server = scene.System.Modules.AddDriver("srv.sys");
        server.MinimumSize = 0x10000;
        // movzx eax,byte ptr [rsi+rcx]
        scene.With(X64Register.Rsi, behind - 0x20).With(X64Register.Rcx, 0x20).Raises(SystemThreadOf(scene), """
            srv!SrvOs2FeaToNt+0x48
            srv!SrvOs2FeaListToNt+0xd3
            srv!SrvSmbOpen2+0x171
            srv!ExecuteTransaction+0x254
            srv!WorkerThread+0xb9
            nt!PspSystemThreadStartup+0x41
            nt!KiStartSystemThread+0x16
            """, [0x0f, 0xb6, 0x04, 0x0e], AccessViolation, Read, behind);
        NameRecords(scene);
        return scene.Complete("module", server, behind);
    }

    /// <summary>7E: a driver uses an instruction that this processor does not have.</summary>
    public static SystemBuilder MissingInstruction(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-popcnt", 0x1000007e);
        ForgedModule driver = scene.Driver("newgfx.sys");
        // popcnt ebx,eax
        scene.Raises(SystemThreadOf(scene), "newgfx+0x1514\nnewgfx+0x2210" + Worker, [0xf3, 0x0f, 0xb8, 0xd8], IllegalInstruction);
        NameRecords(scene);
        // A Core 2: model 17, stepping a.
        scene.System.ProcessorDetails.Add((0, prcb => prcb.Set("CpuStep", 0x170a)));
        return scene.Complete("processor-feature", driver, null);
    }

    /// <summary>7E: the processor refuses an instruction that every processor has.</summary>
    public static SystemBuilder RefusedInstruction(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-refused", 0x1000007e);
        scene.Driver("innocent.sys");
        // add rax,rcx
        scene.Raises(SystemThreadOf(scene), "innocent+0x1514\ninnocent+0x2210" + Worker, [0x48, 0x03, 0xc1], IllegalInstruction);
        NameRecords(scene);
        return scene.Complete("hardware", null, null);
    }

    /// <summary>8E: a driver writes through a null pointer in a system call; the third parameter is the trap frame.</summary>
    public static SystemBuilder Trap(KernelLayout layout) => Trap(layout, "crash-8e", 0x8e, false);

    /// <summary>
    /// 8E as small dumps have it, with a mark in the code. A record of the same exception that was handled before lies on the
    /// stack, too: it is not this one's.
    /// </summary>
    public static SystemBuilder TrapMarked(KernelLayout layout) => Trap(layout, "crash-8e-marked", 0x1000008e, true);

    private static SystemBuilder Trap(KernelLayout layout, string name, uint code, bool hasEarlier)
    {
        FaultScene scene = FaultScene.Begin(layout, name, code);
        ForgedModule driver = scene.Driver("badflt.sys");
        // mov dword ptr [edi+14h],eax
        scene.With(X64Register.Rdi, 0).With(X64Register.Rax, 0x1234).Raises("nt!KeBugCheckEx+0x1e\n",
            "badflt+0x1514\nnt!IofCallDriver+0x45\nnt!IopSynchronousServiceTail+0x10b\nnt!NtWriteFile+0x5d9" + Worker,
            [0x89, 0x47, 0x14], AccessViolation, Write, 0x14);
        scene.ErrorCode = 2;
        scene.TrapAt = at => scene.Parameters[2] = at;
        if (hasEarlier)
            scene.EarlierAddress = 0x7ffd0014;
        return scene.Complete("module", driver, 0x14);
    }

    /// <summary>3D: a driver's interrupt service routine reads what its device's structure does not have any more.</summary>
    public static SystemBuilder Interrupt(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-3d", 0x3d);
        ulong gone = scene.Kernel(0xffffab0b41417000);
        ForgedModule driver = scene.Driver("badnic.sys");
        // mov eax,dword ptr [rbx+24h]
        scene.With(X64Register.Rbx, gone).Raises(scene.IsNarrow ? "nt!KeBugCheckEx+0x1e\n" : InterruptHandler, "badnic+0x1514\n" + (scene.IsNarrow
            ? "nt!KiInterruptDispatch+0x4b" : "nt!KiInterruptMessageDispatch+0x1a\nnt!KiCallInterruptServiceRoutine+0xa5") + Worker,
            [0x8b, 0x43, 0x24], AccessViolation, Read, gone + 0x24);
        scene.RecordsAt = (record, context) =>
            (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (record, context, 0);
        // What this code does not have: exception and instruction.
        (scene.Parameters[0], scene.Parameters[1]) = (0, 0);
        return scene.Complete("module", driver, gone + 0x24);
    }

    // On x86 the dispatcher itself stops for an exception that nobody wants, and system threads have a filter of their own.
    private static string UnhandledOf(FaultScene scene) => scene.IsNarrow ? "nt!KeBugCheckEx+0x1e\n" : Unhandled;

    private static string SystemThreadOf(FaultScene scene) =>
        scene.IsNarrow ? "nt!KeBugCheckEx+0x1e\nnt!PspUnhandledExceptionInSystemThread+0x1a\n" : SystemThread;

    private static void NameRecords(FaultScene scene) =>
        scene.RecordsAt = (record, context) => (scene.Parameters[2], scene.Parameters[3]) = (record, context);
}
