using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Linux.Waits;

/// <summary>Follows tasks that wait for a futex that is a mutex of the C library to the thread that has it.</summary>
/// <remarks>
/// The kernel does not know who has a futex, unless it has priority inheritance (then it is an rt_mutex). glibc's pthread_mutex_t
/// begins with the lock word (2: locked, with waiters), a count, and the thread id of its owner: its programs write that, so
/// that it is a candidate and no proof. Most dumps leave out the memory of programs; then nothing is said.
/// </remarks>
internal sealed class FutexWaits
{
    /// <summary>What the wait graph calls it.</summary>
    public const string TypeName = "futex";

    /// <summary>Value of glibc's lock word while somebody waits (nptl/lowlevellock.h).</summary>
    private const uint LockedWithWaiters = 2;

    /// <summary>Flags in the lowest bits of futex_key.both.offset: of an inode, of shared memory (include/linux/futex.h).</summary>
    private const ulong KeyFlags = 3;

    private const int PageBytes = 4096;

    private readonly WaitContext _context;
    private readonly FieldSlot _task, _key, _address, _offset, _memory;

    public FutexWaits(WaitContext context)
    {
        _context = context;
        LinuxSession session = context.Session;
        _task = session.Field("futex_q", "task");
        _key = session.Field("futex_q", "key");
        _address = session.Field("futex_key", "private.address");
        _offset = session.Field("futex_key", "private.offset");
        _memory = session.Field("futex_key", "private.mm");
    }

    /// <summary>Adds the steps of a task, if a word on its stack is part of a futex_q whose owner can be told.</summary>
    public bool TryAdd(ThreadFacts thread, ulong memory, IMemory? space, in StackWaiter waiter)
    {
        if (!waiter.Function.Contains("futex_", StringComparison.Ordinal) || space is null || !_task.IsPresent || !_key.IsPresent
            || !_address.IsPresent || !_offset.IsPresent)
            return false;
        ulong key = waiter.Address - (ulong)_task.Offset + (ulong)_key.Offset;
        ulong offset = _context.Session.Read(key, _offset);
        ulong address = _context.Session.Read(key, _address);
        if ((offset & KeyFlags) != 0 || offset >= PageBytes || _context.Session.Read(key, _memory) != memory)
            return false;
        address = (address & ~(ulong)(PageBytes - 1)) + offset;
        Span<byte> word = stackalloc byte[12];
        if (!space.TryRead(address, word) || BinaryPrimitives.ReadUInt32LittleEndian(word) != LockedWithWaiters)
            return false;
        uint owner = BinaryPrimitives.ReadUInt32LittleEndian(word[8..]);
        foreach (ThreadFacts candidate in thread.Process.Threads)
            if (candidate.Id == owner && owner != 0 && candidate != thread)
            {
                ObjectReference futex = new(ObjectKind.Lock, address, thread.Process.Address.Value);
                _context.AddWait(thread, futex, Phrase.Of($"futex {futex} of its program"), Certainty.Proven,
                    CrashCommands.Structure("futex_q", waiter.Address - (ulong)_task.Offset));
                _context.AddOwner(futex, candidate, Certainty.Candidate, $"rd -32 -u {address:x} 3", "by its program owned");
                _context.Graph.Describe(new ObjectFacts(futex, TypeName, null,
                    Phrase.Of("its owner is what the C library of the program has written, if it is a mutex of that")));
                return true;
            }
        return false;
    }
}
