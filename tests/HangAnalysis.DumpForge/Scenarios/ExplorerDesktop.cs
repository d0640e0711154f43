using System.Globalization;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A published desktop: Explorer of Windows 8.1 with 47 threads that wait for work, and the processes that it talks to.
/// Addresses, names, times and counters are those of the article "!Mex.p"; what it does not print is chosen here.
/// </summary>
internal static class ExplorerDesktop
{
    public const ulong Explorer = 0xffffe00100fda900, MainThread = 0xffffe00101344080, MainEvent = 0xffffe001005352f0;

    /// <summary>Threads of Explorer in their order: address, identifier, time in the wait, reason.</summary>
    private const string Threads = """
        ffffe00101344080 fe8 42s.937 WrUserRequest
        ffffe001014d6080 cc4 1s.640 WrUserRequest
        ffffe00100666080 fac 6m:30.718 UserRequest
        ffffe00101522080 a54 1m:08.265 UserRequest
        ffffe00101534700 198 6m:30.718 UserRequest
        ffffe00101536800 3d8 6m:03.656 UserRequest
        ffffe00101545080 418 765ms UserRequest
        ffffe00101542800 410 765ms UserRequest
        ffffe0010154a080 40c 6m:30.718 UserRequest
        ffffe0010155b080 31c 3m:58.531 UserRequest
        ffffe001014f9880 d94 1m:20.468 WrQueue
        ffffe00101516080 ddc 6m:30.718 UserRequest
        ffffe0010151c080 d40 42s.937 UserRequest
        ffffe00101564080 d34 1m:17.968 UserRequest
        ffffe0010155c080 1004 3m:21.046 WrUserRequest
        ffffe0010155e080 1018 6m:30.718 UserRequest
        ffffe00101568080 1020 1m:17.968 UserRequest
        ffffe00101573080 1034 1m:17.968 UserRequest
        ffffe00101574080 1038 1m:17.968 UserRequest
        ffffe00101575080 103c 42s.937 UserRequest
        ffffe00101578080 1040 1m:17.984 UserRequest
        ffffe0010157a080 1044 6m:30.718 WrUserRequest
        ffffe0010157c080 1050 2m:04.281 UserRequest
        ffffe0010157d080 1054 1m:58.546 WrUserRequest
        ffffe00101586080 1060 1m:17.984 WrUserRequest
        ffffe00101598500 1068 12s.843 UserRequest
        ffffe001015ae080 1080 3m:58.593 UserRequest
        ffffe001015b5080 1088 1m:17.968 WrUserRequest
        ffffe000ffb25080 11d0 6m:30.718 UserRequest
        ffffe0010014b080 11e4 6m:30.718 WrQueue
        ffffe001020b8080 f94 42s.937 WrUserRequest
        ffffe000ff760080 360 3m:21.187 UserRequest
        ffffe00107423880 1578 1m:17.968 UserRequest
        ffffe00107cba380 c48 1m:17.968 UserRequest
        ffffe00109594080 1744 765ms UserRequest
        ffffe00109cd6880 ba4 53s.171 UserRequest
        ffffe0010af95880 12e8 6m:30.718 UserRequest
        ffffe0010aad1080 1714 1m:17.984 UserRequest
        ffffe0010b1e1880 1640 18s.265 WrQueue
        ffffe000ffe232c0 ca8 42s.937 UserRequest
        ffffe0010b114880 148c 18s.265 WrQueue
        ffffe000ffe98880 d10 42s.937 WrQueue
        ffffe001025f0080 b08 765ms WrQueue
        ffffe001019d1240 3dc 13s.796 WrQueue
        ffffe00101932880 a5c 42s.937 WrQueue
        ffffe0010b1e8880 6b4 18s.843 WrQueue
        ffffe0010abba780 f68 42s.937 WrQueue
        """;

