using HangAnalysis.DumpForge.Images;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios.Crashes;

/// <summary>Page faults at which the kernel stops: the registers are in a trap frame on the stack.</summary>
internal static class TrapScenarios
{
    private const ulong Dispatch = 2, Read = 0, Write = 1, Execute = 8;

    /// <summary>In special pool: in a page whose block was freed, and at the start of the page behind a block.</summary>
    private const ulong Freed = 0xffffab0d12340f80, Behind = 0xffffab0d12341000;

    private const string Worker = """

        nt!ExpWorkerThread+0xdd
        nt!PspSystemThreadStartup+0x41
        nt!KiStartSystemThread+0x16
        """;

    /// <summary>D1: a driver reads through a null pointer, at the offset of a field.</summary>
    public static SystemBuilder NullOffset(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-d1-null", 0xd1);
        ForgedModule driver = scene.Driver("badnic.sys");
        // mov rax,qword ptr [rcx+18h]
        scene.With(X64Register.Rcx, 0).With(X64Register.Rax, 7).Traps("badnic+0x1514\nbadnic+0x2210" + Worker, [0x48, 0x8b, 0x41, 0x18]);
        Irql(scene, 0x18, Read);
        return scene.Complete("module", driver, 0x18);
    }

    /// <summary>D1: a driver writes to memory that was freed; the pointer is in a register that trap frames do not hold.</summary>
    public static SystemBuilder FreedPool(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-d1-freed", 0xd1);
        ulong freed = scene.Kernel(0xffffab06b7770040);
        ForgedModule driver = scene.Driver("badnic.sys");
        // mov qword ptr [rsi+10h],rax
        scene.With(X64Register.Rsi, freed).Traps("badnic+0x1514\nbadnic+0x2210" + Worker, [0x48, 0x89, 0x46, 0x10]);
        Irql(scene, freed + 0x10, Write);
        scene.ErrorCode = 2;
        return scene.Complete("module", driver, freed + 0x10);
    }

    /// <summary>D1: a driver's own pageable code is called at DISPATCH_LEVEL while it is paged out.</summary>
    public static SystemBuilder PageableCode(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-d1-pageable", 0xd1);
        ForgedModule driver = scene.Driver("badnic.sys");
        // Far from the rest, so that it has a section of its own, which the image builder calls PAGE.
        scene.Traps("badnic+0x41514\nbadnic+0x2210" + Worker, []);
        Irql(scene, scene.Instruction, Execute);
        scene.ErrorCode = 0x10;
        return scene.Complete("module", driver, null);
    }

    /// <summary>D1: a timer of a driver that is gone.</summary>
    public static SystemBuilder Unloaded(KernelLayout layout) => Unloaded(layout, "crash-d1-unloaded", 0xd1);

    /// <summary>CE: the same, as the kernel reports it where it knows the driver.</summary>
    public static SystemBuilder UnloadedPending(KernelLayout layout) => Unloaded(layout, "crash-ce-unloaded", 0xce);

    /// <summary>D1: a driver calls through a null pointer: the instruction lies nowhere, its caller is on the stack.</summary>
    public static SystemBuilder CallsNull(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-d1-callnull", 0xd1);
        ForgedModule driver = scene.Driver("badnic.sys");
        scene.Traps("0000000000000000 nowhere\nbadnic+0x2210" + Worker, []);
        Irql(scene, 0, Execute);
        scene.ErrorCode = 0x10;
        return scene.Complete("module", driver, null);
    }

    /// <summary>0A: the kernel fails on what a driver gave it.</summary>
    public static SystemBuilder Victim(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-0a-victim", 0x0a);
        ForgedModule driver = scene.Driver("badnic.sys");
        // lock bts dword ptr [rcx],7
        scene.With(X64Register.Rcx, 0x20).Traps("nt!KeSetEvent+0x2d\nbadnic+0x2210" + Worker, [0xf0, 0x0f, 0xba, 0x29, 0x07]);
        Irql(scene, 0x20, Write);
        scene.ErrorCode = 2;
        return scene.Complete("module", driver, 0x20);
    }

