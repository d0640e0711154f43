using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for the answer to a FUSE request to the process that serves the file system.</summary>
/// <remarks>
/// The wait queue lies in the fuse_req, that leads to the connection. Its server is who waits in fuse_dev_do_read for the
/// connection's next request, or else who has a file open whose private data is one of the connection's fuse_devs.
/// </remarks>
internal sealed class FuseWaits : IQueueOwner
{
    private readonly WaitContext _context;
    private readonly OpenFiles _files;
    private readonly FieldSlot _queueHead, _queue, _mount, _connection, _input, _inputQueue, _devices, _deviceEntry, _header, _opcode;
    private readonly Dictionary<ulong, List<ProcessFacts>> _servers = [];
    private readonly Dictionary<ulong, ulong> _readers = [];
    private readonly List<(ObjectReference Message, ulong Connection)> _pending = [];

    public FuseWaits(WaitContext context, OpenFiles files)
    {
        (_context, _files) = (context, files);
        LinuxSession session = context.Session;
        _queueHead = session.Field("wait_queue_head", "head");
        _queue = session.ModuleField("fuse", "fuse_req", "waitq");
        _mount = session.ModuleField("fuse", "fuse_req", "fm");
        _connection = session.ModuleField("fuse", "fuse_mount", "fc");
        _input = session.ModuleField("fuse", "fuse_conn", "iq");
        _inputQueue = session.ModuleField("fuse", "fuse_iqueue", "waitq");
        _devices = session.ModuleField("fuse", "fuse_conn", "devices");
        _deviceEntry = session.ModuleField("fuse", "fuse_dev", "entry");
        _header = session.ModuleField("fuse", "fuse_req", "in.h");
        _opcode = session.ModuleField("fuse", "fuse_in_header", "opcode");
    }

    /// <summary>Takes note of a task that reads a connection's requests: its wait queue is the connection's.</summary>
    public void NoteReader(ThreadFacts thread, in QueuedWaiter waiter)
    {
        if (waiter.Head != 0)
            _readers[thread.Address.Value] = waiter.Head;
    }

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        if (waiter.Head == 0 || !_queue.IsPresent
            || _context.Stacks.FindFunction(stack, f => f is "request_wait_answer" or "__fuse_simple_request" or "fuse_simple_request") is null)
            return false;
        ulong request = waiter.Head - (ulong)_queueHead.Offset - (ulong)_queue.Offset;
        ObjectReference message = new(ObjectKind.Message, request);
        ulong connection = _context.Session.Read(_context.Session.Read(request, _mount), _connection);
        string operation = _header.IsPresent && _opcode.IsPresent
            ? $", operation {_context.Session.Read(request + (ulong)_header.Offset, _opcode)}"
            : "";
        _context.AddWait(thread, message, Phrase.Of($"answer to FUSE request {message}{operation}"),
            Certainty.Proven, CrashCommands.Structure("fuse_req", request));
        _pending.Add((message, connection));
        return true;
    }

    /// <summary>Adds the servers of the requests that were met, when all tasks have been looked at.</summary>
    public void Finish()
    {
        foreach ((ObjectReference message, ulong connection) in _pending)
        {
            List<ProcessFacts> servers = ServersOf(connection);
            Phrase state = servers.Count == 0
                ? Phrase.Of("no process has the connection's device open: its server is gone")
                : Phrase.Of($"the file system is served by {servers[0]}");
            foreach (ProcessFacts server in servers)
            {
                // Of a server with one thread it is known who should act; of others any thread may have taken the request.
                ObjectReference acts = server.Threads is [var only]
                    ? ObjectReference.To(only.Address)
                    : ObjectReference.To(server.Address);
                _context.Graph.Add(message, acts, Phrase.Of($"to be answered by {server}"),
                    servers.Count == 1 ? Certainty.Proven : Certainty.Inferred, CrashCommands.Structure("fuse_conn", connection));
            }
            _context.Graph.Describe(new ObjectFacts(message, "FUSE request", null, state));
        }
    }

    private List<ProcessFacts> ServersOf(ulong connection)
    {
        if (_servers.TryGetValue(connection, out List<ProcessFacts>? servers))
            return servers;
        _servers[connection] = servers = [];
        if (!LinuxSession.IsObject(connection))
            return servers;
        ulong head = connection + (ulong)_input.Offset + (ulong)_inputQueue.Offset + (ulong)_queueHead.Offset;
        if (_input.IsPresent && _inputQueue.IsPresent)
            foreach ((ulong task, ulong queue) in _readers)
                if (queue == head && _context.System.FindThread(task) is { } reader && !servers.Contains(reader.Process))
                    servers.Add(reader.Process);
        if (servers.Count > 0 || !_devices.IsPresent || !_deviceEntry.IsPresent)
            return servers;
        List<ulong> devices = [];
        ListRing.Collect(_context.Session.Memory, connection + (ulong)_devices.Offset, Limits.ListEntries, devices);
        HashSet<ulong> wanted = [];
        foreach (ulong node in devices)
            wanted.Add(node - (ulong)_deviceEntry.Offset);
        _files.FindHolders(wanted, servers);
        return servers;
    }
}
