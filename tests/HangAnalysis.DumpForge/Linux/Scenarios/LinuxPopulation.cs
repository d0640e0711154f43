using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>The tasks that every machine has: sleeping daemons and idle kworkers, none of them evidence of a hang.</summary>
internal static class LinuxPopulation
{
    public const string Worker = "schedule worker_thread", Epoll = "schedule schedule_hrtimeout_range ep_poll do_epoll_wait",
        Poll = "schedule schedule_hrtimeout_range do_poll.constprop.0 do_sys_poll __x64_sys_poll";

    /// <summary>Makes a machine with its usual tasks.</summary>
    public static LinuxMachine Create(LinuxOptions options)
    {
        LinuxMachine machine = new(options);
        LinuxTasks tasks = machine.Tasks;
        _ = tasks.Init;
        _ = tasks.Kthreadd;
        tasks.AddKernelThread(15, "rcu_preempt").Sleep('I',
            "schedule schedule_timeout rcu_gp_fqs_loop rcu_gp_kthread", 0.02);
        tasks.AddKernelThread(29, "khungtaskd").Sleep('S', "schedule schedule_timeout watchdog", 61);
        if (options.IsMinimal)
            return machine;
        for (int cpu = 0; cpu < options.Processors; cpu++)
        {
            uint first = 30 + 10 * (uint)cpu;
            tasks.AddKernelThread(first, $"migration/{cpu}").Sleep('S', "schedule smpboot_thread_fn", 900).OnCpu(cpu);
            tasks.AddKernelThread(first + 1, $"ksoftirqd/{cpu}").Sleep('S', "schedule smpboot_thread_fn", 12).OnCpu(cpu);
            tasks.AddWorker(first + 2, $"kworker/{cpu}:0").Sleep('I', Worker, 1.5).OnCpu(cpu);
            tasks.AddWorker(first + 3, $"kworker/{cpu}:0H").Sleep('I', Worker, 2000).OnCpu(cpu);
        }
        tasks.AddWorker(80, "netns").Sleep('I', "schedule rescuer_thread", 4200);
        tasks.AddKernelThread(84, "kswapd0").Sleep('S', "schedule kswapd", 4100);
        tasks.AddKernelThread(85, "kauditd").Sleep('S', "schedule kauditd_thread", 300);
        tasks.AddProcess(301, "systemd-journal", null, 8200).Sleep('S', Epoll + " __x64_sys_epoll_wait", 0.4, 232);
        LinuxTask dbus = tasks.AddProcess(402, "rsyslogd", null, 55000).Sleep('S', Poll, 3900, 7);
        tasks.AddThread(dbus, 405, "in:imuxsock").Sleep('S', Poll, 40, 7);
        tasks.AddThread(dbus, 406, "rs:main Q:Reg")
            .Sleep('S', "schedule schedule_timeout futex_wait_queue futex_wait do_futex __x64_sys_futex", 40, 202);
        LinuxTask sshd = tasks.AddProcess(512, "sshd", null, 3900).Sleep('S', Poll, 3000, 7);
        LinuxTask shell = tasks.AddProcess(600, "bash", sshd, 2100)
            .Sleep('S', "schedule do_wait kernel_wait4 __do_sys_wait4", 100, 61);
        tasks.AddProcess(601, "sleep", shell, 600)
            .Sleep('S', "schedule do_nanosleep hrtimer_nanosleep __x64_sys_clock_nanosleep", 100, 230);
        tasks.AddProcess(602, "defunct", shell, 1).Zombie();
        machine.Log.Add(0, $"Linux version {machine.Identity.Release} (forge@forged-host) {machine.Identity.Version}", 5)
            .Add(0, "Command line: " + machine.Identity.CommandLine, 6).Add(0.512345, "x86: Booting SMP configuration:")
            .Add(1.25, "Run /init as init process");
        return machine;
    }
}
