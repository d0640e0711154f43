using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a bit of a word: buffers, inodes, remote procedure calls.</summary>
/// <remarks>
/// wait_bit_queue_entry.key.flags is the address of the word. Which structure it is part of is told by the function that
/// waits: wait_on_bit takes any word. Buffers are known by what they look like too: __wait_on_buffer ends with a jump into
/// the waiting function, so that it is on no stack (seen in 6.1), and jbd2 and file systems wait for their bits directly.
/// </remarks>
internal sealed class BitWaits : IQueueOwner
{
    /// <summary>What wakes those in wait_var_event, who wait for a word to have another value: they name no bit.</summary>
    private const string VariableWaker = "var_wake_function";

    /// <summary>Bit 0 of rw_semaphore.count: a writer has it; the lowest bits of owner are flags (kernel/locking/rwsem.c).</summary>
    private const ulong WriterLocked = 1, OwnerFlags = 7;

    private readonly WaitContext _context;
    private readonly DiskWaits _disks;
    private readonly FieldSlot _entry, _word, _bit, _bufferState, _bufferDevice, _bufferBlock, _bufferBytes, _bufferNext,
        _inodeState, _rpcState, _rpcClient, _rpcTransport, _serverName, _superFlags, _superLock, _superLockCount, _superLockOwner;

    public BitWaits(WaitContext context, DiskWaits disks)
    {
        (_context, _disks) = (context, disks);
        LinuxSession session = context.Session;
        _entry = session.Field("wait_bit_queue_entry", "wq_entry");
        _word = session.Field("wait_bit_queue_entry", "key.flags");
        _bit = session.Field("wait_bit_queue_entry", "key.bit_nr");
        _bufferState = session.Field("buffer_head", "b_state");
        _bufferDevice = session.Field("buffer_head", "b_bdev");
        _bufferBlock = session.Field("buffer_head", "b_blocknr");
        _bufferBytes = session.Field("buffer_head", "b_size");
        _bufferNext = session.Field("buffer_head", "b_this_page");
        _inodeState = session.Field("inode", "i_state");
        _rpcState = session.ModuleField("sunrpc", "rpc_task", "tk_runstate");
        _rpcClient = session.ModuleField("sunrpc", "rpc_task", "tk_client");
        _rpcTransport = session.ModuleField("sunrpc", "rpc_clnt", "cl_xprt");
        _serverName = session.ModuleField("sunrpc", "rpc_xprt", "servername");
        _superFlags = session.Field("super_block", "s_flags");
        _superLock = session.Field("super_block", "s_umount");
        _superLockCount = session.Field("super_block", "s_umount.count");
        _superLockOwner = session.Field("super_block", "s_umount.owner");
    }

    /// <inheritdoc/>
    public bool TryAdd(ThreadFacts thread, KernelStack stack, in QueuedWaiter waiter)
    {
        if (waiter.Waker is not ("wake_bit_function" or VariableWaker) || !_entry.IsPresent || !_word.IsPresent)
            return false;
        ulong start = waiter.Entry - (ulong)_entry.Offset;
        ulong word = _context.Session.Read(start, _word);
        string evidence = CrashCommands.Structure("wait_bit_queue_entry", start);
        if (!LinuxSession.IsKernelAddress(word))
            return false;
        if (_bufferState.IsPresent && (Has(stack, f => f is "__wait_on_buffer" or "__lock_buffer" or "wait_on_buffer")
                || IsBuffer(word - (ulong)_bufferState.Offset)))
            return AddBuffer(thread, word - (ulong)_bufferState.Offset, evidence);
        if (_rpcState.IsPresent && Has(stack, f => f.StartsWith("rpc_wait_bit", StringComparison.Ordinal)
                || f is "__rpc_execute" or "rpc_wait_for_completion_task"))
            return AddRemote(thread, word - (ulong)_rpcState.Offset, evidence);
        bool isVariable = waiter.Waker == VariableWaker;
        if (isVariable && _superFlags.IsPresent && Has(stack, f => f.Contains("super_lock", StringComparison.Ordinal)
                || f.Contains("iterate_supers", StringComparison.Ordinal)))
            return AddSuperBlock(thread, word - (ulong)_superFlags.Offset, evidence);
        bool isInode = _inodeState.IsPresent && Has(stack, f => f.Contains("wait_on_inode", StringComparison.Ordinal)
            || f.Contains("inode_wait_for_writeback", StringComparison.Ordinal) || f is "find_inode_fast" or "iget_locked" or "ilookup");
        ulong address = isInode ? word - (ulong)_inodeState.Offset : word;
        ObjectReference reference = new(ObjectKind.Event, address);
        string title = isInode ? "inode" : isVariable ? "value of a word" : "bit of a word";
        string? name = _context.VariableAt(address);
        _context.AddWait(thread, reference, isVariable
            ? Phrase.Of($"{title} {reference}")
            : Phrase.Of($"{title} {reference}, bit {(int)_context.Session.Read(start, _bit)}"), Certainty.Proven, evidence);
        string? place = null;
        if (isInode)
            _disks.Devices.DiskOfInode(address, out place);
        _context.Graph.Describe(new ObjectFacts(reference, title, place ?? name, Phrase.Of(isVariable
            ? "who will change it is not recorded"
            : "who will clear the bit is not recorded")));
        return true;
    }

