using HangAnalysis.DumpForge.Memory;

namespace HangAnalysis.DumpForge.Linux.Systems;

/// <summary>Futexes: the kernel's entry on the stack of who waits, and the lock word in the program's memory.</summary>
public sealed class LinuxFutexes
{
    private const int Buckets = 4;
    private const ulong WaitersBit = 0x80000000;
    private readonly LinuxMachine _machine;
    private readonly Lazy<ulong> _table;

    internal LinuxFutexes(LinuxMachine machine)
    {
        _machine = machine;
        _table = new Lazy<ulong>(NewTable);
    }

    /// <summary>A task waits for a word of its process; nobody but the program knows who would wake it.</summary>
    public LinuxObject Wait(LinuxTask task, ulong address)
    {
        LinuxObject bucket = Bucket(address);
        LinuxObject entry = _machine.Locks.Waiter(task, "futex_q", "__futex_wait", "futex_wait");
        entry.Set("task", task.Object).Set("lock_ptr", bucket.At("lock")).Set("bitset", uint.MaxValue).Set("list.prio", 100)
            .Lists("list.prio_list").AppendTo(bucket.At("chain"), "list.node_list");
        Key(entry.Inner("key", "futex_key"), task, address);
        return entry;
    }

    /// <summary>Tasks wait for a word with priority inheritance: its owner is in the word and in the kernel.</summary>
    public LinuxObject WaitPi(LinuxTask owner, AddressSpace space, ulong address, params LinuxTask[] waiters)
    {
        space.WriteUInt32(address, (uint)(owner.Pid | WaitersBit));
        LinuxObject state = _machine.New("futex_pi_state").Set("owner", owner.Object).Set("refcount", 1).Lists("list");
        Key(state.Inner("key", "futex_key"), owner, address);
        LinuxObject bucket = Bucket(address);
        foreach (LinuxTask task in waiters)
        {
            LinuxObject entry = _machine.Locks.Waiter(task, "futex_q", "futex_lock_pi");
            entry.Set("task", task.Object).Set("lock_ptr", bucket.At("lock")).Set("pi_state", state).Set("list.prio", 100)
                .Lists("list.prio_list").AppendTo(bucket.At("chain"), "list.node_list");
            Key(entry.Inner("key", "futex_key"), task, address);
        }
        return _machine.Locks.RtMutex(state.Inner("pi_mutex", "rt_mutex_base"), owner, waiters);
    }

    private static void Key(LinuxObject key, LinuxTask task, ulong address) =>
        key.Set("private.mm", task.Object.Get("mm")).Set("private.address", address & ~0xffful)
            .Set("private.offset", address & 0xfff);

    private LinuxObject Bucket(ulong address) =>
        _machine.Object("futex_hash_bucket", _table.Value + (address >> 2) % Buckets
            * (ulong)_machine.Layout.SizeOf("futex_hash_bucket"));

    private ulong NewTable()
    {
        int size = _machine.Layout.SizeOf("futex_hash_bucket");
        ulong table = _machine.Memory.Allocate(Buckets * size, 64);
        for (int i = 0; i < Buckets; i++)
            _machine.Object("futex_hash_bucket", table + (ulong)(i * size)).Lists("chain");
        ulong data = _machine.Data("__futex_data", 16, 16);
        _machine.Memory.Space.WriteUInt64(data, table);
        _machine.Memory.Space.WriteUInt64(data + 8, Buckets);
        return table;
    }
}
