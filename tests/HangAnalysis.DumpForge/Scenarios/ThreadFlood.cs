using System.Text;
using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// Many threads of 20 frames with about 200 different stacks, as large servers have them; one in twenty waits for a
/// server whose only thread is stuck in a driver.
/// </summary>
internal static class ThreadFlood
{
    public const int DefaultThreads = 5000;
    private const int ThreadsPerProcess = 100, Stacks = 200, UserFrames = 10, Every = 20;

    public static SystemBuilder Build(KernelLayout layout, int threads)
    {
        Setup setup = Setup.Create(layout, "threads", new SystemOptions(layout) { Processors = 4 });
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule driver = system.Modules.AddThirdParty("floodflt.sys", "Tailspin Backup AG", "9.0.4.1");
        driver.MinimumSize = 0x10000;
        system.Modules.AddUser("store.dll", 0x7ffe84000000).MinimumSize = 0x200000;
        ProcessBuilder server = population.New("storeserver.exe", 0xc08, 0, 0x240);
        ThreadBuilder stuck = server.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + """
            floodflt+0x2044
            floodflt+0x3a18
            FLTMGR!FltpDispatch+0xb6
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14
            KERNELBASE!CloseHandle+0x62

            """ + StandardMachine.UserStart)
            .Waiting("Executive", userMode: false, Setup.Seconds(700), system.Objects.Event());
        KernelStruct port = system.Alpc.ConnectionPort(server, @"\RPC Control\storeserver");
        FrameList[] stacks = IdleStacks(system);
        FrameList client = system.Frames(StandardMachine.AlpcWait + Callers(7, UserFrames - 2));
        ThreadBuilder? first = null;
        ulong message = 0;
        ProcessBuilder? process = null;
        AlpcConnection? connection = null;
        for (int i = 0; i < threads; i++)
        {
            if (i % ThreadsPerProcess == 0)
            {
                process = population.New("worker.exe", 0x1004 + 4 * (uint)(i / ThreadsPerProcess), 1, 0xc1c);
                connection = system.Alpc.Connect(process, server, port);
            }
            ThreadBuilder thread = process!.AddThread(population.TakeTid());
            if (i % Every == Every / 2)
            {
                thread.Stack(client);
                ulong sent = system.Alpc.Request(connection!, thread, null, Setup.Seconds(690 - i % 600 * 0.5));
                (first, message) = first is null ? (thread, sent) : (first, message);
                continue;
            }
            // Common stacks are far more common than rare ones: the square root gives the low numbers most threads.
            int kind = (int)((long)i * i % 40009 % Stacks * (i * 31L % 977 % Stacks) / Stacks);
            FrameList frames = stacks[kind];
            bool isWorker = kind % 2 == 0;
            thread.Stack(frames).Waiting(isWorker ? "WrQueue" : "UserRequest", userMode: true,
                Setup.Seconds(i * 37 % 3600), isWorker ? process.Queue : system.Objects.Event());
        }
        TruthLink[] links = first is null ? [] :
        [
            TruthLink.Of(first), TruthLink.Message(message), TruthLink.Of(server), TruthLink.Of(stuck),
            TruthLink.Driver(driver),
        ];
        return setup.Complete(new Truth(first is null ? "no-hang" : "stuck-in-driver",
            first is null ? null : driver, links));
    }

    private static FrameList[] IdleStacks(SystemBuilder system)
    {
        FrameList[] stacks = new FrameList[Stacks];
        for (int i = 0; i < Stacks; i++)
        {
            string wait = i % 2 == 0
                ? StandardMachine.WaitQueue + """
                    nt!IoRemoveIoCompletion+0x8d
                    nt!NtWaitForWorkViaWorkerFactory+0x30b
                    nt!KiSystemServiceCopyEnd+0x13
                    ntdll!NtWaitForWorkViaWorkerFactory+0x14
                    ntdll!TppWorkerThread

                    """
                : StandardMachine.WaitForObject;
            stacks[i] = system.Frames(wait + Callers(i, UserFrames));
        }
        return stacks;
    }

    private static string Callers(int seed, int count)
    {
        StringBuilder text = new();
        for (int i = 0; i < count; i++)
            // The last callers are the same for many stacks, the first ones hardly for any.
            text.Append($"store!CStore{seed >> i & 0x1f}::Step{i}_{(i > 4 ? seed % 4 : seed)}+0x{0x40 + 16 * i:x}\n");
        return text.Append(StandardMachine.UserStart).ToString();
    }
}
