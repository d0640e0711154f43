using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Processors that do not come out of the kernel.</summary>
internal static class LinuxProcessorScenarios
{
    /// <summary>CPU 1 spins for a lock; CPU 0 has it and loops in the module. The watchdog has said so.</summary>
    public static LinuxMachine SpinLock(LinuxOptions options) => SpinLock(options, false);

    /// <summary>The same; the trace points of locks are on, so that only RBX still has the lock.</summary>
    public static LinuxMachine TracedSpinLock(LinuxOptions options) => SpinLock(options, true);

    private static LinuxMachine SpinLock(LinuxOptions options, bool isTraced)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("spinhog", LinuxMutexScenarios.Foreign);
        LinuxObject spin = module.Variable("hog_lock", "spinlock_t");
        LinuxTask holder = Long(machine.Tasks.AddKernelThread(2000, "spin-holder"), 27)
            .Run(machine.Processors[0], "spinhog:hog_loop spinhog:hog_hold spinhog:hog_thread");
        LinuxTask waiter = Long(machine.Tasks.AddProcess(2001, "spin-waiter", null), 26)
            .Run(machine.Processors[1],
                "native_queued_spin_lock_slowpath _raw_spin_lock spinhog:hog_write vfs_write ksys_write", 1);
        LinuxRegisters registers = machine.Processors[1].Registers;
        (registers.Di, registers.Ax, registers.Cx) = (spin.Address, 1, 0);
        if (isTraced)
            (registers.Di, registers.Bx) = (waiter.Address, spin.Address);
        // Locked; the first waiter is pending but where a hypervisor makes the kernel spin simply (virt_spin_lock).
        machine.Memory.Space.WriteUInt32(spin.Address, machine.Layout.Is61 ? 1u : 0x101);
        double now = options.Uptime.TotalSeconds;
        machine.Log.Add(now - 4, "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [spin-waiter:2001]", 0)
            .Add(now - 4, "Modules linked in: spinhog(OE)", 4)
            .Add(now - 4, machine.Identity.Describe(waiter), 4)
            .Add(now - 4, "RIP: 0010:native_queued_spin_lock_slowpath+0x1c/0x200", 4)
            .Add(now - 2, "watchdog: BUG: soft lockup - CPU#0 stuck for 27s! [spin-holder:2000]", 0)
            .Add(now - 2, "RIP: 0010:hog_loop+0x1c/0x200 [spinhog]", 4);
        machine.Truth = new LinuxTruth("spinning", "spinhog",
            [LinuxTruth.Link(waiter), LinuxTruth.Link("lock", spin.Address, "hog_lock"), LinuxTruth.Link(holder)])
        {
            Owners = [holder.Pid], Victims = [waiter.Pid],
            Waits = [new TruthWait("spinlock", waiter.Pid, spin.Address, holder.Pid, "hog_lock")],
        };
        return machine;
    }

    /// <summary>
    /// CPU 1 loops in a module with preemption off; the timer has interrupted it, on the stack for interrupts. Grace periods
    /// do not end: a task waits in synchronize_rcu().
    /// </summary>
    public static LinuxMachine RcuStall(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        machine.Modules.Add("loopdrv", LinuxMutexScenarios.Foreign);
        LinuxProcessor processor = machine.Processors[1];
        LinuxTask hog = Long(machine.Tasks.AddKernelThread(2100, "loop-hog"), 66);
        LinuxFunction loop = machine.Modules.Find("loopdrv").Function("loop_forever");
        LinuxStack stack = hog.Begin().Call(machine.Modules.Find("loopdrv").Function("loop_thread")).Call(loop);
        stack.Interrupt(machine.Text.Find("asm_sysvec_apic_timer_interrupt"), loop.Inside, LinuxRegisters.Kernel())
            .Call(machine.Text.Find("sysvec_apic_timer_interrupt"))
            .CallOnStack(machine.Text.Find("__sysvec_apic_timer_interrupt"), processor.InterruptStack)
            .Call(machine.Text.Find("hrtimer_interrupt")).Call(machine.Text.Find("rcu_sched_clock_irq"));
        hog.Take(processor, machine.Text.Find("rcu_sched_clock_irq").Inside);
        LinuxTask waiter = machine.Tasks.AddProcess(2101, "rcu-waiter", null)
            .Sleep('D', "schedule schedule_timeout __wait_for_common wait_for_completion __wait_rcu_gp synchronize_rcu "
                + "unregister_netdevice_many dev_ioctl __x64_sys_ioctl", 66, 16);
        LinuxObject callback = machine.Locks.Waiter(waiter, "rcu_synchronize", "synchronize_rcu");
        LinuxObject done = machine.Locks.Completion(callback.Inner("completion", "completion"));
        machine.Locks.WaitCompletion(done, waiter);
        WriteState(machine);
        double now = options.Uptime.TotalSeconds;
        machine.Log.Add(now - 5, "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", 3)
            .Add(now - 5, "rcu: \t1-...!: (15001 ticks this GP) idle=1a4c/1/0x4000000000000000 softirq=611/611 fqs=7001 ", 3)
            .Add(now - 5, "\t(detected by 0, t=15002 jiffies, g=6085, q=22 ncpus=2)", 4);
        machine.Truth = new LinuxTruth("processor-stuck", "loopdrv",
            [LinuxTruth.Link(waiter), LinuxTruth.Link("lock", done.Address, "rcu"), LinuxTruth.Link(hog)])
        {
            Owners = [hog.Pid], Victims = [waiter.Pid],
            Waits = [new TruthWait("rcu", waiter.Pid, done.Address, hog.Pid, "rcu_preempt")],
        };
        return machine;
    }

    private static LinuxTask Long(LinuxTask task, double seconds)
    {
        (task.RunningSeconds, task.IsLockedUp) = (seconds, true);
        return task;
    }

    private static void WriteState(LinuxMachine machine)
    {
        ulong now = unchecked((uint)(-300 * 250)) + (ulong)(machine.Options.Uptime.TotalSeconds * 250);
        LinuxTask thread = machine.Tasks.Find(15);
        LinuxObject state = machine.Variable("rcu_state", "rcu_state");
        machine.Memory.Space.WriteUInt32(machine.Data("rcu_num_lvls", 4), 1);
        machine.Memory.Space.WriteUInt32(machine.Data("rcu_num_nodes", 4), 1);
        LinuxObject node = state.Inner("node[0]", "rcu_node");
        state.Set("level[0]", node).Set("ncpus", 2).Set("gp_seq", 1521ul << 2 | 1).Set("gp_kthread", thread.Object)
            .Set("gp_state", 5)
            .Set("gp_start", now - 16500).Set("gp_activity", now - 3).Set("jiffies_stall", now + 40000)
            .Set("name", machine.String("rcu_preempt"))
            .Set("abbr", 'p');
        node.Set("gp_seq", 1521ul << 2 | 1).Set("qsmask", 2ul).Set("qsmaskinit", 3ul).Set("grphi", 1).Lists("blkd_tasks");
        foreach (LinuxProcessor processor in machine.Processors.All)
            machine.Object("rcu_data", processor.Area + machine.Processors.RcuData).Set("cpu", processor.Number)
            .Set("mynode", node)
                .Set("grpmask", 1ul << processor.Number).Set("gp_seq", 1521ul << 2 | 1);
    }
}