    // Stack pointer, return address, place. The first frame's address is not printed.
    private const string MainStack = """
        ffffd000215846b0 fffff801feaa5f1e nt!KiSwapContext+0x76
        ffffd000215847f0 fffff801feaa5999 nt!KiSwapThread+0x14e
        ffffd00021584890 fffff801feaa4f60 nt!KiCommitThreadWait+0x129
        ffffd00021584910 fffff96000180288 nt!KeWaitForMultipleObjects+0x3a0
        ffffd000215849c0 fffff9600017b361 win32k!xxxRealSleepThread+0x278
        ffffd00021584a80 fffff96000259bcf win32k!xxxSleepThread+0xc1
        ffffd00021584ad0 fffff801feb6bab3 win32k!NtUserWaitMessage+0x20
        ffffd00021584b00 00007ffd8399104a nt!KiSystemServiceCopyEnd+0x13
        00000000008ff358 00007ffd821a1527 USER32!NtUserWaitMessage+0xa
        00000000008ff360 00007ffd82356b7d SHELL32!CDesktopBrowser::_MessageLoop+0x112
        00000000008ff3f0 00007ff66ac08498 SHELL32!SHDesktopMessageLoop+0x3d
        00000000008ff420 00007ff66abe8c21 Explorer!wWinMain+0x5f4
        00000000008ff710 00007ffd81fa13d2 Explorer!CApplicationUsageTracker::OnPowerBroadcastMessage+0x334
        00000000008ff7e0 00007ffd846854e4 KERNEL32!BaseThreadInitThunk+0x22
        00000000008ff810 0000000000000000 ntdll!RtlUserThreadStart+0x34
        """;

    private const string Switch = """
        nt!KiSwapContext+0x76
        nt!KiSwapThread+0x14e
        nt!KiCommitThreadWait+0x129

        """;

    private const string UserStart = """
        KERNEL32!BaseThreadInitThunk+0x22
        ntdll!RtlUserThreadStart+0x34
        """;

    private const string Windows = Switch + """
        nt!KeWaitForMultipleObjects+0x3a0
        win32k!xxxRealSleepThread+0x278
        win32k!xxxSleepThread+0xc1
        win32k!xxxRealInternalGetMessage+0x7a3
        win32k!NtUserGetMessage+0x86
        nt!KiSystemServiceCopyEnd+0x13
        USER32!NtUserGetMessage+0xa
        USER32!GetMessageW+0x25

        """ + UserStart;

    private const string Objects = Switch + """
        nt!KeWaitForMultipleObjects+0x3a0
        nt!ObWaitForMultipleObjects+0x2b6
        nt!NtWaitForMultipleObjects+0xf6
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForMultipleObjects+0xa
        KERNELBASE!WaitForMultipleObjectsEx+0xed

        """ + UserStart;

    private const string OneObject = Switch + """
        nt!KeWaitForSingleObject+0x2c4
        nt!NtWaitForSingleObject+0xb1
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForSingleObject+0xa
        KERNELBASE!WaitForSingleObjectEx+0x98

        """ + UserStart;

    private const string Worker = Switch + """
        nt!KeRemoveQueueEx+0x26b
        nt!IoRemoveIoCompletion+0x8a
        nt!NtWaitForWorkViaWorkerFactory+0x319
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForWorkViaWorkerFactory+0xa
        ntdll!TppWorkerThread+0x283

        """ + UserStart;

    private const string SystemWorker = Switch + """
        nt!KeRemovePriQueue+0x24d
        nt!ExpWorkerThread+0x9a
        nt!PspSystemThreadStartup+0x58
        nt!KiStartSystemThread+0x16
        """;

    public static SystemBuilder Build(KernelLayout layout)
    {
        SystemBuilder system = new(new SystemOptions(layout)
        {
            Identity = "explorer-desktop",
            KernelBase = 0xfffff801fea0c000,
            Processors = 2,
            SystemTime = new DateTime(2017, 7, 10, 13, 5, 11, 250, DateTimeKind.Utc),
            Uptime = new TimeSpan(0, 5, 2, 17, 484),
        });
        AddModules(system);
        // The frames with given addresses claim their places before others are chosen.
        FrameList main = FrameList.ParseListing(system, MainStack);
        new StandardMachine(system, hasModules: false).AddIdle();
        IReadOnlyDictionary<ulong, ProcessBuilder> processes = AddProcesses(system);
        ProcessBuilder explorer = processes[Explorer];
        AddThreads(system, explorer, main);
        ExplorerPorts.Add(system, processes);
        system.Resources.AddUncontended(60);
        system.Truth = Truth.NoHang;
        return system;
    }

