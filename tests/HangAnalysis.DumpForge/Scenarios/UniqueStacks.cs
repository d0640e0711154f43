using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A published process of 100 threads: 80 with eight different stacks, and 20 whose stacks cannot be shown. Frames and
/// addresses are those of the article "!Mex.p"; where it does not print a thread's address, it is chosen here. User mode is not
/// in the dump: of its frames there is the innermost address, in no module.
/// </summary>
internal static class UniqueStacks
{
    public const ulong Process = 0xffffad8ad052a080;

    // Threads that the article does not name, behind all that it does.
    private const ulong FirstChosen = 0xffffad8ad5000080, ChosenSpacing = 0x1000;

    /// <summary>Threads that can show no stack, and why; together 20.</summary>
    private const int PagedOut = 11, Terminated = 5, NotStarted = 4;

    // Threads in the order of the article, which is that of the time for which they have waited.
    private const string MessageLoopThreads = "ffffad8ad0528080";

    private const string MessageLoopStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
        fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
        fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
        fffffbb43e6e4242 win32kfull!NtUserWaitMessage+0x42
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc14211204 0x7ffc14211204
        """;

    private const string GetMessageAllThreads = "ffffad8ad22ac080";

    private const string GetMessageAllStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b56b7 nt!KeWaitForMultipleObjects+0x217
        fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
        fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
        fffffbb43e6509c9 win32kfull!xxxRealInternalGetMessage+0x919
        fffffbb43e64df5c win32kfull!NtUserGetMessage+0x8c
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc14211144 0x7ffc14211144
        """;

    private const string OneObjectThreads = "ffffad8ad0677080 ffffad8ad0a8d080 ffffad8ad0a8e080 ffffad8ad0a95700";

    private const string OneObjectStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
        fffff801f7d0cdb8 nt!NtWaitForSingleObject+0xf8
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc177b5424 0x7ffc177b5424
        """;

    private const string OneOfListThreads =
        "ffffad8ad0688080 ffffad8acdfe3080 ffffad8ad09f3080 ffffad8ad1b0a700 ffffad8ad061f080";

    private const string OneOfListStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
        fffff801f7d0c7d1 nt!ObWaitForMultipleObjects+0x2c1
        fffff801f7d0c4d9 nt!NtWaitForMultipleObjects+0xf9
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc177b5ef4 0x7ffc177b5ef4
        """;

    private const string GetMessageThreads = """
        ffffad8ad1de1080 ffffad8ad0aa6080 ffffad8ad05dd080 ffffad8acdfcd080 ffffad8acce87080
        ffffad8ad08a3080 ffffad8acd0b8700
        """;

    private const string GetMessageStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
        fffffbb43e64d6f8 win32kfull!xxxRealSleepThread+0x2d8
        fffffbb43e64d377 win32kfull!xxxSleepThread2+0x97
        fffffbb43e6509c9 win32kfull!xxxRealInternalGetMessage+0x919
        fffffbb43e64df5c win32kfull!NtUserGetMessage+0x8c
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc14211144 0x7ffc14211144
        """;

    private const string SuspendedThreads = """
        ffffad8acccfa700 ffffad8ad06fc080 ffffad8ac8ed1700 ffffad8ad15f0080 ffffad8ad0365080
        ffffad8ad085c700 ffffad8ad0a63080 ffffad8ad0354080 ffffad8ace0ee080 ffffad8ad2736080
        """;

    private const string SuspendedStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b6d78 nt!KeWaitForSingleObject+0x2b8
        fffff801f789f104 nt!KiSchedulerApc+0x304
        fffff801f78b94fe nt!KiDeliverApc+0x23e
        fffff801f79f39a3 nt!KiApcInterrupt+0xc3
        fffff801f7cc0405 nt!PspUserThreadStartup+0x35
        fffff801f79f5a86 nt!KiStartUserThread+0x16
        fffff801f79f5a00 nt!KiStartUserThreadReturn
        00007ffc17780d30 0x7ffc17780d30
        """;

    private const string WorkersThreads = """
        ffffad8ad4141080 ffffad8ad412d040 ffffad8acba56080 ffffad8ad06a5080 ffffad8ad249b080
        ffffad8ad09f6700 ffffad8ad1b8c700 ffffad8ace697080 ffffad8acba54080 ffffad8ad40a1080
        """;

