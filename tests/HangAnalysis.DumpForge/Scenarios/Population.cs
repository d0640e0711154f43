using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// The processes of a healthy system and their threads, all of which wait for work as they should. Processes come in
/// two groups, so that a scenario's own can be listed between them.
/// </summary>
internal sealed class Population
{
    private readonly SystemBuilder _system;
    private readonly Dictionary<string, FrameList> _stacks = new(StringComparer.Ordinal);
    private uint _nextTid = 0x1400;
    private ulong _random = 0x2545f4914f6cdd1d;

    /// <summary>Makes the system process, which every scenario needs.</summary>
    public Population(SystemBuilder system, StandardMachine machine)
    {
        _ = machine;
        _system = system;
        System = system.AddProcess("System", 4);
    }

    public ProcessBuilder System { get; }

    /// <summary>Processes that start with the system.</summary>
    public void AddBefore()
    {
        for (int i = 0; i < 12; i++)
            SystemThread("WrQueue", StandardMachine.WaitQueue + "nt!ExpWorkerThread+0xdd\n", QueueOf(System));
        foreach (string loop in (string[])
        [
            "nt!MiModifiedPageWriter+0x1aa", "nt!MiZeroPageThread+0x1b4", "nt!CcQueueLazyWriteScanThread+0x7e",
            "nt!PopIrpWorkerControl+0x5c", "nt!IopThreadStart+0x34", "nt!EtwpLogger+0xb6",
            "FLTMGR!FltpThreadPoolWorker+0x6d", "Ntfs!NtfsReportWorker+0x41", "storport!RaidpAdapterThread+0x5b",
            "tcpip!IppTimerThread+0x66",
        ])
            SystemThread("Executive", StandardMachine.WaitSingle + loop + "\n", _system.Objects.Event());
        SystemThread("Executive", StandardMachine.WaitMultiple + "nt!KeBalanceSetManager+0x1c4\n",
            _system.Objects.Event(), _system.Objects.Event());

        Fill(New("smss.exe", 0x118, 0, 4), workers: 1, objects: 1);
        ProcessBuilder csrss = New("csrss.exe", 0x1a0, 0, 0x198);
        Fill(csrss, receivers: 3, objects: 1);
        Fill(New("wininit.exe", 0x1e4, 0, 0x198), workers: 1, objects: 1);
        Fill(New("csrss.exe", 0x1ec, 1, 0x1dc), receivers: 3, gui: 1);
        Fill(New("winlogon.exe", 0x23c, 1, 0x1dc), workers: 1, objects: 1);
        Fill(New("services.exe", 0x240, 0, 0x1e4), workers: 4, objects: 1);
        Fill(New("lsass.exe", 0x250, 0, 0x1e4), workers: 4, objects: 2, multiple: 1);
        Fill(Svchost(0x2b0, "DcomLaunch"), workers: 5, objects: 1, multiple: 1);
        Fill(Svchost(0x2e8, "RPCSS"), workers: 4, multiple: 1);
        Fill(New("dwm.exe", 0x350, 1, 0x23c), workers: 1, gui: 1, multiple: 2);
    }

    /// <summary>Services and what the user has started.</summary>
    public void AddAfter()
    {
        Fill(Svchost(0x3c8, "netsvcs"), workers: 8, objects: 2, multiple: 2);
        Fill(Svchost(0x40c, "LocalServiceNetworkRestricted"), workers: 4, objects: 2);
        Fill(Svchost(0x4c0, "NetworkService"), workers: 4, multiple: 1);
        Fill(New("spoolsv.exe", 0x5d8, 0, 0x240), workers: 3, objects: 2, multiple: 1);
        Fill(New("ntrtscan.exe", 0x6e4, 0, 0x240,
            @"\Device\HarddiskVolume1\Program Files (x86)\Trend Micro\OfficeScan Client\ntrtscan.exe"),
            workers: 2, objects: 3, multiple: 1);
        Fill(New("tmlisten.exe", 0x7a0, 0, 0x240), objects: 2, multiple: 1);
        Fill(New("vmtoolsd.exe", 0x830, 0, 0x240), workers: 1, multiple: 1);
        Fill(New("WmiPrvSE.exe", 0x9b4, 0, 0x2b0), workers: 2, gui: 1);
        Fill(New("msdtc.exe", 0xa10, 0, 0x240), workers: 1, objects: 1);
        Fill(New("sihost.exe", 0xb50, 1, 0x3c8), workers: 2, gui: 1);
        Fill(New("taskhostw.exe", 0xb84, 1, 0x3c8), workers: 1, gui: 1, multiple: 1);
        Fill(New("RuntimeBroker.exe", 0xd34, 1, 0x2b0), workers: 2, gui: 1);
        Fill(New("SearchUI.exe", 0xe00, 1, 0x2b0), workers: 1, gui: 1);
    }

