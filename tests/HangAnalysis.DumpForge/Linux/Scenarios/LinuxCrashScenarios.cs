using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Machines that panicked: by a fault, by the hung task's watchdog, or because somebody wanted a dump.</summary>
internal static class LinuxCrashScenarios
{
    /// <summary>A program writes to a module's device, and the module writes to address 0; panic_on_oops.</summary>
    public static LinuxMachine NullPointer(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("nullptr", LinuxMutexScenarios.Foreign);
        LinuxTask task = machine.Tasks.AddProcess(2500, "poker", null);
        LinuxFunction poke = module.Function("nullptr_poke");
        LinuxStack stack = task.Begin(1).Call(machine.Text.Find("ksys_write")).Call(machine.Text.Find("vfs_write"))
            .Call(module.Function("nullptr_write")).Call(poke);
        // mov dword ptr [rax], 1 with RAX 0.
        ulong fault = poke.Code(0xc7, 0x00, 0x01, 0x00, 0x00, 0x00);
        LinuxRegisters registers = LinuxRegisters.Kernel();
        (registers.Dx, registers.Cx, registers.Si) = (0x1000, 0xc0000000ffffefff, 0xffffefff);
        stack.Interrupt(machine.Text.Find("asm_exc_page_fault"), fault, registers);
        foreach (string function in (string[])["exc_page_fault", "page_fault_oops", "oops_end", "crash_kexec",
            "__crash_kexec"])
            stack.Call(machine.Text.Find(function));
        task.Take(machine.Processors[0], machine.Text.Find("__crash_kexec").Inside);
        StopOther(machine);
        WriteOops(machine, poke, fault, registers);
        return Panic(machine, task, new LinuxTruth("crash", "nullptr", [LinuxTruth.Link(task)]), "Fatal exception");
    }

    /// <summary>khungtaskd panics over tasks that wait for a semaphore (kernel.hung_task_panic=1).</summary>
    public static LinuxMachine HungTask(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxSemaphoreScenarios.AddWriterStuck(machine);
        LinuxTask watcher = machine.Tasks.Find(29).Run(machine.Processors[0], "__crash_kexec panic watchdog");
        StopOther(machine);
        double now = options.Uptime.TotalSeconds;
        foreach (uint pid in machine.Truth.Owners.Concat(machine.Truth.Victims))
        {
            string comm = machine.Tasks.Find(pid).Comm;
            machine.Log.Add(now - 0.1, $"INFO: task {comm}:{pid} blocked for more than 241 seconds.", 3)
                .Add(now - 0.1, $"      Tainted: G           OE      {machine.Identity.Release} #1", 3)
                .Add(now - 0.1, "\"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.", 3)
                .Add(now - 0.1, $"task:{comm,-16}state:D stack:0     pid:{pid,-5} ppid:2      flags:0x00004000", 6);
        }
        machine.Log.Add(now - 0.01, "Kernel panic - not syncing: hung_task: blocked tasks", 0)
            .Add(now - 0.01, machine.Identity.Describe(watcher), 4);
        return Panic(machine, watcher, machine.Truth, "hung_task: blocked tasks");
    }

    /// <summary>Somebody wrote c to /proc/sysrq-trigger because the machine hung: here is the hang.</summary>
    public static LinuxMachine Sysrq(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxMutexScenarios.AddDeadlock(machine);
        LinuxTask shell = machine.Tasks.AddProcess(2600, "bash", null).Run(machine.Processors[0],
            "__crash_kexec panic sysrq_handle_crash __handle_sysrq write_sysrq_trigger proc_reg_write vfs_write "
            + "ksys_write", 1);
        StopOther(machine);
        double now = options.Uptime.TotalSeconds;
        machine.Log.Add(now - 0.02, "sysrq: Trigger a crash", 6)
            .Add(now - 0.01, "Kernel panic - not syncing: sysrq triggered crash", 0)
            .Add(now - 0.01, machine.Identity.Describe(shell), 4);
        return Panic(machine, shell, machine.Truth, "sysrq triggered crash");
    }

