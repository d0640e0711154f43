using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Requests that a disk's driver has and has not completed.</summary>
/// <param name="Count">How many.</param>
/// <param name="Oldest">The longest that one of them is with the driver; null where not recorded.</param>
internal sealed record RequestsInFlight(int Count, TimeSpan? Oldest);

/// <summary>Knows block devices: from a block_device, an inode or a super block to the disk, and what its driver has to do.</summary>
internal sealed class BlockDevices
{
    /// <summary>Hardware queues of one disk, and tags of one queue (BLK_MQ_MAX_DEPTH is 10,240).</summary>
    private const int MostQueues = 4096, MostTags = 10_240;

    /// <summary>Bios of one request; a request has some hundred segments at most.</summary>
    private const int MostBios = 1024;

    /// <summary>enum mq_rq_state of include/linux/blk-mq.h: 1 is MQ_RQ_IN_FLIGHT.</summary>
    private const ulong InFlight = 1;

    private readonly LinuxSession _session;
    private readonly LinuxClock _clock;
    private readonly FlushQueues _flushes;
    private readonly FieldSlot _disk, _diskName, _superBlock, _superId, _superDevice, _bdevOfInode, _inodeInBdev, _number, _host,
        _queue, _tagSet, _queueCount, _tags, _tagCount, _requests, _state, _started, _requestQueue, _tag, _made, _bio, _nextBio, _type, _typeName,
        _inodes, _inodeNode;

    public BlockDevices(LinuxSession session, LinuxClock clock)
    {
        (_session, _clock) = (session, clock);
        _flushes = new FlushQueues(session);
        _disk = session.Field("block_device", "bd_disk");
        _diskName = session.Field("gendisk", "disk_name");
        _superBlock = session.Field("inode", "i_sb");
        _number = session.Field("inode", "i_ino");
        _superId = session.Field("super_block", "s_id");
        _superDevice = session.Field("super_block", "s_bdev");
        _inodes = session.Field("super_block", "s_inodes");
        _inodeNode = session.Field("inode", "i_sb_list");
        _type = session.Field("super_block", "s_type");
        _typeName = session.Field("file_system_type", "name");
        _bdevOfInode = session.Field("bdev_inode", "bdev");
        _inodeInBdev = session.Field("bdev_inode", "vfs_inode");
        _host = session.Field("address_space", "host");
        _queue = session.Field("gendisk", "queue");
        _tagSet = session.Field("request_queue", "tag_set");
        _queueCount = session.Field("blk_mq_tag_set", "nr_hw_queues");
        _tags = session.Field("blk_mq_tag_set", "tags");
        _tagCount = session.Field("blk_mq_tags", "nr_tags");
        _requests = session.Field("blk_mq_tags", "rqs");
        _state = session.Field("request", "state");
        _started = session.Field("request", "io_start_time_ns", "start_time_ns");
        _requestQueue = session.Field("request", "q");
        _made = session.Field("request", "start_time_ns");
        _bio = session.Field("request", "bio");
        _nextBio = session.Field("bio", "bi_next");
        // A tag's entry is not cleared when its request ends; the request may since be there under another tag too.
        _tag = session.Field("request", "tag");
    }

    /// <summary>The gendisk of a block_device; 0 where it names none.</summary>
    public ulong DiskOf(ulong blockDevice) => _session.Read(blockDevice, _disk);

    /// <summary>The inode that an address_space belongs to; 0 where it names none.</summary>
    public ulong InodeOf(ulong mapping) => _session.Read(mapping, _host);

    /// <summary>The number of an inode.</summary>
    public ulong NumberOf(ulong inode) => _session.Read(inode, _number);

    /// <summary>The disk that an inode's data is on, and what the inode is; 0 where it is on none that is known.</summary>
    /// <param name="inode">The inode; of a block device itself, or of a file.</param>
    /// <param name="place">Such as <c>inode 12 of ext4 on sda1</c>. Text from the dump.</param>
    public ulong DiskOfInode(ulong inode, out string place)
    {
        ulong super = _session.Read(inode, _superBlock);
        // The inodes of block devices are of a file system of their own, named so (block/bdev.c).
        if (super != 0 && _superId.IsPresent && _session.ReadText(super + (ulong)_superId.Offset, 32) == "bdev" && _bdevOfInode.IsPresent && _inodeInBdev.IsPresent)
        {
            ulong disk = DiskOf(inode - (ulong)_inodeInBdev.Offset + (ulong)_bdevOfInode.Offset);
            place = NameOf(disk) is { } name ? $"block device {name}" : "a block device";
            return disk;
        }
        place = $"inode {NumberOf(inode)} of {PlaceOf(super)}";
        return DiskOf(_session.Read(super, _superDevice));
    }

