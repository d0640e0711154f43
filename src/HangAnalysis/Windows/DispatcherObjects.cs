using HangAnalysis.Model;

namespace HangAnalysis.Windows;

/// <summary>The kinds of objects that threads wait for, by DISPATCHER_HEADER.Type.</summary>
/// <remarks>
/// Numbers: nt!_KOBJECTS, the same in every public PDB from 7601 to 22000 for the kinds that a thread can wait for.
/// Names are those that debuggers print, which differ from the enumeration's.
/// </remarks>
internal static class DispatcherObjects
{
    public const byte Mutant = 2;
    public const byte Process = 3;
    public const byte Thread = 6;
    public const byte Gate = 7;

    /// <summary>Name and meaning of a type; null where no thread can wait for such an object.</summary>
    public static (string Name, ObjectKind Kind)? Describe(byte type) => type switch
    {
        0 => ("NotificationEvent", ObjectKind.Event),
        1 => ("SynchronizationEvent", ObjectKind.Event),
        Mutant => ("Mutant", ObjectKind.Lock),
        Process => ("Process", ObjectKind.Process),
        4 => ("Queue", ObjectKind.Event),
        5 => ("Semaphore", ObjectKind.Event),
        Thread => ("Thread", ObjectKind.Thread),
        Gate => ("Gate", ObjectKind.Event),
        8 => ("NotificationTimer", ObjectKind.Event),
        9 => ("SynchronizationTimer", ObjectKind.Event),
        21 => ("PriorityQueue", ObjectKind.Event),
        24 => ("NotificationTimer2", ObjectKind.Event),
        25 => ("SynchronizationTimer2", ObjectKind.Event),
        _ => null,
    };

    /// <summary>Name of the structure that begins with such a header; null for types that are not known.</summary>
    public static string? StructureOf(byte type) => type switch
    {
        0 or 1 => "_KEVENT",
        Mutant => "_KMUTANT",
        Process => "_EPROCESS",
        4 => "_KQUEUE",
        5 => "_KSEMAPHORE",
        Thread => "_ETHREAD",
        Gate => "_KGATE",
        8 or 9 => "_KTIMER",
        21 => "_KPRIQUEUE",
        24 or 25 => "_KTIMER2",
        _ => null,
    };
}