    /// <summary>
    /// Whether a buffer_head is at an address: it has a block of a disk that has a name, of a size that blocks have, and those
    /// of its page are linked in a ring. A journal's own buffers are alone.
    /// </summary>
    private bool IsBuffer(ulong address)
    {
        const ulong LeastBytes = 512, MostBytes = 65536;
        const int MostInPage = 128;
        LinuxSession session = _context.Session;
        ulong bytes = session.Read(address, _bufferBytes);
        ulong device = session.Read(address, _bufferDevice);
        if (!ulong.IsPow2(bytes) || bytes is < LeastBytes or > MostBytes || !LinuxSession.IsObject(device)
            || _disks.Devices.NameOf(_disks.Devices.DiskOf(device)) is null)
            return false;
        ulong next = session.Read(address, _bufferNext);
        for (int i = 0; i < MostInPage && next != address && next != 0; i++)
        {
            if (!LinuxSession.IsObject(next) || session.Read(next, _bufferBytes) != bytes)
                return false;
            next = session.Read(next, _bufferNext);
        }
        return next == address || next == 0;
    }

    private bool AddBuffer(ThreadFacts thread, ulong buffer, string evidence)
    {
        ulong disk = _disks.Devices.DiskOf(_context.Session.Read(buffer, _bufferDevice));
        ulong block = _context.Session.Read(buffer, _bufferBlock);
        ObjectReference reference = new(ObjectKind.Request, buffer);
        string of = _disks.Devices.NameOf(disk) is { } name ? $" of {name}" : "";
        Phrase what = Phrase.Of($"buffer {reference} of block {block}{of}");
        // The lock bit of a buffer is held by its I/O, but any task may take it.
        if (_disks.TryAdd(ObjectReference.To(thread.Address), disk, what, Certainty.Inferred, evidence))
            return true;
        _context.AddWait(thread, reference, what, Certainty.Proven, evidence);
        _context.Graph.Describe(new ObjectFacts(reference, "buffer", null, Phrase.Of("the disk that it is of is not in the dump")));
        return true;
    }

    /// <summary>
    /// Since 6.6 who needs a file system that is being mounted waits until its super block is born, or has died (super_lock
    /// of fs/super.c). Who mounts or unmounts it has its s_umount to write all the while.
    /// </summary>
    private bool AddSuperBlock(ThreadFacts thread, ulong super, string evidence)
    {
        LinuxSession session = _context.Session;
        ObjectReference reference = new(ObjectKind.Event, super);
        string place = _disks.Devices.PlaceOf(super);
        _context.AddWait(thread, reference, Phrase.Of($"super block {reference} of {place}, to be mounted or gone"),
            Certainty.Proven, evidence);
        if ((session.Read(super, _superLockCount) & WriterLocked) != 0
            && _context.System.FindThread(session.Read(super, _superLockOwner) & ~OwnerFlags) is { } owner && owner != thread)
            _context.AddOwner(reference, owner, Certainty.Inferred,
                CrashCommands.Field("rw_semaphore", "count,owner", super + (ulong)_superLock.Offset), "mounted or unmounted");
        _context.Graph.Describe(new ObjectFacts(reference, "super block", place,
            Phrase.Of("who mounts or unmounts it is not recorded")));
        return true;
    }

    private bool AddRemote(ThreadFacts thread, ulong task, string evidence)
    {
        ObjectReference reference = new(ObjectKind.Request, task);
        string? server = _context.Session.ReadText(_context.Session.Read(
            _context.Session.Read(_context.Session.Read(task, _rpcClient), _rpcTransport), _serverName), 128);
        _context.AddWait(thread, reference, Phrase.Of($"remote procedure call {reference}{(server is null ? "" : $" to {server}")}"),
            Certainty.Proven, evidence);
        _context.Graph.Describe(new ObjectFacts(reference, "remote procedure call", server, Phrase.Of("the server has not answered"))
        {
            IsExternal = true,
        });
        return true;
    }

    private bool Has(KernelStack stack, Func<string, bool> isIt) => _context.Stacks.FindFunction(stack, isIt) is not null;
}