    private static void AddModules(SystemBuilder system)
    {
        ModuleSet modules = system.Modules;
        ForgedModule win32k = modules.AddDriver("win32k.sys", 0xfffff96000068000);
        (win32k.MinimumSize, win32k.FullPath) = (0x3f4000, @"\SystemRoot\System32\win32k.sys");
        modules.AddDriver("Ntfs.sys").MinimumSize = 0xe0000;
        modules.AddUser("ntdll.dll", 0x7ffd84670000).MinimumSize = 0x1ac000;
        modules.AddUser("KERNEL32.DLL", 0x7ffd81fa0000).MinimumSize = 0x13f000;
        modules.AddUser("KERNELBASE.dll", 0x7ffd81c00000).MinimumSize = 0x111000;
        modules.AddUser("USER32.dll", 0x7ffd83990000).MinimumSize = 0x177000;
        modules.AddUser("SHELL32.dll", 0x7ffd82150000).MinimumSize = 0x1420000;
        ForgedModule explorer = modules.AddUser("Explorer.EXE", 0x7ff66aba0000);
        (explorer.MinimumSize, explorer.FullPath) = (0x24f000, @"C:\Windows\Explorer.EXE");
    }

    private static IReadOnlyDictionary<ulong, ProcessBuilder> AddProcesses(SystemBuilder system)
    {
        Dictionary<ulong, ProcessBuilder> processes = [];
        uint tid = 0x2000;
        ProcessBuilder Add(string name, uint pid, ulong? address, uint session, uint parent, string? group = null,
            int workers = 3, int objects = 1, int windows = 0, string? path = null)
        {
            ProcessBuilder process = system.AddProcess(name, pid, address, session, parent, path);
            process.CommandLine = group is null ? null : $@"C:\Windows\system32\svchost.exe -k {group}";
            processes.Add(process.Address, process);
            for (int i = 0; i < workers + objects + windows; i++)
            {
                bool isWorker = i < workers, isWindow = i >= workers + objects;
                string stack = process.IsSystem ? SystemWorker : isWorker ? Worker : isWindow ? Windows : OneObject;
                ThreadBuilder thread = process.AddThread(tid += 4).Stack(stack);
                TimeSpan age = Setup.Seconds(0.4 + tid * 37 % 900);
                if (isWorker)
                    thread.Waiting("WrQueue", userMode: !process.IsSystem, age, process.Queue);
                else
                    thread.Waiting(isWindow ? "WrUserRequest" : "UserRequest", userMode: true, age, system.Objects.Event());
            }
            return process;
        }
        Add("System", 4, 0xffffe000fe69d040, 0, 0, workers: 12, objects: 0);
        Add("smss.exe", 0x134, null, 0, 4, workers: 1);
        Add("csrss.exe", 0x1a4, null, 0, 0x19c);
        Add("wininit.exe", 0x1e8, null, 0, 0x19c, workers: 1);
        Add("services.exe", 0x230, 0xffffe000ffcae900, 0, 0x1e8);
        Add("lsass.exe", 0x238, 0xffffe000ffd4c900, 0, 0x1e8);
        Add("svchost.exe", 0x27c, 0xffffe000ffd736c0, 0, 0x230, "DcomLaunch", workers: 6);
        Add("svchost.exe", 0x2a8, 0xffffe000ffda2080, 0, 0x230, "RPCSS", workers: 5);
        Add("svchost.exe", 0x354, 0xffffe000fffe3900, 0, 0x230, "LocalService", workers: 7);
        Add("svchost.exe", 0x370, 0xffffe000fe6a5900, 0, 0x230, "netsvcs", workers: 12, objects: 4);
        Add("svchost.exe", 0x3ac, 0xffffe000fe6a7900, 0, 0x230, "LocalServiceNetworkRestricted", workers: 6);
        Add("svchost.exe", 0x460, 0xffffe000fe9c3640, 0, 0x230, "NetworkService", workers: 5);
        Add("csrss.exe", 0x8f4, 0xffffe000ffcde080, 1, 0x8ec, windows: 1);
        Add("winlogon.exe", 0x918, null, 1, 0x8ec, workers: 1);
        Add("dwm.exe", 0x968, 0xffffe000ffdd8840, 1, 0x918, windows: 1);
        Add("taskhostex.exe", 0xb84, 0xffffe000fe73e080, 1, 0x370, windows: 2);
        Add("rdpclip.exe", 0xbc4, 0xffffe00101fca900, 1, 0x460, windows: 1);
        ProcessBuilder explorer = Add("explorer.exe", 0xc8c, Explorer, 1, 0xdb8, workers: 0, objects: 0,
            path: @"\Device\HarddiskVolume1\Windows\explorer.exe");
        Add("dllhost.exe", 0xd14, 0xffffe001014d4900, 1, 0x27c);
        Add("TSTheme.exe", 0xe58, 0xffffe001019f3900, 1, 0x27c, windows: 1);
        Add("dllhost.exe", 0x11a0, 0xffffe001091e3300, 1, 0x27c);
        Describe(system, explorer);
        return processes;
    }

