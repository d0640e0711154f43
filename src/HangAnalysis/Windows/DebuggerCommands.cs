using HangAnalysis.Model;
using HangAnalysis.Targets;

namespace HangAnalysis.Windows;

/// <summary>The debugger commands that show an object: those of the engine itself, which are there in every debugger.</summary>
/// <remarks>Numbers carry <c>0x</c>: the user may have set another radix.</remarks>
internal static class DebuggerCommands
{
    /// <summary>Sets a thread as context and prints its stack.</summary>
    public static string Stack(ThreadFacts thread) => $".thread /p /r 0x{thread.Address.Value:x16}; k";

    /// <summary>Prints a kernel module's version resource and where its symbols come from.</summary>
    public static string Module(ModuleFacts module) => $"lm v a 0x{module.BaseAddress:x16}";

    /// <summary>Sets a process as context and prints a critical section of it.</summary>
    public static string CriticalSection(ObjectReference section) =>
        $".process /p /r 0x{section.Space:x16}; dt ntdll!_RTL_CRITICAL_SECTION 0x{section.Address:x16}";

    /// <summary>Prints an object's structure; null where it is not known which that is.</summary>
    /// <param name="memory">Kernel memory: an object's header says what it is.</param>
    /// <param name="reference">The object.</param>
    /// <param name="described">What the wait graph knows of it, or null.</param>
    public static string? Object(IMemory memory, ObjectReference reference, ObjectFacts? described)
    {
        if (reference.Space != 0)
            return reference.Kind == ObjectKind.Lock ? CriticalSection(reference) : null;
        string? structure = reference.Kind switch
        {
            ObjectKind.Thread => "_ETHREAD",
            ObjectKind.Process => "_EPROCESS",
            ObjectKind.Message => "_KALPC_MESSAGE",
            ObjectKind.Port => "_ALPC_PORT",
            ObjectKind.Request => "_IRP",
            ObjectKind.Device => "_DEVICE_OBJECT",
            // An ERESOURCE begins with a list entry, not with a header.
            ObjectKind.Lock when described?.Title == ResourceWaits.TypeName => "_ERESOURCE",
            ObjectKind.Lock or ObjectKind.Event => DispatcherStructure(memory, reference.Address),
            _ => null,
        };
        return structure is null ? null : $"dt nt!{structure} 0x{reference.Address:x16}";
    }

    private static string? DispatcherStructure(IMemory memory, ulong address)
    {
        Span<byte> type = stackalloc byte[1];
        return memory.TryRead(address, type) ? DispatcherObjects.StructureOf((byte)(type[0] & 0x7f)) : null;
    }
}
