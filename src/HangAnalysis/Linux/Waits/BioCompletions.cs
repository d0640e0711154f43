using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Completions of a bio or a request that a task sent itself and waits for.</summary>
/// <remarks>
/// submit_bio_wait keeps its completion in bio.bi_private, blk_execute_rq in request.end_io_data: both point back. Both awake
/// each half of the time after which a task counts as hung (blk_wait_io; kernel.hung_task_timeout_secs), so that it is never
/// reported, and wait on: how long they wait is told by the request.
/// </remarks>
internal sealed class BioCompletions : ICompletionOwner
{
    private readonly WaitContext _context;
    private readonly DiskWaits _disks;
    private readonly FieldSlot _private, _device, _endData, _requestDisk, _requestQueue, _queueDisk;

    public BioCompletions(WaitContext context, DiskWaits disks)
    {
        (_context, _disks) = (context, disks);
        LinuxSession session = context.Session;
        _private = session.Field("bio", "bi_private");
        _device = session.Field("bio", "bi_bdev");
        _endData = session.Field("request", "end_io_data");
        _requestDisk = session.Field("request", "rq_disk");
        _requestQueue = session.Field("request", "q");
        _queueDisk = session.Field("request_queue", "disk");
    }

    /// <inheritdoc/>
    public Phrase? Follow(ObjectReference completion, ThreadFacts waiter, KernelStack stack)
    {
        bool isBio = _context.Stacks.FindFunction(stack, f => f is "submit_bio_wait" or "blkdev_issue_flush") is not null;
        bool isRequest = !isBio && _context.Stacks.FindFunction(stack, f => f is "blk_execute_rq") is not null;
        if (!isBio && !isRequest)
            return null;
        FieldSlot back = isBio ? _private : _endData;
        ulong found = _context.Stacks.FindPointer(stack, back, value => value == completion.Address
            || (isRequest && value - waiter.StackLimit < waiter.StackBase - waiter.StackLimit && Math.Abs((long)(value - completion.Address)) <= 16));
        ulong disk = found == 0 ? 0
            : isBio ? _disks.Devices.DiskOf(_context.Session.Read(found, _device))
            : _requestDisk.IsPresent ? _context.Session.Read(found, _requestDisk)
            : _context.Session.Read(_context.Session.Read(found, _requestQueue), _queueDisk);
        if ((isBio ? _disks.Devices.AgeOfBio(disk, found) : _disks.Devices.AgeOf(found)) is { } age && !(age <= waiter.Age))
        {
            waiter.Age = age;
            waiter.IsOverdue |= waiter.WaitsInKernelMode == true && age >= LinuxWaitRoles.OverdueAge;
        }
        string what = isBio ? "bio" : "request";
        return _disks.TryAdd(completion, disk, Phrase.Of($"completed when {what} {found:x16} is done by disk {_disks.Devices.NameOf(disk)}"),
            Certainty.Proven, CrashCommands.Structure(what, found))
            ? Phrase.Of($"of a {what} that the disk has not completed")
            : null;
    }
}
