namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>A disk with its block device, inode of it, queue and tags.</summary>
public sealed record LinuxDisk(
    string Name, LinuxObject Disk, LinuxObject Device, LinuxObject Inode, LinuxObject Queue, LinuxObject Tags);

/// <summary>Disks, file systems, inodes, pages and requests.</summary>
public sealed class LinuxStorage
{
    private const int Tags = 32;
    private readonly LinuxMachine _machine;
    private readonly Lazy<ulong> _superBlocks;
    private LinuxObject? _deviceBlock;

    internal LinuxStorage(LinuxMachine machine)
    {
        _machine = machine;
        _superBlocks = new Lazy<ulong>(NewSuperBlocks);
    }

    /// <summary>Makes a disk; device numbers as sd has them.</summary>
    public LinuxDisk AddDisk(string name, int major = 8, int minor = 16)
    {
        if (_deviceBlock is null)
        {
            _deviceBlock = AddFileSystem("bdev", "bdev");
            _machine.Memory.Space.WriteUInt64(_machine.Data("blockdev_superblock", 8), _deviceBlock.Address);
        }
        LinuxObject disk = _machine.New("gendisk").Set("major", major).Set("first_minor", minor).Set("minors", 16)
            .Text("disk_name", name);
        LinuxObject tags = _machine.New("blk_mq_tags").Set("nr_tags", Tags).Set("rqs", _machine.Memory.Allocate(8 * Tags));
        LinuxObject queue = _machine.New("request_queue").Set("disk", disk).Set("nr_hw_queues", 1).Set("nr_requests", Tags);
        LinuxObject hardware = _machine.New("blk_mq_hw_ctx").Set("queue", queue).Set("tags", tags);
        ulong list = _machine.Memory.Allocate(8);
        _machine.Memory.Space.WriteUInt64(list, tags.Address);
        LinuxObject set = _machine.New("blk_mq_tag_set").Set("nr_hw_queues", 1).Set("queue_depth", Tags).Set("tags", list);
        // An xarray with one entry at index 0 holds it in its head.
        queue.Set("hctx_table.xa_head", hardware).Set("tag_set", set);
        disk.Set("queue", queue);
        LinuxObject both = _machine.New("bdev_inode");
        LinuxObject device = both.Inner("bdev", "block_device").Set("bd_disk", disk).Set("bd_queue", queue)
            .Set("bd_dev", (ulong)major << 20 | (uint)minor).Set("bd_inode", both.At("vfs_inode"));
        disk.Set("part0", device);
        LinuxObject inode = Fill(both.Inner("vfs_inode", "inode"), _deviceBlock, (ulong)major << 20 | (uint)minor);
        return new LinuxDisk(name, disk, device, inode, queue, tags);
    }

    /// <summary>Makes a super block with its name: the device's, or that of a file system without one.</summary>
    public LinuxObject AddFileSystem(string id, string type, LinuxDisk? disk = null)
    {
        LinuxObject kind = _machine.New("file_system_type").Set("name", _machine.String(type));
        LinuxObject block = _machine.New("super_block").Text("s_id", id).Set("s_type", kind).Set("s_blocksize", 4096)
            .Lists("s_umount.wait_list", "s_inodes").AppendTo(_superBlocks.Value, "s_list");
        for (int level = 0; level < 3; level++)
            block.Inner($"s_writers.rw_sem[{level}]", "percpu_rw_semaphore").Set("read_count", 0x18000ul)
            .Lists("waiters.head");
        return disk is null ? block : block.Set("s_bdev", disk.Device).Set("s_dev", (ulong)disk.Disk.Address & 0xffff);
    }

    /// <summary>Makes a file's inode.</summary>
    public LinuxObject AddInode(LinuxObject block, ulong number) => Fill(_machine.New("inode"), block, number);

    /// <summary>Makes a file with a name, open as one.</summary>
    public LinuxObject Open(LinuxObject inode, string name, ulong operations = 0, ulong privateData = 0)
    {
        LinuxObject entry = _machine.New("dentry").Set("d_inode", inode).Text("d_iname", name).Set("d_sb", inode.Get("i_sb"))
            .Set("d_name.len", name.Length);
        entry.Set("d_name.name", entry.At("d_iname")).Set("d_parent", entry);
        return _machine.New("file").Set("f_path.dentry", entry).Set("f_inode", inode).Set("f_op", operations)
            .Set("private_data", privateData).Set("f_mapping", inode.Get("i_mapping"));
    }

    /// <summary>Makes a page of an inode, locked.</summary>
    public LinuxObject AddFolio(LinuxObject inode, ulong index)
    {
        const ulong Locked = 1, Referenced = 2;
        ulong pfn = _machine.Memory.Physical.Allocate();
        return _machine.Object("folio", _machine.Memory.PageStruct(pfn)).Set("flags", 0x17ffffc0000000 | Locked | Referenced)
            .Set("mapping", inode.At("i_data")).Set("index", index).Set("_refcount", 3);
    }

    public LinuxObject AddBuffer(LinuxDisk disk, ulong block) =>
        _machine.New("buffer_head").Set("b_bdev", disk.Device).Set("b_blocknr", block).Set("b_size", 4096).Set("b_count", 2);

    /// <summary>Makes a request that the disk has and does not answer.</summary>
    public LinuxObject AddRequest(LinuxDisk disk, int tag, ulong sector, double secondsAgo, bool isWrite = false)
    {
        const ulong InFlight = 1, Started = 2;
        ulong start = (ulong)((_machine.Options.Uptime.TotalSeconds - secondsAgo) * 1e9);
        LinuxObject bio = _machine.New("bio").Set("bi_bdev", disk.Device).Set("bi_iter.bi_sector", sector)
            .Set("bi_iter.bi_size", 4096)
            .Set("bi_opf", isWrite ? 1 : 0);
        LinuxObject request = _machine.New("request").Set("q", disk.Queue).Set("tag", tag).Set("__sector", sector)
            .Set("__data_len", 4096).Set("bio", bio).Set("part", disk.Device).Set("cmd_flags", isWrite ? 1 : 0)
            .Set("rq_flags", Started)
            .Set("state", InFlight).Set("ref", 1).Set("start_time_ns", start).Set("io_start_time_ns", start + 4000);
        _machine.Memory.Space.WriteUInt64(disk.Tags.Get("rqs") + 8 * (ulong)tag, request.Address);
        return request;
    }

    /// <summary>Lets the entry of a tag, whose request has ended, still lead to what is now the request of another tag.</summary>
    public void LeaveStale(LinuxDisk disk, int tag, int stale)
    {
        ulong entries = disk.Tags.Get("rqs");
        _machine.Memory.Space.WriteUInt64(entries + 8 * (ulong)stale,
            _machine.Memory.Space.ReadUInt64(entries + 8 * (ulong)tag));
    }

    private static LinuxObject Fill(LinuxObject inode, LinuxObject block, ulong number) =>
        inode.Set("i_sb", block).Set("i_ino", number).Set("i_mapping", inode.At("i_data")).Set("i_data.host", inode)
            .Set("i_count", 1)
            .Lists("i_rwsem.wait_list", "i_data.invalidate_lock.wait_list").AppendTo(block.At("s_inodes"), "i_sb_list");

    private ulong NewSuperBlocks()
    {
        ulong head = _machine.Data("super_blocks", 16, 16);
        _machine.Memory.Space.InitializeList(head);
        return head;
    }
}