    /// <summary>Somebody sent an NMI to a hanging machine (unknown_nmi_panic=1); it met the idle task.</summary>
    public static LinuxMachine Nmi(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxMutexScenarios.AddDeadlock(machine);
        LinuxProcessor processor = machine.Processors[0];
        Interrupt(machine, processor, "__crash_kexec panic nmi_panic unknown_nmi_error default_do_nmi exc_nmi");
        StopOther(machine);
        double now = options.Uptime.TotalSeconds;
        machine.Log.Add(now - 0.02, "Uhhuh. NMI received for unknown reason 21 on CPU 0.", 0)
            .Add(now - 0.01, "Kernel panic - not syncing: NMI: Not continuing", 0)
            .Add(now - 0.01, machine.Identity.Describe(processor.Idle), 4);
        return Panic(machine, processor.Idle, machine.Truth, "NMI: Not continuing");
    }

    // The other processor is stopped by an NMI where it is.
    private static void StopOther(LinuxMachine machine)
    {
        foreach (LinuxProcessor processor in machine.Processors.All.Skip(1))
            Interrupt(machine, processor, "crash_nmi_callback nmi_handle default_do_nmi exc_nmi");
    }

    private static void Interrupt(LinuxMachine machine, LinuxProcessor processor, string functions)
    {
        LinuxTask task = processor.Current!;
        string[] names = functions.Split(' ');
        LinuxStack stack = task.Frames;
        stack.Interrupt(machine.Text.Find("end_repeat_nmi"), processor.Registers.Ip, LinuxRegisters.Kernel(),
            processor.NmiStack);
        foreach (string name in names.Reverse())
            stack.Call(machine.Text.Find(name));
        task.Take(processor, machine.Text.Find(names[0]).Inside);
    }

    private static LinuxMachine Panic(LinuxMachine machine, LinuxTask task, LinuxTruth truth, string reason)
    {
        machine.Identity.PanicCpu = task.Cpu;
        machine.Identity.IsKdump = true;
        machine.Truth = truth with { Panic = reason, PanicPid = task.Pid };
        return machine;
    }

    // As show_regs() and die() print; the code is what lies around the instruction.
    private static void WriteOops(LinuxMachine machine, LinuxFunction poke, ulong fault, LinuxRegisters registers)
    {
        double now = machine.Options.Uptime.TotalSeconds - 0.2;
        byte[] code = poke.Bytes();
        int at = (int)(fault - poke.Address);
        string before = string.Join(' ', code[Math.Max(0, at - 42)..at].Select(value => $"{value:x2}"));
        string after = string.Join(' ', code[(at + 1)..(at + 22)].Select(value => $"{value:x2}"));
        machine.Log.Add(now, $"""
            BUG: kernel NULL pointer dereference, address: 0000000000000000
            #PF: supervisor write access in kernel mode
            #PF: error_code(0x0002) - not-present page
            PGD 0 P4D 0 
            Oops: 0002 [#1] PREEMPT SMP NOPTI
            {machine.Identity.Describe(machine.Tasks.Find(2500))}  Forged
            Hardware name: Forged Standard PC, BIOS 1.0 01/01/2026
            RIP: 0010:nullptr_poke+0x{at:x}/0x200 [nullptr]
            Code: {before} <{code[at]:x2}> {after}
            RSP: 0018:{registers.Sp:x16} EFLAGS: {registers.Flags:x8}
            RAX: {registers.Ax:x16} RBX: {registers.Bx:x16} RCX: {registers.Cx:x16}
            RDX: {registers.Dx:x16} RSI: {registers.Si:x16} RDI: {registers.Di:x16}
            RBP: {registers.Bp:x16} R08: 0000000000000000 R09: 0000000000000000
            R10: 0000000000000000 R11: 0000000000000000 R12: 0000000000000000
            R13: 0000000000000000 R14: 0000000000000000 R15: 0000000000000000
            CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
            CR2: 0000000000000000 CR3: 0000000001fda000 CR4: 00000000000006b0
            Call Trace:
             <TASK>
             nullptr_write+0x25/0x200 [nullptr]
             vfs_write+0x22/0x200
             ksys_write+0x25/0x200
             do_syscall_64+0x22/0x200
             entry_SYSCALL_64_after_hwframe+0x22/0x200
             </TASK>
            Modules linked in: nullptr(OE)
            CR2: 0000000000000000
            ---[ end trace 0000000000000000 ]---
            """, 1);
    }
}
