using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The debugger commands that show an object: those of the engine itself, which are there in every debugger.</summary>
/// <remarks>
/// Numbers carry <c>0x</c>: the user may have set another radix. The engine then takes an address of a 32-bit system as it stands,
/// and finds nothing at one that is not sign-extended (<c>lm v a 0xf6000000</c> prints no module, dbgeng 20260109).
/// </remarks>
internal static class DebuggerCommands
{
    /// <summary>Sets a thread as context and prints its stack.</summary>
    public static string Stack(ThreadFacts thread) => $".thread /p /r 0x{Extended(thread.Address.Value):x16}; k";

    /// <summary>Prints a kernel module's version resource and where its symbols come from.</summary>
    public static string Module(ModuleFacts module) => $"lm v a 0x{Extended(module.BaseAddress):x16}";

    /// <summary>Sets a process as context and prints a critical section of it.</summary>
    public static string CriticalSection(ObjectReference section) =>
        $".process /p /r 0x{Extended(section.Space):x16}; dt ntdll!_RTL_CRITICAL_SECTION 0x{section.Address:x16}";

    /// <summary>Prints an object's structure; null where it is not known which that is.</summary>
    /// <param name="memory">Kernel memory: an object's header says what it is.</param>
    /// <param name="reference">The object.</param>
    /// <param name="described">What the wait graph knows of it, or null.</param>
    public static string? Object(IMemory memory, ObjectReference reference, ObjectFacts? described)
    {
        if (reference.Space != 0)
            return reference.Kind == ObjectKind.Lock ? CriticalSection(reference) : null;
        // A spin lock is one number, without a header or a type of its own.
        if (described?.Title == SpinWaits.TypeName && reference.Kind == ObjectKind.Lock)
            return $"dq 0x{Extended(reference.Address):x16} L1";
        if (reference.Kind == ObjectKind.Processor)
            return Processor((int)reference.Address);
        string? structure = reference.Kind switch
        {
            ObjectKind.Thread => "_ETHREAD",
            ObjectKind.Process => "_EPROCESS",
            ObjectKind.Message => described?.Title == LpcWaits.MessageName ? "_LPCP_MESSAGE" : "_KALPC_MESSAGE",
            ObjectKind.Port => described?.Title == LpcWaits.PortName ? "_LPCP_PORT_OBJECT" : "_ALPC_PORT",
            ObjectKind.Request => "_IRP",
            ObjectKind.Device when reference.Address != 0 => "_DEVICE_OBJECT",
            // An ERESOURCE begins with a list entry, a mutex with a count: no header says what they are.
            ObjectKind.Event when described?.Title == ObjectWaits.JobTypeName => "_EJOB",
            ObjectKind.Lock when StructureOf(described) is { } known => known,
            ObjectKind.Lock or ObjectKind.Event or ObjectKind.Queue => DispatcherStructure(memory, reference.Address),
            _ => null,
        };
        return structure is null ? null : $"dt nt!{structure} 0x{Extended(reference.Address):x16}";
    }

    /// <summary>Prints a work queue's structure.</summary>
    public static string Queue(WorkQueueFacts queue) => $"dt nt!{queue.Structure} 0x{Extended(queue.Address):x16}";

    /// <summary>Sets a processor as context and prints its stack.</summary>
    public static string Processor(int number) => $"~{number}s; k";

    /// <summary>No kernel of 64 bits has anything in the lower 4 GB, so that what is there is of 32 bits.</summary>
    private static ulong Extended(ulong address) =>
        address is >= 0x8000_0000 and <= uint.MaxValue ? 0xffff_ffff_0000_0000 | address : address;

    private static string? StructureOf(ObjectFacts? described) => described?.Title switch
    {
        ResourceWaits.TypeName => "_ERESOURCE",
        PushLockWaits.TypeName => "_EX_PUSH_LOCK",
        FastMutexWaits.FastTypeName => "_FAST_MUTEX",
        FastMutexWaits.GuardedTypeName => "_KGUARDED_MUTEX",
        _ => null,
    };

    private static string? DispatcherStructure(IMemory memory, ulong address)
    {
        Span<byte> type = stackalloc byte[1];
        return memory.TryRead(address, type) ? DispatcherObjects.StructureOf((byte)(type[0] & 0x7f)) : null;
    }
}
