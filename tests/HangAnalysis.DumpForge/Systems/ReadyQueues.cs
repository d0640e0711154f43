namespace HangAnalysis.DumpForge.Systems;

/// <summary>Where a processor has a thread that could run.</summary>
public enum ReadyPlace
{
    /// <summary>In the processor's own queue of the thread's priority.</summary>
    Own,

    /// <summary>In the queue that it shares with others; before 8, in its own.</summary>
    Shared,

    /// <summary>In the list of threads that it has yet to put into a queue.</summary>
    Deferred,

    /// <summary>It is the one to run next.</summary>
    Next,
}

/// <summary>Writes a processor's queues of threads that could run.</summary>
internal static class ReadyQueues
{
    private const string Shared = "_KSHARED_READY_QUEUE";
    private const int Priorities = 32;

    public static void Write(SystemBuilder system, KernelStruct prcb, int number)
    {
        if (!prcb.Has("DispatcherReadyListHead"))
        {
            // XP keeps them elsewhere: a system with threads in them cannot be forged.
            if (system.Threads.Any(thread => thread.ReadyProcessor is not null))
                prcb.At("DispatcherReadyListHead");
            return;
        }
        EmptyQueues(system, prcb.At("DispatcherReadyListHead"));
        if (prcb.Has("LocalSharedReadyQueue"))
            EmptyQueues(system, SharedHeads(system, prcb.At("LocalSharedReadyQueue")));
        KernelStruct? shared = FindShared(system, prcb, number);
        if (shared is { } queue)
            prcb.Set("SharedReadyQueue", queue.Address);
        ulong deferred = prcb.At("DeferredReadyListHead");
        foreach (ThreadBuilder thread in system.Threads)
        {
            if (thread.ReadyProcessor != number)
                continue;
            switch (thread.ReadyPlace)
            {
                case ReadyPlace.Shared when shared is { } common:
                    Append(system, common, SharedHeads(system, common.Address), thread);
                    thread.Struct.TrySet("Tcb.SharedReadyQueue", 1);
                    break;
                case ReadyPlace.Deferred:
                    deferred = Link(system, deferred, thread.Struct);
                    break;
                case ReadyPlace.Next:
                    prcb.Set("NextThread", thread.Address);
                    break;
                default:
                    Append(system, prcb, prcb.At("DispatcherReadyListHead"), thread);
                    break;
            }
        }
    }

    /// <summary>
    /// The queue that a processor shares. Up to 9600 it lies in pool, and exists here where a thread needs it; later builds have
    /// one in each KPRCB and use that of the first processor which shares it.
    /// </summary>
    private static KernelStruct? FindShared(SystemBuilder system, KernelStruct prcb, int number)
    {
        if (!prcb.Has("SharedReadyQueue"))
            return null;
        int count = system.Options.ProcessorsPerQueue, first = number - number % count;
        ulong known = 0;
        if (first != number)
        {
            ulong other = system.Kernel.ReadPointer(
                system.Variables["KiProcessorBlock"] + (ulong)(first * system.Kernel.PointerSize));
            known = system.Struct("_KPRCB", other).Get("SharedReadyQueue");
        }
        else if (prcb.Has("LocalSharedReadyQueue"))
            known = prcb.At("LocalSharedReadyQueue");
        else if (system.Threads.Any(thread =>
            thread.ReadyPlace == ReadyPlace.Shared && thread.ReadyProcessor / count == first / count))
        {
            known = system.Pool.Take(system.Layout.Size(Shared));
            system.Kernel.Write(known, new byte[system.Layout.Size(Shared)]);
            EmptyQueues(system, SharedHeads(system, known));
        }
        if (known == 0)
            return null;
        KernelStruct queue = system.Struct(Shared, known);
        queue.Set("LowProcIndex", (ulong)first).Set("ProcCount", (ulong)(number - first + 1))
            .Set("Affinity", queue.Get("Affinity") | 1ul << number);
        return queue;
    }

    private static ulong SharedHeads(SystemBuilder system, ulong queue) =>
        queue + (ulong)system.Layout.Offset(Shared, "ReadyListHead");

    private static void EmptyQueues(SystemBuilder system, ulong heads)
    {
        for (int i = 0; i < Priorities; i++)
            system.Kernel.InitializeList(heads + (ulong)(2 * system.Kernel.PointerSize * i));
    }

    private static void Append(SystemBuilder system, KernelStruct queue, ulong heads, ThreadBuilder thread)
    {
        ulong head = heads + (ulong)(2 * system.Kernel.PointerSize * thread.CurrentPriority);
        system.Kernel.AppendToList(head, thread.Struct.At("Tcb.WaitListEntry"));
        queue.Set("ReadySummary", queue.Get("ReadySummary") | 1ul << thread.CurrentPriority);
    }

    // A list in one direction, which ends in 0.
    private static ulong Link(SystemBuilder system, ulong last, KernelStruct thread)
    {
        ulong entry = thread.At("Tcb.SwapListEntry");
        system.Kernel.WritePointer(last, entry);
        system.Kernel.WritePointer(entry, 0);
        return entry;
    }
}