    private const string WorkersStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b62e8 nt!KeRemoveQueueEx+0x238
        fffff801f78b5dfd nt!IoRemoveIoCompletion+0x8d
        fffff801f78b4beb nt!NtWaitForWorkViaWorkerFactory+0x30b
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc177b8c34 0x7ffc177b8c34
        """;

    private const string ObjectsThreads = """
        ffffad8ad06a1080 ffffad8ad08bc280 ffffad8ad09f4080 ffffad8ad06a6080 ffffad8acd02c080
        ffffad8acba60080 ffffad8ad02b1080 ffffad8acba68080 ffffad8ad11c5700 ffffad8ad06643c0
        """;

    private const string ObjectsStack = """
        fffff801f79f52f6 nt!KiSwapContext+0x76
        fffff801f78b7a9a nt!KiSwapThread+0x16a
        fffff801f78b7461 nt!KiCommitThreadWait+0x101
        fffff801f78b56b7 nt!KeWaitForMultipleObjects+0x217
        fffff801f7d0c7d1 nt!ObWaitForMultipleObjects+0x2c1
        fffff801f7d0c4d9 nt!NtWaitForMultipleObjects+0xf9
        fffff801f79fb413 nt!KiSystemServiceCopyEnd+0x13
        00007ffc177b5ef4 0x7ffc177b5ef4
        """;

    private enum Kind
    {
        Window,
        Object,
        Suspended,
        Worker,
    }

    private sealed record Group(string Stack, string Named, int Count, Kind Kind, double LongestWait);

    // The longest wait of each group; the threads after it have waited for less and less.
    private static readonly Group[] s_groups =
    [
        new(MessageLoopStack, MessageLoopThreads, 1, Kind.Window, 812.5),
        new(GetMessageAllStack, GetMessageAllThreads, 1, Kind.Window, 406.25),
        new(OneObjectStack, OneObjectThreads, 4, Kind.Object, 5400),
        new(OneOfListStack, OneOfListThreads, 5, Kind.Object, 4800),
        new(GetMessageStack, GetMessageThreads, 7, Kind.Window, 3600),
        new(SuspendedStack, SuspendedThreads, 10, Kind.Suspended, 2700),
        new(WorkersStack, WorkersThreads, 22, Kind.Worker, 1800),
        new(ObjectsStack, ObjectsThreads, 30, Kind.Object, 5100),
    ];

    public static SystemBuilder Build(KernelLayout layout)
    {
        SystemBuilder system = new(new SystemOptions(layout)
        {
            Identity = "unique-stacks",
            KernelBase = 0xfffff801f7803000,
            Processors = 4,
        });
        system.PreferredKind = DumpKind.KernelBitmap;
        ForgedModule windows = system.Modules.AddDriver("win32kfull.sys", 0xfffffbb43e600000);
        (windows.MinimumSize, windows.FullPath) = (0x390000, @"\SystemRoot\System32\win32kfull.sys");
        // Frames with given addresses claim their places before others are chosen.
        FrameList[] stacks = [.. s_groups.Select(group => system.Frames(group.Stack))];
        new StandardMachine(system, hasModules: false).AddIdle();
        AddSystem(system);
        ProcessBuilder process = system.AddProcess("explorer.exe", 0x1a2c, Process, 1, 0x19f0);
        process.IsUserModeAbsent = true;
        uint tid = 0x1a30;
        ulong chosen = FirstChosen;
        ulong Choose() => (chosen += ChosenSpacing) - ChosenSpacing;
        for (int i = 0; i < s_groups.Length; i++)
        {
            string[] named = s_groups[i].Named.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
            for (int k = 0; k < s_groups[i].Count; k++)
            {
                ulong address = k < named.Length ? ulong.Parse(named[k], NumberStyles.HexNumber) : Choose();
                ThreadBuilder thread = process.AddThread(tid += 4, address).Stack(stacks[i]);
                Wait(system, thread, s_groups[i].Kind, Setup.Seconds(s_groups[i].LongestWait - 31.25 * k));
            }
        }
        AddWithoutStacks(system, stacks[^1], () => process.AddThread(tid += 4, Choose()));
        system.Resources.AddUncontended(60);
        system.Truth = Truth.NoHang;
        return system;
    }

    private static void Wait(SystemBuilder system, ThreadBuilder thread, Kind kind, TimeSpan age)
    {
        if (kind == Kind.Suspended)
            thread.Suspended(age);
        else if (kind == Kind.Worker)
            thread.Waiting("WrQueue", userMode: true, age, thread.Process.Queue);
        else
            thread.Waiting(kind == Kind.Window ? "WrUserRequest" : "UserRequest", userMode: true, age, system.Objects.Event());
        if (kind == Kind.Window)
            thread.Priority(10).Schedule.BasePriority = 8;
    }

    private static void AddWithoutStacks(SystemBuilder system, FrameList stack, Func<ThreadBuilder> add)
    {
        for (int i = 0; i < PagedOut; i++)
            add().Stack(stack).PagedOut()
                .Waiting("UserRequest", userMode: true, Setup.Seconds(20000 + 60 * i), system.Objects.Event());
        for (int i = 0; i < Terminated; i++)
            add().Terminated(Setup.Seconds(30 + 7 * i));
        for (int i = 0; i < NotStarted; i++)
            add().State("Initialized", Setup.Seconds(0.5));
    }

    private static void AddSystem(SystemBuilder system)
    {
        ProcessBuilder process = system.AddProcess("System", 4);
        for (uint i = 0; i < 12; i++)
            process.AddThread(0x20 + 4 * i).Stack("""
                nt!KiSwapContext+0x76
                nt!KiSwapThread+0x16a
                nt!KiCommitThreadWait+0x101
                nt!KeRemovePriQueue+0x27d
                nt!ExpWorkerThread+0x8d

                """ + StandardMachine.SystemStart)
                .Waiting("WrQueue", userMode: false, Setup.Seconds(0.25 + 11 * i), process.Queue).Priority(12);
    }
}
