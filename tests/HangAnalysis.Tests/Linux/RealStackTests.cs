using HangAnalysis.Linux.Symbols;
using HangAnalysis.Model;
using HangAnalysis.Targets;
using NUnit.Framework;

namespace HangAnalysis.Tests.Linux;

/// <summary>Kernel stacks of real dumps are those that crash finds with the kernel's debuginfo.</summary>
public class RealStackTests
{
    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_frame_of_a_task_off_cpu_is_that_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        HashSet<ulong> running = core.RunningTasks();
        LinuxStack stack = new();
        int compared = 0;
        foreach (CrashStack expected in core.CrashStacks())
        {
            if (running.Contains(expected.Task))
                continue;
            Walk(core, expected.Task, stack);
            List<(ulong, ulong)> found = [];
            foreach (LinuxFrame frame in stack.Frames)
                if (frame.Kind != LinuxFrameKind.User)
                    found.Add((frame.Slot, frame.InstructionPointer));
            IEnumerable<(ulong, ulong)> frames = expected.Frames.Select(frame => (frame.Slot, frame.Address));
            Assert.That(found, Is.EqualTo(frames), $"PID {expected.Pid}");
            Assert.That(stack.End, Is.EqualTo(LinuxStackEnd.Complete), $"PID {expected.Pid}");
            compared++;
        }
        Assert.That(compared, Is.GreaterThan(50));
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Every_frame_has_the_function_name_that_crash_prints(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        HashSet<ulong> running = core.RunningTasks();
        foreach (CrashStack expected in core.CrashStacks())
            if (!running.Contains(expected.Task))
                foreach (CrashFrame frame in expected.Frames)
                {
                    bool named = core.Symbols.TryFindFunction(frame.Address - 1, out LinuxSymbol symbol);
                    Assert.That(named, $"{frame.Address:x}");
                    if (!frame.Function.StartsWith("_MODULE_INIT_START_", StringComparison.Ordinal))
                        Assert.That(symbol.Name, Is.EqualTo(frame.Function), $"{frame.Address:x}");
                }
    }

    [TestCaseSource(typeof(RealVmcore), nameof(RealVmcore.Names))]
    public void Registers_of_the_user_program_are_those_of_crash(string name)
    {
        RealVmcore core = RealVmcore.Open(name);
        HashSet<ulong> running = core.RunningTasks();
        LinuxStack stack = new();
        int compared = 0;
        foreach (CrashStack expected in core.CrashStacks())
        {
            if (running.Contains(expected.Task))
                continue;
            Walk(core, expected.Task, stack);
            Assert.That(stack.Registers, Has.Count.EqualTo(expected.Registers.Count > 0 ? 1 : 0), $"PID {expected.Pid}");
            if (stack.Registers.Count == 0)
                continue;
            PtRegs found = stack.Registers[0];
            Assert.That((stack.Frames[^1].Kind, stack.Frames[^1].RegistersIndex), Is.EqualTo((LinuxFrameKind.User, 0)));
            Assert.That(Listed(found), Is.EqualTo(expected.Registers), $"PID {expected.Pid}");
            compared++;
        }
        Assert.That(compared, Is.Positive);
    }

    /// <summary>crash-bt-a.txt: CPU 0 died in nullptr_poke+5 of a system call that loads a module.</summary>
    [Test]
    public void The_stack_of_an_oops_goes_through_the_fault_to_the_system_call()
    {
        LinuxStack stack = WalkProcessor(RealVmcore.Open("c-null-oops"), 0, out List<string> names);

        string[] expected =
        [
            "page_fault_oops", "exc_page_fault", "asm_exc_page_fault", "nullptr_poke", "nullptr_init", "do_one_initcall",
            "do_init_module", "__do_sys_finit_module", "do_syscall_64", "entry_SYSCALL_64_after_hwframe", "user",
        ];
        Assert.That(names.TakeLast(expected.Length), Is.EqualTo(expected));
        Assert.That(stack.End, Is.EqualTo(LinuxStackEnd.Complete));
        LinuxFrame fault = stack.Frames[names.IndexOf("nullptr_poke")];
        PtRegs registers = stack.Registers[fault.RegistersIndex];
        Assert.That(fault.IsInterrupted);
        Assert.That(fault.InstructionPointer, Is.EqualTo(0xffffffffc0596005));
        Assert.That((registers.Context.StackPointer, registers.Context.Registers[0], registers.Context.Registers[3]),
            Is.EqualTo((0xffffd1fbc0403b00UL, 0x4dUL, 0xffffffffc059b000UL)));
        Assert.That((registers.IsUser, registers.Cs, registers.Flags), Is.EqualTo((false, (ushort)0x10, 0x246UL)));
        Assert.That(stack.Registers[^1].OriginalAx, Is.EqualTo(0x139));
    }