    /// <summary>C5: pool was damaged before; a driver that allocates is the next victim.</summary>
    public static SystemBuilder CorruptPool(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-c5-pool", 0xc5);
        // Text where a link was.
        ulong bad = scene.IsNarrow ? 0x41414141ul : 0x4141414141414141;
        scene.Driver("innocent.sys");
        // mov rax,qword ptr [rdx]
        scene.With(X64Register.Rdx, bad).Traps("nt!ExAllocatePoolWithTag+0x1b4\ninnocent+0x2210" + Worker, [0x48, 0x8b, 0x02]);
        Irql(scene, bad, Read);
        return scene.Complete("corruption", null, bad);
    }

    /// <summary>50: the kernel's pool code fails, and no other module is on the stack.</summary>
    public static SystemBuilder PoolCode(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-50-pool", 0x50);
        ulong bad = scene.Kernel(0xffffab0c41414141);
        // mov rax,qword ptr [r8+8]; mov eax,dword ptr [edi+8]
        scene.With(scene.IsNarrow ? X64Register.Rdi : X64Register.R8, bad)
            .Traps("nt!ExFreePoolWithTag+0x6c8" + Worker, scene.IsNarrow ? [0x8b, 0x47, 0x08] : [0x49, 0x8b, 0x40, 0x08]);
        NonPaged(scene, bad + 8, Read);
        return scene.Complete("corruption", null, bad + 8);
    }

    /// <summary>50: a driver reads beyond what it has, by base, index and scale.</summary>
    public static SystemBuilder Indexed(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-50-index", 0x50);
        ulong start = scene.Kernel(0xffffab0c00001000);
        ForgedModule driver = scene.Driver("badflt.sys");
        // mov eax,dword ptr [rbx+r9*4+10h]; mov eax,dword ptr [ebx+edx*4+10h]
        scene.With(X64Register.Rbx, start).With(scene.IsNarrow ? X64Register.Rdx : X64Register.R9, 0x1400)
            .Traps("badflt+0x1514\nbadflt+0x2210" + Worker,
                scene.IsNarrow ? [0x8b, 0x44, 0x93, 0x10] : [0x42, 0x8b, 0x44, 0x8b, 0x10]);
        NonPaged(scene, start + 4 * 0x1400 + 0x10, Read);
        return scene.Complete("module", driver, start + 4 * 0x1400 + 0x10);
    }

