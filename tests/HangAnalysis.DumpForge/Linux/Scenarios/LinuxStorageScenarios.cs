using HangAnalysis.DumpForge.Linux.Systems;

namespace HangAnalysis.DumpForge.Linux.Scenarios;

/// <summary>Disks that do not answer.</summary>
internal static class LinuxStorageScenarios
{
    private const string FolioWait = "schedule io_schedule folio_wait_bit_common ",
        BufferWait = "schedule io_schedule bit_wait_io __wait_on_bit out_of_line_wait_on_bit __wait_on_buffer ";

    /// <summary>
    /// Disk sdb completes nothing: programs wait for pages of its files, of the device itself and for a buffer. One of them
    /// holds its file's semaphore, for which others wait.
    /// </summary>
    public static LinuxMachine StuckDisk(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxDisk healthy = machine.Storage.AddDisk("sda", 8, 0), disk = machine.Storage.AddDisk("sdb");
        machine.Storage.AddFileSystem("sda1", "ext4", healthy);
        LinuxObject block = machine.Storage.AddFileSystem("sdb1", "ext4", disk);
        LinuxObject inode = machine.Storage.AddInode(block, 4711);
        LinuxTask owner = machine.Tasks.AddProcess(1600, "postgres", null, 90_000)
            .Sleep('D', FolioWait + "__filemap_get_folio pagecache_get_page ext4_write_begin generic_perform_write "
                + "ext4_buffered_write_iter vfs_write ksys_write", 184, 1);
        LinuxTask[] readers = [.. Enumerable.Range(1, 12).Select(i =>
            machine.Tasks.AddProcess(1600 + (uint)i, $"pg-worker{i}", owner)
            .Sleep('D', FolioWait + "filemap_update_page filemap_get_pages filemap_read vfs_read ksys_read", 184 - i))];
        LinuxTask[] victims = [.. Enumerable.Range(0, 3).Select(i =>
            machine.Tasks.AddProcess(1640 + (uint)i, $"backup{i}", null)
            .Sleep('D', "schedule schedule_preempt_disabled rwsem_down_write_slowpath down_write "
                + "ext4_buffered_write_iter vfs_write ksys_write",
                170 - i, 1))];
        LinuxTask device = machine.Tasks.AddProcess(1650, "dd", null)
            .Sleep('D', FolioWait + "filemap_update_page filemap_get_pages filemap_read blkdev_read_iter "
                + "vfs_read ksys_read", 90);
        LinuxTask buffer = machine.Tasks.AddProcess(1651, "ls", null)
            .Sleep('D', BufferWait + "ext4_bread ext4_find_entry ext4_lookup lookup_slow walk_component "
                + "path_lookupat vfs_statx", 80, 332);
        // The function that waits for a buffer may end with a jump, so that it is on no stack.
        LinuxTask jumped = machine.Tasks.AddProcess(1652, "find", null)
            .Sleep('D', "schedule io_schedule bit_wait_io __wait_on_bit out_of_line_wait_on_bit ext4_bread ext4_find_entry "
                + "ext4_lookup lookup_slow walk_component path_lookupat vfs_statx", 79, 332);
        LinuxObject folio = machine.Storage.AddFolio(inode, 12), page = machine.Storage.AddFolio(disk.Inode, 99);
        machine.WaitQueues.WaitFolio(folio, owner);
        foreach (LinuxTask task in readers)
            machine.WaitQueues.WaitFolio(machine.Storage.AddFolio(inode, task.Pid), task);
        machine.WaitQueues.WaitFolio(page, device);
        LinuxObject head = machine.Storage.AddBuffer(disk, 8231);
        machine.WaitQueues.WaitBuffer(head, buffer);
        LinuxObject second = machine.Storage.AddBuffer(disk, 8240);
        machine.WaitQueues.WaitBuffer(second, jumped);
        LinuxObject semaphore = machine.Locks.WriteLocked(inode.Inner("i_rwsem", "rw_semaphore"), owner);
        foreach (LinuxTask task in victims)
            machine.Locks.WaitSemaphore(semaphore, task);
        for (int tag = 0; tag < 15; tag++)
            machine.Storage.AddRequest(disk, tag, 4096 + 8 * (ulong)tag, 184 - tag);
        machine.Storage.LeaveStale(disk, 14, 20);
        machine.Truth = new LinuxTruth("stuck-io", "sdb",
            [LinuxTruth.Link(victims[0]), LinuxTruth.Link("lock", semaphore.Address), LinuxTruth.Link(owner),
            LinuxTruth.Link("request", folio.Address, "sdb")])
        {
            Owners = [owner.Pid],
            Victims = [.. readers.Concat(victims).Select(task => task.Pid), device.Pid, buffer.Pid, jumped.Pid],
            Waits =
            [
                new TruthWait("folio", owner.Pid, folio.Address, 0, "sdb1"),
                new TruthWait("folio", device.Pid, page.Address, 0, "sdb"),
                new TruthWait("buffer", buffer.Pid, head.Address, 0, "sdb"),
                new TruthWait("buffer", jumped.Pid, second.Address, 0, "sdb"),
                .. LinuxTruth.WaitsOf("rwsem-write", semaphore.Address, owner, "", victims),
            ],
        };
        return machine;
    }

    /// <summary>One program waits for a request of its own: the bio lies on its stack and names the disk.</summary>
    public static LinuxMachine StuckRequest(LinuxOptions options)
    {
        LinuxMachine machine = LinuxPopulation.Create(options);
        LinuxDisk disk = machine.Storage.AddDisk("nvme1n1", 259, 3);
        LinuxTask task = machine.Tasks.AddKernelThread(1700, "jbd2/nvme1n1p1-8")
            .Sleep('D', "schedule schedule_timeout io_schedule_timeout __wait_for_common wait_for_completion_io "
                + "submit_bio_wait blkdev_issue_flush jbd2_journal_commit_transaction kjournald2", 75);
        LinuxObject bio = machine.Locks.Waiter(task, "bio", "blkdev_issue_flush").Set("bi_bdev", disk.Device)
            .Set("bi_opf", 0x40001ul);
        LinuxObject done = machine.Locks.Completion(machine.Locks.Waiter(task, "completion", "submit_bio_wait"));
        bio.Set("bi_private", done).Set("bi_end_io", machine.Function("submit_bio_wait_endio"));
        machine.Locks.WaitCompletion(done, task);
        // submit_bio_wait() looks at the bio afterwards, so that its callees save the register that has it.
        machine.Memory.Space.WriteUInt64(task.Frames.Local("__wait_for_common", 8), bio.Address);
        machine.Storage.AddRequest(disk, 3, 0, 75, isWrite: true).Set("bio", bio);
        task.Object.Set("in_iowait", 1);
        machine.Truth = new LinuxTruth("stuck-io", "nvme1n1", 
            [LinuxTruth.Link(task), LinuxTruth.Link("request", bio.Address, "nvme1n1")])
        {
            Victims = [task.Pid], Waits = [new TruthWait("completion", task.Pid, done.Address, 0, "nvme1n1")],
        };
        return machine;
    }
}
