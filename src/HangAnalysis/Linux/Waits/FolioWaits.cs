using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a page (a folio since 5.16) of a file to the disk that it is on.</summary>
/// <remarks>
/// The waiter lies in a wait_page_queue that names the page and the bit. The queue itself is one of a few hundred that all
/// pages share, so that its head says nothing. PG_writeback is ended by the disk; PG_locked is too while the page is read, but
/// another task may hold it: then the disk is what is inferred.
/// </remarks>
internal sealed class FolioWaits : IQueueOwner
{
    /// <summary>The lowest bits of page.mapping say what it points at: 0 is an address_space (PAGE_MAPPING_FLAGS).</summary>
    private const ulong MappingFlags = 3;

    private readonly WaitContext _context;
    private readonly DiskWaits _disks;
    private readonly FieldSlot _wait, _page, _bit, _mapping, _index;
    private readonly long _locked;
    private readonly long? _writeback;

    public FolioWaits(WaitContext context, DiskWaits disks)
    {
        (_context, _disks) = (context, disks);
        LinuxSession session = context.Session;
        _wait = session.Field("wait_page_queue", "wait");
        _page = session.Field("wait_page_queue", "folio", "page");
        _bit = session.Field("wait_page_queue", "bit_nr");
        _mapping = session.Field("folio", "mapping");
        _index = session.Field("folio", "index");
        if (!_mapping.IsPresent)
            (_mapping, _index) = (session.Field("page", "mapping"), session.Field("page", "index"));
        // The first of the page flags since there are any; the others have moved.
        _locked = session.Symbols.Types.FindEnumValue("PG_locked", "pageflags") ?? 0;
        _writeback = session.Symbols.Types.FindEnumValue("PG_writeback", "pageflags");
    }

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        if (waiter.Waker != "wake_page_function" || !_wait.IsPresent || !_page.IsPresent)
            return false;
        ulong queue = waiter.Entry - (ulong)_wait.Offset;
        ulong page = _context.Session.Read(queue, _page);
        long bit = (int)_context.Session.Read(queue, _bit);
        ulong mapping = _context.Session.Read(page, _mapping);
        string evidence = CrashCommands.Structure("wait_page_queue", queue);
        string state = bit == _writeback ? "its write-back" : bit == _locked ? "its lock, as while it is read" : $"its bit {bit}";
        ObjectReference reference = new(ObjectKind.Request, page);
        if (!LinuxSession.IsObject(page) || (mapping & MappingFlags) != 0 || !LinuxSession.IsObject(mapping))
        {
            _context.AddWait(thread, reference, Phrase.Of($"page {reference}, {state}"), Certainty.Proven, evidence);
            _context.Graph.Describe(new ObjectFacts(reference, "page", null, Phrase.Of("it belongs to no file, so no disk is known")));
            return true;
        }
        ulong disk = _disks.Devices.DiskOfInode(_disks.Devices.InodeOf(mapping), out string place);
        Phrase what = Phrase.Of($"page {_context.Session.Read(page, _index)} of {place}, {state}");
        if (_disks.TryAdd(ObjectReference.To(thread.Address), disk, what, bit == _writeback ? Certainty.Proven : Certainty.Inferred, evidence))
            return true;
        _context.AddWait(thread, reference, what, Certainty.Proven, evidence);
        _context.Graph.Describe(new ObjectFacts(reference, "page", place, Phrase.Of("its file is on no disk of this machine")));
        return true;
    }
}
