using HangAnalysis.Model;

namespace HangAnalysis.Windows.Crashes;

/// <summary>
/// Stops that name what hangs: a thread (0xA0 by its subcode, 0xEA), a lock (0x1CC), a queue (0x1C5), a process (0x9E), or
/// nothing but that something does (0x15F, 0x1CA and the like). The chain of waits tells the rest.
/// </summary>
/// <remarks>Part 1.1 and the end of part 1.6 of the triage facts; parameters as Microsoft documents them [D], those of 0x9E [K].</remarks>
internal static class HungThreads
{
    /// <summary>INTERNAL_POWER_ERROR (0xA0): only some of its subcodes are hangs.</summary>
    public static void ExaminePower(CrashCase crash)
    {
        ulong kind = crash.P(1);
        crash.Name(1, "kind of error", kind switch
        {
            0xd => Phrase.Of("a power transition did not end in time"),
            0xf or 0xf0 or 0xf1 => Phrase.Of("a power transition did not end in time; its thread is named"),
            _ => null,
        });
        if (kind is not (0xf or 0xf0 or 0xf1))
            return;
        crash.Name(4, "thread of the transition");
        TellThread(crash, crash.P(4), "thread of the power transition");
    }

    /// <summary>THREAD_STUCK_IN_DEVICE_DRIVER (0xEA): a thread goes round in a display driver, which waits for its hardware.</summary>
    public static void ExamineDisplay(CrashCase crash)
    {
        crash.Name(1, "thread that is stuck");
        crash.Name(2, "DEFERRED_WATCHDOG");
        string? name = UnicodeStrings.Read(crash.Session.Memory, crash.P(3));
        crash.Name(3, "name of the driver", name is null ? null : Phrase.Of(name));
        crash.Name(4, "times that it happened");
        if (TellThread(crash, crash.P(1), "thread that is stuck") is { } stack && ForeignFrames.Find(stack.Frames) is { Module: { } module } frame)
            crash.Accuse(BlameRank.Code, new CrashBlame(CrashCause.Module,
                $"a thread does not come out of {ForeignFrames.Title(module)}, which waits for its device", Certainty.Inferred,
                "it is the innermost driver on the stack of the thread that the watchdog names") { Module = module, Frame = frame });
    }

    /// <summary>EXRESOURCE_TIMEOUT_LIVEDUMP (0x1CC): the lock is our own domain.</summary>
    public static void ExamineResource(CrashCase crash)
    {
        ObjectReference resource = new(ObjectKind.Lock, crash.P(1));
        crash.Name(1, "ERESOURCE", Phrase.Of($"{resource}"));
        crash.Name(2, "thread that waited too long", Phrase.Of($"{new ObjectReference(ObjectKind.Thread, crash.P(2))}"));
        crash.Name(3, "how often the lock was contended", Phrase.Of($"{crash.P(3):N0} times"));
        crash.Name(4, "time-out", Phrase.Of($"{crash.P(4):N0} s"));
        if (crash.System.FindObject(resource) is { State: { } state } known)
            crash.Tell("Lock", Phrase.Of($"{known.Title} {resource}, {state}"));
        int waiting = 0;
        foreach (WaitEdge edge in crash.System.Edges)
        {
            waiting += edge.To == resource ? 1 : 0;
            if (edge.From == resource && crash.System.FindThread(edge.To.Address) is { } owner)
                TellThread(crash, owner.Address.Value, "owner of the lock");
        }
        crash.Tell("Waiters", Phrase.Of($"{waiting:N0}"));
        if (crash.System.ReadThread(crash.P(2)) is { } thread)
            crash.AddStack(new CrashStack("thread that waited too long", thread, crash.System.GetStack(thread)));
        crash.Suggest($"!owners {crash.P(1):x16}");
    }

    /// <summary>IO_THREADPOOL_DEADLOCK_LIVEDUMP (0x1C5).</summary>
    public static void ExamineThreadPool(CrashCase crash)
    {
        ObjectReference queue = new(ObjectKind.Queue, crash.P(2));
        crash.Name(1, "number of the pool", crash.P(1) == 0 ? Phrase.Of("ExPoolUntrusted") : null);
        crash.Name(2, "EX_WORK_QUEUE", Phrase.Of($"{queue}"));
        crash.Name(3, "reserved");
        crash.Name(4, "reserved");
        foreach (WorkQueueFacts known in crash.System.WorkQueues)
            if (known.Address == crash.P(2))
                crash.Tell("Queue", Phrase.Of($"{known.Name}: {known.Items:N0} items wait, {known.BlockedWorkers.Count:N0} of {known.Workers.Count:N0} threads are blocked"));
        crash.Suggest("!workers");
    }

    /// <summary>USER_MODE_HEALTH_MONITOR (0x9E), and its live variant (0x1C9): a process that did not answer, of a cluster for one.</summary>
    public static void ExamineHealth(CrashCase crash)
    {
        // Of the live variant no documentation is at hand: there the first parameter counts only where it is a process.
        if (crash.Code == 0x9e)
        {
            crash.Name(1, "process that failed its health check");
            crash.Name(2, "time-out", Phrase.Of($"{crash.P(2):N0} s"));
            crash.Name(3, "reserved");
            crash.Name(4, "reserved");
        }
        if (crash.System.ReadProcess(crash.P(1)) is not { } process)
        {
            crash.AddUnknown("which process failed", "it is not in the dump");
            return;
        }
        crash.Name(1, "process that failed its health check", Phrase.Of($"{process}"));
        crash.Tell("Process", Phrase.Of($"{process}, {process.Threads.Count:N0} threads"));
        crash.Suggest($"!us -p {process.Address.Value:x16}");
    }

    /// <summary>CONNECTED_STANDBY_WATCHDOG_TIMEOUT_LIVEDUMP (0x15F): a live dump, in which the system sleeps badly and goes on.</summary>
    public static void ExamineStandby(CrashCase crash) => crash.Name(1, "what failed", crash.P(1) switch
    {
        1 => Phrase.Of("the deepest idle state was reached too seldom"),
        2 => Phrase.Of("a device kept the system from its idle state"),
        3 => Phrase.Of("a driver vetoed the idle state"),
        _ => null,
    });

    /// <summary>SYNTHETIC_WATCHDOG_TIMEOUT (0x1CA): the whole system did not go on.</summary>
    public static void ExamineSynthetic(CrashCase crash)
    {
        crash.Name(1, "time since the watchdog was last reset");
        crash.Name(2, "interrupt time");
        crash.Name(3, "performance counter");
        crash.Name(4, "processor", Phrase.Of($"{crash.P(4):N0}"));
        crash.Suggest("!cpus");
    }

    /// <summary>What a thread that a stop names does; null where it is not in the dump.</summary>
    private static StackFacts? TellThread(CrashCase crash, ulong address, string title)
    {
        if (crash.System.ReadThread(address) is not { } thread)
        {
            crash.AddUnknown($"what the {title} does", "it is not in the dump");
            return null;
        }
        StackFacts stack = crash.System.GetStack(thread);
        string since = thread.Age is { } age ? $", {thread.State} for {AgeText.Format(age)}" : "";
        crash.Tell("Thread", Phrase.Of($"{title}: {ObjectReference.To(thread.Address)} of {thread.Process}{since}"));
        if (crash.System.DescribeWait(thread) is { } wait)
            crash.Tell("Thread", Phrase.Of($"waits for {wait}"));
        crash.AddStack(new CrashStack(title, thread, stack));
        crash.Suggest($"!why {address:x16}");
        return stack;
    }
}