    /// <summary>What is known of a super block, such as <c>ext4 on sda1</c>. Text from the dump.</summary>
    public string PlaceOf(ulong super)
    {
        string id = super == 0 || !_superId.IsPresent ? "" : _session.ReadText(super + (ulong)_superId.Offset, 32) ?? "";
        string type = _session.ReadText(_session.Read(_session.Read(super, _type), _typeName), 32) ?? "a file system";
        return id.Length == 0 ? type : $"{type} on {id}";
    }

    /// <summary>Name of a disk, such as <c>sda</c>; null where it has none. Text from the dump.</summary>
    public string? NameOf(ulong disk) =>
        LinuxSession.IsObject(disk) && _diskName.IsPresent && _session.ReadText(disk + (ulong)_diskName.Offset, 32) is { Length: > 0 } name
            ? name
            : null;

    /// <summary>
    /// Requests that the drivers of all disks have; null where there is no disk, or it cannot be told. Every block device has an inode in one
    /// list (block/bdev.c), partitions too, which name their disk.
    /// </summary>
    public RequestsInFlight? CountAll()
    {
        ulong super = _session.AddressOf("blockdev_superblock") is not 0 and var variable ? _session.ReadPointer(variable) : 0;
        if (!LinuxSession.IsObject(super) || !_inodes.IsPresent || !_inodeNode.IsPresent || !_bdevOfInode.IsPresent || !_inodeInBdev.IsPresent)
            return null;
        List<ulong> nodes = [];
        if (ListRing.Collect(_session.Memory, super + (ulong)_inodes.Offset, Limits.ListEntries, nodes) is not null)
            return null;
        HashSet<ulong> disks = [];
        int count = 0;
        TimeSpan? oldest = null;
        foreach (ulong node in nodes)
        {
            ulong inode = node - (ulong)_inodeNode.Offset;
            ulong disk = DiskOf(inode - (ulong)_inodeInBdev.Offset + (ulong)_bdevOfInode.Offset);
            if (!LinuxSession.IsObject(disk) || !disks.Add(disk))
                continue;
            if (CountInFlight(disk) is not { } own)
                return null;
            count += own.Count;
            if (own.Oldest is { } age && !(age < oldest))
                oldest = age;
        }
        return disks.Count == 0 ? null : new RequestsInFlight(count, oldest);
    }

    /// <summary>Requests that the disk's driver has; null where the disk does not count them so (drivers without blk-mq).</summary>
    public RequestsInFlight? CountInFlight(ulong disk)
    {
        if (InFlightOf(disk) is not { } requests)
            return null;
        TimeSpan? oldest = null;
        foreach (ulong request in requests)
            if (AgeOf(request) is { } age && !(age < oldest))
                oldest = age;
        return new RequestsInFlight(requests.Count, oldest);
    }

    /// <summary>
    /// How long a disk's driver has the request that a bio is part of, or how long that waits for a flush that the driver has;
    /// null where it has none with it.
    /// </summary>
    public TimeSpan? AgeOfBio(ulong disk, ulong bio)
    {
        foreach (ulong request in InFlightOf(disk) ?? [])
        {
            ulong part = _session.Read(request, _bio);
            for (int i = 0; i < MostBios && LinuxSession.IsObject(part); i++, part = _session.Read(part, _nextBio))
                if (part == bio)
                    return AgeOf(request);
            if (_flushes.FindWaiting(request, bio) is not 0 and var waiting)
                return _session.Read(waiting, _made) is not 0 and var made ? _clock.Since(made) : null;
        }
        return null;
    }

    /// <summary>How long a driver has a request; null where that is not recorded.</summary>
    public TimeSpan? AgeOf(ulong request) =>
        _session.Read(request, _started) is not 0 and var started ? _clock.Since(started) : null;

    private List<ulong>? InFlightOf(ulong disk)
    {
        ulong queue = _session.Read(disk, _queue);
        ulong set = _session.Read(queue, _tagSet);
        ulong tags = _session.Read(set, _tags);
        if (!LinuxSession.IsObject(tags) || !_state.IsPresent || !_requests.IsPresent)
            return null;
        int queues = (int)Math.Min(_session.Read(set, _queueCount), MostQueues);
        List<ulong> found = [];
        for (int i = 0; i < queues; i++)
        {
            ulong one = _session.ReadPointer(tags + (ulong)(i * 8));
            ulong requests = _session.Read(one, _requests);
            int most = (int)Math.Min(_session.Read(one, _tagCount), MostTags);
            for (int tag = 0; tag < most && LinuxSession.IsObject(requests); tag++)
            {
                ulong request = _session.ReadPointer(requests + (ulong)(tag * 8));
                if (LinuxSession.IsObject(request) && _session.Read(request, _state) == InFlight
                    && _session.Read(request, _requestQueue) == queue
                    && (!_tag.IsPresent || (int)_session.Read(request, _tag) == tag))
                    found.Add(request);
            }
        }
        return found;
    }
}
