using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>
/// A thread that waits for any of six objects of different kinds and has two requests under way which drivers keep until there
/// is news. One of the objects is a mutant with an owner, for which others wait too, since a second.
/// </summary>
internal static class WaitObjects
{
    public const uint Tid = 0x2100, OwnerTid = 0x2104;

    private const string MainStack = StandardMachine.WaitMultiple + """
        nt!ObWaitForMultipleObjects+0x2c1
        nt!NtWaitForMultipleObjects+0xf9
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWaitForMultipleObjects+0x14
        KERNELBASE!WaitForMultipleObjectsEx+0xef
        ledger!CDispatcher::Run+0x1a2
        ledger!wmain+0x8d

        """ + StandardMachine.UserStart;

    public static SystemBuilder Build(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "wait-objects");
        SystemBuilder system = setup.System;
        Population population = setup.Population;
        ForgedModule program = system.Modules.AddUser("ledger.exe");
        ProcessBuilder process = population.New("ledger.exe", 0xc40, 1, 0xc1c);
        ProcessBuilder child = population.New("export.exe", 0xc44, 1, 0xc40);
        process.Executable = program;
        population.Fill(child, workers: 1, objects: 1);
        ThreadBuilder main = process.AddThread(Tid), owner = process.AddThread(OwnerTid).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(1.25), system.Objects.Event());
        ThreadBuilder works = process.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
            .Waiting("UserRequest", userMode: true, Setup.Seconds(0.5), system.Objects.Event());
        const string Names = @"\Sessions\1\BaseNamedObjects\";
        ulong mutant = system.Objects.Mutant(owner, Names + "LedgerFile");
        for (int i = 0; i < 3; i++)
            process.AddThread(population.TakeTid()).Stack(population.Parse(WaitStack))
                .Waiting("UserRequest", userMode: true, Setup.Seconds(1 - 0.25 * i), mutant);
        main.Stack(MainStack).Waiting("UserRequest", userMode: true, Setup.Seconds(1.125), mutant,
            system.Objects.Event(isNotification: true, Names + "LedgerStop"), works.Address, child.Address,
            system.Objects.Semaphore(limit: 8, Names + "LedgerJobs"), system.Objects.Timer(Setup.Seconds(30)));
        (main.ApartmentFlags, main.Schedule.BasePriority) = (MultiThreaded, 8);
        main.Priority(9).Schedule.UnusualBoost = 1;
        AddRequests(system, main);
        return setup.Complete(Truth.NoHang);
    }

    private const string WaitStack = StandardMachine.WaitForObject + StandardMachine.UserStart;

    /// <summary>OLETLS_MULTITHREADED.</summary>
    private const uint MultiThreaded = 0x100;

    // A pipe's server listens, and a directory's watcher waits for a change.
    private static void AddRequests(SystemBuilder system, ThreadBuilder thread)
    {
        const byte DirectoryControl = 12, FileSystemControl = 13;
        RequestObjects requests = system.Requests;
        KernelStruct pipes = requests.Device(
            requests.Driver(system.Modules.AddDriver("Npfs.SYS"), @"\FileSystem\Npfs"), @"\Device\NamedPipe", 0x11);
        KernelStruct volume = requests.Device(requests.Driver(system.Modules.ByName("Ntfs"), @"\FileSystem\Ntfs"), null, 8);
        KernelStruct filter = requests.Device(
            requests.Driver(system.Modules.ByName("FLTMGR"), @"\FileSystem\FltMgr"), null, 8, volume);
        requests.Request(thread, requests.File(pipes, @"\ledger"), FileSystemControl, pipes);
        requests.Request(thread, requests.File(volume, @"\Users\admin\Documents"), DirectoryControl, filter, volume);
    }
}
