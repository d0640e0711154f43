namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>
/// A file system in user space: its connection, the server's device, and requests that wait for an
/// answer.
/// </summary>
public sealed class LinuxFuse
{
    private const uint Getattr = 3;
    private readonly LinuxMachine _machine;
    private readonly ulong _processing;
    private ulong _unique = 40;

    /// <summary>Mounts a file system whose answers a server gives by its descriptor 3.</summary>
    public LinuxFuse(LinuxMachine machine, LinuxTask server, string type)
    {
        _machine = machine;
        ulong operations = machine.Layout.Is61
            ? machine.Modules.Find("fuse").Bytes("fuse_dev_operations", 0x100) : machine.Constant("fuse_dev_operations");
        SuperBlock = machine.Storage.AddFileSystem("0:51", type);
        Connection = machine.New("fuse_conn").Set("connected", 1).Set("iq.connected", 1).Set("dev", 51)
            .Lists("iq.pending", "iq.interrupts", "iq.waitq.head", "bg_queue", "devices", "mounts");
        Mount = machine.New("fuse_mount").Set("fc", Connection).Set("sb", SuperBlock)
            .AppendTo(Connection.At("mounts"), "fc_entry");
        SuperBlock.Set("s_fs_info", Mount);
        _processing = machine.Memory.Allocate(16 * 256);
        for (ulong i = 0; i < 256; i++)
            machine.Memory.Space.InitializeList(_processing + 16 * i);
        Device = machine.New("fuse_dev").Set("fc", Connection).Set("pq.connected", 1).Set("pq.processing", _processing)
            .Lists("pq.io")
            .AppendTo(Connection.At("devices"), "entry");
        LinuxObject node = machine.Storage.AddInode(machine.Storage.AddFileSystem("devtmpfs", "devtmpfs"), 229);
        File = machine.Storage.Open(node, "fuse", operations, Device.Address);
        machine.Tasks.OpenFiles(server, null, null, null, File);
    }

    public LinuxObject SuperBlock { get; }

    public LinuxObject Connection { get; }

    public LinuxObject Mount { get; }

    public LinuxObject Device { get; }

    public LinuxObject File { get; }

    /// <summary>A task waits for the answer to a request; the server has read it, or it is still pending.</summary>
    public LinuxObject Request(LinuxTask task, bool wasRead)
    {
        const ulong IsPending = 1ul << 5, Sent = 1ul << 6, Waiting = 1ul << 4;
        _unique += 2;
        LinuxObject request = _machine.New("fuse_req").Set("fm", Mount).Set("count", 2).Set("in.h.opcode", Getattr)
            .Set("in.h.unique", _unique).Set("in.h.pid", task.Pid).Set("flags", Waiting | (wasRead ? Sent : IsPending))
            .Lists("intr_entry", "waitq.head");
        // FUSE_REQ_ID_STEP is 2; the hash is of the id without it.
        ulong head = wasRead ? _processing + 16 * (_unique / 2 % 256) : Connection.At("iq.pending");
        request.AppendTo(head, "list");
        _machine.WaitQueues.Wait(request.At("waitq"), task, "request_wait_answer");
        return request;
    }
}
