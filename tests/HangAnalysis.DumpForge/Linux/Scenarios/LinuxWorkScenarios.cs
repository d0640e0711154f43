using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Work queues.</summary>
internal static class LinuxWorkScenarios
{
    /// <summary>
    /// A task flushes a work; the kworker that runs it waits for a mutex, whose owner is busy on a processor in its module.
    /// </summary>
    public static LinuxMachine Flush(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxModule module = machine.Modules.Add("stall", LinuxMutexScenarios.Foreign);
        LinuxTask owner = machine.Tasks.AddKernelThread(1800, "stall-owner");
        owner.RunningSeconds = 131;
        owner.Run(machine.Processors[1], "stall:stall_loop stall:stall_owner_fn");
        LinuxTask worker = machine.Tasks.AddWorker(1801, "kworker/0:7+stall_wq")
            .Sleep('D', LinuxMutexScenarios.Sleep + "stall:stall_fn process_one_work worker_thread", 130);
        LinuxTask flusher = machine.Tasks.AddProcess(1802, "wq-flusher", null)
            .Sleep('D', "schedule schedule_timeout __wait_for_common wait_for_completion __flush_work flush_work "
                + "stall:stall_ioctl __x64_sys_ioctl",
                129, 16);
        LinuxObject mutex = machine.Locks.Mutex(module.Variable("stall_lock", "mutex"), owner);
        machine.Locks.WaitMutex(mutex, worker);
        LinuxObject pool = machine.WorkQueues.Add("stall_wq");
        machine.WorkQueues.Add("events");
        machine.WorkQueues.Busy(worker, pool, "stall_fn", "stall");
        LinuxObject done = machine.WorkQueues.Flush(flusher, worker, pool);
        machine.WorkQueues.Enqueue(pool, "vmstat_update");
        machine.Truth = new LinuxTruth("owner-running", "stall",
            [LinuxTruth.Link(flusher), LinuxTruth.Link(worker), LinuxTruth.Link("lock", mutex.Address, "stall_lock"),
            LinuxTruth.Link(owner)])
        {
            Owners = [owner.Pid], Victims = [worker.Pid, flusher.Pid],
            Waits =
            [
                new TruthWait("flush", flusher.Pid, done.Address, worker.Pid, "stall_wq"),
                new TruthWait("mutex", worker.Pid, mutex.Address, owner.Pid, "stall_lock"),
            ],
        };
        return machine;
    }
}
