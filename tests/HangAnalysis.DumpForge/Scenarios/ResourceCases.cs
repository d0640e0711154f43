using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Systems;

namespace HangAnalysis.DumpForge.Scenarios;

/// <summary>Published hangs of file systems around ERESOURCEs; what their reports do not print is chosen here.</summary>
internal static class ResourceCases
{
    public const string Exclusive = StandardMachine.WaitSingle + """
        nt!ExpWaitForResource+0x6b
        nt!ExAcquireResourceExclusiveLite+0x1d3

        """;

    public const string Shared = StandardMachine.WaitSingle + """
        nt!ExpWaitForResource+0x6b
        nt!ExAcquireResourceSharedLite+0x2a1

        """;

    private const string LazyWriter = """
        nt!CcWriteBehindInternal+0x1f3
        nt!CcAsyncLazywriteWorkerThread+0x8e
        nt!ExpWorkerThread+0xdd

        """ + StandardMachine.SystemStart;

    private const string WriteFile = """
        nt!IopSynchronousServiceTail+0x1a0
        nt!NtWriteFile+0x676
        nt!KiSystemServiceCopyEnd+0x13
        ntdll!NtWriteFile+0x14
        KERNELBASE!WriteFile+0x76

        """ + StandardMachine.UserStart;

    /// <summary>
    /// dokany pull request 426: a clean-up that flushes and a writer take the resources of one file in opposite order.
    /// Explorer waits for one of them.
    /// </summary>
    public static SystemBuilder Cycle(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "eresource-cycle");
        Population population = setup.Population;
        AddFileSystem(setup, "dokan2.sys", "Dokan Project", "2.0.6.1000");
        ProcessBuilder process = population.New("copier.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder first = process.AddThread(population.TakeTid()).Stack(Exclusive + """
            dokan2+0x4c1a
            nt!CcFlushCachePriv+0x54c
            nt!CcFlushCache+0x3e
            dokan2+0x5b20
            nt!IopCloseFile+0x150
            nt!NtClose+0xcb
            nt!KiSystemServiceCopyEnd+0x13
            ntdll!NtClose+0x14

            """ + StandardMachine.UserStart);
        ThreadBuilder second = process.AddThread(population.TakeTid()).Stack(Exclusive + "dokan2+0x7d04\n" + WriteFile);
        ThreadBuilder explorer = population.New("explorer.exe", 0xc1c, 1, 0xbfc).AddThread(population.TakeTid())
            .Stack(Shared + "dokan2+0x6a18\n" + WriteFile);
        ResourceObjects resources = setup.System.Resources;
        KernelStruct ofFirst = resources.Add(first), ofSecond = resources.Add(second);
        resources.AddWaiters(ofFirst, [second], [explorer], _ => Setup.Seconds(340));
        resources.AddWaiters(ofSecond, [first], [], _ => Setup.Seconds(341));
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(explorer), TruthLink.Lock(ofFirst.Address), TruthLink.Of(first), TruthLink.Lock(ofSecond.Address),
            TruthLink.Of(second), TruthLink.Lock(ofFirst.Address),
        ]));
    }

    /// <summary>openzfs issue 313: the lazy writer waits for a resource whose owner does not come out of the file system.</summary>
    public static SystemBuilder LazyWriterWaits(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "lazy-writer-eresource");
        Population population = setup.Population;
        ForgedModule zfs = AddFileSystem(setup, "OpenZFS.sys", "OpenZFS", "2.2.3.0");
        ThreadBuilder owner = population.New("rclone.exe", 0xc40, 1, 0xc1c).AddThread(population.TakeTid())
            .Stack(StandardMachine.WaitSingle + """
                OpenZFS+0x1a2c0
                OpenZFS+0x1b4d4
                OpenZFS+0x22e60

                """ + WriteFile).Waiting("Executive", userMode: false, Setup.Seconds(710), setup.System.Objects.Event());
        ThreadBuilder[] writers = new ThreadBuilder[3];
        for (int i = 0; i < writers.Length; i++)
            writers[i] = population.System.AddThread(population.TakeTid())
                .Stack(population.Parse(Exclusive + "OpenZFS+0x30b1c\n" + LazyWriter));
        KernelStruct resource = setup.System.Resources.Add(owner);
        setup.System.Resources.AddWaiters(resource, writers, [], i => Setup.Seconds(705 - 40 * i));
        return setup.Complete(new Truth("stuck-in-driver", zfs,
            [TruthLink.Of(writers[0]), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Driver(zfs)]));
    }

    /// <summary>
    /// winfsp pull request 677: a writer owns the resource of its file and is held back by the cache manager until the lazy
    /// writer has written, which waits for that resource.
    /// </summary>
    public static SystemBuilder LazyWriterCycle(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "lazy-writer-cycle");
        Population population = setup.Population;
        AddFileSystem(setup, "winfsp.sys", "Navimatics LLC", "2.1.25156.0");
        ThreadBuilder owner = population.New("copier.exe", 0xc40, 1, 0xc1c).AddThread(population.TakeTid())
            .Stack(StandardMachine.WaitSingle + """
                nt!CcCanIWriteStream+0x4a8
                nt!CcCanIWrite+0x21
                winfsp+0x9c20

                """ + WriteFile).Waiting("Executive", userMode: false, Setup.Seconds(250), setup.System.Objects.Event());
        ThreadBuilder lazy = population.System.AddThread(population.TakeTid()).Stack(Exclusive + "winfsp+0xb244\n" + LazyWriter);
        ThreadBuilder explorer = population.New("explorer.exe", 0xc1c, 1, 0xbfc).AddThread(population.TakeTid())
            .Stack(Shared + "winfsp+0xa7f0\n" + WriteFile);
        KernelStruct resource = setup.System.Resources.Add(owner);
        setup.System.Resources.AddWaiters(resource, [lazy], [explorer], _ => Setup.Seconds(248));
        return setup.Complete(new Truth("deadlock", null,
        [
            TruthLink.Of(explorer), TruthLink.Lock(resource.Address), TruthLink.Of(owner), TruthLink.Of(lazy),
            TruthLink.Lock(resource.Address),
        ]));
    }

    /// <summary>
    /// btrfs issue 345: a flush waits for exclusive access while three writers own the resource shared. Two of these wait
    /// for a second resource, whose owner is the third, and that one does not come out of the file system.
    /// </summary>
    public static SystemBuilder SharedOwners(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "eresource-shared-owners");
        Population population = setup.Population;
        ForgedModule btrfs = AddFileSystem(setup, "btrfs.sys", "Mark Harmstone", "1.7.9.0");
        ProcessBuilder process = population.New("writer.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder stuck = process.AddThread(population.TakeTid()).Stack(StandardMachine.WaitSingle + "btrfs+0x51c0\nbtrfs+0x62d8\n" + WriteFile)
            .Waiting("Executive", userMode: false, Setup.Seconds(520), setup.System.Objects.Event());
        ThreadBuilder[] others = new ThreadBuilder[2];
        for (int i = 0; i < others.Length; i++)
            others[i] = process.AddThread(population.TakeTid()).Stack(population.Parse(Exclusive + "btrfs+0x6344\n" + WriteFile));
        ThreadBuilder flush = population.System.AddThread(population.TakeTid())
            .Stack(Exclusive + "btrfs+0x8a1c\nbtrfs+0x8f40\n" + StandardMachine.SystemStart);
        ResourceObjects resources = setup.System.Resources;
        KernelStruct tree = resources.Add(null, stuck, others[0], others[1]), inner = resources.Add(stuck);
        resources.AddWaiters(tree, [flush], [], _ => Setup.Seconds(515));
        resources.AddWaiters(inner, others, [], i => Setup.Seconds(510 - i));
        return setup.Complete(new Truth("stuck-in-driver", btrfs,
            [TruthLink.Of(flush), TruthLink.Lock(tree.Address), TruthLink.Of(stuck), TruthLink.Driver(btrfs)]));
    }

    /// <summary>A file system has put a structure of its own into the place of the owner (ExSetResourceOwnerPointer).</summary>
    public static SystemBuilder OwnerPointer(KernelLayout layout)
    {
        Setup setup = Setup.Create(layout, "eresource-owner-pointer");
        Population population = setup.Population;
        ProcessBuilder process = population.New("writer.exe", 0xc40, 1, 0xc1c);
        ThreadBuilder[] waiters = new ThreadBuilder[3];
        for (int i = 0; i < waiters.Length; i++)
            waiters[i] = process.AddThread(population.TakeTid())
                .Stack(population.Parse(Exclusive + "Ntfs!NtfsCommonWrite+0x4ae\n" + WriteFile));
        KernelStruct resource = setup.System.Resources.Add();
        ulong context = setup.System.Pool.Take(0x80);
        setup.System.Kernel.Write(context, new byte[0x80]);
        setup.System.Resources.SetOwnerPointer(resource, context);
        setup.System.Resources.AddWaiters(resource, waiters, [], i => Setup.Seconds(95 - 5 * i));
        return setup.Complete(new Truth("owner-unknown", null, [TruthLink.Of(waiters[0]), TruthLink.Lock(resource.Address)]));
    }

    private static ForgedModule AddFileSystem(Setup setup, string name, string company, string version)
    {
        ForgedModule module = setup.System.Modules.AddThirdParty(name, company, version);
        module.MinimumSize = 0x40000;
        return module;
    }
}
