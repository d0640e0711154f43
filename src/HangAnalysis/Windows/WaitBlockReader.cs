using System.Buffers.Binary;
using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>Reads what a waiting thread waits for.</summary>
/// <remarks>
/// Up to 7601 a thread's wait blocks form a ring (NextWaitBlock); from 9600 on that field is gone and they lie in an array
/// of KTHREAD.WaitBlockCount entries. The presence of the field decides.
/// </remarks>
internal sealed class WaitBlockReader
{
    /// <summary>MAXIMUM_WAIT_OBJECTS of the documented wait functions.</summary>
    private const int MostBlocks = 64;

    /// <summary>WaitAll of _WAIT_TYPE (ntdef.h); 1 is WaitAny.</summary>
    private const ulong WaitAll = 0;

    /// <summary>WaitAny and WaitAll of _WAIT_TYPE: only those blocks belong to a thread.</summary>
    private const ulong LastThreadWaitType = 1;

    /// <summary>The type's bit 7 is the lock bit of the header (DISPATCHER_HEADER.Lock shares the word).</summary>
    private const byte TypeMask = 0x7f;

    private readonly KernelSession _session;
    private readonly int _size;
    private readonly FieldSlot _thread;
    private readonly FieldSlot _object;
    private readonly FieldSlot _next;
    private readonly FieldSlot _waitType;
    private readonly byte[] _blocks;

    public WaitBlockReader(KernelSession session)
    {
        _session = session;
        StructLayout layout = session.Types.Get("_KWAIT_BLOCK");
        _size = layout.Size;
        _thread = layout.Required("Thread");
        _object = layout.Required("Object");
        _waitType = layout.Required("WaitType");
        _next = layout.Optional("NextWaitBlock");
        _blocks = new byte[Math.Max(_size, 1) * MostBlocks];
    }

    /// <summary>The objects in the wait blocks of a thread, in order.</summary>
    /// <param name="thread">Address of the thread.</param>
    /// <param name="list">KTHREAD.WaitBlockList.</param>
    /// <param name="count">KTHREAD.WaitBlockCount; ignored where the blocks form a ring.</param>
    /// <param name="timer">Address of the thread's own timer: its block is the time-out of the wait.</param>
    public IReadOnlyList<WaitedObject> Read(ulong thread, ulong list, int count, ulong timer)
    {
        if (_size == 0 || !_session.IsObject(list))
            return [];
        List<WaitedObject> objects = new(1);
        if (_next.IsPresent)
        {
            ulong block = list;
            for (int i = 0; i < MostBlocks && _session.IsObject(block); i++)
            {
                Span<byte> bytes = _blocks.AsSpan(0, _size);
                if (!_session.Memory.TryRead(block, bytes) || !Add(bytes, thread, timer, objects))
                    break;
                block = _next.Read(bytes);
                if (block == list)
                    break;
            }
        }
        else
        {
            Span<byte> bytes = _blocks.AsSpan(0, _size * Math.Clamp(count, 0, MostBlocks));
            int whole = _session.Memory.Read(list, bytes) / _size;
            for (int i = 0; i < whole; i++)
                Add(bytes.Slice(i * _size, _size), thread, timer, objects);
        }
        return objects;
    }

    /// <summary>The gate that a thread waits for, up to 7601: its first own wait block names it, and nothing else is set.</summary>
    /// <remarks>
    /// A wait for a gate writes the block's Thread and Object and puts it into the gate's list; WaitBlockList, the ring and
    /// the type are those of an earlier wait (ReactOS ke/gate.c).
    /// </remarks>
    public IReadOnlyList<WaitedObject> ReadGate(ulong thread, ulong block)
    {
        Span<byte> bytes = _blocks.AsSpan(0, _size);
        Span<byte> header = stackalloc byte[1];
        if (_size == 0 || !_session.Memory.TryRead(block, bytes) || _thread.Read(bytes) != thread
            || _object.Read(bytes) is var gate && !_session.IsObject(gate)
            || !_session.Memory.TryRead(gate, header) || (header[0] & TypeMask) != DispatcherObjects.Gate
            || DispatcherObjects.Describe(DispatcherObjects.Gate) is not { } kind)
            return [];
        return [new WaitedObject(gate, kind.Name, kind.Kind, false)];
    }

    private bool Add(ReadOnlySpan<byte> block, ulong thread, ulong timer, List<WaitedObject> objects)
    {
        ulong target = _object.Read(block);
        if (_thread.Read(block) != thread || _waitType.Read(block) > LastThreadWaitType || !_session.IsObject(target))
            return false;
        Span<byte> header = stackalloc byte[8];
        if (!_session.Memory.TryRead(target, header))
            return false;
        byte type = (byte)(BinaryPrimitives.ReadUInt32LittleEndian(header) & TypeMask);
        if (DispatcherObjects.Describe(type) is not { } kind)
            return false;
        objects.Add(new WaitedObject(target, kind.Name, kind.Kind, target == timer)
        {
            NeedsAll = _waitType.Read(block) == WaitAll,
        });
        return true;
    }
}