    private static void Describe(SystemBuilder system, ProcessBuilder explorer)
    {
        explorer.Peb = 0x7ff66a125000;
        explorer.Executable = system.Modules.ByName("Explorer");
        explorer.DosPath = explorer.CommandLine = @"C:\Windows\Explorer.EXE";
        explorer.CreateTime = new DateTime(2017, 7, 10, 8, 39, 8, 606, DateTimeKind.Utc);
        explorer.ModuleCount = 184;
        explorer.Account = Account.User;
        (explorer.HandleTable, explorer.HandleCount) = (0xffffc001ce3e1c80, 0);
        // 145.94 and 58.53 MB in pages; 1.34 MB and 91.5 KB of pool.
        explorer.Memory = new ProcessMemory(0x200_13c0_0000, 0x200_1840_0000, 37361, 40218, 14984, 1405248, 93696);
    }

    private static void AddThreads(SystemBuilder system, ProcessBuilder explorer, FrameList main)
    {
        Dictionary<string, FrameList> stacks = new(StringComparer.Ordinal)
        {
            ["WrUserRequest"] = system.Frames(Windows),
            ["UserRequest"] = system.Frames(Objects),
            ["WrQueue"] = system.Frames(Worker),
        };
        foreach (string line in Threads.Split('\n', StringSplitOptions.TrimEntries))
        {
            string[] parts = line.Split(' ');
            ulong address = ulong.Parse(parts[0], NumberStyles.HexNumber);
            bool isMain = address == MainThread;
            string reason = parts[3];
            ulong[] objects = isMain ? [NewMainEvent(system)] : reason switch
            {
                "WrQueue" => [explorer.Queue],
                "UserRequest" => [system.Objects.Event(), system.Objects.Event(isNotification: true)],
                _ => [system.Objects.Event()],
            };
            ThreadBuilder thread = explorer.AddThread(uint.Parse(parts[1], NumberStyles.HexNumber), address)
                .Stack(isMain ? main : stacks[reason]).Waiting(reason, userMode: true, Setup.Age(parts[2]), objects);
            if (isMain)
                Describe(thread);
            else if (reason == "WrUserRequest")
                thread.ApartmentFlags = SingleThreaded;
        }
    }

    /// <summary>OLETLS_APARTMENTTHREADED.</summary>
    private const uint SingleThreaded = 0x80;

    private static void Describe(ThreadBuilder main)
    {
        main.GivenTeb = 0x7ff66a12e000;
        main.ApartmentFlags = SingleThreaded;
        // 5.641 s in user mode and 11.984 s in the kernel, in ticks.
        main.Priority(10).Ran(939044, 767);
        (main.Schedule.BasePriority, main.Schedule.UserTicks, main.Schedule.IoPriority) = (8, 361, 0);
    }

    private static ulong NewMainEvent(SystemBuilder system)
    {
        KernelStruct made = system.Objects.New("_KEVENT", "Event", null, MainEvent);
        system.Objects.WriteDispatcher(made.Address, "EventSynchronizationObject", 6, 0);
        return made.Address;
    }
}