    /// <summary>BE: a driver writes into the kernel's code.</summary>
    public static SystemBuilder ReadOnly(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-be-code", 0xbe);
        ForgedModule driver = scene.Driver("badflt.sys");
        ulong target = scene.System.Nt.Function("KeSetEvent");
        // mov byte ptr [rax],cl
        scene.With(X64Register.Rax, target).Traps("badflt+0x1514\nbadflt+0x2210" + Worker, [0x88, 0x08]);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[3]) = (target, 0x0000000001200121, 0xa);
        (scene.FaultAddress, scene.ErrorCode) = (target, 3);
        scene.TrapAt = at => scene.Parameters[2] = at;
        return scene.Complete("module", driver, target);
    }

    /// <summary>FC: a driver jumps into its data.</summary>
    public static SystemBuilder NoExecute(KernelLayout layout)
    {
        if (layout.Architecture == Architecture.X86 && !layout.HasPae)
            throw new ArgumentException("without physical address extension there is no protection against execution");
        FaultScene scene = FaultScene.Begin(layout, "crash-fc-data", 0xfc);
        ulong data = scene.Kernel(0xffffab06b0077000), entry = 0x8a00000001200963;
        ForgedModule driver = scene.Driver("badflt.sys");
        scene.Traps($"{data:x16} nowhere\nbadflt+0x2210" + Worker, []);
        // A parameter of x86 holds the lower half of an entry.
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[3]) = (data, scene.IsNarrow ? entry & uint.MaxValue : entry, 2);
        (scene.FaultAddress, scene.ErrorCode) = (data, 0x11);
        scene.TrapAt = at => scene.Parameters[2] = at;
        return scene.Complete("module", driver, null);
    }

    /// <summary>D5: special pool stops a driver that uses what it has freed, through a function of the kernel.</summary>
    public static SystemBuilder SpecialPool(KernelLayout layout) =>
        SpecialPool(layout, "crash-d5-freed", 0xd5, "nt!memcpy+0x43\nbadflt+0x2210", Freed);

    /// <summary>D6: special pool stops a driver that reads beyond the end of its block: the page behind it is not there.</summary>
    public static SystemBuilder SpecialPoolEnd(KernelLayout layout) =>
        SpecialPool(layout, "crash-d6-beyond", 0xd6, "badflt+0x1514\nbadflt+0x2210", Behind);

    /// <summary>CC: the kernel itself keeps special pool for all; a driver uses what it has freed.</summary>
    public static SystemBuilder SystemPool(KernelLayout layout) =>
        SpecialPool(layout, "crash-cc-freed", 0xcc, "badflt+0x1514\nbadflt+0x2210", Freed);

    /// <summary>CD: the same, beyond the end.</summary>
    public static SystemBuilder SystemPoolEnd(KernelLayout layout) =>
        SpecialPool(layout, "crash-cd-beyond", 0xcd, "nt!memcpy+0x43\nbadflt+0x2210", Behind);

    private static SystemBuilder SpecialPool(KernelLayout layout, string name, uint code, string frames, ulong given)
    {
        FaultScene scene = FaultScene.Begin(layout, name, code);
        ulong address = scene.Kernel(given);
        ForgedModule driver = scene.Driver("badflt.sys");
        // mov rax,qword ptr [rdx]
        scene.With(X64Register.Rdx, address).Traps(frames + Worker, [0x48, 0x8b, 0x02]);
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (address, Read, scene.Instruction);
        scene.FaultAddress = address;
        return scene.Complete("module", driver, address);
    }

    /// <summary>D1: the processor reports an address that the instruction cannot have made.</summary>
    public static SystemBuilder Impossible(KernelLayout layout)
    {
        FaultScene scene = FaultScene.Begin(layout, "crash-impossible", 0xd1);
        ulong pointer = scene.Kernel(0xffffab06b0044000);
        scene.Driver("innocent.sys");
        // cmp byte ptr [rcx+29h],5
        scene.With(X64Register.Rcx, pointer).Traps("innocent+0x1514\ninnocent+0x2210" + Worker, [0x80, 0x79, 0x29, 0x05]);
        Irql(scene, 0x29, Read);
        return scene.Complete("hardware", null, pointer + 0x29);
    }

    private static SystemBuilder Unloaded(KernelLayout layout, string name, uint code)
    {
        FaultScene scene = FaultScene.Begin(layout, name, code);
        ulong start = scene.IsNarrow ? 0xf7a00000ul : scene.System.Nt.Base + 0x40000000;
        scene.System.Variables.Unloaded.Add(("goner.sys", start, start + 0x9000));
        scene.Traps($"{start + 0x1230:x16} nowhere\nnt!KiRetireDpcList+0x6ce\nnt!KiIdleLoop+0x5a", []);
        if (code == 0xd1)
            Irql(scene, scene.Instruction, Execute);
        else
        {
            (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (scene.Instruction, Execute, scene.Instruction);
            scene.FaultAddress = scene.Instruction;
        }
        scene.ErrorCode = 0x10;
        return scene.Complete("module", null, null, "goner.sys");
    }

    private static void Irql(FaultScene scene, ulong address, ulong operation)
    {
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (address, Dispatch, operation);
        scene.Parameters[3] = scene.Instruction;
        scene.FaultAddress = address;
    }

    private static void NonPaged(FaultScene scene, ulong address, ulong operation)
    {
        (scene.Parameters[0], scene.Parameters[1], scene.Parameters[2]) = (address, operation, scene.Instruction);
        scene.FaultAddress = address;
    }
}
