using HangAnalysis.DbgEng;
using HangAnalysis.EngineHost;

namespace HangAnalysis.EngineBenchmarks;

/// <summary>A process of the dump with its threads.</summary>
/// <param name="Address">Its EPROCESS.</param>
/// <param name="Threads">Its ETHREADs.</param>
internal sealed record EngineProcess(ulong Address, ulong[] Threads);

/// <summary>
/// All threads of the dump, from the kernel's lists, at the offsets that the engine's expressions give: found without any
/// help of the extension that is measured.
/// </summary>
internal static class EngineThreads
{
    private const uint ActiveProcessHeadAddress = 80; // DEBUG_DATA_PsActiveProcessHeadAddr

    /// <summary>More than any list here has: the end of a walk that goes round in circles.</summary>
    private const int Most = 1_000_000;

    /// <summary>Walks the lists.</summary>
    public static List<EngineProcess> Find(EngineSession engine)
    {
        using DebugDataSpaces memory = new(engine.Interface);
        ulong processLink = OffsetOf(engine, "_EPROCESS", "ActiveProcessLinks");
        ulong threadHead = OffsetOf(engine, "_EPROCESS", "ThreadListHead");
        ulong threadLink = OffsetOf(engine, "_ETHREAD", "ThreadListEntry");
        List<EngineProcess> processes = [];
        foreach (ulong entry in Walk(memory, memory.ReadDebuggerData(ActiveProcessHeadAddress)))
        {
            ulong process = entry - processLink;
            processes.Add(new EngineProcess(process,
                [.. Walk(memory, process + threadHead).Select(thread => thread - threadLink)]));
        }
        return processes;
    }

    private static ulong OffsetOf(EngineSession engine, string type, string field) =>
        engine.Control.TryEvaluate($"@@c++(#FIELD_OFFSET(nt!{type}, {field}))", out ulong offset)
            ? offset
            : throw new DebugEngineException($"the engine does not know {type}.{field}: are the kernel's symbols there?");

    private static List<ulong> Walk(DebugDataSpaces memory, ulong head)
    {
        List<ulong> entries = [];
        for (ulong entry = ReadPointer(memory, head); entry != head; entry = ReadPointer(memory, entry))
        {
            if (entry == 0 || entries.Count == Most)
                throw new DebugEngineException($"the list at {head:x16} is broken");
            entries.Add(entry);
        }
        return entries;
    }

    private static ulong ReadPointer(DebugDataSpaces memory, ulong address)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        return memory.ReadVirtual(address, bytes) == sizeof(ulong) ? BitConverter.ToUInt64(bytes) : 0;
    }
}
