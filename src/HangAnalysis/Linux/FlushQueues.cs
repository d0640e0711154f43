using HangAnalysis.Targets;

namespace HangAnalysis.Linux;

/// <summary>Requests that wait until a disk has flushed its cache.</summary>
/// <remarks>
/// A request to flush is not sent itself: it is put in a queue of the hardware queue that it came by (blk_flush_queue), and one
/// request of that, flush_rq, is sent for all (block/blk-flush.c). Their link is request.queuelist since 6.6, flush.list before.
/// </remarks>
internal sealed class FlushQueues
{
    private readonly LinuxSession _session;
    private readonly FieldSlot _hardware, _flush, _sent, _waiting, _link, _bio;

    public FlushQueues(LinuxSession session)
    {
        _session = session;
        _hardware = session.Field("request", "mq_hctx");
        _flush = session.Field("blk_mq_hw_ctx", "fq");
        _sent = session.Field("blk_flush_queue", "flush_rq");
        _waiting = session.Field("blk_flush_queue", "flush_queue");
        _link = session.Field("request", "flush.list", "queuelist");
        _bio = session.Field("request", "bio");
    }

    /// <summary>The request of a bio that waits for a flush that is with the driver; 0 where there is none.</summary>
    /// <param name="sent">The request that is with the driver.</param>
    /// <param name="bio">The bio.</param>
    public ulong FindWaiting(ulong sent, ulong bio)
    {
        // One queue gathers requests while the flush for those in the other is under way.
        const int Queues = 2, HeadBytes = 16;
        ulong flush = _session.Read(_session.Read(sent, _hardware), _flush);
        if (!_link.IsPresent || !_waiting.IsPresent || !LinuxSession.IsObject(flush) || _session.Read(flush, _sent) != sent)
            return 0;
        List<ulong> nodes = [];
        for (int i = 0; i < Queues; i++)
        {
            nodes.Clear();
            ListRing.Collect(_session.Memory, flush + (ulong)(_waiting.Offset + i * HeadBytes), Limits.ListEntries, nodes);
            foreach (ulong node in nodes)
                if (_session.Read(node - (ulong)_link.Offset, _bio) == bio)
                    return node - (ulong)_link.Offset;
        }
        return 0;
    }
}