    public ProcessBuilder New(string name, uint pid, uint session, uint parent, string? path = null) =>
        _system.AddProcess(name, pid, null, session, parent, path);

    public ProcessBuilder Svchost(uint pid, string group)
    {
        ProcessBuilder process = New("svchost.exe", pid, 0, 0x240);
        process.CommandLine = $@"C:\Windows\System32\svchost.exe -k {group}";
        return process;
    }

    /// <summary>Adds idle threads of the usual kinds.</summary>
    public void Fill(
        ProcessBuilder process, int workers = 0, int objects = 0, int multiple = 0, int receivers = 0, int gui = 0)
    {
        for (int i = 0; i < workers; i++)
            Add(process, "WrQueue", StandardMachine.WaitQueue + """
                nt!IoRemoveIoCompletion+0x8d
                nt!NtWaitForWorkViaWorkerFactory+0x30b
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWaitForWorkViaWorkerFactory+0x14
                ntdll!TppWorkerThread

                """ + StandardMachine.UserStart, QueueOf(process));
        for (int i = 0; i < objects; i++)
            Add(process, "UserRequest", StandardMachine.WaitForObject + StandardMachine.UserStart,
                _system.Objects.Event(isNotification: i % 2 == 1));
        for (int i = 0; i < multiple; i++)
            Add(process, "UserRequest", StandardMachine.WaitMultiple + """
                nt!ObWaitForMultipleObjects+0x2c1
                nt!NtWaitForMultipleObjects+0xf9
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtWaitForMultipleObjects+0x14
                KERNELBASE!WaitForMultipleObjectsEx+0xef

                """ + StandardMachine.UserStart, _system.Objects.Event(), _system.Objects.Event(isNotification: true));
        for (int i = 0; i < receivers; i++)
        {
            ThreadBuilder thread = Add(process, "WrLpcReceive", StandardMachine.WaitSingle + """
                nt!AlpcpWaitForSingleObject+0x3e
                nt!AlpcpReceiveMessagePort+0x1a8
                nt!AlpcpReceiveMessage+0x124
                nt!NtAlpcSendWaitReceivePort+0xfa
                nt!KiSystemServiceCopyEnd+0x13
                ntdll!NtAlpcSendWaitReceivePort+0x14

                """ + StandardMachine.UserStart);
            thread.Waiting("WrLpcReceive", userMode: true, thread.Age, thread.AlpcSemaphore);
        }
        for (int i = 0; i < gui; i++)
            Add(process, "WrUserRequest", StandardMachine.WaitSingle + """
                win32kfull!xxxRealSleepThread+0x2d8
                win32kfull!xxxSleepThread2+0x97
                win32kfull!xxxRealInternalGetMessage+0x919
                win32kfull!NtUserGetMessage+0x8c
                nt!KiSystemServiceCopyEnd+0x13
                win32u!NtUserGetMessage+0x14
                USER32!GetMessageW+0x2b

                """ + StandardMachine.UserStart, _system.Objects.Event());
    }

    /// <summary>Adds a thread of a process that waits in user mode's name.</summary>
    public ThreadBuilder Add(ProcessBuilder process, string reason, string stack, params ReadOnlySpan<ulong> objects) =>
        process.AddThread(TakeTid()).Stack(Parse(stack)).Waiting(reason, userMode: true, Age(), objects);

    /// <summary>Adds a thread of the system process.</summary>
    public ThreadBuilder SystemThread(string reason, string stack, params ReadOnlySpan<ulong> objects) =>
        System.AddThread(TakeTid()).Stack(Parse(stack + StandardMachine.SystemStart))
            .Waiting(reason, userMode: false, Age(), objects).Priority(12);

    public uint TakeTid() => _nextTid += 4;

    public FrameList Parse(string stack)
    {
        if (!_stacks.TryGetValue(stack, out FrameList? frames))
            _stacks.Add(stack, frames = _system.Frames(stack));
        return frames;
    }

    private static ulong QueueOf(ProcessBuilder process) => process.Queue;

    // xorshift64: ages between 15 ms and an hour, most of them short.
    private TimeSpan Age()
    {
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        long ticks = 1L + (long)(_random % 225_000 * (_random >> 40 & 0xff) / 256);
        return TimeSpan.FromTicks(ticks * SystemOptions.TickLength);
    }
}
