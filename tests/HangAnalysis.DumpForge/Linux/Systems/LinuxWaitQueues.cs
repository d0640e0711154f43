namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Wait queues: the entry on a stack names by its function what is waited for.</summary>
public sealed class LinuxWaitQueues
{
    private const int Heads = 256;
    private readonly LinuxMachine _machine;
    private readonly Lazy<ulong> _folios, _bits;

    internal LinuxWaitQueues(LinuxMachine machine)
    {
        _machine = machine;
        _folios = new Lazy<ulong>(() => Table("folio_wait_table"));
        _bits = new Lazy<ulong>(() => Table("bit_wait_table"));
    }

    /// <summary>An empty queue of the bytes of an object.</summary>
    public static LinuxObject Head(LinuxObject head) => head.Lists("head");

    /// <summary>A task waits in a queue; its entry lies on the frame of a function.</summary>
    public LinuxObject Wait(ulong head, LinuxTask task, string function, string wake = "autoremove_wake_function",
        ulong flags = 0)
    {
        LinuxObject entry = _machine.Locks.Waiter(task, "wait_queue_entry", function);
        return Fill(entry, head, task, wake, flags);
    }

    /// <summary>
    /// A task waits for a bit of a folio (0 PG_locked, 15 PG_writeback of 6.1), in a queue that unrelated
    /// folios share.
    /// </summary>
    public void WaitFolio(LinuxObject folio, LinuxTask task, int bit = 0)
    {
        LinuxObject wait = _machine.Locks.Waiter(task, "wait_page_queue", "folio_wait_bit_common");
        wait.Set("folio", folio).Set("bit_nr", bit);
        Fill(wait.Inner("wait", "wait_queue_entry"), Shared(_folios.Value, folio.Address >> 6), task,
            "wake_page_function", 0);
        task.Object.Set("in_iowait", 1);
    }

    /// <summary>A task waits for a buffer: bit 2 of its state, BH_Lock.</summary>
    public void WaitBuffer(LinuxObject buffer, LinuxTask task)
    {
        const int Lock = 2;
        buffer.Set("b_state", 1ul << Lock);
        WaitBit(buffer.At("b_state"), Lock, task);
        task.Object.Set("in_iowait", 1);
    }

    /// <summary>A task waits for a bit of a word.</summary>
    public void WaitBit(ulong word, int bit, LinuxTask task)
    {
        LinuxObject wait = _machine.Locks.Waiter(task, "wait_bit_queue_entry", "out_of_line_wait_on_bit");
        wait.Set("key.flags", word).Set("key.bit_nr", bit);
        LinuxObject entry = wait.Inner("wq_entry", "wait_queue_entry");
        Fill(entry, Shared(_bits.Value, word >> 3), task, "wake_bit_function", 0);
    }

    private LinuxObject Fill(LinuxObject entry, ulong head, LinuxTask task, string wake, ulong flags)
    {
        ulong list = head + (ulong)_machine.Layout.OffsetOf("wait_queue_head", "head");
        return entry.Set("flags", flags).Set("private", task.Object).Set("func", _machine.Function(wake))
            .AppendTo(list, "entry");
    }

    // Few heads, so that strangers meet in one.
    private ulong Shared(ulong table, ulong hash) => table + hash % 4 * (ulong)_machine.Layout.SizeOf("wait_queue_head");

    private ulong Table(string name)
    {
        int size = _machine.Layout.SizeOf("wait_queue_head");
        ulong table = _machine.Data(name, Heads * size, 64, 'b');
        for (int i = 0; i < Heads; i++)
            Head(_machine.Object("wait_queue_head", table + (ulong)(i * size)));
        return table;
    }
}