    /// <summary>The other processor was stopped by an interrupt, which has a stack of its own.</summary>
    [Test]
    public void A_stack_is_followed_from_the_interrupt_stack_to_that_of_the_task()
    {
        LinuxStack stack = WalkProcessor(RealVmcore.Open("c-null-oops"), 1, out List<string> names);

        string[] expected =
        [
            "__sysvec_reboot", "sysvec_reboot", "asm_sysvec_reboot", "native_safe_halt", "amd_e400_idle",
            "default_idle_call", "do_idle", "cpu_startup_entry", "start_secondary", "secondary_startup_64_no_verify",
        ];
        Assert.That(names.TakeLast(expected.Length), Is.EqualTo(expected));
        LinuxFrame idle = stack.Frames[names.IndexOf("amd_e400_idle")];
        Assert.That((idle.Slot, idle.InstructionPointer), Is.EqualTo((0xffffd1fbc009bed8UL, 0xffffffffa223c09dUL)));
    }

    /// <summary>crash-bt-a.txt: __crash_kexec, which has no unwind data, was called by panic at ffffcbf2400f7e38.</summary>
    [Test]
    public void The_caller_of_a_function_without_unwind_data_is_found_by_its_call()
    {
        LinuxStack stack = WalkProcessor(RealVmcore.Open("f-kdump-hungtask-panic"), 0, out List<string> names);

        Assert.That(names, Is.EqualTo(new[] { "__crash_kexec", "panic", "watchdog.cold", "kthread", "ret_from_fork" }));
        Assert.That(stack.Frames[0].Kind, Is.EqualTo(LinuxFrameKind.Searched));
        Assert.That((stack.Frames[1].Slot, stack.Frames[1].InstructionPointer),
            Is.EqualTo((0xffffcbf2400f7e38UL, 0xffffffff9fdcd06eUL)));
        Assert.That(stack.Frames.Select(frame => frame.Certainty), Is.EqualTo(new[]
        {
            Certainty.Proven, Certainty.Inferred, Certainty.Inferred, Certainty.Inferred, Certainty.Inferred,
        }));
    }

    private static Dictionary<string, ulong> Listed(PtRegs registers)
    {
        string[] names =
        [
            "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
        ];
        Dictionary<string, ulong> all = [];
        for (int i = 0; i < names.Length; i++)
            all[names[i]] = registers.Context.Registers[i];
        all["RIP"] = registers.Context.InstructionPointer;
        all["RFLAGS"] = registers.Flags;
        all["ORIG_RAX"] = registers.OriginalAx;
        all["CS"] = registers.Cs;
        all["SS"] = registers.Ss;
        return all;
    }

    private static LinuxStack WalkProcessor(RealVmcore core, int cpu, out List<string> names)
    {
        LinuxStack stack = new();
        core.Symbols.Unwinder.WalkRunning(core.Target.Processors[cpu].Context, 0, stack);
        names = [];
        foreach (LinuxFrame frame in stack.Frames)
            names.Add(core.Symbols.TryFindFunction(frame.LookupAddress, out LinuxSymbol symbol) ? symbol.Name : "user");
        return stack;
    }

    private static void Walk(RealVmcore core, ulong task, LinuxStack stack)
    {
        Btf types = core.Symbols.Types;
        Assert.That(core.Memory.TryReadUInt64(task + (ulong)types.OffsetOf("task_struct", "thread.sp")!, out ulong sp));
        Assert.That(core.Memory.TryReadUInt64(task + (ulong)types.OffsetOf("task_struct", "stack")!, out ulong bottom));
        core.Symbols.Unwinder.WalkSleeping(sp, bottom, stack);
    }
}
