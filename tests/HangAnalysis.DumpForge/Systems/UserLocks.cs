namespace HangAnalysis.DumpForge.Systems;

/// <summary>Locks that programs keep in their own memory: critical sections, and threads that wait for them.</summary>
public sealed class UserLocks(SystemBuilder system)
{
    private const int Size = 0x1000, DebugAt = 0x800;

    /// <summary>User frames of a wait for a critical section up to the function that the program calls.</summary>
    private const string CriticalSectionFrames = """
        ntdll!RtlpWaitOnCriticalSection+0xd7
        ntdll!RtlpEnterCriticalSectionContended+0x194
        ntdll!RtlEnterCriticalSection+0x42

        """;

    /// <summary>Whether programs' locks wait by thread identifier (since 8): then no object is waited for.</summary>
    private bool HasAlerts => system.Layout.Enums.TryGetValue("_KWAIT_REASON", out IReadOnlyDictionary<string, long>? reasons)
        && reasons.ContainsKey("WrAlertByThreadId");

    /// <summary>A critical section that a thread owns, or owned, and others wait for; on an own page, or at an address.</summary>
    public ulong CriticalSection(ProcessBuilder process, uint owner, int waiters, bool hasDebugInfo)
    {
        ulong at = process.TakeUser(Size), debug = at + DebugAt;
        void Set(string path, ulong value) => system.Writer.Set(at, "_RTL_CRITICAL_SECTION", path, value, process.Space);
        Set("DebugInfo", hasDebugInfo ? debug : ulong.MaxValue);
        // -1 is free. Bit 0 clear: locked; bit 1 set: no waiter was woken; above, the complement of their number.
        Set("LockCount", owner == 0 ? uint.MaxValue : (uint)(~waiters << 2 | 2));
        Set("RecursionCount", owner == 0 ? 0u : 1u);
        Set("OwningThread", owner);
        Set("LockSemaphore", ulong.MaxValue);
        Set("SpinCount", 0x20007d0);
        if (hasDebugInfo)
            system.Writer.Set(debug, "_RTL_CRITICAL_SECTION_DEBUG", "CriticalSection", at, process.Space);
        return at;
    }

    /// <summary>Says that a critical section is the process's loader lock.</summary>
    public void MakeLoaderLock(ProcessBuilder process, ulong section) =>
        system.Writer.Set(process.Peb, "_PEB", "LoaderLock", section, process.Space);

    /// <summary>Puts a thread into the wait for a critical section, called from the frames given.</summary>
    public ThreadBuilder WaitFor(ThreadBuilder thread, ulong section, string callers, TimeSpan age)
    {
        // The frame of RtlpWaitOnCriticalSection keeps its argument; where it stands depends on what it calls.
        Wait(thread, CriticalSectionFrames + callers, age);
        return thread.Local(HasAlerts ? 3 : 1, section);
    }

    /// <summary>Number of the user frame that calls RtlEnterCriticalSection.</summary>
    public int CallerFrame => HasAlerts ? 6 : 4;

    /// <summary>Puts a thread into the wait for a slim lock.</summary>
    public void WaitForSlimLock(ThreadBuilder thread, string callers, TimeSpan age) =>
        Wait(thread, "ntdll!RtlAcquireSRWLockExclusive+0x165\n" + callers, age);

    /// <summary>Puts a thread into the wait for a condition variable.</summary>
    public void WaitForCondition(ThreadBuilder thread, string callers, TimeSpan age) =>
        Wait(thread, "ntdll!RtlSleepConditionVariableCS+0x9b\nKERNELBASE!SleepConditionVariableCS+0x2e\n" + callers, age);

    private void Wait(ThreadBuilder thread, string frames, TimeSpan age)
    {
        const string Switch = """
            nt!KiSwapContext+0x76
            nt!KiSwapThread+0x17d
            nt!KiCommitThreadWait+0x14f

            """;
        if (HasAlerts)
            thread.Stack(Switch + """
                nt!KeWaitForAlertByThreadId+0xc4
                nt!NtWaitForAlertByThreadId+0x30
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWaitForAlertByThreadId+0x14
                ntdll!RtlpWaitOnAddressWithTimeout+0x43
                ntdll!RtlpWaitOnAddress+0xae

                """ + frames).Waiting("WrAlertByThreadId", userMode: true, age);
        else
            thread.Stack(Switch + """
                nt!KeWaitForSingleObject+0x377
                nt!NtWaitForSingleObject+0xb2
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWaitForSingleObject+0xa

                """ + frames).Waiting("UserRequest", userMode: true, age, system.Objects.Event());
    }
}
